package promptorchestra_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// The benchmarks put the SDK beside what a careful programmer writes by hand
// over net/http and encoding/json, measured in turns in the same run.

const (
	benchAgent = `{"id":"agt_2xb5q8c7m1n4v6z9k3j0h8g5","name":"Support triage","slug":"support-triage","description":"Sorts incoming tickets and answers the simple ones",` +
		`"status":"published","entryStepKey":"classify","publishedVersionId":"agv_7h3k9d2f5s8a1q4w6e0r2t5y","publishedVersionNumber":12,` +
		`"createdAt":"2026-09-14T08:21:07.113Z","updatedAt":"2026-11-02T16:45:39.902Z","team":"support"}`
	benchFailure = `{"error":"Payment required","message":"All 25 seats of the plan are taken: upgrade the plan or remove a member."}`
)

var (
	benchParams = promptorchestra.AgentCreateParams{
		Name: "Support triage", Description: strings.Repeat("Sorts incoming tickets and answers the simple ones. ", 4) + "Escalates.",
	}
	benchList = "[" + strings.Repeat(strings.ReplaceAll(benchAgent, `,"team":"support"`, "")+",", 999) + benchAgent + "]"
)

// raw is the hand-written client.
type raw struct {
	client *http.Client
	base   string
}

type rawFailure struct {
	Status  int
	Err     string `json:"error"`
	Message string `json:"message"`
	Code    string `json:"code"`
}

func (e *rawFailure) Error() string { return fmt.Sprintf("%d: %s: %s", e.Status, e.Err, e.Message) }

func (r *raw) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+apitest.Token)
	req.Header.Set("X-Prompt-Orchestra-Auth-Source", "access_token")
	req.Header.Set("User-Agent", "raw/1.0")
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		failure := &rawFailure{Status: resp.StatusCode}
		_ = json.Unmarshal(answer, failure)
		return failure
	}
	return json.Unmarshal(answer, out)
}

func (r *raw) get(ctx context.Context) error {
	var agent promptorchestra.AgentVersionSummary
	return r.call(ctx, http.MethodGet, "/api/agents/agt_1?organizationId="+apitest.Organization+"&publicContract=1", nil, &agent)
}

func (r *raw) create(ctx context.Context) error {
	var agent promptorchestra.AgentListItem
	return r.call(ctx, http.MethodPost, "/api/agents?publicContract=1", struct {
		OrganizationID string `json:"organizationId"`
		promptorchestra.AgentCreateParams
	}{apitest.Organization, benchParams}, &agent)
}

func (r *raw) list(ctx context.Context) error {
	var agents []promptorchestra.AgentListItem
	return r.call(ctx, http.MethodGet, "/api/agents?organizationId="+apitest.Organization+"&publicContract=1", nil, &agents)
}

// stub is a transport that answers at once, as a real one would: the request's
// body is read and closed.
type stub struct {
	status int
	body   string
}

func (s stub) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
		_ = req.Body.Close()
	}
	return &http.Response{
		StatusCode: s.status, Header: stubHeader, ContentLength: int64(len(s.body)),
		Body: io.NopCloser(strings.NewReader(s.body)), Request: req,
	}, nil
}

var stubHeader = http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {"req_1"}}

// pair returns both clients over the same transport.
func pair(tb testing.TB, base string, transport http.RoundTripper, opts ...promptorchestra.Option) (*raw, *promptorchestra.Client) {
	tb.Helper()
	client, err := promptorchestra.New(append([]promptorchestra.Option{
		promptorchestra.WithBaseURL(base), promptorchestra.WithOrganization(apitest.Organization), promptorchestra.WithAccessToken(apitest.Token),
		promptorchestra.WithTransport(transport),
	}, opts...)...)
	require.NoError(tb, err)
	return &raw{&http.Client{Transport: transport}, base}, client
}

// compare runs both in turns and reports the SDK's figures, and their ratios
// to the hand-written ones.
func compare(b *testing.B, byHand, sdk func() error) {
	b.Helper()
	type figures struct {
		time          time.Duration
		allocs, bytes uint64
	}
	var hand, ours figures
	measure := func(to *figures, n int, call func() error) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		started := time.Now()
		for range n {
			if err := call(); err != nil {
				b.Fatal(err)
			}
		}
		to.time += time.Since(started)
		runtime.ReadMemStats(&after)
		to.allocs += after.Mallocs - before.Mallocs
		to.bytes += after.TotalAlloc - before.TotalAlloc
	}
	for range 10 { // fill the pools
		require.NoError(b, byHand())
		require.NoError(b, sdk())
	}
	turn := max(b.N/20, 1)
	for done := 0; done < b.N; done += turn {
		n := min(turn, b.N-done)
		measure(&ours, n, sdk)
		measure(&hand, n, byHand)
	}
	n := float64(b.N)
	b.ReportMetric(float64(ours.time.Nanoseconds())/n, "ns/op")
	b.ReportMetric(float64(ours.allocs)/n, "sdk-allocs")
	b.ReportMetric(float64(ours.bytes)/n, "sdk-bytes")
	b.ReportMetric(float64(hand.allocs)/n, "raw-allocs")
	b.ReportMetric(float64(ours.time)/float64(hand.time), "time-ratio")
	b.ReportMetric(float64(ours.allocs)/float64(hand.allocs), "allocs-ratio")
	b.ReportMetric(float64(ours.bytes)/float64(hand.bytes), "bytes-ratio")
}

