package promptorchestra

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prompt-orchestra/promptorchestra-go/internal/failure"
	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// The kinds of credential, as the API names them.
const (
	authAccessToken = "access_token"
	authAPIKey      = "api_key"
)

// TokenSource returns a bearer token for an organization: see [WithAccessTokenSource].
type TokenSource func(ctx context.Context, organizationID string) (string, error)

// A credential is one kind of token, and where it comes from. A token lives only in the closure:
// fmt prints the address of a func, and nothing of what it holds.
type credential struct {
	kind []string // the value of its header
	// authorization returns the values of the Authorization header, or nil when the source has no
	// token for the organization. The func itself is nil when no option has set this kind.
	authorization func(ctx context.Context, organizationID string) ([]string, error)

	option          string // that set it, or ""
	fromEnvironment bool   // NewFromEnv gave that option
}

// given returns the credentials that an option has set.
func given(credentials ...*credential) []*credential {
	var out []*credential
	for _, c := range credentials {
		if c.authorization != nil {
			out = append(out, c)
		}
	}
	return out
}

// checkCredentials returns an error for each credential beside WithoutCredential.
func (cfg *config) checkCredentials() error {
	var errs []error
	for _, c := range given(&cfg.accessToken, &cfg.apiKey) {
		errs = append(errs, unless(!cfg.noCredential, "WithoutCredential", "cannot be used together with "+c.option))
	}
	return errors.Join(errs...)
}

// Header returns the headers of an attempt.
func (r *request) Header(ctx context.Context) (http.Header, error) {
	core := r.client.core
	if core.logger != nil {
		r.attemptOffset = time.Since(r.started)
	}
	header, _ := core.header()
	header = maps.Clone(header)
	maps.Copy(header, r.options.header)
	if r.out.Body != nil {
		header["Content-Type"] = jsonMediaType
	}
	if core.noCredential {
		return header, nil
	}
	if err := r.authorize(ctx); err != nil {
		return nil, err
	}
	header["Authorization"] = r.authorization
	header["X-Prompt-Orchestra-Auth-Source"] = r.credential.kind
	return header, nil
}

// authorize chooses the credential of an attempt: the renewed one, or the first that has a token.
func (r *request) authorize(ctx context.Context) error {
	r.earlier = append(r.earlier, r.authorization...)
	if r.renewed != nil {
		r.authorization, r.renewed = r.renewed, nil
		return nil
	}
	for _, c := range r.client.core.credentials[r.call.route.traits&userOnly != 0] {
		authorization, err := c.authorization(ctx, r.client.organization)
		if err != nil {
			return err
		}
		if authorization != nil {
			r.credential, r.authorization = c, authorization
			return nil
		}
	}
	return missingCredential(r.call.route)
}

type rejectedKey struct{}

// RejectedToken returns, for a token source, the token that the server has just rejected with a
// 401, in the context that the source is asked with. Then a token that the source has cached is of
// no use, and it should get another one, unless it has another one by now. ok is false if nothing
// was rejected: a cached token may be returned.
//
// It happens once in a call, also with [WithoutRetry], and takes nothing from the retries or their
// budget. If the source returns another token, the call is sent once more: an idempotent one
// always, any other only if the response is complete, has the code AUTH_INVALID_TOKEN or
// AUTH_MISSING, and names no run. If it returns the same token, "" or an error, the 401 is the
// call's error.
func RejectedToken(ctx context.Context) (token string, ok bool) {
	if ctx == nil {
		return "", false
	}
	// A context prints a string that it holds, but no function's.
	rejected, ok := ctx.Value(rejectedKey{}).(func() string)
	if !ok {
		return "", false
	}
	return rejected(), true
}

// Renew asks the source whose token was rejected for another one.
func (r *request) Renew(ctx context.Context, result *transport.Result) bool {
	r.result = result
	if r.credential == nil || !r.wasRejected() {
		return false
	}
	rejected := r.authorization[0]
	ctx = context.WithValue(ctx, rejectedKey{}, func() string { return strings.TrimPrefix(rejected, "Bearer ") })
	authorization, _ := r.credential.authorization(ctx, r.client.organization) // none with an error
	if authorization == nil || authorization[0] == rejected {
		return false
	}
	r.renewed = authorization
	return true
}

