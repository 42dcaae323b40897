package promptorchestra_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// wire logs requests and responses without credentials. Each word of eight characters or more in a
// header that is not shown becomes stars everywhere, even if a server echoes it.
type wire struct {
	next   http.RoundTripper
	logger *slog.Logger
	bodies []string // the calls whose bodies are logged, such as "Prompts.Run"
}

var (
	shown = []string{"Accept", "Content-Type", "Retry-After", "X-Request-Id"}
	words = regexp.MustCompile(`[^\s,;=]{8,}`)
)

func (w wire) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(req.Body) // GetBody would refuse
		_ = req.Body.Close()
		if err != nil {
			return nil, err
		}
		req = req.Clone(req.Context()) // a RoundTripper must not change the request it is given
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	w.log(req, "request", 0, req.Header, body)
	resp, err := w.next.RoundTrip(req)
	if err != nil {
		return nil, err // WithLogger logs it
	}
	resp.Body = &excerpt{ReadCloser: resp.Body, closed: func(body []byte) {
		w.log(req, "response", resp.StatusCode, resp.Header, body)
	}}
	return resp, nil
}

func (w wire) log(req *http.Request, what string, status int, header http.Header, body []byte) {
	hide := hider(req.Header, header)
	call, _ := promptorchestra.Operation(req.Context())
	attrs := []any{"op", call.Op, "attempt", call.Attempts, "method", req.Method, "path", hide(req.URL.Path), "status", status}
	for _, name := range shown {
		if value := header.Get(name); value != "" {
			attrs = append(attrs, name, hide(value))
		}
	}
	if slices.Contains(w.bodies, call.Op) {
		text := hide(string(body))
		attrs = append(attrs, "body", text[:min(len(text), 2<<10)])
	}
	w.logger.DebugContext(req.Context(), what, attrs...)
}

// hider returns a function that replaces the words of all headers that are not shown.
func hider(headers ...http.Header) func(string) string {
	var secrets []string
	for _, header := range headers {
		for name, values := range header {
			if !slices.Contains(shown, name) {
				secrets = append(secrets, words.FindAllString(strings.Join(values, " "), -1)...)
			}
		}
	}
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // one may be a part of another
	return func(text string) string {
		for _, secret := range secrets {
			text = strings.ReplaceAll(text, secret, strings.Repeat("*", len(secret)))
		}
		return text
	}
}

// excerpt keeps the beginning of a body while that is read.
type excerpt struct {
	io.ReadCloser
	seen   []byte
	closed func(seen []byte)
}

func (e *excerpt) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	e.seen = append(e.seen, p[:min(n, 16<<10-len(e.seen))]...) // more than is logged: a token at its end must be whole
	return n, err
}

func (e *excerpt) Close() error {
	e.closed(e.seen)
	return e.ReadCloser.Close()
}

// A RoundTripper that logs what is sent and received. Bodies hold what your users wrote, and those
// of ServiceKeys.Create and VoiceAgents.CreateSession a new credential: name only the calls whose
// bodies your logs may hold.
func ExampleWithTransportWrapper() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"runId":"run_1","output":"Hello Ada","echo":%q}`, r.Header.Get("Authorization"))
	}))
	defer srv.Close()
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, attr slog.Attr) slog.Attr {
			if attr.Key == slog.TimeKey || attr.Key == slog.LevelKey {
				return slog.Attr{}
			}
			return attr
		},
	}))
	client, err := promptorchestra.New(
		promptorchestra.WithBaseURL(srv.URL), promptorchestra.WithOrganization("org_1"), promptorchestra.WithAPIKey("sk_0123456789"),
		promptorchestra.WithTransportWrapper(func(next http.RoundTripper) http.RoundTripper {
			return wire{next, logger, []string{"Prompts.Run"}}
		}))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.Prompts.Run(context.Background(), "prm_1", promptorchestra.PromptRunParams{Variables: map[string]any{"name": "Ada"}})
	fmt.Println(err)
	// Output:
	// msg=request op=Prompts.Run attempt=1 method=POST path=/api/prompts/prm_1/run status=0 Accept=application/json Content-Type=application/json body="{\"organizationId\":\"org_1\",\"variables\":{\"name\":\"Ada\"}}"
	// msg=response op=Prompts.Run attempt=1 method=POST path=/api/prompts/prm_1/run status=200 Content-Type=application/json body="{\"runId\":\"run_1\",\"output\":\"Hello Ada\",\"echo\":\"Bearer *************\"}"
	// <nil>
}
