package promptorchestra_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
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
		{name: "has another id or prompt", list: "[" + runOf("run_1", "prm_2", recent) + "]", want: map[string]string{}, requests: 1},
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
		{name: "another spelling of the name", list: "[" + runOf("run_1", "prm_1", recent) + "]", details: map[string]string{"run_1": detailOf("run_1", `{"JOB_ID":"a"}`)}, fails: "another spelling"},
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
		{name: "no snapshot", list: "[" + runOf("run_1", "prm_1", recent) + "]", details: map[string]string{"run_1": `{"id":"run_1"}`}, fails: "does not show its variables"},
		{name: "a snapshot without variables", list: "[" + runOf("run_1", "prm_1", recent) + "]", details: map[string]string{"run_1": `{"id":"run_1","inputSnapshot":{"renderedPrompt":"Greet a"}}`}, fails: "does not show its variables"},
		{name: "variables that are null", list: "[" + runOf("run_1", "prm_1", recent) + "]", details: map[string]string{"run_1": detailOf("run_1", "null")}, fails: "does not show its variables"},
		{name: "variables of another type", list: "[" + runOf("run_1", "prm_1", recent) + "]", details: map[string]string{"run_1": detailOf("run_1", `["a"]`)}, fails: "does not show its variables"},
		{name: "a snapshot of another type", list: "[" + runOf("run_1", "prm_1", recent) + "]", details: map[string]string{"run_1": `{"id":"run_1","inputSnapshot":"[redacted]"}`}, fails: "does not show its variables"},
		{name: "a run without an id", list: `[{"promptId":"prm_1"}]`, fails: "without an id"},
		{name: "a cursor before the list", list: `{"nextCursor":"x","runs":[]}`, fails: "may be incomplete"},
		{name: "a cursor behind the list", list: `{"runs":[` + runOf("run_1", "prm_1", recent) + `],"next_cursor":"x"}`, details: one, fails: "may be incomplete"},
		{name: "a cursor inside a member", list: `{"meta":{"count":[1,{"a":"next"}],"paging":{"next":"https://x/y"}},"runs":[]}`, fails: "may be incomplete"},
		{name: "a next link that is an object", list: `{"runs":[],"links":{"prev":{"href":"/1"},"next":{"href":"/2"}}}`, fails: "may be incomplete"},
		{name: "more", list: `{"runs":[],"hasMore":true}`, fails: "may be incomplete"},
		{name: "a next page's number", list: `{"runs":[],"nextPage":2}`, fails: "may be incomplete"},
		{name: "a total above the length", list: `{"runs":[` + runOf("run_1", "prm_1", recent) + `],"total":2}`, details: one, fails: "may be incomplete"},
		{name: "false, under names that do not speak of the end", list: `{"cached":false,"debug":false,"pending":false,"extended":0,"incomplete":false,"fallback":false,"hasMore":false,"archived":false,"isTruncated":false,"rate_limited":false,"deleted":false,"deprecated":false,"degraded":false,"failed":false,"filtered":false,"paginated":false,"unfinished":false,"inconsistent":false,"partial":false,"stale":false,"endpoint":false,"hasPrevious":false,"allowed":null,"runs":[` + runOf("run_1", "prm_1", recent) + `]}`, details: one, want: map[string]string{"a": "run_1"}},
		{name: "no next page, said in every way", list: `{"previous":null,"links":{},"nextPage":0,"cursor":"","errors":[],"runs":[` + runOf("run_1", "prm_1", recent) + `],"hasMore":false,"success":true,"organization_id":"org_1","promptId":"prm_1","totalCount":1,"Count":"1"}`, details: one, header: http.Header{"Link": {`</1>; rel="self", </1>; rel="first"`}, "X-Next-Page": {""}, "X-Total-Count": {"1"}, "X-Has-Next": {"false"}, "Age": {"0"}}, want: map[string]string{"a": "run_1"}},
		{name: "the last page's own cursor", list: `{"pageInfo":{"hasNextPage":false,"endCursor":"x"},"runs":[]}`, fails: `the member "pageInfo"`},
		{name: "a cursor, and more", list: `{"pageInfo":{"hasNextPage":true,"endCursor":"x"},"runs":[]}`, fails: "may be incomplete"},
		{name: "a cursor alone", list: `{"cursor":"x","runs":[]}`, fails: "may be incomplete"},
		{name: "a Link header", list: "[]", header: http.Header{"Link": {`</api/runs?page=1>; rel="prev", </api/runs?page=3>; title="x"; rel="next last"`}}, fails: "may be incomplete"},
		{name: "a Link header back", list: "[]", header: http.Header{"Link": {`</api/runs?before=1>; rel="previous"`}}, fails: "may be incomplete"},
		{name: "Links, the second one on", list: "[]", header: http.Header{"Link": {`</1>; rel="prev"; results="false", </3>; rel="nextPage"; results="true"`}}, fails: "may be incomplete"},
		{name: "a Link header of Sentry's only page", list: "[]", header: http.Header{"Link": {`</1>; rel="previous"; results="false", </3>; rel="next"; results="false"`}}, want: map[string]string{}},
		{name: "arrays without elements beside it", list: `{"success":true,"errors":[],"messages":[],"result":[]}`, want: map[string]string{}},
		{name: "a cursor in a header", list: "[]", header: http.Header{"X-Next-Cursor": {"x"}}, fails: "may be incomplete"},
		{name: "a total in a header", list: "[]", header: http.Header{"X-Total-Count": {"3"}}, fails: "may be incomplete"},
		{name: "a Link header with spaces", list: "[]", header: http.Header{"Link": {`</1>; rel="prev", </2>; rel = 'next'`}}, fails: "may be incomplete"},
		{name: "a total as text", list: `{"runs":[],"total":"2"}`, fails: "may be incomplete"},
		{name: "a number of pages", list: `{"runs":[],"meta":{"page":1,"total_pages":"2"}}`, fails: "may be incomplete"},
		{name: "a number of pages in a header", list: "[]", header: http.Header{"X-Total-Pages": {"2"}}, fails: "may be incomplete"},
		{name: "one page", list: `{"runs":[],"totalPages":1,"total":"0","errors":[],"error":null}`, fails: `the member "totalPages"`},
		{name: "a range of a list", list: "[]", header: http.Header{"Content-Range": {"items 0-24/319"}}, fails: "may be incomplete"},
		{name: "a part of a list", list: "[]", status: map[string]int{"/api/runs": 206}, fails: "may be incomplete"},
		{name: "errors beside the list", list: `{"errors":[{"message":"shard 2 is down"}],"runs":[]}`, fails: "may be incomplete"},
		{name: "errors behind the list", list: `{"runs":[],"errors":["shard 2 is down"]}`, fails: "may be incomplete"},
		{name: "a part, as it says itself", list: `{"runs":[],"partial":true}`, fails: "may be incomplete"},
		{name: "a list that is cut", list: "[" + runOf("run_1", "prm_1", recent) + ",", details: one, fails: "Runs.List"},
		{name: "a list of 204", status: map[string]int{"/api/runs": 204}, fails: "Runs.List"},
		{name: "a run of 204", list: "[" + runOf("run_1", "prm_1", recent) + "]", status: map[string]int{"/api/runs/run_1": 204}, fails: "does not show its variables"},
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