// wasRejected reports whether a 401 rejected the call before it had any effect. One from a provider
// behind the API may come after steps that were paid for.
func (r *request) wasRejected() bool {
	if r.out.Idempotent {
		return true
	}
	e := errorAs[*APIError](r.attemptFailure())
	whole := e != nil && !e.partial && r.IsWhole(r.result.Body)
	return whole && !failure.FindRuns(r.result.Body, nil).Named &&
		(e.Code == "AUTH_INVALID_TOKEN" || e.Code == "AUTH_MISSING")
}

func missingCredential(r *route) error {
	if r.traits&userOnly != 0 {
		return &ArgumentError{
			Argument: "accessToken",
			Reason: "this call does not accept an API key: " +
				"use WithAccessToken or WithAccessTokenSource",
		}
	}
	return &ArgumentError{
		Argument: "credential",
		Reason: "this call needs a credential: use WithAccessToken, WithAccessTokenSource, WithAPIKey or WithAPIKeySource, " +
			"or WithoutCredential if a gateway adds it",
	}
}

func setToken(to *credential, option, token string) error {
	if reason := badToken(token); reason != "" {
		return &ArgumentError{Argument: option, Reason: "the token " + reason}
	}
	header := []string{"Bearer " + token}
	*to = credential{kind: to.kind, option: option, authorization: func(context.Context, string) ([]string, error) { return header, nil }}
	return nil
}

func setSource(to *credential, option string, source TokenSource) error {
	if source == nil {
		return &ArgumentError{Argument: option, Reason: "must not be nil"}
	}
	to.option, to.fromEnvironment = option, false
	to.authorization = func(ctx context.Context, organization string) ([]string, error) {
		token, err := source.ask(ctx, organization)
		switch reason := badToken(token); {
		case err != nil:
			return nil, &sourceError{option, err}
		case token == "":
			return nil, nil // it has none for this organization
		case reason != "":
			return nil, &ArgumentError{Argument: option, Reason: "the token it returned " + reason}
		}
		return []string{"Bearer " + token}, nil
	}
	return nil
}

// ask calls the source in a goroutine of its own, so that a source that ignores its context does
// not keep the caller waiting. Such a source runs on after the call. A panic in it becomes an
// error.
func (source TokenSource) ask(ctx context.Context, organization string) (string, error) {
	type result struct {
		token string
		err   error
	}
	done := make(chan result, 1)
	go func() {
		var out result
		out.err = fmt.Errorf("the token source ended its goroutine instead of returning")
		defer func() {
			if v := recover(); v != nil {
				out = result{err: panicError(v)}
			}
			done <- out
		}()
		token, err := source(ctx, organization)
		out = result{token, err}
	}()
	select {
	case out := <-done:
		return out.token, out.err
	case <-ctx.Done():
	}
	select {
	case out := <-done: // the source stopped with its context, and its own error says more
		return out.token, out.err
	default:
		return "", context.Cause(ctx) //nolint:wrapcheck // the engine says what ended
	}
}

// panicError describes a panic by its type alone, for its value may hold a token. A panic of the
// runtime is described by its text.
func panicError(v any) error {
	if err, ok := v.(runtime.Error); ok {
		return fmt.Errorf("the token source panicked: %w", err)
	}
	return fmt.Errorf("the token source panicked with a %T", v)
}

// badToken returns what is wrong with a token and what to do, or "". The text does not hold the
// token.
func badToken(token string) string {
	if token == "" {
		return "is empty"
	}
	if reason := pastedBadly(token); reason != "" {
		return reason
	}
	for _, r := range token {
		switch {
		case r == ' ' || r == '\t':
			return "contains a space: pass only the token"
		case r < ' ' || r == 0x7f:
			return "contains a control character: pass only the token, on one line"
		case r > '~':
			return "contains a character that is not ASCII: copy it again"
		}
	}
	return ""
}