func withDeadline(b *testing.B) context.Context {
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	b.Cleanup(cancel)
	return ctx
}

// expect402 turns the expected failure into success, and anything else not.
func expect402(err error) error {
	var byHand *rawFailure
	if promptorchestra.IsEntitlement(err) || errors.As(err, &byHand) && byHand.Status == http.StatusPaymentRequired {
		return nil
	}
	return fmt.Errorf("not a 402: %w", err)
}

func benchmarks(b *testing.B, connect func(b *testing.B, status int, body string) (*raw, *promptorchestra.Client)) {
	b.Run("Get", func(b *testing.B) {
		byHand, sdk := connect(b, 200, benchAgent)
		ctx := withDeadline(b)
		compare(b, func() error { return byHand.get(ctx) }, func() error { return apitest.ErrorOf(sdk.Agents.Get(ctx, "agt_1")) })
	})
	b.Run("GetDefaultTimeout", func(b *testing.B) {
		byHand, sdk := connect(b, 200, benchAgent)
		deadline, ctx := withDeadline(b), b.Context()
		compare(b, func() error { return byHand.get(deadline) }, func() error { return apitest.ErrorOf(sdk.Agents.Get(ctx, "agt_1")) })
	})
	b.Run("Post", func(b *testing.B) {
		byHand, sdk := connect(b, 200, benchAgent)
		ctx := withDeadline(b)
		compare(b, func() error { return byHand.create(ctx) }, func() error { return apitest.ErrorOf(sdk.Agents.Create(ctx, benchParams)) })
	})
	b.Run("List1000", func(b *testing.B) {
		byHand, sdk := connect(b, 200, benchList)
		ctx := withDeadline(b)
		compare(b, func() error { return byHand.list(ctx) }, func() error { return apitest.ErrorOf(sdk.Agents.List(ctx)) })
	})
	b.Run("Error402", func(b *testing.B) {
		byHand, sdk := connect(b, 402, benchFailure)
		ctx := withDeadline(b)
		compare(b, func() error { return expect402(byHand.get(ctx)) }, func() error { return expect402(apitest.ErrorOf(sdk.Agents.Get(ctx, "agt_1"))) })
	})
	b.Run("InOrganization", func(b *testing.B) {
		byHand, sdk := connect(b, 200, benchAgent)
		ctx := withDeadline(b)
		compare(b, func() error { return byHand.get(ctx) }, func() error {
			return apitest.ErrorOf(sdk.InOrganization(apitest.Organization).Agents.Get(ctx, "agt_1"))
		})
	})
}

// BenchmarkInProcess is the cost of the code alone: the transport is a stub.
func BenchmarkInProcess(b *testing.B) {
	benchmarks(b, func(b *testing.B, status int, body string) (*raw, *promptorchestra.Client) {
		return pair(b, "http://127.0.0.1", stub{status, body})
	})
}

// BenchmarkLoopback goes through a real server and real connections, the SDK on its default transport.
func BenchmarkLoopback(b *testing.B) {
	benchmarks(b, func(b *testing.B, status int, body string) (*raw, *promptorchestra.Client) {
		return loopback(b, status, body)
	})
}

// BenchmarkLoopbackWrapped is the same with a RoundTripper of the user's own, as one that traces, around an
// http.Transport.
func BenchmarkLoopbackWrapped(b *testing.B) {
	benchmarks(b, func(b *testing.B, status int, body string) (*raw, *promptorchestra.Client) {
		transport := &http.Transport{MaxIdleConnsPerHost: 64}
		b.Cleanup(transport.CloseIdleConnections)
		return loopback(b, status, body, promptorchestra.WithTransport(apitest.RoundTripFunc(transport.RoundTrip)))
	})
}

func loopback(b *testing.B, status int, body string, opts ...promptorchestra.Option) (*raw, *promptorchestra.Client) {
	b.Helper()
	srv := httptest.NewServer(apitest.Respond(status, body))
	b.Cleanup(srv.Close)
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	b.Cleanup(transport.CloseIdleConnections)
	client, err := promptorchestra.New(append([]promptorchestra.Option{
		promptorchestra.WithBaseURL(srv.URL), promptorchestra.WithOrganization(apitest.Organization), promptorchestra.WithAccessToken(apitest.Token),
	}, opts...)...)
	require.NoError(b, err)
	return &raw{&http.Client{Transport: transport}, srv.URL}, client
}