// Each row leaves it open whether the job ran, or not: a run_1 that is absent for no certain reason
// must not be taken for absent.
func TestFindOnEvidence(t *testing.T) {
	now := time.Now()
	recent := at(now.Add(-10 * time.Second))
	one := map[string]string{"run_1": detailOf("run_1", `{"job_id":"a"}`)}
	created := func(value string) string { return `[{"id":"run_1","promptId":"prm_1","createdAt":` + value + `}]` }
	type row struct {
		list     string
		variable string // of run_1, in the place of "a"
		detail   string
		header   http.Header
		status   int // of the list
		readWith int // the status of the detail
		params   promptorchestra.RunFindParams
		value    string // that is sought, in the place of a
		found    bool
		absent   bool
		says     string // the error
	}
	rows := map[string]row{
		"a Date ten minutes ahead":           {list: created(`"` + at(now.Add(-5*time.Second)) + `"`), params: promptorchestra.RunFindParams{Since: now.Add(-20 * time.Second)}, header: http.Header{"Date": {now.Add(10 * time.Minute).UTC().Format(http.TimeFormat)}}, found: true},
		"the year 1, which is no time":       {list: created(`"0001-01-01T00:00:00Z"`), params: promptorchestra.RunFindParams{Since: now}, found: true},
		"the year 1970":                      {list: created(`"1970-01-01T00:00:00Z"`), params: promptorchestra.RunFindParams{Since: now}, found: true},
		"a second before 1970":               {list: created(`"1969-12-31T23:59:59Z"`), params: promptorchestra.RunFindParams{Since: now}, found: true},
		"a run without its prompt":           {list: `[{"id":"run_1","createdAt":"` + recent + `"}]`, found: true},
		"old for certain":                    {list: created(`"` + at(now.Add(-2*time.Minute)) + `"`), params: promptorchestra.RunFindParams{Since: now}, absent: true},
		"old, of another zone":               {list: created(`"` + now.Add(-time.Hour).In(time.FixedZone("", 5*3600)).Format(time.RFC3339) + `"`), params: promptorchestra.RunFindParams{Since: now}, absent: true},
		"after Until for certain":            {list: created(`"` + recent + `"`), params: promptorchestra.RunFindParams{Since: now.Add(-time.Hour), Until: now.Add(-10 * time.Minute)}, absent: true},
		"after Until on one clock":           {list: created(`"` + recent + `"`), params: promptorchestra.RunFindParams{Until: now.Add(-10 * time.Minute)}, header: http.Header{"Date": {now.Add(15 * time.Minute).UTC().Format(http.TimeFormat)}}, found: true},
		"after Until, without a zone":        {list: created(`"` + now.Format("2006-01-02T15:04:05") + `"`), params: promptorchestra.RunFindParams{Until: now.Add(-48 * time.Hour)}, found: true},
		"after Until, in the future":         {list: created(`"` + at(now.Add(time.Hour)) + `"`), params: promptorchestra.RunFindParams{Until: now.Add(-time.Hour)}, found: true},
		"the year 9999":                      {list: created(`"9999-12-31T23:59:59Z"`), params: promptorchestra.RunFindParams{Until: now}, found: true},
		"a date that was made a time":        {list: created(`"` + at(now.Add(-24*time.Hour).Truncate(24*time.Hour)) + `"`), params: promptorchestra.RunFindParams{Since: now}, found: true},
		"a date of another zone":             {list: created(`"` + now.Add(-48*time.Hour).Format("2006-01-02") + `T00:00:00+05:30"`), params: promptorchestra.RunFindParams{Since: now}, found: true},
		"a date of Tokyo, in UTC":            {list: created(`"` + at(now.Add(-72*time.Hour).Truncate(24*time.Hour).Add(15*time.Hour)) + `"`), params: promptorchestra.RunFindParams{Since: now}, found: true},
		"a date of Mumbai, in milliseconds":  {list: created(`"` + now.Add(-72*time.Hour).UTC().Format("2006-01-02") + `T18:30:00.000Z"`), params: promptorchestra.RunFindParams{Since: now}, found: true},
		"a minute that is no quarter":        {list: created(`"` + now.Add(-72*time.Hour).UTC().Format("2006-01-02") + `T18:31:00Z"`), params: promptorchestra.RunFindParams{Since: now}, absent: true},
		"two Dates":                          {list: created(`"` + at(now.Add(-5*time.Minute)) + `"`), params: promptorchestra.RunFindParams{Since: now}, header: http.Header{"Date": {now.UTC().Format(http.TimeFormat), now.UTC().Format(http.TimeFormat)}}, found: true},
		"a list of another status":           {list: "[]", status: 203, says: "the status 203"},
		"a cached list":                      {list: "[]", header: http.Header{"Age": {"600"}}, says: "a cache"},
		"a stale list":                       {list: "[]", header: http.Header{"Warning": {`299 x "a"`, `199 - "b", 110 - "Response is Stale"`}}, says: "a cache"},
		"a list that is just validated":      {list: created(`"` + recent + `"`), header: http.Header{"Age": {"0"}, "Warning": {`299 - "deprecated"`}}, found: true},
		"a null in the list":                 {list: `[null,{"id":"run_1","promptId":"prm_1"}]`, says: "null"},
		"the detail of another run":          {list: created(`"` + recent + `"`), detail: detailOf("run_2", `{"job_id":"b"}`), says: `run "run_1" has another id`},
		"the detail of another prompt":       {list: created(`"` + recent + `"`), detail: `{"id":"run_1","promptId":"prm_2","inputSnapshot":{"variables":{"job_id":"b"}}}`, says: "has another id or prompt"},
		"the detail of another organization": {list: created(`"` + recent + `"`), detail: `{"id":"run_1","organization_id":"org_2","inputSnapshot":{"variables":{"job_id":"a"}}}`, says: "of another organization"},
		"a detail without an id":             {list: created(`"` + recent + `"`), detail: `{"inputSnapshot":{"variables":{"job_id":"b"}}}`, says: "no id"},
		"a detail without an id, of the job": {list: created(`"` + recent + `"`), detail: `{"organizationId":"org_1","inputSnapshot":{"variables":{"job_id":"a"}}}`, found: true},
		"a detail of another status":         {list: created(`"` + recent + `"`), detail: detailOf("run_1", `{"job_id":"b"}`), readWith: 206, says: "the status 206"},
		"two snapshots of variables":         {list: created(`"` + recent + `"`), detail: `{"id":"run_1","inputSnapshot":{"variables":{"job_id":"a"},"variables":{"job_id":"b"}}}`, says: "does not show its variables"},
		"a snapshot that is cut":             {list: created(`"` + recent + `"`), detail: `{"id":"run_1","inputSnapshot":{"variables":{"name":"x"},"truncated":true}}`, says: "does not show its variables"},
		"a snapshot with a count":            {list: created(`"` + recent + `"`), detail: `{"id":"run_1","inputSnapshot":{"variables":{"name":"x"},"count":9,"truncated":false,"next":"stp_2"}}`, absent: true},
		"a group of another prompt's runs":   {list: `[{"promptId":"prm_2","runs":[{"id":"run_1","promptId":"prm_1"}]}]`, says: "without an id"},
		"a prompt's id with spaces":          {list: `[{"id":"run_1","promptId":" prm_1 "}]`, found: true},
		"a Date of the year 1":               {list: created(`"` + recent + `"`), params: promptorchestra.RunFindParams{Since: now.Add(-20 * time.Second), Until: now}, header: http.Header{"Date": {time.Time{}.Format(http.TimeFormat)}}, found: true},
		"a Date of the year 9999":            {list: created(`"` + recent + `"`), params: promptorchestra.RunFindParams{Since: now.Add(-20 * time.Second), Until: now}, header: http.Header{"Date": {"Fri, 31 Dec 9999 23:59:59 GMT"}}, found: true},
		"a prompt's id in other letters":     {list: `[{"id":"run_1","promptId":"PRM_1"}]`, found: true},
		"an id of a kilobyte":                {list: `[{"id":"` + strings.Repeat("x", 1024) + `","promptId":"prm_1"}]`, says: "longer than 256 bytes"},

		"a number as a float":        {variable: "4711.0", value: "4711", found: true},
		"a number with an exponent":  {variable: "1e6", value: "1000000", found: true},
		"another number":             {variable: "4712", value: "4711", absent: true},
		"a rounded number":           {variable: "1234567890123456800", value: "1234567890123456789", says: "rounded"},
		"a number rounded by 2^53":   {variable: "9007199254740992", value: "9007199254740993", says: "rounded"},
		"as float64 prints it":       {variable: "1.2345678901234568e+18", value: "1234567890123456789", says: "rounded"},
		"rounded to six digits":      {variable: "1.23457e+18", value: "1234567890123456789", says: "rounded"},
		"the largest certain number": {variable: "9007199254740991", value: "9007199254740991", found: true},
		"a large number, whole":      {variable: "1234567890123456789", value: "1234567890123456789", found: true},
		"its neighbour, whole":       {variable: "1234567890123456790", value: "1234567890123456789", absent: true},
		"a text of leading zeros":    {variable: "7", value: "007", says: "rounded"},
		"a number beyond float64":    {variable: "1e999999999", value: "1e999999998", says: "rounded"},
		"a number near zero":         {variable: "1e-999999999", value: "0", says: "rounded"},
		"printed with 16 digits":     {variable: "1234567890123457000", value: "1234567890123456789", says: "rounded"},
		"the next number":            {variable: "100000000", value: "100000001", absent: true},
		"the next text of a number":  {variable: `"1234567890123456790"`, value: "1234567890123456789", absent: true},
		"a text, as float64 prints":  {variable: `"1.2345678901234568e+18"`, value: "1234567890123456789", says: "rounded"},
		"in other letters":           {variable: `"JOB-1"`, value: "job-1", says: "may stand for"},
		"with spaces":                {variable: `" job-1\n"`, value: "job-1", says: "may stand for"},
		"in quotes":                  {variable: `"\"job-1\""`, value: "job-1", says: "may stand for"},
		"an empty text":              {variable: `""`, value: "job-1", absent: true},
		"a blank text":               {variable: `" \n"`, value: "job-1", absent: true},
		"redacted":                   {variable: `"[REDACTED]"`, value: "job-1", says: "may stand for"},
		"redacted, as a tag":         {variable: `"<filtered>"`, value: "job-1", says: "may stand for"},
		"masked":                     {variable: `"***"`, value: "job-1", says: "may stand for"},
		"a sign":                     {variable: `"-"`, value: "job-1", says: "may stand for"},
		"a part of it":               {variable: `"1"`, value: "1-1", absent: true},
		"a text of zeros and it":     {variable: `"0042"`, value: "42", absent: true},
		"a text, rounded":            {variable: `"1234567890123456800"`, value: "1234567890123456789", says: "rounded"},
		"a text, rounded to one":     {variable: `"1e18"`, value: "1234567890123456789", says: "rounded"},
		"masked in the middle":       {variable: `"jo***1"`, value: "job-1", says: "may stand for"},
		"cut":                        {variable: `"JOB…"`, value: "job-1", says: "may stand for"},
		"cut, with dots":             {variable: `"job..."`, value: "job-1", says: "may stand for"},
		"another one, masked":        {variable: `"jo***2"`, value: "job-1", absent: true},
		"a longer text":              {variable: `"job-11"`, value: "job-1", absent: true},
		"other signs within":         {variable: `"job-1-1"`, value: "job-11", absent: true},
		"under another spelling":     {variable: `"b","jobId":"a"`, absent: true},
		"a text like a number":       {variable: `"4711.0"`, value: "4711", says: "may stand for"},
		"a text of another number":   {variable: `"4712.0"`, value: "4711", absent: true},
		"a text, as a large float":   {variable: `"1234567890123456789.0"`, value: "1234567890123456789", says: "may stand for"},
		"an id of digits and an e":   {variable: `"98e76543"`, value: "12e45678", absent: true},
		"redacted, as a word":        {variable: `"__Redacted__"`, value: "job-1", says: "may stand for"},
		"redacted, in parentheses":   {variable: `"(sensitive value)"`, value: "job-1", says: "may stand for"},
		"another, masked so":         {variable: `"XXXX-2"`, value: "job-1", absent: true},
		"cut by a column":            {variable: `"` + strings.Repeat("ab", 32) + `"`, value: strings.Repeat("ab", 40) + "1", says: "may stand for"},
		"too long to be one":         {variable: `"` + strings.Repeat("*", 70<<10) + `"`, value: "job-1", absent: true},
		"another accent":             {variable: `"jäb-1"`, value: "jöb-1", absent: true},
		"accents that are lost":      {variable: `"j?b-1"`, value: "jöb-1", says: "may stand for"},
		"accents that are damaged":   {variable: `"j\udc00b-1"`, value: "jöb-1", says: "may stand for"},
		"the text of a large number": {variable: `"1234567890123456789"`, value: "1234567890123456789", found: true},
		"two values":                 {variable: `"a","job_id":"b"`, says: "twice"},
		"one value, twice":           {variable: `"a","job_id":"a"`, found: true},
		"null":                       {variable: "null", says: `"job_id" as null`},
		"a boolean":                  {variable: "true", says: `"job_id" as bool`},
		"a list with the text":       {variable: `["a"]`, says: `"job_id" as array`},
	}
	for variables, says := range map[string]string{
		`{"jobId":"a"}`: "another spelling", `{"job-id":"A"}`: "may stand for", `{"jobId":null}`: "as null", `{"jobId":"b"}`: "", `{"job":"a"}`: "",
		`{"jobId":{"type":"string","value":"a"}}`: "another spelling", `{"input":{"job_id":"a"}}`: "inside of another one", `{"inputs":[{"job_id":4}]}`: "", `{"input":{"job_id":"b"},"name":"a"}`: "",
	} {
		rows["variables "+variables] = row{list: created(`"` + recent + `"`), detail: detailOf("run_1", variables), says: says, absent: says == ""}
	}
	for _, form := range []string{
		`"2026-01-29T00:30:00"`, `"2026-01-29"`, `"2026-01-29 00:30:00"`, `"29.01.2026 00:30"`, `"Thu Jan 29 00:30:00 2026"`, `1769646600`, `1769646600000`,
		`"1769646600"`, `{"seconds":1769646600,"nanos":0}`, `{"$date":"2026-01-29T00:30:00Z"}`, `"20260129T003000"`, `"2026-01-29T00:30:00 CET"`, `"a month ago"`, `null`, `""`, `[]`,
	} {
		rows["created "+form] = row{list: created(form), params: promptorchestra.RunFindParams{Since: now}, found: true}
	}
	for name, list := range map[string]string{
		"Spring":                      `{"content":[],"last":false}`,
		"Spring, first":               `{"content":[],"first":true}`,
		"Airtable":                    `{"records":[],"offset":"itrX"}`,
		"Facebook":                    `{"runs":[],"paging":{"cursors":{"after":"b"}}}`,
		"Jira":                        `{"values":[],"isLast":false}`,
		"Salesforce":                  `{"records":[],"done":false}`,
		"a zero":                      `{"is_end":0,"data":[]}`,
		"all loaded":                  `{"runs":[],"allLoaded":false}`,
		"no more":                     `{"runs":[],"noMore":false}`,
		"the end is reached":          `{"runs":[],"reached_end":false}`,
		"OData":                       `{"value":[],"@odata.nextLink":"https://x/y"}`,
		"Elasticsearch":               `{"_scroll_id":"x","hits":[]}`,
		"JSON:API":                    `{"data":[],"links":{"next":null}}`,
		"Relay":                       `{"nodes":[],"pageInfo":{"hasNextPage":false}}`,
		"a page":                      `{"runs":[],"page":1,"pages":1}`,
		"a page's number":             `{"numPage":1,"runs":[{"id":"run_1","promptId":"prm_2"}]}`,
		"a limit":                     `{"runs":[],"limit":100}`,
		"a total":                     `{"runs":[],"total":1}`,
		"a count":                     `{"count":3,"runs":[]}`,
		"another total":               `{"runs":[],"totalItems":0.5}`,
		"another tenant":              `{"runs":[],"organizationId":"org_2"}`,
		"a cursor that is the prompt": `{"runs":[],"after":"prm_1"}`,
		"a word":                      `{"runs":[],"status":"partial"}`,
		"warnings":                    `{"warnings":["shard 2 is down"],"runs":[]}`,
		"success":                     `{"runs":[],"success":"yes"}`,
		"two names":                   `{"runs":[],"hasMore":false,"hasMore":true}`,
		"a marker":                    `{"NextMarker":"x","runs":[]}`,
		"a zero of another form":      `{"is_end":-0,"data":[]}`,
		"another page's first":        `{"runs":[],"first":false}`,
		"a totalled object":           `{"runs":[],"total":{"value":0,"relation":"gte"}}`,
	} {
		rows["beside the list: "+name] = row{list: list, says: "may be incomplete"}
	}
	for _, name := range []string{
		"closed", "loaded", "exact", "ok", "consistent", "synced", "indexed", "finished", "isFinal", "eof", "at_end", "isComplete", "allFetched", "ready", "valid", "fresh",
		"healthy", "whole", "isFull", "exhaustive", "not_partial", "isSettled", "succeeded", "islast", "numFoundExact",
	} {
		rows["beside the list: no "+name] = row{list: `{"runs":[],"` + name + `":false}`, says: fmt.Sprintf("may be incomplete, so a run that is not in it may exist all the same (see the member %q)", name)}
	}
	for name, value := range map[string]string{
		"X-Cached": "true", "X-Cached-At": "2026-11-29T00:00:00Z", "X-Served-From": "cache", "X-All-Loaded": "false", "Content-Range": "0-999/*", "X-Page": "1", "X-Pagination": `{"page":1}`, "X-Cursor": "x", "X-Total": "1", "x-total-pages": "1", "Next-Page-Token": "x",
		"Link": `</2>; REL="NEXT"`, "X-Has-Next": "true", "Content-Range-Total": "unknown",
		"x-ms-continuation": "x", "X-Continuation-Token": "x", "X-Has-More": "1", "X-Count": "2", "x_result_count": "2", "X-Content-Range": "items 0-0/3", "X-Range": "0-0/3",
		"X-Offset": "20", "X-Marker": "x", "X-Partial": "true", "X-Truncated": "yes", "X-Is-Last": "false", "x-last-page": "0", "X-Complete": "no", "X-Incomplete-Results": "true",

		"X-From-Cache": "1", "X-Cache": "Hit from cloudfront", "X-Cache-Status": "STALE", "CF-Cache-Status": "UPDATING", "X-Proxy-Cache": "MISS, HIT", "X-Cache-Hits": "0, 3",
		"Cache-Status": "edge; hit; ttl=30", "Server-Timing": "cdn-cache; desc=HIT, edge; dur=1", "X-Nextjs-Cache": "HIT", "X-Rack-Cache": "fresh", "X-Vercel-Cache": "PRERENDER", "X-Cache-Age": "600",
	} {
		rows["header "+name] = row{list: "[]", header: http.Header{http.CanonicalHeaderKey(name): {value}}, says: "the header " + http.CanonicalHeaderKey(name)}
	}
	rows["a page's number is no count"] = row{list: created(`"` + recent + `"`), header: http.Header{"X-Page": {"1"}}, says: "the header X-Page"}
	rows["headers that say nothing of it"] = row{list: created(`"` + recent + `"`), found: true, header: http.Header{
		"X-Cache": {"Miss from cloudfront"}, "X-Cache-Hits": {"0, 0"}, "X-From-Cache": {"0"}, "Cf-Cache-Status": {"DYNAMIC"}, "Cache-Control": {"private, stale-if-error=60"},
		"Cache-Status": {"edge; fwd=miss; stored"}, "Server-Timing": {"cdn-cache; desc=MISS, db; desc=2"}, "Accept-Ranges": {"bytes"}, "X-Account": {"7"}, "X-Ratelimit-Remaining": {"7"},
		"X-Total-Count": {"1"}, "X-Result-Count": {"0"}, "Vary": {"Accept"}, "Etag": {`"hit"`}, "Last-Modified": {"Sun, 29 Nov 2026 05:00:00 GMT"},
	}}
	for name, test := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := &findServer{list: test.list, details: one, header: test.header, status: map[string]int{"/api/runs": test.status, "/api/runs/run_1": test.readWith}}
			if test.list == "" {
				srv.list = created(`"` + recent + `"`)
				srv.details = map[string]string{"run_1": detailOf("run_1", `{"job_id":`+test.variable+`}`)}
			}
			if test.detail != "" {
				srv.details = map[string]string{"run_1": test.detail}
			}
			params := test.params
			params.PromptID, params.Variable, params.Values = "prm_1", "job_id", []string{cmp.Or(test.value, "a")}
			found, err := apitest.NewClient(t, srv).Runs.Find(t.Context(), params)
			if test.says != "" {
				require.ErrorContains(t, err, test.says)
				assert.Nil(t, found)
				assert.False(t, promptorchestra.IsRetryable(err))
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.found, len(found) == 1)
			assert.Equal(t, test.absent, len(found) == 0)
		})
	}
}

