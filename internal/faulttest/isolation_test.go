package faulttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// lateReader is a transport at its worst: it returns at once, with a failure or
// with an early answer, and reads the request's body only afterwards, while the
// buffers of the call would be in use by other calls already.
type lateReader struct {
	t       *testing.T
	readers sync.WaitGroup
}

func (l *lateReader) RoundTrip(req *http.Request) (*http.Response, error) {
	organization := req.Header.Get("X-Tenant")
	again, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	first := make([]byte, 1)
	_, _ = req.Body.Read(first) // as a transport that has begun to send
	l.readers.Add(1)
	go func() {
		defer l.readers.Done()
		for _, body := range []io.ReadCloser{req.Body, again} {
			rest := make([]byte, 0, 1024)
			chunk := make([]byte, 7)
			for {
				runtime.Gosched()
				n, err := body.Read(chunk)
				rest = append(rest, chunk[:n]...)
				if err != nil {
					break
				}
			}
			_ = body.Close()
			for part := range strings.SplitSeq(string(rest), "tenant=") {
				if name, _, found := strings.Cut(part, ";"); found && strings.HasPrefix(name, "org_") {
					assert.Equal(l.t, organization, name, "another tenant's body: %s", rest)
				}
			}
		}
		if late, err := req.GetBody(); err == nil {
			_ = late.Close()
		}
	}()
	if len(organization)%2 == 0 {
		return nil, errors.New("connection lost")
	}
	return &http.Response{StatusCode: 500, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"error":"early"}`))}, nil
}

// A buffer is used again only when nobody can still read it.
func TestNoTenantSeesAnothersBody(t *testing.T) {
	transport := &lateReader{t: t}
	client := apitest.NewClientAt(t, "http://127.0.0.1", promptorchestra.WithTransport(transport))
	var callers sync.WaitGroup
	for i := range 16 {
		callers.Go(func() {
			for j := range 200 {
				organization := fmt.Sprintf("org_%d", i*1_000+j*i)
				_, err := client.InOrganization(organization).Agents.Create(t.Context(), promptorchestra.AgentCreateParams{
					Name: "tenant=" + organization + ";", Description: strings.Repeat("tenant="+organization+";", 10),
				}, promptorchestra.WithHeader("X-Tenant", organization))
				assert.Error(t, err)
			}
		})
	}
	callers.Wait()
	transport.readers.Wait()
}

// Answers, errors and captured bodies stay what they are when the buffers they
// were read into are used by other calls.
func TestWhatACallReturnsStaysItsOwn(t *testing.T) {
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ OrganizationID, Name string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		switch {
		case strings.HasSuffix(body.Name, "0"):
			w.WriteHeader(http.StatusConflict)
			_, _ = fmt.Fprintf(w, `{"error":%q,"details":[{"code":%q}]}`, body.Name, body.OrganizationID)
		case strings.HasSuffix(body.Name, "1"):
			_, _ = fmt.Fprintf(w, `["not an object, but of %s"]`, body.Name)
		default:
			_, _ = fmt.Fprintf(w, `{"id":%q,"name":%q,"extra":%q}`, body.OrganizationID, body.Name, body.Name)
		}
	}))
	type outcome struct {
		agent    *promptorchestra.AgentListItem
		err      error
		response promptorchestra.Response
		into     map[string]promptorchestra.RawJSON
	}
	outcomes := make([][]outcome, 16)
	name := func(i, j int) string { return fmt.Sprintf("agent-%d-%d", i, j) }
	var callers sync.WaitGroup
	for i := range outcomes {
		outcomes[i] = make([]outcome, 60)
		callers.Go(func() {
			for j := range outcomes[i] {
				o := &outcomes[i][j]
				o.agent, o.err = client.InOrganization(fmt.Sprint("org_", i)).Agents.Create(t.Context(),
					promptorchestra.AgentCreateParams{Name: name(i, j)}, promptorchestra.WithResponse(&o.response), promptorchestra.WithInto(&o.into))
			}
		})
	}
	callers.Wait()
	for i := range outcomes {
		for j, o := range outcomes[i] {
			want, organization := name(i, j), fmt.Sprint("org_", i)
			assert.Contains(t, string(o.response.Body), want)
			var apiErr *promptorchestra.APIError
			var decodeErr *promptorchestra.DecodeError
			switch {
			case errors.As(o.err, &apiErr):
				assert.Equal(t, want, apiErr.Message)
				assert.Equal(t, organization, apiErr.Details[0].Code)
				assert.JSONEq(t, `{"code":"`+organization+`"}`, apiErr.Details[0].Raw.String())
				assert.Contains(t, string(apiErr.RawBody), want)
			case errors.As(o.err, &decodeErr):
				assert.Contains(t, string(decodeErr.Body), want)
			default:
				require.NoError(t, o.err)
				assert.Equal(t, organization, o.agent.ID)
				assert.Equal(t, want, o.agent.Name)
				assert.Equal(t, `"`+want+`"`, o.into["extra"].String())
			}
		}
	}
}

// A slow server that answers before it has read the body must not see another
// call's bytes in the rest of it either.
func TestEarlyAnswerToALargeBody(t *testing.T) {
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := client.Prompts.Run(ctx, "prm_1", promptorchestra.PromptRunParams{Variables: map[string]any{"text": strings.Repeat("x", 8<<20)}})
	var apiErr *promptorchestra.APIError
	var transportErr *promptorchestra.TransportError
	require.True(t, errors.As(err, &apiErr) || errors.As(err, &transportErr), "%v", err)
}
