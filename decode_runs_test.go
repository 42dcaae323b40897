package promptorchestra_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/jobs"
)

// A run is done only on evidence of its own: an envelope's success is not the run's, and whatever
// the response says against the run is in its Status or Diagnostic, whatever the name of its member.
func TestARunIsDoneOnEvidence(t *testing.T) {
	for body, want := range map[string]jobs.Action{
		`{"runId":"run_1","output":"x"}`:                                 jobs.Done,
		`{"status":"completed"}`:                                         jobs.Done,
		`{"status":"completed","latencyMs":5,"id":"run_1"}`:              jobs.Done,
		`{"status":"success","message":"","data":{"output":"x"}}`:        jobs.Done,
		`{"status":"OK","data":{"runId":"run_1","output":"x"}}`:          jobs.Done,
		`{"runId":"run_1","output":{"error":"x","status":"failed"}}`:     jobs.Done,
		`{"runId":"run_1","output":"x","error":null,"errors":[]}`:        jobs.Done,
		`{"runId":"run_1","output":"x","failed":false,"cached":true}`:    jobs.Done,
		`{"runId":"run_1","output":"x","meta":{"upstream":{"error":1}}}`: jobs.Done,
		`{"runId":"run_1","output":"x","file":{"code":"c","title":"t"}}`: jobs.Done,
		`{"runId":"run_1","output":"x","errors":[],"lastError":"x"}`:     jobs.Park,
		`{"runId":"run_1","output":"x","completed":true}`:                jobs.Done,
		`{"run":{"runId":"run_1","output":"x"},"meta":{"region":"eu"}}`:  jobs.Done,

		`{"runId":"run_1","output":"x","state":"completed"}`: jobs.Done,
		`{"runId":"run_1","output":"x","hasFailed":false,"isRunning":false,"failedAt":null,"inconsistent":false,"instant":true,"unread":true,"international":true,"stderr":"x","ok":true,"failures":[],"exception":null,"errorCount":0,"failureReason":""}`: jobs.Done,
		`{"runId":"run_1","output":"x","agent":{"status":"published"},"firstRun":false,"statusCode":200,"httpStatus":200,"missingVariables":[]}`:                                                                                                            jobs.Done,
		`{"runId":"run_1","output":"x","status":"completed","state":"archived","missingVariables":["a"],"lastError":"x","ok":false}`:                                                                                                                        jobs.Done,
		`{"status":true,"data":{"runId":"run_1","output":"x"}}`:                                      jobs.Done,
		`{"runId":"run_1","output":"x","default":"x","errorHandling":"retry","failoverRegion":"eu"}`: jobs.Done,

		`{"runId":"run_1","output":"x","diagnostic":{}}`:                                               jobs.Done,
		` {"data":{"output":{"code":null},"Diagnostic" : {"code":null} ,"runId":"run_1"}} `:            jobs.Done,
		`{"runId":"run_1","output":"x","diagnostic":{"code":null,"title":"","why":null,"details":[]}}`: jobs.Done,
		`{"runId":"run_1","output":"x","diagnostic":{},"diagnostic":{"why":""}}`:                       jobs.Done,
		`{"runId":"run_1","output":"part","diagnostic":{"code":null},"error":"x"}`:                     jobs.Park,
		`{"runId":"run_1","output":"part","diagnostic":{"where":"step 2"}}`:                            jobs.Park,

		`{"runId":"run_1","output":"part","state":"aborted"}`:                  jobs.LookUp,
		`{"runId":"run_1","output":"part","state":"in_progress"}`:              jobs.LookUp,
		`{"runId":"run_1","output":"part","runStatus":"halted"}`:               jobs.LookUp,
		`{"runId":"run_1","output":"part","phase":"Preparing"}`:                jobs.LookUp,
		`{"runId":"run_1","output":"part","outcome":"partial"}`:                jobs.LookUp,
		`{"runId":"run_1","output":"part","conclusion":"neutral"}`:             jobs.LookUp,
		`{"runId":"run_1","output":"part","state":{"name":"aborted"}}`:         jobs.LookUp,
		`{"runId":"run_1","output":"part","run":{"status":"aborted"}}`:         jobs.LookUp,
		`{"data":{"runId":"run_1","output":"part"},"state":"aborted"}`:         jobs.LookUp,
		`{"data":{"runId":"run_1","output":"part","state":"aborted"}}`:         jobs.LookUp,
		`{"runId":"run_1","output":"part","incomplete":true}`:                  jobs.LookUp,
		`{"runId":"run_1","output":"part","isUnfinished":true}`:                jobs.LookUp,
		`{"runId":"run_1","output":"part","status_code":"ABORTED"}`:            jobs.LookUp,
		`{"runId":"run_1","output":"part","currentState":"paused"}`:            jobs.LookUp,
		`{"runId":"run_1","output":"part","failed_at":"2026-11-29"}`:           jobs.Park,
		`{"runId":"run_1","output":"part","aborted":true}`:                     jobs.Park,
		`{"runId":"run_1","output":"part","interrupted":true}`:                 jobs.Park,
		`{"runId":"run_1","output":"part","abortReason":"x"}`:                  jobs.Park,
		`{"runId":"run_1","output":"part","error_description":"x"}`:            jobs.Park,
		`{"runId":"run_1","output":"part","canceledAt":"2026-11-29"}`:          jobs.Park,
		`{"runId":"run_1","output":"part","ok":false}`:                         jobs.LookUp,
		`{"runId":"run_1","output":"part","isCompleted":false}`:                jobs.LookUp,
		`{"runId":"run_1","output":"part","valid":false}`:                      jobs.LookUp,
		`{"runId":"run_1","output":"part","isRunning":true}`:                   jobs.LookUp,
		`{"runId":"run_1","output":"part","failure":{"reason":"x"}}`:           jobs.Park,
		`{"runId":"run_1","output":"part","failure_reason":"x"}`:               jobs.Park,
		`{"runId":"run_1","output":"part","exception":"java.lang.X"}`:          jobs.Park,
		`{"runId":"run_1","output":"part","meta":{"exceptions":[{"a":1}]}}`:    jobs.Park,
		`{"runId":"run_1","output":"part","hasFailed":true}`:                   jobs.Park,
		`{"runId":"run_1","output":"part","hasErrors":true}`:                   jobs.Park,
		`{"runId":"run_1","output":"part","isTimedOut":true}`:                  jobs.Park,
		`{"runId":"run_1","output":"part","wasCancelled":true}`:                jobs.Park,
		`{"runId":"run_1","output":"part","failedSteps":["a"],"failed":["a"]}`: jobs.Park,
		`{"runId":"run_1","output":"part","missingVariables":["name"]}`:        jobs.Park,

		`{"runId":"run_1","output":"x","finishReason":"stop","stop_reason":"end_turn","statusCode":200,"resultStatus":"OK","completionReason":null}`:                                                                     jobs.Done,
		`{"runId":"run_1","output":"x","cached":true,"isFinished":true,"billed":true,"ok":1,"pending":0,"timed_out":"false","sandboxed":false,"evaluation":{"flagged":true},"onError":"stop","ignoreErrors":true}`:       jobs.Done,
		`{"runId":"run_1","output":"x","input":{"status":"failed","error":"x"},"variables":{"error":"x","failed":true},"structuredOutput":{"state":"aborted"},"continueOnError":true,"on_failure":"stop","maxErrors":5}`: jobs.Done,

		`{"runId":"run_1","output":"x","outputContractState":"declared","promptStatus":"published","seed":1,"speed":1,"failed":"false","hasErrors":"no","errorCode":"0","archived":true,"ended":true}`: jobs.Done,

		`{"runId":"run_1","output":"part","finish_reason":"content_filter"}`:                 jobs.LookUp,
		`{"runId":"run_1","output":"part","stopReason":"max_tokens"}`:                        jobs.LookUp,
		`{"runId":"run_1","output":"part","incomplete_details":{"reason":"content_filter"}}`: jobs.LookUp,
		`{"runId":"run_1","output":"part","promptFeedback":{"blockReason":"SAFETY"}}`:        jobs.LookUp,
		`{"runId":"run_1","output":"part","completionStatus":"partial"}`:                     jobs.LookUp,
		`{"runId":"run_1","output":"part","execution":{"state":"aborted"}}`:                  jobs.LookUp,
		`{"runId":"run_1","output":"part","result":{"status":"FAILURE"}}`:                    jobs.LookUp,
		`{"runId":"run_1","output":"part","statusCode":500}`:                                 jobs.LookUp,
		`{"runId":"run_1","output":"part","cancellationReason":"x"}`:                         jobs.LookUp,
		`{"runId":"run_1","output":"part","blocked":true}`:                                   jobs.LookUp,
		`{"runId":"run_1","output":"part","isTruncated":true}`:                               jobs.LookUp,
		`{"runId":"run_1","output":"part","partial":true}`:                                   jobs.LookUp,
		`{"runId":"run_1","output":"part","is_in_progress":true}`:                            jobs.LookUp,
		`{"runId":"run_1","output":"part","notCompleted":true}`:                              jobs.LookUp,
		`{"runId":"run_1","output":"part","ok":0}`:                                           jobs.LookUp,
		`{"runId":"run_1","output":"part","success":"no"}`:                                   jobs.LookUp,
		`{"runId":"run_1","output":"part","completed":"false"}`:                              jobs.LookUp,
		`{"runId":"run_1","output":"part","timed_out":1}`:                                    jobs.Park,
		`{"runId":"run_1","output":"part","pending":"true"}`:                                 jobs.LookUp,
		`{"runId":"run_1","output":"part","refusal":"I cannot help with that"}`:              jobs.Park,
		`{"runId":"run_1","output":"part","err":"x"}`:                                        jobs.Park,
		`{"runId":"run_1","output":"part","errcode":40001,"errmsg":"invalid credential"}`:    jobs.Park,
		`{"runId":"run_1","output":"part","fault":{"faultstring":"x"}}`:                      jobs.Park,
		`{"runId":"run_1","output":"part","failureCount":1}`:                                 jobs.Park,
		`{"runId":"run_1","output":"part","diagnostics":[{"why":"x"}]}`:                      jobs.Park,
		`{"runId":"run_1","output":"part","unresolvedVariables":["name"]}`:                   jobs.Park,

		`{"runId":"run_1","output":"x","finishReason":"FINISH_REASON_STOP","code":"OK","errcode":0,"errmsg":"ok","errorCode":"NONE","allowFailure":true,"resultCached":true,"outputReady":true}`: jobs.Done,
		`{"code":0,"message":"success","data":{"runId":"run_1","output":"x"}}`: jobs.Done,

		`{"code":500,"message":"x","data":{"runId":"run_1","output":"part"}}`:     jobs.LookUp,
		`{"runId":"run_1","output":"part","code":"PROVIDER_ERROR","message":"x"}`: jobs.LookUp,
		`{"runId":"run_1","output":"part","outputTruncated":true}`:                jobs.LookUp,
		`{"runId":"run_1","output":"part","is_response_truncated":true}`:          jobs.LookUp,
		`{"runId":"run_1","output":"part","partialResult":true}`:                  jobs.LookUp,
		`{"runId":"run_1","output":"part","still_running":true}`:                  jobs.LookUp,
		`{"runId":"run_1","output":"part","isOutputComplete":false}`:              jobs.LookUp,
		`{"runId":"run_1","output":"part","level":"ERROR"}`:                       jobs.LookUp,
		`{"runId":"run_1","output":"part","promptName":"Timeout"}`:                jobs.LookUp,
		`{"status":false,"message":"x","data":{"runId":"run_1","output":"part"}}`: jobs.LookUp,
		`{"runId":"run_1","output":"part","status":false}`:                        jobs.Park,
		`{"runId":"run_1","output":"part","status":"failed","status":"success"}`:  jobs.Park,
		`{"runId":"run_1","output":"part","status":"success","STATUS":"failed"}`:  jobs.Park,
		`{"runId":"run_1","output":"part","status":"success","Status":{"a":1}}`:   jobs.LookUp,
		`{"runId":"run_1","output":"part","Status":"running","status":"success"}`: jobs.LookUp,

		`{"status":"success","data":null}`:                            jobs.LookUp,
		`{"status":"success","message":"queued"}`:                     jobs.LookUp,
		`{"status":"success","data":{"jobId":"job_1"}}`:               jobs.LookUp,
		`{"status":"success","code":202,"data":{"queued":true}}`:      jobs.LookUp,
		`{"status":"success","data":{"id":"run_1","state":"queued"}}`: jobs.LookUp,
		`{"status":"success","data":{"runId":"run_1"}}`:               jobs.LookUp,

		`{"status":"success","data":{"id":"run_1","status":"failed"}}`:                 jobs.Park,
		`{"status":"failed","data":{"runId":"run_1","output":"part"}}`:                 jobs.Park,
		`{"status":"error","message":"x","data":{"output":"part"}}`:                    jobs.Park,
		`{"status":"running","data":{"runId":"run_1","output":"part"}}`:                jobs.LookUp,
		`{"status":"fail","data":{"runId":"run_1","output":"part"}}`:                   jobs.LookUp,
		`{"runId":"run_1","output":"part","state":"failed"}`:                           jobs.Park,
		`{"runId":"run_1","output":"part","run":{"status":"failed"}}`:                  jobs.Park,
		`{"runId":"run_1","output":"part","outcome":"timed_out"}`:                      jobs.Park,
		`{"runId":"run_1","output":"part","state":"running"}`:                          jobs.LookUp,
		`{"runId":"run_1","output":"part","failed":true}`:                              jobs.Park,
		`{"runId":"run_1","output":"part","meta":{"timed_out":true}}`:                  jobs.Park,
		`{"runId":"run_1","output":"part","pending":true}`:                             jobs.LookUp,
		`{"runId":"run_1","output":"part","completed":false}`:                          jobs.LookUp,
		`{"runId":"run_1","output":"part","status":{"name":"failed"}}`:                 jobs.LookUp,
		"{\"runId\":\"run_1\",\"output\":\"part\",\"status\":{\"name\":\"\x7f\xff\"}}": jobs.LookUp,
		`{"runId":"run_1","output":"part","status":["failed"]}`:                        jobs.LookUp,
		`{"runId":"run_1","output":"part","error":"provider failed"}`:                  jobs.Park,
		`{"runId":"run_1","output":"part","error":{"message":"x"},"status":null}`:      jobs.Park,
		`{"runId":"run_1","output":"part","errors":[{"message":"x"}]}`:                 jobs.Park,
		`{"runId":"run_1","outputText":"part","error_message":"x"}`:                    jobs.Park,
		`{"runId":"run_1","output":"part","lastError":"x","diagnostic":null}`:          jobs.Park,
		`{"runId":"run_1","output":"part","success":false}`:                            jobs.Park,
		`{"runId":"run_1","output":"part","code":"PROVIDER_ERROR","why":"x"}`:          jobs.Park,
		`{"data":{"runId":"run_1","output":"part"},"meta":{"errors":["x"]}}` + " ":     jobs.Park,
	} {
		run, err := apitest.NewClient(t, apitest.Respond(200, body)).Prompts.Run(t.Context(), "prm_1", promptorchestra.PromptRunParams{})
		assert.Equal(t, want, jobs.AfterRun(t.Context(), run, err).Action, body)
	}
	run, err := apitest.NewClient(t, apitest.Respond(200, `{"runId":"run_1","output":"part","error":"provider failed","status":{"a":1}}`)).
		Prompts.Run(t.Context(), "prm_1", promptorchestra.PromptRunParams{})
	assert.NoError(t, err)
	assert.Equal(t, "provider failed", run.Diagnostic.Why)
	assert.Equal(t, promptorchestra.RunStatus(`{"a":1}`), run.Status)
}

