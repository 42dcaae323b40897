package promptorchestra_test

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest/apidocs"
)

// What is promised of one call holds for every route: these tests make each call of the table.

func TestOddAnswersAreTheSameOnEveryRoute(t *testing.T) {
	documented := apidocs.Routes(t)
	for name, row := range map[string]struct {
		status int
		body   string
		err    string // what the error says
	}{
		"204":                    {http.StatusNoContent, "", ""},
		"205":                    {http.StatusResetContent, "", ""},
		"200 without a body":     {http.StatusOK, "", "no body"},
		"201 with white space":   {http.StatusCreated, " \r\n", "no body"},
		"200 with null":          {http.StatusOK, " null\n", "null"},
		"200 with HTML":          {http.StatusOK, "\n<!doctype html><p>Sign in</p>", "HTML"},
		"200 with text":          {http.StatusOK, "OK", ""},
		"200 with a number":      {http.StatusOK, "7", ""},
		"200 with a string":      {http.StatusOK, `"OK"`, ""},
		"200 with half a number": {http.StatusOK, `-`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(row.status)
				_, _ = w.Write([]byte(row.body))
			}))
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
				var e *promptorchestra.DecodeError
				require.ErrorAs(t, err, &e, tt.op)
				require.ErrorContains(t, err, row.err, tt.op)
				assert.True(t, reflect.ValueOf(record).IsNil(), tt.op)
				assert.Equal(t, row.body, string(e.Body), tt.op)
				assert.Equal(t, documented[tt.op].Replay == "never", promptorchestra.OutcomeUnknown(err), tt.op)
				assert.False(t, promptorchestra.IsRetryable(err), tt.op)
			}
			n := 0
			for _, err := range client.Runs.All(t.Context()) {
				n++
				var e *promptorchestra.DecodeError
				require.ErrorAs(t, err, &e)
				require.ErrorContains(t, err, row.err)
			}
			assert.Equal(t, row.status < 202, n == 1, "streaming is no exception")
		})
	}
}

func TestEveryRouteIsRepeatedByItsClass(t *testing.T) {
	var sent atomic.Int32
	var status atomic.Int32
	documented := apidocs.Routes(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		sent.Add(1)
		if s := int(status.Load()); s != 0 {
			w.WriteHeader(s)
			return
		}
		panic(http.ErrAbortHandler)
	}))
	defer srv.Close()
	fast := promptorchestra.WithRetry(promptorchestra.RetryPolicy{MinWait: time.Microsecond, MaxWait: time.Microsecond})
	pool := promptorchestra.WithTransport(&http.Transport{DisableKeepAlives: true})
	for _, failure := range []int{503, 500, 0, 429} {
		status.Store(int32(failure))
		for _, tt := range wireTests {
			client := apitest.NewClientAt(t, srv.URL, fast, pool) // one retry budget would not do for all
			before := sent.Load()
			_, err := tt.call(t.Context(), client)
			require.Error(t, err)
			never := documented[tt.op].Replay == "never"
			want := 4
			if never && failure != http.StatusTooManyRequests {
				want = 1
			}
			assert.EqualValues(t, want, sent.Load()-before, "%s on %d", tt.op, failure)
			assert.Equal(t, never && failure != http.StatusTooManyRequests, promptorchestra.OutcomeUnknown(err), tt.op)
		}
	}
}
