package orchestratest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

// control sends a request to the control API, as curl does, and returns the status and the body,
// nil when there is none.
func (a *api) control(method, path, body string) (int, any) {
	a.t.Helper()
	request, err := http.NewRequestWithContext(a.t.Context(), method, a.srv.URL+"/control"+path, strings.NewReader(body))
	require.NoError(a.t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err := a.http.Do(request)
	require.NoError(a.t, err)
	defer func() { _ = response.Body.Close() }()
	received, err := io.ReadAll(response.Body)
	require.NoError(a.t, err)
	if len(received) == 0 {
		return response.StatusCode, nil
	}
	assert.Equal(a.t, "application/json; charset=utf-8", response.Header.Get("Content-Type"))
	var value any
	require.NoError(a.t, json.Unmarshal(received, &value), "%s", received)
	return response.StatusCode, value
}

func TestControlIsOffByDefault(t *testing.T) {
	a := start(t)
	status, _ := a.control("GET", "/faults", "")
	assert.Equal(t, http.StatusNotFound, status)
	assert.Len(t, a.srv.Requests("*"), 1)
}

// Each fault by its name does what it does in Go.
func TestControlFaults(t *testing.T) {
	for name, c := range map[string]struct {
		fault  string
		status int    // of a response, 0 when none comes
		body   string // a part of it
		header string // the value of X-Fault
	}{
		"a status":              {fault: `{"fault":"status","code":503,"body":"down","headers":{"X-Fault":"1"}}`, status: 503, body: "down", header: "1"},
		"a status with JSON":    {fault: `{"fault":"status","code":500,"body":{"error":"no","n":1.50}}`, status: 500, body: `{"error":"no","n":1.50}`},
		"a status alone":        {fault: `{"fault":"status","code":500}`, status: 500},
		"a proxy's page":        {fault: `{"fault":"html","code":502}`, status: 502, body: "<h1>502 Bad Gateway</h1>"},
		"no response, not sent": {fault: `{"fault":"dropBefore"}`},
		"no response":           {fault: `{"fault":"dropAfter"}`},
		"a cut body":            {fault: `{"fault":"cutBody","bytes":7}`},
		"a slow body":           {fault: `{"fault":"slowBody","ms":10}`, status: 201, body: "Writer"},
		"a delay":               {fault: `{"fault":"delay","ms":10}`, status: 201, body: "Writer"},
		"a rate limit":          {fault: `{"fault":"rateLimited","retryAfter":1.5}`, status: 429, body: "rate_limited"},
		"no seats":              {fault: `{"fault":"noSeats","delayMs":1}`, status: 402, body: "seat_limit_exceeded"},
		"no feature":            {fault: `{"fault":"noFeature","feature":"voice"}`, status: 402, body: `feature \"voice\"`},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t, orchestratest.WithControl())
			status, queued := a.control("POST", "/faults", `{"op":"Agents.Create","faults":[`+c.fault+`]}`)
			require.Equal(t, http.StatusOK, status, queued)
			assert.Equal(t, object{"pending": object{"Agents.Create": 1.0}}, queued)

			response, body, err := a.send("POST", "/api/agents", object{"name": "Writer"})
			_, pending := a.control("GET", "/faults", "")
			assert.Equal(t, object{"pending": object{}}, pending)
			if c.status == 0 {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.status, response.StatusCode)
			assert.Contains(t, string(body), c.body)
			assert.Equal(t, c.header, response.Header.Get("X-Fault"))
			if c.status == http.StatusTooManyRequests {
				assert.Equal(t, "2", response.Header.Get("Retry-After"))
			}
		})
	}
}

