package orchestratest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sdk "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestFaultsThatAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		op, path    string
		fault       orchestratest.Fault
		status      int
		contentType string
		body        string
		header      map[string]string
	}{
		"JSON":             {op: "Agents.List", path: "/api/agents", fault: orchestratest.Status(503, `{"error":"down"}`), status: 503, contentType: "application/json; charset=utf-8", body: `{"error":"down"}`},
		"truncated JSON":   {op: "Agents.List", path: "/api/agents", fault: orchestratest.Status(500, `{"error":`), status: 500, contentType: "application/json; charset=utf-8", body: `{"error":`},
		"text":             {op: "Agents.List", path: "/api/agents", fault: orchestratest.Status(502, "bad gateway"), status: 502, contentType: "text/plain; charset=utf-8", body: "bad gateway"},
		"HTML":             {op: "Agents.List", path: "/api/agents", fault: orchestratest.Status(502, "<p>no</p>"), status: 502, contentType: "text/html; charset=utf-8", body: "<p>no</p>"},
		"a proxy's page":   {op: "Agents.List", path: "/api/agents", fault: orchestratest.HTML(502), status: 502, contentType: "text/html; charset=utf-8", body: "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"},
		"nothing":          {op: "Agents.List", path: "/api/agents", fault: orchestratest.Status(500, ""), status: 500},
		"a success":        {op: "Agents.List", path: "/api/agents", fault: orchestratest.Status(200, "null"), status: 200, contentType: "application/json; charset=utf-8", body: "null"},
		"no content":       {op: "Agents.List", path: "/api/agents", fault: orchestratest.Status(204, ""), status: 204},
		"a redirect":       {op: "Agents.List", path: "/api/agents", fault: orchestratest.Status(302, "").WithHeader("Location", "/other"), status: 302, header: map[string]string{"Location": "/other"}},
		"another type":     {op: "Agents.List", path: "/api/agents", fault: orchestratest.Status(500, "{}").WithHeader("Content-Type", "text/html"), status: 500, contentType: "text/html", body: "{}"},
		"any route":        {op: "*", path: "/api/prompts", fault: orchestratest.Status(500, "{}"), status: 500, contentType: "application/json; charset=utf-8", body: "{}"},
		"seats, classic":   {op: "Runs.List", path: "/api/runs", fault: orchestratest.NoSeats(), status: 402, contentType: "application/json; charset=utf-8", body: `{"error":"seat_limit_exceeded","message":"The organization has 5 members and 4 seats"}`},
		"feature, classic": {op: "Runs.List", path: "/api/runs", fault: orchestratest.NoFeature("voice"), status: 402, contentType: "application/json; charset=utf-8", body: `{"error":"feature_not_in_plan","message":"The plan does not include the feature \"voice\""}`},
		"429, classic":     {op: "Runs.List", path: "/api/runs", fault: orchestratest.RateLimited(1500 * time.Millisecond), status: 429, contentType: "application/json; charset=utf-8", body: `{"error":"rate_limited","message":"Too many requests"}`, header: map[string]string{"Retry-After": "2"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t)
			a.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			a.srv.Fail(c.op, c.fault)
			response, body, err := a.send("GET", c.path, nil)
			require.NoError(t, err)
			assert.Equal(t, c.status, response.StatusCode)
			assert.Equal(t, c.contentType, response.Header.Get("Content-Type"))
			assert.Equal(t, c.body, string(body))
			for key, value := range c.header {
				assert.Equal(t, value, response.Header.Get(key))
			}
			assert.Equal(t, a.srv.Requests("*")[0].RequestID, response.Header.Get("X-Request-Id"))
			a.list(c.path) // the next request is answered as always
		})
	}
}

func TestRefusalsHaveTheShapeOfTheRoute(t *testing.T) {
	for name, c := range map[string]struct {
		fault     orchestratest.Fault
		code      string
		category  string
		retryable bool
	}{
		"seats":      {orchestratest.NoSeats(), "seat_limit_exceeded", "billing", false},
		"a feature":  {orchestratest.NoFeature("ai"), "feature_not_in_plan", "billing", false},
		"rate limit": {orchestratest.RateLimited(time.Second), "rate_limited", "rate_limit", true},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t)
			a.srv.Fail("Agents.List", c.fault)
			_, value := a.ask("GET", "/api/agents", nil)
			body := value.(object)
			assert.Equal(t, c.code, body["code"])
			assert.Equal(t, c.category, body["category"])
			assert.Equal(t, c.retryable, body["retryable"])
			assert.NotEmpty(t, body["title"])
			assert.NotEmpty(t, body["why"])
			assert.NotContains(t, body, "error")
		})
	}
}

func TestFaultsThatHideTheAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		fault    orchestratest.Fault
		happened int // agents made
		bodySeen bool
	}{
		"drop before":      {orchestratest.DropBefore(), 0, false},
		"drop after":       {orchestratest.DropAfter(), 1, true},
		"cut body":         {orchestratest.CutBody(10), 1, true},
		"cut at the start": {orchestratest.CutBody(0), 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t)
			a.srv.Fail("Agents.Create", c.fault)
			_, received, err := a.send("POST", "/api/agents", object{"name": "Writer"})
			require.Error(t, err)
			assert.LessOrEqual(t, len(received), 10)
			arrived := a.srv.Requests("Agents.Create")
			require.Len(t, arrived, 1)
			assert.Equal(t, c.bodySeen, arrived[0].Body != nil)
			assert.Len(t, a.list("/api/agents"), c.happened)
		})
	}
}

func TestCutBodyAnnouncesTheWholeBody(t *testing.T) {
	a := start(t)
	a.create("/api/agents", object{"name": "Writer"})
	a.srv.Fail("Agents.List", orchestratest.CutBody(7))
	response, received, err := a.send("GET", "/api/agents", nil)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Greater(t, response.ContentLength, int64(100))
	assert.Len(t, received, 7)

	a.srv.Fail("Agents.List", orchestratest.CutBody(1<<20))
	response, received, err = a.send("GET", "/api/agents", nil)
	require.NoError(t, err, "more than there is cuts nothing")
	assert.Len(t, received, int(response.ContentLength))
}

func TestSlowFaults(t *testing.T) {
	for name, fault := range map[string]orchestratest.Fault{
		"delay": orchestratest.Delay(50 * time.Millisecond), "slow body": orchestratest.SlowBody(50 * time.Millisecond),
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t)
			a.srv.Fail("Agents.Create", fault)
			begun := time.Now()
			assert.Equal(t, "Writer", a.ok("POST", "/api/agents", object{"name": "Writer"})["name"])
			assert.GreaterOrEqual(t, time.Since(begun), 50*time.Millisecond)
		})
	}
}

func TestADelayedRequestHasItsEffectThoughTheClientGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := orchestratest.NewUnlistened()
		defer srv.Close()
		srv.Fail("Agents.Create", orchestratest.Delay(time.Hour))
		_, err := srv.Client(sdk.WithTimeout(time.Minute)).Agents.Create(t.Context(), sdk.AgentCreateParams{Name: "Writer"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		agents, err := srv.Client().Agents.List(t.Context())
		require.NoError(t, err)
		assert.Len(t, agents, 1)
	})
}

// A delay may come before anything else a fault does to the answer.
func TestDelayedFaults(t *testing.T) {
	const wait = 50 * time.Millisecond
	for name, c := range map[string]struct {
		fault  orchestratest.Fault
		status int // 0 when the connection is closed
		made   int
	}{
		"a status":    {orchestratest.Status(503, "{}").WithDelay(wait), 503, 0},
		"drop before": {orchestratest.DropBefore().WithDelay(wait), 0, 0},
		"drop after":  {orchestratest.DropAfter().WithDelay(wait), 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t)
			a.srv.Fail("Agents.Create", c.fault)
			begun := time.Now()
			response, _, err := a.send("POST", "/api/agents", object{"name": "Writer"})
			assert.GreaterOrEqual(t, time.Since(begun), wait)
			assert.Equal(t, c.status == 0, err != nil)
			if err == nil {
				assert.Equal(t, c.status, response.StatusCode)
			}
			assert.Len(t, a.list("/api/agents"), c.made)
		})
	}
}

func TestFaultsAreTakenInOrder(t *testing.T) {
	a := start(t)
	a.srv.Fail("*", orchestratest.Status(503, "{}"))
	a.srv.Fail("Agents.List", orchestratest.Status(500, "{}"), orchestratest.Fault{}, orchestratest.Status(502, "{}"))
	var statuses []int
	for range 5 {
		status, _ := a.ask("GET", "/api/agents", nil)
		statuses = append(statuses, status)
	}
	assert.Equal(t, []int{500, 200, 502, 503, 200}, statuses, "those of the route before those of all")
}

