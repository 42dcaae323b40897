package promptorchestra_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func TestKindOfErrorsThatATestBuilt(t *testing.T) {
	seats := &promptorchestra.APIError{StatusCode: 402, Kind: promptorchestra.KindEntitlement}
	for _, row := range []struct {
		err  error
		kind promptorchestra.Kind
	}{
		{nil, ""},
		{errors.New("disk full"), promptorchestra.KindUnknown},
		{io.EOF, promptorchestra.KindUnknown},
		{context.Canceled, promptorchestra.KindCanceled},
		{fmt.Errorf("giving up: %w", context.DeadlineExceeded), promptorchestra.KindTimeout},
		{seats, promptorchestra.KindEntitlement},
		{fmt.Errorf("running: %w", seats), promptorchestra.KindEntitlement},
		{errors.Join(errors.New("other"), seats, &promptorchestra.ArgumentError{}), promptorchestra.KindEntitlement},
		{&promptorchestra.APIError{StatusCode: 429}, promptorchestra.KindRateLimited}, // without a Kind: by its status
		{&promptorchestra.APIError{StatusCode: 403, Code: "AUTH_INVALID_TOKEN"}, promptorchestra.KindAuthentication},
		{&promptorchestra.APIError{StatusCode: 503, Err: context.Canceled}, promptorchestra.KindServer},
		{&promptorchestra.TransportError{}, promptorchestra.KindTransport},
		{&promptorchestra.TransportError{Err: io.EOF}, promptorchestra.KindTransport},
		{&promptorchestra.TransportError{Err: context.Canceled}, promptorchestra.KindCanceled},
		{&promptorchestra.TransportError{Err: fmt.Errorf("read: %w", os.ErrDeadlineExceeded)}, promptorchestra.KindTimeout},
		{&promptorchestra.TransportError{Err: fmt.Errorf("%w; before that: %w", context.Canceled, seats)}, promptorchestra.KindEntitlement},
		{&promptorchestra.TransportError{Err: fmt.Errorf("%w; before that: %w", context.Canceled, &promptorchestra.TransportError{Err: io.EOF})}, promptorchestra.KindTransport},
		{&promptorchestra.DecodeError{StatusCode: 200, Err: io.ErrUnexpectedEOF}, promptorchestra.KindDecode},
		{&promptorchestra.DecodeError{StatusCode: 200, Err: fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, context.Canceled)}, promptorchestra.KindCanceled},
		{&promptorchestra.ArgumentError{Err: promptorchestra.ErrMissingOrganization}, promptorchestra.KindArgument},
		{(*promptorchestra.APIError)(nil), promptorchestra.KindUnknown},
		{(*promptorchestra.TransportError)(nil), promptorchestra.KindUnknown},
		{(*promptorchestra.DecodeError)(nil), promptorchestra.KindUnknown},
		{(*promptorchestra.ArgumentError)(nil), promptorchestra.KindUnknown},
	} {
		assert.Equal(t, row.kind, promptorchestra.KindOf(row.err), "%T", row.err)
	}
	_, err := promptorchestra.New(promptorchestra.WithBaseURL("ftp://example.com"), promptorchestra.WithAccessToken(""))
	assert.Equal(t, promptorchestra.KindArgument, promptorchestra.KindOf(err))
}