// One fault for many requests is an outage, and without end until it is dropped.
func TestControlRepeatsFaults(t *testing.T) {
	a := start(t, orchestratest.WithControl())
	_, queued := a.control("POST", "/faults", `{"op":"Agents.List","faults":[{"fault":"noSeats","times":2},{"fault":"status","code":503,"times":0},{"fault":"html","code":502}]}`)
	assert.Equal(t, object{"pending": object{"Agents.List": 3.0}}, queued)
	for _, want := range []int{402, 402, 502, 200} {
		a.statusOnly(want, "GET", "/api/agents")
	}
	all := `{"op":"*","faults":[{"fault":"noSeats","times":10000}` + strings.Repeat(`,{"fault":"noSeats","times":10000}`, 1000) + `]}`
	status, rejected := a.control("POST", "/faults", all)
	assert.Equal(t, http.StatusRequestEntityTooLarge, status, rejected)
	assert.Empty(t, a.srv.PendingFaults())
}

// What waits for a server may ask with HEAD.
func TestControlTakesHEAD(t *testing.T) {
	srv := orchestratest.NewServer(orchestratest.WithControl())
	defer srv.Close()
	for _, transport := range []http.RoundTripper{srv.Transport(), &http.Transport{DisableKeepAlives: true}} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodHead, srv.URL+"/control/health", nil)
		require.NoError(t, err)
		response, err := transport.RoundTrip(request)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, []any{200, ""}, []any{response.StatusCode, string(body)})
	}
}

func TestControlDropsFaults(t *testing.T) {
	a := start(t, orchestratest.WithControl())
	_, queued := a.control("POST", "/faults", `{"op":"*","faults":[{"fault":"noSeats"},{"fault":"noSeats"}]}`)
	assert.Equal(t, object{"pending": object{"*": 2.0}}, queued)
	status, _ := a.control("DELETE", "/faults", "")
	assert.Equal(t, http.StatusNoContent, status)
	assert.Empty(t, a.list("/api/agents"))
}

func TestControlLimits(t *testing.T) {
	a := start(t, orchestratest.WithControl())
	free := object{"members": 5.0, "seats": 5.0, "ai": true, "voice": true}
	_, limits := a.control("GET", "/limits", "")
	assert.Equal(t, free, limits)
	_, limits = a.control("POST", "/limits", `{"seats":3}`)
	assert.Equal(t, object{"members": 5.0, "seats": 3.0, "ai": true, "voice": true}, limits)
	a.rejected(402, "GET", "/api/agents", nil)
	_, limits = a.control("POST", "/limits", `{"ai":false,"voice":false,"seats":5}`)
	assert.Equal(t, object{"members": 5.0, "seats": 5.0, "ai": false, "voice": false}, limits)
	a.rejected(402, "POST", "/api/prompts/prm_none/run", object{"variables": object{}})
	status, _ := a.control("DELETE", "/limits", "")
	assert.Equal(t, http.StatusNoContent, status)
	_, limits = a.control("GET", "/limits", "")
	assert.Equal(t, free, limits)
	a.rejected(404, "POST", "/api/prompts/prm_none/run", object{"variables": object{}})
}

func TestControlRequests(t *testing.T) {
	a := start(t, orchestratest.WithControl())
	a.create("/api/agents", object{"name": "Writer"})
	a.list("/api/agents?q=1")
	a.srv.Fail("Agents.List", orchestratest.DropBefore())
	_, _, _ = a.send("GET", "/api/agents", nil)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.srv.URL+"/api/prompts", strings.NewReader("\xff\xfe"))
	require.NoError(t, err)
	response, err := a.http.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())

	status, value := a.control("GET", "/requests?op=Agents.Create", "")
	require.Equal(t, http.StatusOK, status)
	created := value.(object)["requests"].([]any)
	require.Len(t, created, 1)
	first := created[0].(object)
	assert.Equal(t, "Agents.Create", first["op"])
	assert.Equal(t, "POST", first["method"])
	assert.Equal(t, "/api/agents", first["path"])
	assert.JSONEq(t, `{"organizationId":"`+a.org+`","name":"Writer"}`, first["body"].(string))
	assert.Equal(t, []any{"application/json"}, first["headers"].(object)["Content-Type"])
	assert.InDelta(t, 201, first["status"], 0)
	assert.Regexp(t, `^req_`, first["requestId"])
	assert.Regexp(t, `^\d{4}-\d\d-\d\dT`, first["time"])
	assert.Equal(t, false, first["bodyDropped"])

	_, value = a.control("GET", "/requests", "")
	all := value.(object)["requests"].([]any)
	require.GreaterOrEqual(t, len(all), 4)
	assert.Equal(t, object{"q": []any{"1"}, "publicContract": []any{"1"}, "organizationId": []any{a.org}}, all[1].(object)["query"])
	assert.Nil(t, all[2].(object)["body"], "it was never read")
	last := all[len(all)-1].(object)
	assert.Nil(t, last["body"])
	assert.Equal(t, "//4=", last["bodyBase64"], "it is no text")

	status, _ = a.control("DELETE", "/requests", "")
	assert.Equal(t, http.StatusNoContent, status)
	_, value = a.control("GET", "/requests", "")
	assert.Equal(t, object{"requests": []any{}}, value)
}

