package promptorchestra

import (
	"net/http"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// What is promised of one call holds for every route: these tests make each call of the table.

func routeOf(t *testing.T, op string) *route {
	t.Helper()
	for _, r := range routes {
		if r.op == op {
			return r
		}
	}
	require.Fail(t, "no route "+op)
	return nil
}

func TestOddAnswersAreTheSameOnEveryRoute(t *testing.T) {
	for name, row := range map[string]struct {
		status int
		body   string
		err    error // nil: the zero value, or an empty list
	}{
		"204":                    {http.StatusNoContent, "", nil},
		"205":                    {http.StatusResetContent, "", nil},
		"200 without a body":     {http.StatusOK, "", errNoBody},
		"201 with white space":   {http.StatusCreated, " \r\n", errNoBody},
		"200 with null":          {http.StatusOK, " null\n", errNull},
		"200 with HTML":          {http.StatusOK, "\n<!doctype html><p>Sign in</p>", errHTML},
		"200 with text":          {http.StatusOK, "OK", nil},
		"200 with a number":      {http.StatusOK, "7", nil},
		"200 with a string":      {http.StatusOK, `"OK"`, nil},
		"200 with half a number": {http.StatusOK, `-`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			client := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(row.status)
				_, _ = w.Write([]byte(row.body))
			})
			for _, tt := range wireTests {
				record, err := tt.call(t.Context(), client)
				if row.status == http.StatusNoContent || row.status == http.StatusResetContent {
					require.NoError(t, err, tt.op)
					v := reflect.ValueOf(record)
					if v.Kind() == reflect.Slice {
						assert.Zero(t, v.Len(), tt.op)
						assert.False(t, v.IsNil(), tt.op)
					} else {
						assert.True(t, v.Elem().IsZero(), tt.op)
					}
					continue
				}
				var e *DecodeError
				require.ErrorAs(t, err, &e, tt.op)
				if row.err != nil {
					require.ErrorIs(t, err, row.err, tt.op)
				}
				assert.True(t, reflect.ValueOf(record).IsNil(), tt.op)
				assert.Equal(t, row.body, string(e.Body), tt.op)
				assert.Equal(t, routeOf(t, tt.op).traits.has(once), OutcomeUnknown(err), tt.op)
				assert.False(t, IsRetryable(err), tt.op)
			}
			n := 0
			for _, err := range client.Runs.All(t.Context()) {
				n++
				var e *DecodeError
				require.ErrorAs(t, err, &e)
				if row.err != nil {
					require.ErrorIs(t, err, row.err)
				}
			}
			assert.Equal(t, row.status < 202, n == 1, "streaming is no exception")
		})
	}
}

func TestEveryRouteIsRepeatedByItsClass(t *testing.T) {
	var sent atomic.Int32
	var status atomic.Int32
	client := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) {
		sent.Add(1)
		if s := int(status.Load()); s != 0 {
			w.WriteHeader(s)
			return
		}
		panic(http.ErrAbortHandler)
	}, WithRetry(RetryPolicy{MinWait: time.Microsecond, MaxWait: time.Microsecond}))
	for _, failure := range []int{503, 500, 0, 429} {
		status.Store(int32(failure))
		for _, tt := range wireTests {
			client.core.engine = freshEngine() // one budget would not do for all
			before := sent.Load()
			_, err := tt.call(t.Context(), client)
			require.Error(t, err)
			never := routeOf(t, tt.op).traits.has(once)
			want := 4
			if never && failure != http.StatusTooManyRequests {
				want = 1
			}
			assert.EqualValues(t, want, sent.Load()-before, "%s on %d", tt.op, failure)
			assert.Equal(t, never && failure != http.StatusTooManyRequests, OutcomeUnknown(err), tt.op)
		}
	}
}

// freshEngine has a whole budget, and as many connections as it likes.
func freshEngine() *transport.Engine {
	return transport.NewEngine(http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, nil,
		transport.Policy{MinWait: time.Microsecond, MaxWait: time.Microsecond, MaxRetryAfter: time.Second})
}