func TestFindIgnoresWhatTheCallerKnows(t *testing.T) {
	client := apitest.NewClient(t, &findServer{list: `{"tags":["x"],"serverTime":"2026","runs":[],"meta":{"nextPage":2}}`, header: http.Header{"X-Page-Speed": {"1.13"}}})
	params := promptorchestra.RunFindParams{PromptID: "prm_1", Variable: "job_id", Values: []string{"a"}, Ignore: []string{"server_time", "tags", "x-page-speed"}}
	_, err := client.Runs.Find(t.Context(), params)
	require.ErrorContains(t, err, `the member "meta"`)
	params.Ignore = append(params.Ignore, "meta")
	found, err := client.Runs.Find(t.Context(), params)
	require.NoError(t, err)
	assert.Empty(t, found)
}

func TestFindRejectsAWindowThatCannotBe(t *testing.T) {
	now := time.Now()
	srv := &findServer{list: "[]"}
	client := apitest.NewClient(t, srv)
	for argument, params := range map[string]promptorchestra.RunFindParams{
		"Since":              {Since: now.Add(time.Hour)},
		"Since milliseconds": {Since: time.Unix(now.UnixMilli(), 0)},
		"Until":              {Since: now, Until: now.Add(-time.Second)},
		"Ignore":             {Ignore: []string{""}},
		"Values":             {Values: []string{"a\xff"}},
	} {
		params.PromptID, params.Variable = "prm_1", "job_id"
		if params.Values == nil {
			params.Values = []string{"a"}
		}
		_, err := client.Runs.Find(t.Context(), params)
		var e *promptorchestra.ArgumentError
		require.ErrorAs(t, err, &e, argument)
		assert.True(t, strings.HasPrefix(argument, e.Argument), argument)
	}
	assert.Zero(t, srv.requests.Load())
	_, err := client.Runs.Find(t.Context(), promptorchestra.RunFindParams{PromptID: "prm_1", Variable: "job_id", Values: []string{"a"}, Since: now.Add(30 * time.Second)})
	require.NoError(t, err, "within the margin of clocks")
}