func TestKindOfErrorsOfCalls(t *testing.T) {
	for name, row := range map[string]struct {
		meet func(t *testing.T, srv *orchestratest.Server) error
		kind promptorchestra.Kind
	}{
		"402": {func(t *testing.T, srv *orchestratest.Server) error {
			srv.Restrict(orchestratest.Seats(3))
			return apitest.Get(t.Context(), srv.Client())
		}, promptorchestra.KindEntitlement},
		"404": {func(t *testing.T, srv *orchestratest.Server) error { return apitest.Get(t.Context(), srv.Client()) }, promptorchestra.KindNotFound},
		"a proxy's 404": {func(t *testing.T, srv *orchestratest.Server) error {
			srv.Fail("*", orchestratest.HTML(404))
			return apitest.Get(t.Context(), srv.Client())
		}, promptorchestra.KindUnknown},
		"nobody listens": {func(t *testing.T, srv *orchestratest.Server) error {
			client := srv.Client(apitest.FastRetries)
			srv.Close()
			return apitest.Get(t.Context(), client)
		}, promptorchestra.KindTransport},
		"cancelled": {func(t *testing.T, srv *orchestratest.Server) error {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return apitest.Get(ctx, srv.Client())
		}, promptorchestra.KindCanceled},
		"the context's deadline": {func(t *testing.T, srv *orchestratest.Server) error {
			ctx, cancel := context.WithTimeout(t.Context(), -time.Second)
			defer cancel()
			return apitest.Get(ctx, srv.Client())
		}, promptorchestra.KindTimeout},
		"the attempt's timeout": {func(t *testing.T, srv *orchestratest.Server) error {
			srv.Fail("*", orchestratest.Delay(time.Minute))
			return apitest.Get(t.Context(), srv.Client(), promptorchestra.WithTimeout(20*time.Millisecond), promptorchestra.WithoutRetry())
		}, promptorchestra.KindTimeout},
		"a page": {func(t *testing.T, srv *orchestratest.Server) error {
			srv.Fail("*", orchestratest.HTML(200))
			return apitest.Get(t.Context(), srv.Client())
		}, promptorchestra.KindDecode},
		"an argument": {func(t *testing.T, srv *orchestratest.Server) error {
			_, err := srv.Client().Agents.Get(t.Context(), "")
			return err
		}, promptorchestra.KindArgument},
		"cancelled in a wait": {func(t *testing.T, srv *orchestratest.Server) error {
			srv.Fail("*", orchestratest.RateLimited(30*time.Second))
			ctx, cancel := context.WithCancel(t.Context())
			return apitest.Get(ctx, srv.Client(promptorchestra.WithLogger(slog.New(apitest.OnRetry(cancel)))))
		}, promptorchestra.KindRateLimited},
	} {
		t.Run(name, func(t *testing.T) {
			err := row.meet(t, orchestratestServer(t))
			require.Error(t, err)
			assert.Equal(t, row.kind, promptorchestra.KindOf(err), "%v", err)
			assert.Equal(t, row.kind, promptorchestra.KindOf(fmt.Errorf("wrapped: %w", err)))
		})
	}
}

func orchestratestServer(t *testing.T) *orchestratest.Server {
	t.Helper()
	srv := orchestratest.NewServer()
	t.Cleanup(srv.Close)
	return srv
}

func ExampleKindOf() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	srv.Fail("Prompts.Run", orchestratest.NoSeats())

	_, err := srv.Client().Prompts.Run(context.Background(), "prm_1", promptorchestra.PromptRunParams{})
	switch kind := promptorchestra.KindOf(err); {
	case promptorchestra.OutcomeUnknown(err):
		fmt.Println("it may have run: look for the run")
	case kind == promptorchestra.KindEntitlement:
		fmt.Println("the plan must be upgraded")
	case kind == promptorchestra.KindArgument, kind == promptorchestra.KindNotFound:
		fmt.Println("a mistake of ours")
	case err != nil:
		fmt.Println("failed:", kind)
	}
	// Output: the plan must be upgraded
}

// The failure's body names the run that was left behind.
func ExampleRunID() {
	srv := orchestratest.NewServer()
	defer srv.Close()
	srv.Fail("Agents.Run", orchestratest.Status(http.StatusBadGateway, `{"error":"failed","message":"the provider is down","runId":"arun_7"}`))

	_, err := srv.Client().Agents.Run(context.Background(), "agt_1", promptorchestra.AgentRunParams{})
	if id, ok := promptorchestra.RunID(err); ok && promptorchestra.OutcomeUnknown(err) {
		fmt.Println("look at", id)
	}
	// Output: look at arun_7
}