// Beside an output without a status each of these words counts, or is known to say nothing.
func TestWordsOfRunsWithoutAStatus(t *testing.T) {
	rows := map[string]jobs.Action{}
	add := func(want jobs.Action, format string, words string) {
		for _, word := range strings.Fields(words) {
			rows[fmt.Sprintf(format, word)] = want
		}
	}
	add(jobs.LookUp, `"%s":{"status":"aborting"}`, "run job task execution data meta response result")
	add(jobs.LookUp, `"%s":"aborting"`, "status state stage phase outcome conclusion reason run_state_name statusText reasonCode")
	add(jobs.LookUp, `"%s":{"reason":"length"}`, "incomplete_details incompleteness")
	add(jobs.LookUp, `"feedback":{"%s":"safety"}`, "blockReason reason")
	add(jobs.Park, `"%s":"x"`, "err fault diagnostics missing unresolved error errored exception failed failure abort aborted cancelled canceled "+
		"interrupted refusal fail interrupts failReason expiredAt rejected_by timedOutReason")
	add(jobs.Park, `"error%s":"x"`, "Message Msg Reason Cause Code Detail Details Description Info Type Text String No Count By At Variable")
	add(jobs.Done, `"%s":"x"`, "ignoreErrors maxErrors allow_failure onError on_failure continueOnError continue_on_error continue_on_failure")
	add(jobs.Done, `"%s":"draft"`, "contractStatus promptStatus skillState agent_state toolStatus versionStatus")
	add(jobs.Done, `"%s":{"error":"x"}`, "inputs variables structured_output")
	add(jobs.Done, `"finish_reason":"%s"`, "ok none finish finished function_call stop stop_sequence end end_turn endOfText eos eos_token tool_call tool_calls tool_use complete 0 200")
	add(jobs.LookUp, `"%s":true`, "partial inProgress in_progress processing waiting retrying streaming unsuccessful incomplete not_complete")
	add(jobs.LookUp, `"%s":true`, "outputTruncated result_truncated isResponseTruncated partialOutput partial_result incompleteResponse stillWaiting")
	add(jobs.Park, `"%s":true`, "isExpired hasExpired was_expired expired")
	for members, want := range rows {
		client := apitest.NewClient(t, apitest.Respond(200, `{"runId":"run_1","output":"x",`+members+`}`))
		run, err := client.Prompts.Run(t.Context(), "prm_1", promptorchestra.PromptRunParams{})
		require.NoError(t, err, members)
		assert.Equal(t, want, jobs.AfterRun(t.Context(), run, nil).Action, members)
	}
}