// BenchmarkParallel has many callers on the client's own default transport, and
// counts the connections they open, beside those of the hand-written client on
// a transport with as many idle connections as callers.
func BenchmarkParallel(b *testing.B) {
	for _, callers := range []int{64, 512} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			run := func(call func(base string) func() error) (time.Duration, float64) {
				var opened atomic.Int64
				srv := httptest.NewUnstartedServer(apitest.Respond(200, benchAgent))
				srv.Config.ConnState = apitest.CountNew(&opened)
				srv.Start()
				defer srv.Close()
				get := call(srv.URL)
				var left atomic.Int64
				left.Store(int64(b.N))
				var wg sync.WaitGroup
				started := time.Now()
				for range callers {
					wg.Go(func() {
						for left.Add(-1) >= 0 {
							if err := get(); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				return time.Since(started), float64(opened.Load())
			}
			ctx := withDeadline(b)
			ours, opened := run(func(base string) func() error {
				client, err := promptorchestra.New(promptorchestra.WithBaseURL(base), promptorchestra.WithOrganization(apitest.Organization),
					promptorchestra.WithAccessToken(apitest.Token))
				require.NoError(b, err)
				return func() error { return apitest.ErrorOf(client.Agents.Get(ctx, "agt_1")) }
			})
			transport := &http.Transport{MaxIdleConnsPerHost: callers}
			defer transport.CloseIdleConnections()
			hand, handOpened := run(func(base string) func() error {
				r := &raw{&http.Client{Transport: transport}, base}
				return func() error { return r.get(ctx) }
			})
			b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N), "ns/op")
			b.ReportMetric(ours.Seconds()/hand.Seconds(), "time-ratio")
			b.ReportMetric(opened, "connections")
			b.ReportMetric(handOpened, "raw-connections")
		})
	}
}

// TestAllocations guards what docs/performance.md says: how many allocations a
// call costs over a stub transport, that it is no more than by hand, and how many
// bytes these are. A rise wants a reason. Go 1.27 needs fewer.
func TestAllocations(t *testing.T) {
	if apitest.RaceEnabled {
		t.Skip("the race detector allocates too")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	get := func(c *promptorchestra.Client) error { return apitest.ErrorOf(c.Agents.Get(ctx, "agt_1")) }
	getByHand := func(r *raw) error { return r.get(ctx) }
	quiet := slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError}))
	for name, row := range map[string]struct {
		status int
		body   string
		call   func(*promptorchestra.Client) error
		byHand func(*raw) error
		most   float64 // with Go 1.26
		bytes  float64 // at most, for one of the hand-written client
		opts   []promptorchestra.Option
	}{
		"GET": {
			status: 200, body: benchAgent, call: get, byHand: getByHand, most: 22, bytes: 1.05,
		},
		"GET with a logger that is off": {
			status: 200, body: benchAgent, call: get, byHand: getByHand, most: 22, bytes: 1.05,
			opts: []promptorchestra.Option{promptorchestra.WithLogger(quiet)},
		},
		"GET in another organization": {
			status: 200, body: benchAgent,
			call: func(c *promptorchestra.Client) error { return get(c.InOrganization("org_2")) }, byHand: getByHand,
			most: 23, bytes: 1.05,
		},
		"POST": {
			status: 200, body: benchAgent,
			call:   func(c *promptorchestra.Client) error { return apitest.ErrorOf(c.Agents.Create(ctx, benchParams)) },
			byHand: func(r *raw) error { return r.create(ctx) }, most: 35, bytes: 1.1,
		},
		"402": {
			status: 402, body: benchFailure, call: func(c *promptorchestra.Client) error { return expect402(get(c)) },
			byHand: func(r *raw) error { return expect402(getByHand(r)) }, most: 21, bytes: 1.1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			byHand, client := pair(t, "http://127.0.0.1", stub{row.status, row.body}, row.opts...)
			want, wantBytes := allocations(func() { _ = row.byHand(byHand) })
			got, gotBytes := allocations(func() { _ = row.call(client) })
			t.Logf("%.0f allocations of %.0f bytes, hand-written %.0f of %.0f", got, gotBytes, want, wantBytes)
			assert.LessOrEqual(t, got, row.most)
			assert.LessOrEqual(t, got, want)
			assert.LessOrEqual(t, gotBytes, wantBytes*row.bytes)
		})
	}
}

// allocations returns how many allocations a call makes, and of how many bytes.
func allocations(call func()) (count, bytes float64) {
	const runs = 1000
	var before, after runtime.MemStats
	count = testing.AllocsPerRun(runs, call)
	runtime.ReadMemStats(&before)
	for range runs {
		call()
	}
	runtime.ReadMemStats(&after)
	return count, float64(after.TotalAlloc-before.TotalAlloc) / runs
}