// The run that is sought was recorded seconds after its mark: the runs before it are read, not the others.
func TestFindReadsOldestFirst(t *testing.T) {
	const perMinute = 7
	now := time.Now()
	mark := now.Add(-20 * time.Minute)
	srv := &findServer{details: map[string]string{}}
	var list []string
	for i := range 40 * perMinute {
		created := now.Add(-time.Duration(i) * time.Minute / perMinute)
		id := fmt.Sprint("run_", i)
		job := fmt.Sprint("other-", i)
		if age := created.Sub(mark); age >= 0 && age < time.Minute/perMinute {
			job = "a"
		}
		list = append(list, runOf(id, "prm_1", at(created)))
		srv.details[id] = detailOf(id, fmt.Sprintf(`{"job_id":%q}`, job))
	}
	srv.list = "[" + strings.Join(list, ",") + "]"
	params := promptorchestra.RunFindParams{PromptID: "prm_1", Variable: "job_id", Values: []string{"a"}, Since: mark}
	found, err := apitest.NewClient(t, srv).Runs.Find(t.Context(), params)
	require.NoError(t, err)
	assert.Len(t, found, 1)
	assert.LessOrEqual(t, srv.requests.Load(), int32(1+perMinute+2))

	found, err = apitest.NewClient(t, &findServer{
		list:    `[{"id":"run_1","promptId":"prm_1"},` + runOf("run_2", "prm_1", at(now)) + `]`,
		details: map[string]string{"run_1": detailOf("run_1", `{"job_id":"a"}`), "run_2": detailOf("run_2", `{"job_id":"a"}`)},
	}).Runs.Find(t.Context(), params)
	require.NoError(t, err)
	assert.Equal(t, "run_2", found["a"].ID, "a run without a time is read last")

	srv.requests.Store(0)
	params.Values, params.Until = []string{"never sent"}, mark.Add(2*time.Minute)
	found, err = apitest.NewClient(t, srv).Runs.Find(t.Context(), params)
	require.NoError(t, err)
	assert.Empty(t, found)
	assert.LessOrEqual(t, srv.requests.Load(), int32(1+4*perMinute+1), "a minute before, two within, a minute after")
}

