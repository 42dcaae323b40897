// Package orchestratest is the Prompt Orchestra API on loopback, with its failures: a server to
// test programs against that call the API, in the spirit of net/http/httptest.
//
//	srv := orchestratest.NewServer()
//	defer srv.Close()
//	promptID := srv.PublishPrompt("Hello {{name}}")
//	client := srv.Client()
//
// It serves all documented routes from memory and keeps what they create, by organization. It
// checks credentials, scopes and organizations, rejects what the API rejects and in the same words,
// and its ids are the same in every run.
//
// It forgets nothing that it was sent. Members that it does not know, of records, versions, steps,
// transitions and attachments, come back as they were, nulls included, and so do schemas and
// configs.
//
// [Server.Fail] queues faults for a call. Each is taken by one request: a status, a proxy's error
// page, a connection dropped before or after the effect, a cut or slow body; each after a delay, if
// wanted. [Server.PendingFaults] returns those that were never taken. [Server.Restrict] sets what
// the plan includes, to test the way from a 402 to an upgrade. [Server.Requests] returns what
// arrived. A client waits between attempts as it does in production; tests are fast with
// WithRetry(RetryPolicy{MinWait: 1, MaxWait: 1}).
//
// [Error] returns the error of a call without a server, for fakes. [NewUnlistened] makes a server
// without a socket, for bubbles of testing/synctest. [WithControl] gives tests in other languages
// what the methods of Server do, and people a page.
//
// Other hosts than loopback, the server's address and those of [WithHostNames] are rejected, and
// credentials that the server did not issue are redacted in [Server.Requests].
//
// # Executions
//
// No model is called. These rules say beforehand what comes out:
//
//   - The output of a prompt is its text with {{name}} replaced by the variable of that name, in
//     content, or in systemPrompt and developerPrompt, joined by an empty line. A name is any text
//     without braces. A variable without a value stays as it is and is named among the missing
//     ones, and so is a name of more than 256 bytes.
//   - When the text is a JSON object, that object is the output. When an output schema is declared,
//     the output is an object with its properties: the variable of the same name, else the text, or
//     the zero value for numbers and the like.
//   - Tools attached to a prompt or a skill are called first, in order, with the variables;
//     {{tools.key}} is what the tool with that key returned.
//   - A manual_stub tool returns its config's result, or response. An http tool is called only when
//     WithAllowedHosts names its host, and its own allowlist, if it has one, does too.
//   - Four characters are a token, and latency and cost follow from the tokens. A prompt of more
//     than 4 MiB fails.
//   - Agents begin at the entry step. After a step that succeeds they take the success transition,
//     else next; after one that fails, failure, and without it the run fails. A condition step is
//     true when the variable with the step's key is: not missing, null, false, 0, "", "false" or
//     empty. {{steps.key}} is what an earlier step returned. A return step ends the run, as does a
//     step with no transition; the output is that of the last step that did something. After 100
//     steps a run fails.
//   - Voice sessions are over as soon as they are created.
//
// An agent run is running in the response that starts it, and completed at the first AgentRuns.Get;
// no other call advances it. Prompts and skills respond with their result. [Server.HoldRuns]
// changes both.
//
// An execution fails when FailExecution says so, or one of its tools fails. It is recorded as
// failed, and the call fails with 500, or responds with 200 and the failure inside if FailExecution
// says that; generating an image always does the latter. A version is needed to run: without one
// named or published the call fails with 409.
//
// # Choices
//
// Where the documentation is silent, this server has made these choices. A program should not
// depend on them:
//
//   - members that the documentation does not name have likely names,
//   - creations respond with 201,
//   - keys such as skillKey are unique in an organization: a second one is a 409,
//   - publishing takes the newest draft when no version is named, and a version that is already
//     published is a 409,
//   - rolling back publishes a copy of an older version,
//   - a diff without againstVersionId compares with the version before, and reports what differs
//     more than 32 levels down as one change,
//   - a comparison of runs leaves out their ids and times,
//   - lists are in the order in which their records were made,
//   - a kind of step or transition that is not documented is a mistake in a graph,
//   - running a version with mistakes is a 422, as publishing one is, with a diagnostic,
//   - the Date of a response comes from the same clock as the times of the records.
package orchestratest