func TestAnAnsweredFaultHasNoEffect(t *testing.T) {
	a := start(t)
	a.srv.Fail("Agents.Create", orchestratest.Status(500, `"text"`))
	response, body, err := a.send("POST", "/api/agents", object{"name": "Writer"})
	require.NoError(t, err)
	assert.Equal(t, "application/json; charset=utf-8", response.Header.Get("Content-Type"))
	assert.True(t, json.Valid(body))
	assert.Empty(t, a.list("/api/agents"))
}

// seen is what the SDK makes of a fault.
type seen struct {
	err      string   // the type of the error: api, transport, decode, or "" for none
	kind     sdk.Kind // of an api error
	unknown  bool     // OutcomeUnknown
	again    bool     // IsRetryable
	requests int      // with one retry allowed
	runs     int      // recorded, of the execution
}

// met is that with how long to wait.
type met struct {
	seen
	retryAfter time.Duration
}

// Each kind of fault, met by every attempt of a read and of an execution, over a socket and without.
func TestFaultsSeenByTheSDK(t *testing.T) {
	rejected := func(kind sdk.Kind) seen { return seen{"api", kind, false, false, 1, 0} }
	for name, c := range map[string]struct {
		fault      orchestratest.Fault
		retryAfter time.Duration
		read, run  seen
	}{
		"bad gateway": {
			orchestratest.HTML(http.StatusBadGateway), 0,
			seen{"api", sdk.KindServer, false, true, 2, 0},
			seen{"api", sdk.KindServer, true, false, 1, 0},
		},
		"unavailable for too long": {
			orchestratest.Status(503, `{"error":"down"}`).WithHeader("Retry-After", "1"), time.Second,
			seen{"api", sdk.KindServer, false, true, 1, 0},
			seen{"api", sdk.KindServer, true, false, 1, 0},
		},
		"rate limit": {
			orchestratest.RateLimited(0), 0,
			seen{"api", sdk.KindRateLimited, false, true, 2, 0},
			seen{"api", sdk.KindRateLimited, false, true, 2, 0},
		},
		"rate limit for too long": {
			orchestratest.RateLimited(2 * time.Second), 2 * time.Second,
			seen{"api", sdk.KindRateLimited, false, true, 1, 0},
			seen{"api", sdk.KindRateLimited, false, true, 1, 0},
		},
		"bad request":      {orchestratest.Status(400, `{"error":"no"}`), 0, rejected(sdk.KindInvalidRequest), rejected(sdk.KindInvalidRequest)},
		"no route":         {orchestratest.HTML(http.StatusNotFound), 0, rejected(sdk.KindUnknown), rejected(sdk.KindUnknown)},
		"too few seats":    {orchestratest.NoSeats(), 0, rejected(sdk.KindEntitlement), rejected(sdk.KindEntitlement)},
		"no such feature":  {orchestratest.NoFeature("ai"), 0, rejected(sdk.KindEntitlement), rejected(sdk.KindEntitlement)},
		"drop before":      {orchestratest.DropBefore(), 0, seen{"transport", "", false, true, 2, 0}, seen{"transport", "", true, false, 1, 0}},
		"drop after":       {orchestratest.DropAfter(), 0, seen{"transport", "", false, true, 2, 0}, seen{"transport", "", true, false, 1, 1}},
		"cut body":         {orchestratest.CutBody(5), 0, seen{"decode", "", false, true, 2, 0}, seen{"decode", "", true, false, 1, 1}},
		"cut at the start": {orchestratest.CutBody(0), 0, seen{"decode", "", false, true, 2, 0}, seen{"decode", "", true, false, 1, 1}},
		"slow body":        {orchestratest.SlowBody(time.Minute), 0, seen{"decode", "", false, true, 2, 0}, seen{"decode", "", true, false, 1, 1}},
		"long delay":       {orchestratest.Delay(time.Minute), 0, seen{"transport", "", false, true, 2, 0}, seen{"transport", "", true, false, 1, 1}},
		"slow enough":      {orchestratest.SlowBody(10 * time.Millisecond), 0, seen{requests: 1}, seen{requests: 1, runs: 1}},
		"short delay":      {orchestratest.Delay(10 * time.Millisecond), 0, seen{requests: 1}, seen{requests: 1, runs: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := map[string]met{"Prompts.List": {c.read, c.retryAfter}, "Prompts.Run": {c.run, c.retryAfter}}
			meet := func(t *testing.T, srv *orchestratest.Server, timeout time.Duration, opts ...sdk.Option) map[string]met {
				t.Helper()
				defer srv.Close()
				all := map[string]met{}
				prompt, calm := srv.PublishPrompt("Hello"), srv.Client()
				client := srv.Client(append(opts,
					sdk.WithTimeout(timeout),
					sdk.WithRetry(sdk.RetryPolicy{MaxRetries: 1, MinWait: time.Millisecond, MaxWait: time.Millisecond, MaxRetryAfter: time.Millisecond}))...)
				for op, call := range map[string]func(context.Context) error{
					"Prompts.List": func(ctx context.Context) error { _, err := client.Prompts.List(ctx); return err },
					"Prompts.Run": func(ctx context.Context) error {
						_, err := client.Prompts.Run(ctx, prompt, sdk.PromptRunParams{})
						return err
					},
				} {
					srv.Fail(op, c.fault, c.fault)
					err := call(t.Context())
					runs, listErr := calm.Runs.List(t.Context())
					require.NoError(t, listErr)
					got := seen{requests: len(srv.Requests(op)), unknown: sdk.OutcomeUnknown(err), again: sdk.IsRetryable(err)}
					got.err, got.kind = describe(err)
					if op == "Prompts.Run" {
						got.runs = len(runs)
					}
					wait, _ := sdk.RetryAfter(err)
					all[op] = met{got, wait}
				}
				return all
			}
			t.Run("socket", func(t *testing.T) {
				// net/http retries a GET on a used connection by itself
				fresh := sdk.WithTransport(&http.Transport{DisableKeepAlives: true})
				// Only what takes too long is to time out: a busy machine gets more time.
				for timeout := 500 * time.Millisecond; ; timeout *= 4 {
					got := meet(t, orchestratest.NewServer(), timeout, fresh)
					if maps.Equal(want, got) || timeout > 10*time.Second {
						assert.Equal(t, want, got)
						return
					}
				}
			})
			t.Run("transport", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { assert.Equal(t, want, meet(t, orchestratest.NewUnlistened(), time.Second)) })
			})
		})
	}
}