// The server's clock is as far ahead as its Date says when the list was asked for, not when it came.
func TestFindInASlowList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ahead = 80 * time.Second
		until := time.Now()
		client := apitest.NewStubbedClient(t, func(r *http.Request) (*http.Response, error) {
			if r.URL.Path != "/api/runs" {
				return apitest.Response(200, detailOf("run_1", `{"job_id":"a"}`)), nil
			}
			date := time.Now().Add(ahead).UTC().Format(http.TimeFormat)
			time.Sleep(90 * time.Second)
			return apitest.Response(200, "["+runOf("run_1", "prm_1", at(until.Add(ahead-time.Second)))+"]", "Date", date), nil
		}, promptorchestra.WithTimeout(5*time.Minute))
		found, err := client.Runs.Find(t.Context(), promptorchestra.RunFindParams{PromptID: "prm_1", Variable: "job_id", Values: []string{"a"}, Until: until})
		require.NoError(t, err)
		assert.Len(t, found, 1)
	})
}

// A cache on the way is asked for a fresh list.
func TestFindAsksCachesForAFreshList(t *testing.T) {
	srv := &findServer{list: "[" + runOf("run_1", "prm_1", at(time.Now())) + "]", details: map[string]string{"run_1": detailOf("run_1", `{"job_id":"a"}`)}}
	caching := func(below http.RoundTripper) http.RoundTripper {
		return apitest.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("Cache-Control") != "no-cache" {
				return apitest.Response(200, "[]", "Age", "600"), nil
			}
			return below.RoundTrip(r)
		})
	}
	client := apitest.NewClient(t, srv, promptorchestra.WithTransportWrapper(caching))
	found, err := client.Runs.Find(t.Context(), promptorchestra.RunFindParams{PromptID: "prm_1", Variable: "job_id", Values: []string{"a"}})
	require.NoError(t, err)
	assert.Len(t, found, 1)
}

