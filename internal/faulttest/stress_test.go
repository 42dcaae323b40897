package faulttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
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

// A faultyServer answers with the id it was asked for, but for a random fault in one call of four, and counts how
// often each execution took effect.
type faultyServer struct {
	faults  atomic.Int64
	effects sync.Map // execution's id -> *atomic.Int32
}

func (s *faultyServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := strings.Split(r.URL.Path, "/")[3]
	organization := r.URL.Query().Get("organizationId")
	if r.Method != http.MethodGet {
		var body struct {
			OrganizationID string `json:"organizationId"`
			Variables      struct{ ID string }
		}
		if json.NewDecoder(r.Body).Decode(&body) != nil || body.Variables.ID != id {
			panic(http.ErrAbortHandler) // half a request, or a mixed up one
		}
		organization = body.OrganizationID
	}
	filler := strings.Repeat(id+" ", rand.IntN(2000))
	answer := fmt.Sprintf(`{"id":%q,"runId":%q,"name":%q,"description":%q}`, id, id, organization, filler)
	fault := rand.IntN(32)
	if fault < 8 {
		s.faults.Add(1)
	}
	effect := func() {
		n, _ := s.effects.LoadOrStore(r.Method+id, new(atomic.Int32))
		n.(*atomic.Int32).Add(1)
	}
	switch fault {
	case 0:
		panic(http.ErrAbortHandler) // before the effect
	case 1:
		effect()
		panic(http.ErrAbortHandler)
	case 2:
		effect()
		w.Header().Set("Content-Length", fmt.Sprint(len(answer)))
		_, _ = io.WriteString(w, answer[:len(answer)/2])
	case 3:
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = fmt.Fprintf(w, `{"error":%q}`, id)
	case 4:
		effect()
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintf(w, `{"error":%q}`, id)
	case 5:
		effect()
		time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
		_, _ = io.WriteString(w, answer)
	case 6:
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}
	case 7:
		effect()
		w.Header().Set("Connection", "close")
		chunked(w, 200, answer)
	default:
		effect()
		_, _ = io.WriteString(w, answer)
	}
}

func TestStress(t *testing.T) {
	length := time.Second
	switch {
	case os.Getenv("PROMPTORCHESTRA_LONG") == "1":
		length = 30 * time.Second
	case testing.Short():
		t.Skip("takes a second")
	}
	server := &faultyServer{}
	srv := httptest.NewUnstartedServer(server)
	srv.Config.ErrorLog = apitest.DiscardLog
	srv.Start()
	defer srv.Close()
	client := apitest.NewClientAt(t, srv.URL)
	var next, answers, failures, unknown atomic.Int64
	end := time.Now().Add(length)
	var callers sync.WaitGroup
	for range 64 {
		callers.Go(func() {
			for time.Now().Before(end) {
				id := fmt.Sprint("x", next.Add(1))
				own := client.InOrganization("org_" + id)
				var into struct{ Description string }
				var captured promptorchestra.Response
				opts := []promptorchestra.CallOption{promptorchestra.WithInto(&into), promptorchestra.WithResponse(&captured)}
				execution := rand.IntN(2) == 0
				var got, organization string
				var err error
				if execution {
					var run *promptorchestra.AgentRunResponse
					run, err = own.Agents.Run(t.Context(), id, promptorchestra.AgentRunParams{Variables: map[string]any{"ID": id}}, opts...)
					if err == nil {
						got = run.RunID
					}
				} else {
					var agent *promptorchestra.AgentVersionSummary
					agent, err = own.Agents.Get(t.Context(), id, opts...)
					if err == nil {
						got, organization = agent.ID, agent.Name
					}
				}
				effects := 0
				if n, found := server.effects.Load(http.MethodPost + id); found {
					effects = int(n.(*atomic.Int32).Load())
				}
				if execution {
					assert.LessOrEqual(t, effects, 1, "an execution ran twice")
				}
				if err == nil {
					answers.Add(1)
					assert.Equal(t, id, got, "an answer of another call")
					assert.Contains(t, string(captured.Body), `"name":"org_`+id+`"`)
					assert.Empty(t, strings.ReplaceAll(into.Description, id+" ", ""))
					if execution {
						assert.Equal(t, 1, effects)
					} else {
						assert.Equal(t, "org_"+id, organization)
					}
					continue
				}
				failures.Add(1)
				var api *promptorchestra.APIError
				if errors.As(err, &api) {
					assert.Equal(t, id, api.Message, "an error of another call")
					assert.Equal(t, id, api.Resource["agentId"])
				}
				if promptorchestra.OutcomeUnknown(err) {
					unknown.Add(1)
					assert.True(t, execution)
				} else if execution {
					assert.Zero(t, effects, "it happened, and the error does not say so: %v", err)
				}
			}
		})
	}
	callers.Wait()
	t.Logf("%d calls: %d answers, %d failures, %d of unknown outcome, %d faults", next.Load(), answers.Load(), failures.Load(), unknown.Load(), server.faults.Load())
	assert.Equal(t, next.Load(), answers.Load()+failures.Load())
	require.Greater(t, answers.Load(), next.Load()/2)
	assert.Positive(t, unknown.Load())
}