// What was done to a run says nothing against it where it is known to be harmless, and leaves the
// run open where nobody knows.
func TestWhatWasDoneToARun(t *testing.T) {
	want := map[string]jobs.Action{
		"moderated": jobs.LookUp, "filtered": jobs.LookUp, "wasSkipped": jobs.LookUp, "isCached": jobs.Done,
	}
	for _, deed := range strings.Fields("approved archived billed cached charged created delivered enabled ended evaluated executed " +
		"logged persisted processed published recorded rendered resolved returned saved shared stored streamed structured traced updated " +
		"used validated verified") {
		want[deed] = jobs.Done
	}
	for deed, want := range want {
		client := apitest.NewClient(t, apitest.Respond(200, `{"runId":"run_1","output":"x","`+deed+`":true}`))
		run, err := client.Prompts.Run(t.Context(), "prm_1", promptorchestra.PromptRunParams{})
		require.NoError(t, err, deed)
		assert.Equal(t, want, jobs.AfterRun(t.Context(), run, nil).Action, deed)
	}
}

// Recorded runs likewise.
func TestARecordedRunIsDoneOnEvidence(t *testing.T) {
	for body, want := range map[string]jobs.Action{
		`{"id":"run_1","outputSnapshot":{"text":"x"}}`:                   jobs.Done,
		`{"id":"run_1","outputSnapshot":{"text":"x"},"error":"x"}`:       jobs.Park,
		`{"id":"run_1","outputSnapshot":{"text":"x"},"state":"failed"}`:  jobs.Park,
		`{"id":"run_1","outputSnapshot":{"text":"x"},"state":"running"}`: jobs.LookUp,
		`{"run":{"id":"run_1","outputSnapshot":"x"},"status":"failed"}`:  jobs.Park,

		`{"id":"run_1","outputSnapshot":"x","state":"aborted"}`:                                jobs.Park,
		`{"id":"run_1","outputSnapshot":"x","hasFailed":true}`:                                 jobs.Park,
		`{"id":"run_1","outputSnapshot":"x","missingVariables":{"name":null}}`:                 jobs.Park,
		`{"id":"run_1","outputSnapshot":"x","errorMessage":"x"}`:                               jobs.Park,
		`{"id":"run_1","outputSnapshot":"x","status":"completed","errorMessage":"a retry"}`:    jobs.Done,
		`{"id":"run_1","outputSnapshot":"x","status":"completed","missingVariables":["name"]}`: jobs.Done,
	} {
		run, err := apitest.NewClient(t, apitest.Respond(200, body)).Runs.Get(t.Context(), "run_1")
		assert.NoError(t, err, body)
		assert.Equal(t, want, jobs.AfterLookUp(*run, true, nil).Action, body)
	}
}