// A mistake is rejected there and then, named, and changes nothing. The API goes on as before.
func TestControlRefusesMistakes(t *testing.T) {
	a := start(t, orchestratest.WithControl())
	fault := func(f string) string { return `{"op":"Agents.List","faults":[{"fault":"noSeats"},` + f + `]}` }
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		why                string
	}{
		"no such path":          {method: "GET", path: "/fault", status: 404, why: "there is no /control/fault; the paths are /control/expired, /control/failures, /control/faults, "},
		"no path":               {method: "GET", path: "/", status: 404, why: "there is no /control/; the paths are"},
		"no such method":        {method: "PUT", path: "/faults", status: 405, why: "/control/faults does not take PUT"},
		"no posted requests":    {method: "POST", path: "/requests", body: "{}", status: 405, why: "/control/requests does not take POST"},
		"no JSON":               {method: "POST", path: "/faults", body: "op=Agents.List", status: 400, why: "the request body must be a JSON object"},
		"nothing":               {method: "POST", path: "/faults", status: 400, why: "op is required; faults is required"},
		"null":                  {method: "POST", path: "/limits", body: "null", status: 400, why: "the request body must be a JSON object"},
		"a call that is none":   {method: "POST", path: "/faults", body: `{"op":"Agents.Lits","faults":[]}`, status: 400, why: `op must be a call such as Agents.Run, or *: there is no "Agents.Lits"`},
		"no call":               {method: "POST", path: "/faults", body: `{"faults":[]}`, status: 400, why: "op is required"},
		"no faults":             {method: "POST", path: "/faults", body: `{"op":"*"}`, status: 400, why: "faults is required"},
		"faults in words":       {method: "POST", path: "/faults", body: `{"op":"*","faults":["noSeats"]}`, status: 400, why: "faults must be an array of objects"},
		"a fault that is none":  {method: "POST", path: "/faults", body: fault(`{"fault":"dropafter"}`), status: 400, why: `faults[1].fault must be one of cutBody, delay, dropAfter, dropBefore, html, noFeature, noSeats, rateLimited, slowBody, status: there is no "dropafter"`},
		"a fault without name":  {method: "POST", path: "/faults", body: fault(`{}`), status: 400, why: "faults[1].fault is required"},
		"a misspelt member":     {method: "POST", path: "/faults", body: fault(`{"fault":"dropAfter","delayMS":1}`), status: 400, why: "faults[1].delayMS does not belong here"},
		"another's member":      {method: "POST", path: "/faults", body: fault(`{"fault":"noSeats","code":402}`), status: 400, why: "faults[1].code does not belong here"},
		"a member beside":       {method: "POST", path: "/faults", body: `{"op":"*","faults":[],"count":2}`, status: 400, why: "count does not belong here"},
		"no code":               {method: "POST", path: "/faults", body: fault(`{"fault":"status"}`), status: 400, why: "faults[1].code is required"},
		"a code in words":       {method: "POST", path: "/faults", body: fault(`{"fault":"html","code":"502"}`), status: 400, why: "faults[1].code must be a number"},
		"half a code":           {method: "POST", path: "/faults", body: fault(`{"fault":"html","code":502.5}`), status: 400, why: "faults[1].code must be a whole number"},
		"a code that ends not":  {method: "POST", path: "/faults", body: fault(`{"fault":"status","code":100}`), status: 400, why: "faults[1].code must be a status from 200 to 999"},
		"no time":               {method: "POST", path: "/faults", body: fault(`{"fault":"delay"}`), status: 400, why: "faults[1].ms is required"},
		"a negative time":       {method: "POST", path: "/faults", body: fault(`{"fault":"delay","ms":-1}`), status: 400, why: "faults[1].ms must be from 0 to 1000000000"},
		"a time without end":    {method: "POST", path: "/faults", body: fault(`{"fault":"delay","ms":1e300}`), status: 400, why: "faults[1].ms must be from 0 to 1000000000"},
		"headers in a list":     {method: "POST", path: "/faults", body: fault(`{"fault":"noSeats","headers":{"X":["1"]}}`), status: 400, why: "faults[1].headers must be an object of strings"},
		"a header of two words": {method: "POST", path: "/faults", body: fault(`{"fault":"noSeats","headers":{"X Y":"1"}}`), status: 400, why: `the header "X Y" cannot be sent`},
		"a header of two lines": {method: "POST", path: "/faults", body: fault(`{"fault":"noSeats","headers":{"X":"1\r\nY: 2"}}`), status: 400, why: `the header "X" cannot be sent`},
		"times without end":     {method: "POST", path: "/faults", body: fault(`{"fault":"noSeats","times":1e9}`), status: 400, why: "faults[1].times must be from 0 to 10000"},
		"half a time":           {method: "POST", path: "/faults", body: fault(`{"fault":"noSeats","times":0.5}`), status: 400, why: "faults[1].times must be a whole number"},
		"no such feature name":  {method: "POST", path: "/faults", body: fault(`{"fault":"noFeature"}`), status: 400, why: "faults[1].feature is required"},
		"a limit that is none":  {method: "POST", path: "/limits", body: `{"seats":3,"seat":3}`, status: 400, why: "seat does not belong here"},
		"seats in words":        {method: "POST", path: "/limits", body: `{"seats":"3"}`, status: 400, why: "seats must be a number"},
		"half a seat":           {method: "POST", path: "/limits", body: `{"seats":2.5}`, status: 400, why: "seats must be a whole number"},
		"no seats":              {method: "POST", path: "/limits", body: `{"seats":null}`, status: 400, why: "seats is required"},
		"an entitlement of 1":   {method: "POST", path: "/limits", body: `{"seats":3,"ai":1}`, status: 400, why: "ai must be true or false"},
		"no entitlement":        {method: "POST", path: "/limits", body: `{"voice":null}`, status: 400, why: "voice must be true or false"},
		"requests of no call":   {method: "GET", path: "/requests?op=Agents.Lits", status: 400, why: `op must be a call such as Agents.Run, or *: there is no "Agents.Lits"`},
		"requests by path":      {method: "GET", path: "/requests?path=/api/agents", status: 400, why: "path does not belong here"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := a.control(c.method, c.path, c.body)
			assert.Equal(t, c.status, status)
			rejected := body.(object)
			assert.Len(t, rejected, 1)
			assert.Contains(t, rejected["error"], c.why)
		})
	}
	require.NoError(t, a.srv.Err())
	assert.Empty(t, a.srv.PendingFaults())
	assert.Empty(t, a.list("/api/agents"))
	assert.Len(t, a.srv.Requests("*"), 1, "the control API's own requests are not recorded")
}

// The control API works even when the test itself has made a mistake in Go.
func TestControlSurvivesMisuse(t *testing.T) {
	srv := orchestratest.NewServer(orchestratest.WithControl())
	defer srv.Close()
	srv.Fail("Agents.Rnu", orchestratest.NoSeats())
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	a := &api{t, srv, srv.OrganizationID, srv.AccessToken, client}
	status, _ := a.control("GET", "/requests", "")
	assert.Equal(t, http.StatusOK, status)
}
