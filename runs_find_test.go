package promptorchestra_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// findServer serves a list of runs, and each run by its id, and counts the requests.
type findServer struct {
	list     string
	details  map[string]string
	header   http.Header
	status   map[string]int // by path, where it is not 200
	requests atomic.Int32
}

func (s *findServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	for name, values := range s.header {
		w.Header()[name] = values
	}
	if status := s.status[r.URL.Path]; status != 0 {
		w.WriteHeader(status)
		if status != http.StatusPartialContent {
			return
		}
	}
	if r.URL.Path == "/api/runs" {
		_, _ = fmt.Fprint(w, s.list)
		return
	}
	detail, ok := s.details[strings.TrimPrefix(r.URL.Path, "/api/runs/")]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		detail = `{"error":"not_found","message":"no such run"}`
	}
	_, _ = fmt.Fprint(w, detail)
}

func at(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func runOf(id, promptID, created string) string {
	return fmt.Sprintf(`{"id":%q,"promptId":%q,"createdAt":%q,"status":"completed"}`, id, promptID, created)
}

func detailOf(id, variables string) string {
	return fmt.Sprintf(`{"id":%q,"promptId":"prm_1","inputSnapshot":{"variables":%s}}`, id, variables)
}

func TestFind(t *testing.T) {
	now := time.Now()
	old, recent, newer := at(now.Add(-time.Hour)), at(now.Add(-10*time.Second)), at(now)
	one := map[string]string{"run_1": detailOf("run_1", `{"job_id":"a"}`)}
	for _, test := range []struct {
		name     string
		list     string
		details  map[string]string
		header   http.Header
		status   map[string]int
		values   []string
		since    time.Time
		want     map[string]string // the run's id by the value
		requests int               // 0: any number
		fails    string            // or a part of the error
	}{
		{name: "found", list: "[" + runOf("run_1", "prm_1", recent) + "]", details: one, want: map[string]string{"a": "run_1"}, requests: 2},
		{name: "in an envelope", list: `{"data":[` + runOf("run_1", "prm_1", recent) + `],"next":null,"has_more":false,"total":1}`, details: one, want: map[string]string{"a": "run_1"}},
		{name: "no runs", list: "[]", want: map[string]string{}, requests: 1},
		{name: "of another prompt", list: "[" + runOf("run_1", "prm_2", recent) + "]", want: map[string]string{}, requests: 1},
		{name: "of another prompt, as only the detail says", list: "[" + runOf("run_1", "", recent) + "]", details: map[string]string{"run_1": `{"id":"run_1","promptId":"prm_2","inputSnapshot":{"variables":{"job_id":"a"}}}`}, want: map[string]string{}},
		{name: "before Since", list: "[" + runOf("run_1", "prm_1", old) + "]", since: now, want: map[string]string{}, requests: 1},
		{name: "within the margin", list: "[" + runOf("run_1", "prm_1", recent) + "]", details: one, since: now.Add(20 * time.Second), want: map[string]string{"a": "run_1"}},
		{name: "without a time", list: `[{"id":"run_1","promptId":"prm_1"}]`, details: one, since: now, want: map[string]string{"a": "run_1"}},
		{name: "with a time that cannot be read", list: `[{"id":"run_1","promptId":"prm_1","createdAt":"yesterday"}]`, details: one, since: now, want: map[string]string{"a": "run_1"}},
		{name: "the server's clock an hour behind", list: "[" + runOf("run_1", "prm_1", at(now.Add(-time.Hour))) + "]", details: one, since: now, header: http.Header{"Date": {now.Add(-time.Hour).UTC().Format(http.TimeFormat)}}, want: map[string]string{"a": "run_1"}},
		{name: "the server's clock an hour ahead", list: "[" + runOf("run_1", "prm_1", at(now.Add(30*time.Minute))) + "," + runOf("run_2", "prm_1", old) + "]", details: one, since: now, header: http.Header{"Date": {now.Add(time.Hour).UTC().Format(http.TimeFormat)}}, want: map[string]string{"a": "run_1"}, requests: 2},
		{name: "a Date that cannot be read, hours apart", list: "[" + runOf("run_1", "prm_1", at(now.Add(-5*time.Hour))) + "]", details: one, since: now, header: http.Header{"Date": {"today"}}, want: map[string]string{"a": "run_1"}},
		{name: "the variable is a number", list: "[" + runOf("run_1", "prm_1", recent) + "]", details: map[string]string{"run_1": detailOf("run_1", `{"job_id":4711}`)}, values: []string{"4711"}, want: map[string]string{"4711": "run_1"}},
		{name: "another value", list: "[" + runOf("run_1", "prm_1", recent) + "]", details: map[string]string{"run_1": detailOf("run_1", `{"job_id":"b"}`)}, want: map[string]string{}},
		{name: "another spelling of the name", list: "[" + runOf("run_1", "prm_1", recent) + "]", details: map[string]string{"run_1": detailOf("run_1", `{"JOB_ID":"a"}`)}, want: map[string]string{}},
		{name: "without the variable", list: "[" + runOf("run_1", "prm_1", recent) + "]", details: map[string]string{"run_1": detailOf("run_1", `{}`)}, want: map[string]string{}},
		{name: "the variable is an object", list: "[" + runOf("run_1", "prm_1", recent) + "]", details: map[string]string{"run_1": detailOf("run_1", `{"job_id":{"type":"string","value":"a"}}`)}, fails: `run "run_1" has the variable "job_id" as object`},
		{
			name: "the oldest of two", list: "[" + runOf("run_1", "prm_1", recent) + "," + runOf("run_2", "prm_1", newer) + "]",
			details: map[string]string{"run_1": detailOf("run_1", `{"job_id":"a"}`), "run_2": detailOf("run_2", `{"job_id":"a"}`)}, want: map[string]string{"a": "run_1"}, requests: 2,
		},
		{
			name: "the oldest of two, also while another value is looked for", list: "[" + runOf("run_2", "prm_1", newer) + "," + runOf("run_1", "prm_1", recent) + "]", values: []string{"a", "b", "a"},
			details: map[string]string{"run_1": detailOf("run_1", `{"job_id":"a"}`), "run_2": detailOf("run_2", `{"job_id":"a"}`)}, want: map[string]string{"a": "run_1"}, requests: 3,
		},
		{
			name: "stops when all are found", list: "[" + runOf("run_9", "prm_1", newer) + "," + runOf("run_2", "prm_1", recent) + "," + runOf("run_1", "prm_1", old) + "]", values: []string{"a", "b"},
			details: map[string]string{"run_1": detailOf("run_1", `{"job_id":"a"}`), "run_2": detailOf("run_2", `{"job_id":"b"}`)}, want: map[string]string{"a": "run_1", "b": "run_2"}, requests: 3,
		},

		{name: "listed and not found", list: "[" + runOf("run_1", "prm_1", recent) + "]", fails: `run "run_1" is listed, but was not found`},
		{name: "no snapshot", list: "[" + runOf("run_1", "prm_1", recent) + "]", details: map[string]string{"run_1": `{"id":"run_1"}`}, fails: "does not show the variables"},
		{name: "a snapshot without variables", list: "[" + runOf("run_1", "prm_1", recent) + "]", details: map[string]string{"run_1": `{"id":"run_1","inputSnapshot":{"renderedPrompt":"Greet a"}}`}, fails: "does not show the variables"},
		{name: "variables that are null", list: "[" + runOf("run_1", "prm_1", recent) + "]", details: map[string]string{"run_1": detailOf("run_1", "null")}, fails: "does not show the variables"},
		{name: "variables of another type", list: "[" + runOf("run_1", "prm_1", recent) + "]", details: map[string]string{"run_1": detailOf("run_1", `["a"]`)}, fails: "does not show the variables"},
		{name: "a snapshot of another type", list: "[" + runOf("run_1", "prm_1", recent) + "]", details: map[string]string{"run_1": `{"id":"run_1","inputSnapshot":"[redacted]"}`}, fails: "does not show the variables"},
		{name: "a run without an id", list: `[{"promptId":"prm_1"}]`, fails: "without an id"},
		{name: "a cursor before the list", list: `{"nextCursor":"x","runs":[]}`, fails: "next page"},
		{name: "a cursor behind the list", list: `{"runs":[` + runOf("run_1", "prm_1", recent) + `],"next_cursor":"x"}`, details: one, fails: "next page"},
		{name: "a cursor inside a member", list: `{"meta":{"count":[1,{"a":"next"}],"paging":{"next":"https://x/y"}},"runs":[]}`, fails: "next page"},
		{name: "a next link that is an object", list: `{"runs":[],"links":{"prev":{"href":"/1"},"next":{"href":"/2"}}}`, fails: "next page"},
		{name: "more", list: `{"runs":[],"hasMore":true}`, fails: "next page"},
		{name: "a next page's number", list: `{"runs":[],"nextPage":2}`, fails: "next page"},
		{name: "a total above the length", list: `{"runs":[` + runOf("run_1", "prm_1", recent) + `],"total":2}`, details: one, fails: "next page"},
		{name: "no next page, said in every way", list: `{"previous":null,"links":{},"nextPage":0,"cursor":"","errors":[],"runs":[` + runOf("run_1", "prm_1", recent) + `],"hasMore":false,"success":true,"organization_id":"org_1","promptId":"prm_1","totalCount":1,"Count":"1"}`, details: one, header: http.Header{"Link": {`</1>; rel="prev", </1>; rel="first"`}, "X-Next-Page": {""}, "X-Total-Count": {"1"}, "X-Has-Next": {"false"}, "Age": {"0"}}, want: map[string]string{"a": "run_1"}},
		{name: "the last page's own cursor", list: `{"pageInfo":{"hasNextPage":false,"endCursor":"x"},"runs":[]}`, fails: `the member "pageInfo"`},
		{name: "a cursor, and more", list: `{"pageInfo":{"hasNextPage":true,"endCursor":"x"},"runs":[]}`, fails: "next page"},
		{name: "a cursor alone", list: `{"cursor":"x","runs":[]}`, fails: "next page"},
		{name: "a Link header", list: "[]", header: http.Header{"Link": {`</api/runs?page=1>; rel="prev", </api/runs?page=3>; title="x"; rel="next last"`}}, fails: "next page"},
		{name: "a cursor in a header", list: "[]", header: http.Header{"X-Next-Cursor": {"x"}}, fails: "next page"},
		{name: "a total in a header", list: "[]", header: http.Header{"X-Total-Count": {"3"}}, fails: "next page"},
		{name: "a Link header with spaces", list: "[]", header: http.Header{"Link": {`</1>; rel="prev", </2>; rel = 'next'`}}, fails: "next page"},
		{name: "a total as text", list: `{"runs":[],"total":"2"}`, fails: "next page"},
		{name: "a number of pages", list: `{"runs":[],"meta":{"page":1,"total_pages":"2"}}`, fails: "next page"},
		{name: "a number of pages in a header", list: "[]", header: http.Header{"X-Total-Pages": {"2"}}, fails: "next page"},
		{name: "one page", list: `{"runs":[],"totalPages":1,"total":"0","errors":[],"error":null}`, fails: `the member "totalPages"`},
		{name: "a range of a list", list: "[]", header: http.Header{"Content-Range": {"items 0-24/319"}}, fails: "not complete"},
		{name: "a part of a list", list: "[]", status: map[string]int{"/api/runs": 206}, fails: "not complete"},
		{name: "errors beside the list", list: `{"errors":[{"message":"shard 2 is down"}],"runs":[]}`, fails: "not complete"},
		{name: "errors behind the list", list: `{"runs":[],"errors":["shard 2 is down"]}`, fails: "not complete"},
		{name: "a part, as it says itself", list: `{"runs":[],"partial":true}`, fails: "not complete"},
		{name: "a list that is cut", list: "[" + runOf("run_1", "prm_1", recent) + ",", details: one, fails: "Runs.List"},
		{name: "a list of 204", status: map[string]int{"/api/runs": 204}, fails: "Runs.List"},
		{name: "a run of 204", list: "[" + runOf("run_1", "prm_1", recent) + "]", status: map[string]int{"/api/runs/run_1": 204}, fails: "does not show the variables"},
		{name: "no list", list: `{"error":"x"}`, fails: "Runs.List"},
	} {
		t.Run(test.name, func(t *testing.T) {
			srv := &findServer{list: test.list, details: test.details, header: test.header, status: test.status}
			client := apitest.NewClient(t, srv)
			values := test.values
			if values == nil {
				values = []string{"a"}
			}
			found, err := client.Runs.Find(t.Context(), promptorchestra.RunFindParams{PromptID: "prm_1", Variable: "job_id", Values: values, Since: test.since})
			if test.fails != "" {
				require.ErrorContains(t, err, test.fails)
				assert.Nil(t, found)
				assert.False(t, promptorchestra.OutcomeUnknown(err), "a read has no effect")
				return
			}
			require.NoError(t, err)
			ids := map[string]string{}
			for value, run := range found {
				ids[value] = run.ID
			}
			assert.Equal(t, test.want, ids)
			if test.requests > 0 {
				assert.EqualValues(t, test.requests, srv.requests.Load(), "requests")
			}
		})
	}
}

func TestFindsArguments(t *testing.T) {
	srv := &findServer{list: "[]"}
	client := apitest.NewClient(t, srv)
	good := promptorchestra.RunFindParams{PromptID: "prm_1", Variable: "job_id", Values: []string{"a"}}
	for argument, spoil := range map[string]func(*promptorchestra.RunFindParams){
		"PromptID": func(p *promptorchestra.RunFindParams) { p.PromptID = "" },
		"Variable": func(p *promptorchestra.RunFindParams) { p.Variable = "" },
		"Values":   func(p *promptorchestra.RunFindParams) { p.Values = nil },
	} {
		params := good
		spoil(&params)
		found, err := client.Runs.Find(t.Context(), params)
		var refused *promptorchestra.ArgumentError
		require.ErrorAs(t, err, &refused, argument)
		assert.Nil(t, found)
		assert.Equal(t, argument, refused.Argument)
		assert.Equal(t, "Runs.Find", refused.Op)
	}
	params := good
	params.Values = []string{"a", ""}
	_, err := client.Runs.Find(t.Context(), params)
	require.ErrorContains(t, err, "Values")
	_, err = new(promptorchestra.RunsService).Find(t.Context(), good)
	var refused *promptorchestra.ArgumentError
	require.ErrorAs(t, err, &refused)
	_, err = new(promptorchestra.RunsService).Find(t.Context(), promptorchestra.RunFindParams{})
	require.ErrorAs(t, err, &refused)
	assert.Zero(t, srv.requests.Load(), "nothing is sent")
}

// Of 10,000 recorded runs only those are read that may be the job's.
func TestFindAmongManyRuns(t *testing.T) {
	const runs, sinceThen = 10_000, 20
	now := time.Now()
	srv := &findServer{details: map[string]string{}}
	var list []string
	for i := range runs {
		created := now.Add(-time.Duration(i) * time.Second)
		if i >= sinceThen {
			created = created.Add(-time.Hour)
		}
		id := fmt.Sprint("run_", i)
		list = append(list, runOf(id, "prm_1", at(created)))
		srv.details[id] = detailOf(id, fmt.Sprintf(`{"job_id":"job-%d"}`, i))
	}
	srv.list = "[" + strings.Join(list, ",") + "]"
	client := apitest.NewClient(t, srv)
	params := promptorchestra.RunFindParams{PromptID: "prm_1", Variable: "job_id", Values: []string{"job-19", "never sent"}, Since: now.Add(-sinceThen * time.Second)}
	found, err := client.Runs.Find(t.Context(), params)
	require.NoError(t, err)
	assert.Len(t, found, 1)
	assert.Equal(t, "run_19", found["job-19"].ID)
	assert.Less(t, srv.requests.Load(), int32(30))
}

// Find sees what the emulator recorded, and each of its requests is retried and can be cancelled.
func TestFindOnTheEmulator(t *testing.T) {
	srv := orchestratest.NewServer()
	t.Cleanup(srv.Close)
	client := srv.Client(apitest.FastRetries)
	prompt, err := client.Prompts.Create(t.Context(), promptorchestra.PromptCreateParams{PromptKey: "greeting", Name: "Greeting"})
	require.NoError(t, err)
	version, err := client.Prompts.CreateVersion(t.Context(), prompt.ID, promptorchestra.PromptVersionCreateParams{Content: "Greet {{name}}."})
	require.NoError(t, err)
	_, err = client.Prompts.Publish(t.Context(), prompt.ID, promptorchestra.PromptPublishParams{VersionID: version.ID})
	require.NoError(t, err)

	started := time.Now()
	srv.Fail("Prompts.Run", orchestratest.DropAfter())
	_, err = client.Prompts.Run(t.Context(), prompt.ID, promptorchestra.PromptRunParams{Variables: map[string]any{"job_id": "job-1", "name": "Ada"}})
	require.True(t, promptorchestra.OutcomeUnknown(err))
	_, err = client.Prompts.Run(t.Context(), prompt.ID, promptorchestra.PromptRunParams{Variables: map[string]any{"name": "no job"}})
	require.NoError(t, err)

	params := promptorchestra.RunFindParams{PromptID: prompt.ID, Variable: "job_id", Values: []string{"job-1", "job-2"}, Since: started}
	srv.Fail("Runs.List", orchestratest.Status(503, ""))
	srv.Fail("Runs.Get", orchestratest.Status(503, ""))
	found, err := client.Runs.Find(t.Context(), params)
	require.NoError(t, err)
	require.Len(t, found, 1)
	var output struct{ OutputText string }
	require.NoError(t, json.Unmarshal(found["job-1"].OutputSnapshot, &output))
	assert.Equal(t, "Greet Ada.", output.OutputText)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = client.Runs.Find(ctx, params)
	require.ErrorIs(t, err, context.Canceled)
}