// A list without an end costs neither memory nor time without an end.
func TestFindInAListWithoutAnEnd(t *testing.T) {
	for name, row := range map[string]struct{ element, says string }{
		"of the prompt":  {`{"id":"run_1","promptId":"prm_1"},`, "more than 100000 runs of the prompt"},
		"of another":     {`{"id":"run_1","promptId":"prm_2"},`, "more than 1000000 runs"},
		"of nulls":       {`null,`, "more than 1000000 runs"},
		"of white space": {`          `, "limit of 65536 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			block := []byte(strings.Repeat(row.element, 1000))
			client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, err := w.Write([]byte("["))
				for err == nil && r.Context().Err() == nil {
					_, err = w.Write(block)
				}
			}), promptorchestra.WithMaxResponseBytes(64<<10))
			_, err := client.Runs.Find(t.Context(), promptorchestra.RunFindParams{PromptID: "prm_1", Variable: "job_id", Values: []string{"a"}})
			require.ErrorContains(t, err, row.says)
		})
	}
	t.Run("of members", func(t *testing.T) {
		client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := w.Write([]byte("{"))
			for err == nil && r.Context().Err() == nil {
				_, err = w.Write([]byte(strings.Repeat(`"a":null,`, 1000)))
			}
		}))
		_, err := client.Runs.Find(t.Context(), promptorchestra.RunFindParams{PromptID: "prm_1", Variable: "job_id", Values: []string{"a"}})
		require.ErrorContains(t, err, "too many members")
	})
}