// pastedBadly returns how a value from a file, a variable or a document differs from what it should
// be, and what to do, or "". The text does not hold the value.
func pastedBadly(value string) string {
	scheme, _, _ := strings.Cut(value, " ")
	switch trimmed := strings.TrimSpace(value); {
	case trimmed == "":
		return "is only white space"
	case strings.HasSuffix(value, "\n"):
		return "ends in a line break: if it comes from a file, use strings.TrimSpace"
	case strings.HasPrefix(value, "\ufeff"):
		return "begins with a byte order mark: if it comes from a file, remove the mark"
	case trimmed != value:
		return "begins or ends with white space: use strings.TrimSpace"
	case isQuoted(value):
		return "is in quotes: remove them"
	case strings.EqualFold(scheme, "Bearer"):
		return `begins with "Bearer": give the token alone`
	default:
		return ""
	}
}

// isQuoted reports whether a value begins or ends with a quotation mark, straight or typographic.
func isQuoted(value string) bool {
	const marks = "\"'`\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb"
	first, _ := utf8.DecodeRuneInString(value)
	last, _ := utf8.DecodeLastRuneInString(value)
	return strings.ContainsRune(marks, first) || strings.ContainsRune(marks, last)
}

var jsonMediaType = []string{"application/json"}

// headers returns a function that returns the headers of every call, and the secrets in them.
func headers(cfg *config) func() (header http.Header, secrets []string) {
	header := http.Header{
		"Accept":     jsonMediaType,
		"User-Agent": {strings.TrimSpace(cfg.userAgent + " promptorchestra-go/" + Version)},
	}
	maps.Copy(header, cfg.header)
	secrets := secretsIn(header)
	return func() (http.Header, []string) { return header, secrets }
}

// secretsIn returns the values of the headers that may hold a secret.
func secretsIn(header http.Header) (secrets []string) {
	for name, values := range header {
		if !isPublicHeader(name) {
			secrets = append(secrets, values...)
		}
	}
	return secrets
}

// isPublicHeader reports whether a header is known to hold no secret: the SDK's own, and ids for
// logs and traces, which servers send back to be shown.
//
//mutelist:check
func isPublicHeader(name string) bool {
	switch name {
	case "Accept", "User-Agent", "X-Request-Id", "X-Correlation-Id", "Traceparent", "Tracestate":
		return true
	default:
		return false
	}
}

// reservedHeaders are set by the SDK itself, or would break HTTP.
var reservedHeaders = map[string]bool{
	"Authorization": true, "X-Prompt-Orchestra-Auth-Source": true, "Content-Type": true, "Content-Length": true,
	"Host": true, "Transfer-Encoding": true, "Connection": true, "Upgrade": true, "Trailer": true, "Te": true,
	"Expect": true, "Keep-Alive": true, "Proxy-Authorization": true, "Proxy-Connection": true, "Accept-Encoding": true,
	"Range": true, "If-Range": true, "User-Agent": true, "Accept": true,
}

func setHeader(h *http.Header, name, value string) error {
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	switch {
	case !isToken(name):
		return &ArgumentError{Argument: "WithHeader", Reason: fmt.Sprintf("%q is not a header name", clean(name, 80))}
	case reservedHeaders[canonical]:
		return &ArgumentError{Argument: "WithHeader", Reason: canonical + " is set by the SDK itself"}
	case hasControl(value):
		return &ArgumentError{Argument: "WithHeader", Reason: "the value of " + canonical + " contains a control character"}
	}
	if *h == nil {
		*h = http.Header{}
	}
	(*h)[canonical] = []string{value}
	return nil
}

// isToken reports whether s is a token of RFC 9110, as a header's name must be.
func isToken(s string) bool {
	const all = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"
	return s != "" && strings.Trim(s, all) == ""
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}
