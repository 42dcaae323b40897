package promptorchestra_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

func TestWaitPassesItsOptionsOn(t *testing.T) {
	looks := 0
	client := apitest.NewStubbedClient(t, func(r *http.Request) (*http.Response, error) {
		looks++
		assert.Equal(t, "a", r.Header.Get("X-Trace"))
		if looks == 1 {
			return apitest.Response(200, `{"run":{"status":"running"}}`), nil
		}
		return apitest.Response(200, `{"run":{"status":"completed"}}`), nil
	})
	_, err := client.AgentRuns.Wait(t.Context(), "arun_1", promptorchestra.WithHeader("X-Trace", "a"))
	require.NoError(t, err)
	assert.Equal(t, 2, looks)
}

func TestWaitEndsWithAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
			if looks++; looks == 1 {
				return apitest.Response(200, `{"run":{"status":"running"}}`), nil
			}
			return apitest.Response(503, ``), nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := client.AgentRuns.Wait(ctx, "arun_1", promptorchestra.WithoutRetry())
		require.True(t, promptorchestra.IsServer(err), "%v", err)
		assert.Equal(t, 2, looks)
	})
}

func TestWaitsHaveJitter(t *testing.T) {
	waits := map[time.Duration]bool{}
	synctest.Test(t, func(t *testing.T) {
		var last time.Time
		looks := 0
		client := apitest.NewStubbedClient(t, func(*http.Request) (*http.Response, error) {
			if looks++; looks > 1 {
				wait := time.Since(last)
				if looks > 12 {
					waits[wait] = true
				}
				if looks == 3 {
					assert.LessOrEqual(t, wait, 750*time.Millisecond)
				}
			}
			last = time.Now()
			if looks == 30 {
				return apitest.Response(200, `{"run":{"status":"completed"}}`), nil
			}
			return apitest.Response(200, `{"run":{"status":"running"}}`), nil
		})
		_, err := client.AgentRuns.Wait(t.Context(), "arun_1")
		require.NoError(t, err)
	})
	assert.Greater(t, len(waits), 10)
}