// A list that stalls ends by the timeout, as a stream does.
func TestFindInAListThatStalls(t *testing.T) {
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("["))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}), promptorchestra.WithTimeout(300*time.Millisecond))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := client.Runs.Find(ctx, promptorchestra.RunFindParams{PromptID: "prm_1", Variable: "job_id", Values: []string{"a"}})
	require.Error(t, err)
	require.NoError(t, ctx.Err(), "its own timeout ended it: %v", err)
}

// For observers Find is one call, and those that it makes are calls of their own.
func TestFindIsAComposite(t *testing.T) {
	var ops []string
	observe := promptorchestra.WithObserver(func(ctx context.Context, call promptorchestra.CallInfo) (context.Context, func(promptorchestra.CallResult)) {
		ops = append(ops, fmt.Sprint(call.Op, " ", call.Composite))
		return ctx, nil
	})
	srv := &findServer{list: "[" + runOf("run_1", "prm_1", at(time.Now())) + "]", details: map[string]string{"run_1": detailOf("run_1", `{"job_id":"a"}`)}}
	_, err := apitest.NewClient(t, srv, observe).Runs.Find(t.Context(), promptorchestra.RunFindParams{PromptID: "prm_1", Variable: "job_id", Values: []string{"a"}})
	require.NoError(t, err)
	assert.Equal(t, []string{"Runs.Find true", "Runs.List false", "Runs.Get false"}, ops)
}
