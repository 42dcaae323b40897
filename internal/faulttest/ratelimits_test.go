package faulttest

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// Retry-After in the forms in use, through a real server: the next attempt comes no sooner.
func TestRetryAfterThroughAServer(t *testing.T) {
	for value, wait := range map[string]time.Duration{"1.2": 1200 * time.Millisecond, "0.25": 250 * time.Millisecond, "1": time.Second} {
		var first, second atomic.Int64
		client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if first.CompareAndSwap(0, time.Now().UnixNano()) {
				w.Header().Set("Retry-After", value)
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			second.Store(time.Now().UnixNano())
			_, _ = io.WriteString(w, `{"runId":"run_1"}`)
		}))
		require.NoError(t, apitest.Run(t.Context(), client))
		assert.GreaterOrEqual(t, time.Duration(second.Load()-first.Load()), wait, value)
	}
}

// A date is compared with the response's own Date, whatever the local clock says, and with the local clock where the
// response has no Date that makes sense.
func TestRetryAfterAsADate(t *testing.T) {
	gmt := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	zone := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC1123Z) }
	east := func(d time.Duration) string {
		return time.Now().Add(d).In(time.FixedZone("", 2*60*60)).Format(time.RFC1123Z)
	}
	long := func(d time.Duration) string { return time.Now().Add(d).UTC().Format("Monday, 02-Jan-06 15:04:05 GMT") }
	ansi := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.ANSIC) }
	utc := func(d time.Duration) string { return time.Now().Add(d).UTC().Format("Mon, 02 Jan 2006 15:04:05 UTC") }
	short := func(d time.Duration) string { return time.Now().Add(d).UTC().Format("Mon, 2 Jan 2006 15:04:05 GMT") }
	none := func() string { return "" }
	at := func(form func(time.Duration) string, d time.Duration) func() string {
		return func() string { return form(d) }
	}
	for name, row := range map[string]struct {
		after, date func() string
		wait        time.Duration // 0 when it is the jitter's
		beyond      time.Duration // what RetryAfter says of a wait beyond the cap, where nothing waits
	}{
		"GMT, no Date":               {after: at(gmt, 30*time.Second), date: none, wait: 30 * time.Second},
		"+0000, no Date":             {after: at(zone, 30*time.Second), date: none, wait: 30 * time.Second},
		"+0200, no Date":             {after: at(east, 30*time.Second), date: none, wait: 30 * time.Second},
		"RFC 850, no Date":           {after: at(long, 30*time.Second), date: none, wait: 30 * time.Second},
		"asctime, no Date":           {after: at(ansi, 30*time.Second), date: none, wait: 30 * time.Second},
		"UTC, no Date":               {after: at(utc, 30*time.Second), date: none, wait: 30 * time.Second},
		"a day of one digit":         {after: at(short, 30*time.Second), date: none, wait: 30 * time.Second},
		"their clock an hour ahead":  {after: at(gmt, time.Hour+20*time.Second), date: at(gmt, time.Hour), wait: 20 * time.Second},
		"their clock a day behind":   {after: at(gmt, 20*time.Second-24*time.Hour), date: at(gmt, -24*time.Hour), wait: 20 * time.Second},
		"both with +0000":            {after: at(zone, time.Hour+20*time.Second), date: at(zone, time.Hour), wait: 20 * time.Second},
		"an hour by their Date":      {after: at(gmt, time.Hour), date: at(gmt, 0), beyond: time.Hour},
		"an hour, our clock ahead":   {after: at(gmt, 0), date: at(gmt, -time.Hour), beyond: time.Hour},
		"an hour, +0000":             {after: at(zone, 2*time.Hour), date: at(gmt, time.Hour), beyond: time.Hour},
		"gone by, by their Date":     {after: at(gmt, time.Hour), date: at(gmt, time.Hour)},
		"a Date that makes no sense": {after: at(gmt, 30*time.Second), date: func() string { return "yesterday" }, wait: 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sent := 0
				client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
					if sent++; sent > 1 {
						return apitest.Response(200, apitest.Agent), nil
					}
					header := []string{"Retry-After", row.after()}
					if date := row.date(); date != "" {
						header = append(header, "Date", date)
					}
					return apitest.Response(503, "", header...), nil
				})
				start := time.Now()
				err := apitest.Get(t.Context(), client)
				waited := time.Since(start)
				if row.beyond > 0 {
					asked, ok := promptorchestra.RetryAfter(err)
					assert.True(t, ok, "%v", err)
					assert.Equal(t, row.beyond, asked)
					assert.Equal(t, 1, sent)
					assert.Zero(t, waited)
					return
				}
				require.NoError(t, err)
				assert.Equal(t, 2, sent)
				if row.wait == 0 {
					assert.Less(t, waited, 500*time.Millisecond)
					return
				}
				assert.GreaterOrEqual(t, waited, row.wait)
				assert.LessOrEqual(t, waited, row.wait+row.wait/4)
			})
		})
	}
}