func describe(err error) (kind string, api sdk.Kind) {
	var (
		rejected *sdk.APIError
		lost     *sdk.TransportError
		unread   *sdk.DecodeError
	)
	switch {
	case err == nil:
		return "", ""
	case errors.As(err, &lost): // first, for it may hold the failure before
		return "transport", ""
	case errors.As(err, &rejected):
		return "api", rejected.Kind
	case errors.As(err, &unread):
		return "decode", ""
	}
	return "another", ""
}

// A fault's body and headers reach the caller as they are.
func TestStatusFaultReachesTheCaller(t *testing.T) {
	srv := orchestratest.NewServer()
	defer srv.Close()
	srv.Fail("Prompts.List", orchestratest.Status(451, `{"error":"failed","message":"Not here","code":"LEGAL"}`).WithHeader("X-Upstream", "b"))
	var response sdk.Response
	_, err := srv.Client().Prompts.List(t.Context(), sdk.WithResponse(&response))
	var rejected *sdk.APIError
	require.ErrorAs(t, err, &rejected)
	assert.Equal(t, 451, rejected.StatusCode)
	assert.Equal(t, []string{"LEGAL", "Not here", "failed"}, []string{rejected.Code, rejected.Message, rejected.Summary})
	assert.JSONEq(t, `{"error":"failed","message":"Not here","code":"LEGAL"}`, string(rejected.RawBody))
	assert.Equal(t, "b", response.Header.Get("X-Upstream"))
	assert.Equal(t, srv.Requests("Prompts.List")[0].RequestID, rejected.RequestID)
}

func TestPendingFaults(t *testing.T) {
	a := start(t)
	assert.Equal(t, map[string]int{}, a.srv.PendingFaults())
	a.srv.Fail("Agents.List", orchestratest.NoSeats(), orchestratest.NoSeats())
	a.srv.Fail("*", orchestratest.NoSeats())
	a.srv.Fail("Agents.Get")
	assert.Equal(t, map[string]int{"Agents.List": 2, "*": 1}, a.srv.PendingFaults())
	a.rejected(402, "GET", "/api/agents", nil)
	a.rejected(402, "GET", "/api/prompts", nil)
	assert.Equal(t, map[string]int{"Agents.List": 1}, a.srv.PendingFaults())
	a.rejected(402, "GET", "/api/agents", nil)
	assert.Empty(t, a.srv.PendingFaults())
}