// The run of an agent has what its response says against it, around the run or in it.
func TestARunOfAnAgentHasItsDoubts(t *testing.T) {
	for body, want := range map[string]promptorchestra.RunStatus{
		`{"run":{"id":"arun_1","output":"x","agent_id":"agt_1","state":"running"},"decision_trace":[]}`: "running",
		`{"data":{"run":{"id":"arun_1","output":"x","agentId":"agt_1"},"state":"aborted"}}`:             "aborted",
		`{"run":{"id":"arun_1","output":"x","agentId":"agt_1"},"status":"error"}`:                       "error",
		`{"run":{"id":"arun_1","output":"failed","agentId":"agt_1"},"status":"success"}`:                "",
		`{"run":{"id":"arun_1","output":"x","agentId":"agt_1","status":"completed"},"state":"failed"}`:  "completed",
		`{"run":{"id":"arun_1","output":"x","agentId":"agt_1","finishReason":"length"}}`:                "length",
	} {
		run, err := apitest.NewClient(t, apitest.Respond(200, body)).AgentRuns.Get(t.Context(), "arun_1")
		require.NoError(t, err, body)
		assert.Equal(t, want, run.Run.Status, body)
		assert.Equal(t, "agt_1", run.Run.AgentID, "the rest of the run stays: %s", body)
	}
}

// What the run itself says of why it failed is the record's Diagnostic.
func TestARunOfAnAgentHasItsOwnDiagnostic(t *testing.T) {
	for body, want := range map[string]string{
		`{"run":{"id":"arun_1","output":"x","diagnostic":{"why":"the provider failed"}}}`:                            "the provider failed",
		`{"run":{"id":"arun_1","output":"x","missingVariables":["name"]}}`:                                           "name",
		`{"run":{"id":"arun_1","output":"x","diagnostic":{"why":"x"}},"diagnostic":{"why":"the provider failed"}}`:   "the provider failed",
		`{"run":{"id":"arun_1","output":"x","error":"the provider failed"},"diagnostic":null,"missingVariables":[]}`: "the provider failed",
	} {
		run, err := apitest.NewClient(t, apitest.Respond(200, body)).AgentRuns.Get(t.Context(), "arun_1")
		require.NoError(t, err, body)
		require.NotNil(t, run.Diagnostic, body)
		assert.Equal(t, want, run.Diagnostic.Why, body)
	}
}