// Callers that were asked to wait at the same moment come back spread evenly over a quarter of the wait.
func TestRetryAfterIsSpread(t *testing.T) {
	for _, wait := range []time.Duration{time.Second, 60 * time.Second} { // the last one is the cap
		synctest.Test(t, func(t *testing.T) {
			const callers, buckets = 2000, 8
			var back [buckets]atomic.Int32
			start := time.Now()
			client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
				since := time.Since(start)
				if since == 0 {
					return apitest.Response(429, "", "Retry-After", fmt.Sprint(wait.Seconds())), nil
				}
				late := since - wait
				if assert.GreaterOrEqual(t, late, time.Duration(0)) && assert.LessOrEqual(t, late, wait/4) {
					back[min(late*buckets/(wait/4), buckets-1)].Add(1)
				}
				return apitest.Response(200, `{"runId":"run_1"}`), nil
			})
			var calls sync.WaitGroup
			for range callers {
				calls.Go(func() { assert.NoError(t, apitest.Run(t.Context(), client)) })
			}
			calls.Wait()
			for i := range back { // 250 expected: 100 is more than six standard deviations
				assert.InDelta(t, callers/buckets, back[i].Load(), 100, "bucket %d", i)
			}
		})
	}
}

// The spread never passes the deadline.
func TestSpreadEndsBeforeTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
			if time.Since(start) == 0 {
				return apitest.Response(429, "", "Retry-After", "40"), nil
			}
			return apitest.Response(200, `{"runId":"run_1"}`), nil
		})
		ctx, cancel := context.WithDeadline(t.Context(), start.Add(41*time.Second))
		defer cancel()
		var calls sync.WaitGroup
		for range 500 {
			calls.Go(func() { assert.NoError(t, apitest.Run(ctx, client)) })
		}
		calls.Wait()
		assert.Less(t, time.Since(start), 41*time.Second)
	})
}

// A cap without bounds and a Retry-After without bounds make no storm: the call waits.
func TestLongestRetryAfterIsWaitedFor(t *testing.T) {
	for _, value := range []string{"9223372036", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		synctest.Test(t, func(t *testing.T) {
			sent := 0
			client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
				sent++
				return apitest.Response(429, "", "Retry-After", value), nil
			}, promptorchestra.WithRetry(promptorchestra.RetryPolicy{MaxRetryAfter: math.MaxInt64}))
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(24*time.Hour, cancel)
			err := apitest.Get(ctx, client)
			require.ErrorIs(t, err, context.Canceled, value)
			assert.Equal(t, 1, sent, value)
		})
	}
}

// The rate limit of one organization takes no retry from another.
func TestRateLimitOfAnotherOrganization(t *testing.T) {
	for name, limited := range map[string]int{"40 calls": 40, "400 calls": 400} {
		t.Run(name, func(t *testing.T) {
			var outage atomic.Int32
			client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Query().Get("organizationId") == "org_a":
					w.WriteHeader(http.StatusTooManyRequests)
				case outage.Add(1) == 1:
					w.WriteHeader(http.StatusServiceUnavailable)
				default:
					_, _ = io.WriteString(w, apitest.Agent)
				}
			}))
			for range limited {
				require.True(t, promptorchestra.IsRateLimited(apitest.Get(t.Context(), client.InOrganization("org_a"))))
			}
			var r promptorchestra.Response
			require.NoError(t, apitest.Get(t.Context(), client.InOrganization("org_b"), promptorchestra.WithResponse(&r)))
			assert.Equal(t, 2, r.Attempts)
		})
	}
}

// A server that works keeps the budget full, whatever it answers: few calls fail for want of it.
func TestBudgetIsRefilledByAnyResponse(t *testing.T) {
	for status, call := range map[int]apitest.Call{200: apitest.Get, 404: apitest.Get, 402: apitest.Get, 501: apitest.Get, 302: apitest.Get, 400: apitest.Run} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			const reads = 1000
			var n, turn atomic.Int32
			client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if turn.Load() == 1 && r.Method == http.MethodGet {
					turn.Store(0)
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				w.WriteHeader(status)
				_, _ = io.WriteString(w, `{"id":"agt_1","runId":"run_1"}`)
			}))
			unavailable := 0
			for range reads {
				if n.Add(1)%4 == 0 {
					turn.Store(1)
				}
				if promptorchestra.IsServer(apitest.Get(t.Context(), client)) && status != 501 {
					unavailable++
				}
				if status == 400 {
					require.Error(t, call(t.Context(), client))
				}
			}
			assert.Zero(t, unavailable)
			if status == 501 {
				var r promptorchestra.Response
				turn.Store(1)
				require.Error(t, apitest.Get(t.Context(), client, promptorchestra.WithResponse(&r)))
				assert.Equal(t, 2, r.Attempts, "a retry is left")
			}
		})
	}
}

// Statuses that proxies and gateways add are retried for reads like any other 5xx, and of unknown outcome for executions.
func TestStatusesOfProxies(t *testing.T) {
	for _, status := range []int{500, 502, 503, 504, 506, 507, 508, 509, 510, 511, 520, 521, 522, 523, 524, 525, 526, 527, 529, 530, 561, 598, 599} {
		srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
			if r.Attempt == 1 {
				r.Respond(status, "error code: "+fmt.Sprint(status), -1)
			} else {
				r.Respond(200, apitest.Agent, -1)
			}
			return true
		})
		client := apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t))
		require.NoError(t, apitest.Get(t.Context(), client), status)
		assert.Equal(t, 2, srv.Count(http.MethodGet), status)
		err := apitest.Run(t.Context(), client)
		assert.True(t, promptorchestra.IsServer(err), status)
		assert.True(t, promptorchestra.OutcomeUnknown(err), status)
		assert.Equal(t, 1, srv.Count(http.MethodPost), status)
	}
}
