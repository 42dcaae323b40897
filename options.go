package promptorchestra

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/textproto"
	"reflect"
	"strings"
	"time"
)

// Option configures a [Client] in [New]. A later option wins over an earlier one.
type Option interface{ applyClient(cfg *config) error }

// CallOption changes one call.
type CallOption interface{ applyCall(cfg *callConfig) error }

// SharedOption is an option for a client's every call or for one.
type SharedOption interface {
	Option
	CallOption
}

// Options are functions, not values: whatever prints one shows no secret.
type (
	clientOption func(*config) error
	callOption   func(*callConfig) error
	sharedOption struct {
		clientOption
		callOption
	}
)

func (o clientOption) applyClient(cfg *config) error { return o(cfg) }
func (o callOption) applyCall(cfg *callConfig) error { return o(cfg) }

type config struct {
	baseURL      string
	organization string
	accessToken  credential
	apiKey       credential
	httpClient   *http.Client
	transport    http.RoundTripper
	retry        RetryPolicy
	timeout      time.Duration
	logger       *slog.Logger
	userAgent    string
	header       http.Header
	maxBytes     int64
	insecure     bool
}

type callConfig struct {
	header     http.Header
	timeout    time.Duration
	into       any
	extraBody  map[string]any
	extraQuery []param
	retryable  bool
	noRetry    bool
	response   *Response
}

// RetryPolicy bounds how a client tries again by itself; a zero field is the
// default. What may be repeated at all is a matter of the route, not of the
// policy: see the package documentation.
type RetryPolicy struct {
	MaxRetries    int           // attempts after the first; 3 by default, -1 is none
	MinWait       time.Duration // the first wait is a random part of it; 500 ms by default
	MaxWait       time.Duration // each further wait doubles, up to this; 8 s by default
	MaxRetryAfter time.Duration // a server that asks to wait longer gets no retry; 60 s by default
}

// Response is what [WithResponse] captures of a call's last answer, on success
// and on failure alike. It is zero when no answer came.
type Response struct {
	StatusCode int
	Header     http.Header
	RequestID  string // X-Request-Id
	Attempts   int    // how often the call was sent
	Body       []byte // the whole body; nil for a streamed list
}

// DefaultBaseURL is the hosted API.
const DefaultBaseURL = "https://api.promptorchestra.com"

const (
	defaultTimeout          = time.Minute
	defaultExecutionTimeout = 10 * time.Minute
	defaultMaxBytes         = 64 << 20
)

// WithBaseURL sets where the API is, such as a self-hosted server. The default
// is [DefaultBaseURL]. User info, a query and a fragment are refused, and so is
// plain http to a host that is not loopback, unless [WithInsecureHTTP] is given.
func WithBaseURL(baseURL string) Option {
	return clientOption(func(cfg *config) error { cfg.baseURL = baseURL; return nil })
}

// WithAccessToken sets a user's access token. Where a client has both kinds of
// credential, the access token is used.
func WithAccessToken(token string) Option {
	return clientOption(func(cfg *config) error {
		return setToken(&cfg.accessToken, "WithAccessToken", token)
	})
}

// WithAPIKey sets an API key (sk_...), which belongs to one organization. It is
// used on every route that takes one when there is no access token.
func WithAPIKey(key string) Option {
	return clientOption(func(cfg *config) error {
		return setToken(&cfg.apiKey, "WithAPIKey", key)
	})
}

// WithAccessTokenSource sets a function that returns an access token. It is
// asked once an attempt, for tokens expire, possibly from several goroutines
// at once; caching is its own affair. When it fails, the call fails with a
// [TransportError] that wraps its error, and nothing is sent.
func WithAccessTokenSource(source func(ctx context.Context, organizationID string) (string, error)) Option {
	return clientOption(func(cfg *config) error {
		return setSource(&cfg.accessToken, "WithAccessTokenSource", source)
	})
}

// WithAPIKeySource is like [WithAccessTokenSource] for API keys: one client can
// serve many organizations, each with a key of its own.
func WithAPIKeySource(source func(ctx context.Context, organizationID string) (string, error)) Option {
	return clientOption(func(cfg *config) error {
		return setSource(&cfg.apiKey, "WithAPIKeySource", source)
	})
}

// WithOrganization sets the organization of the client's calls;
// [Client.InOrganization] gives the same client for another one.
func WithOrganization(organizationID string) Option {
	return clientOption(func(cfg *config) error {
		if organizationID == "" || hasControl(organizationID) {
			return &ArgumentError{Argument: "WithOrganization", Reason: "must be an organization's id, without control characters"}
		}
		cfg.organization = organizationID
		return nil
	})
}

// WithHTTPClient sets the HTTP client to send through. It is copied, never
// modified; its Timeout and Jar apply, its CheckRedirect does not: no redirect
// is followed.
func WithHTTPClient(client *http.Client) Option {
	return clientOption(func(cfg *config) error {
		if client == nil {
			return &ArgumentError{Argument: "WithHTTPClient", Reason: "must not be nil"}
		}
		cfg.httpClient = client
		return nil
	})
}

// WithTransport sets the RoundTripper that each attempt goes through, such as
// one that traces. It wins over the Transport of [WithHTTPClient].
func WithTransport(transport http.RoundTripper) Option {
	return clientOption(func(cfg *config) error {
		if transport == nil || isNilPointer(transport) {
			return &ArgumentError{Argument: "WithTransport", Reason: "must not be nil"}
		}
		cfg.transport = transport
		return nil
	})
}

// WithRetry sets how often and how patiently the client tries again.
func WithRetry(policy RetryPolicy) Option {
	return clientOption(func(cfg *config) error {
		if policy.MaxRetries < -1 || policy.MinWait < 0 || policy.MaxWait < 0 || policy.MaxRetryAfter < 0 {
			return &ArgumentError{Argument: "WithRetry", Reason: "no field may be negative, but for MaxRetries -1, which is none"}
		}
		cfg.retry = policy
		return nil
	})
}

// WithTimeout bounds each attempt, from its start to the end of the answer
// (of a streamed list, to its headers), wherever the context has no deadline
// of its own. The default is one minute, and ten minutes for executions.
func WithTimeout(d time.Duration) SharedOption {
	check := func() error {
		if d <= 0 {
			return &ArgumentError{Argument: "WithTimeout", Reason: "must be positive"}
		}
		return nil
	}
	return sharedOption{
		func(cfg *config) error { cfg.timeout = d; return check() },
		func(cfg *callConfig) error { cfg.timeout = d; return check() },
	}
}

// WithHeader sends a header with the client's every call, or with one. Headers
// that are the SDK's own (Authorization, Content-Type, Host and the like) are
// refused, and so is an idempotency key on a call that must not be repeated:
// the API knows none, and net/http itself would repeat the call for it.
func WithHeader(name, value string) SharedOption {
	return sharedOption{
		func(cfg *config) error {
			if isIdempotencyKey(name) {
				return &ArgumentError{Argument: "WithHeader", Reason: name + " would make net/http repeat executions"}
			}
			return setHeader(&cfg.header, name, value)
		},
		func(cfg *callConfig) error { return setHeader(&cfg.header, name, value) },
	}
}

// WithLogger makes the client log: a record a call and one an attempt at debug
// level, retries at warn. No body, query or credential is ever logged. Without
// it nothing is.
func WithLogger(logger *slog.Logger) Option {
	return clientOption(func(cfg *config) error {
		if logger == nil {
			return &ArgumentError{Argument: "WithLogger", Reason: "must not be nil"}
		}
		cfg.logger = logger
		return nil
	})
}

// WithUserAgent puts the application's name before the SDK's in User-Agent.
func WithUserAgent(userAgent string) Option {
	return clientOption(func(cfg *config) error {
		if strings.TrimSpace(userAgent) == "" || hasControl(userAgent) {
			return &ArgumentError{Argument: "WithUserAgent", Reason: "must be a text without control characters"}
		}
		cfg.userAgent = userAgent
		return nil
	})
}

// WithMaxResponseBytes limits a successful answer, unpacked; of a streamed
// list, each element. The default is 64 MiB.
func WithMaxResponseBytes(n int64) Option {
	return clientOption(func(cfg *config) error {
		if n <= 0 {
			return &ArgumentError{Argument: "WithMaxResponseBytes", Reason: "must be positive"}
		}
		cfg.maxBytes = n
		return nil
	})
}

// WithInsecureHTTP allows plain http to a host that is not loopback. The
// bearer token then travels in the clear.
func WithInsecureHTTP() Option {
	return clientOption(func(cfg *config) error { cfg.insecure = true; return nil })
}

// WithInto decodes the same answer into v as well, a non-nil pointer to the
// caller's own type: the way to members that nobody documented. For a streamed
// list v holds the current element.
func WithInto(v any) CallOption {
	return callOption(func(cfg *callConfig) error {
		if r := reflect.ValueOf(v); r.Kind() != reflect.Pointer || r.IsNil() {
			return &ArgumentError{Argument: "WithInto", Reason: "must be a non-nil pointer"}
		}
		cfg.into = v
		return nil
	})
}

// WithExtraBody adds members to the call's JSON body. One that the params
// have too is refused.
func WithExtraBody(members map[string]any) CallOption {
	return callOption(func(cfg *callConfig) error {
		if cfg.extraBody == nil {
			cfg.extraBody = make(map[string]any, len(members))
		}
		for name, v := range members {
			cfg.extraBody[name] = rawValue(v)
		}
		return nil
	})
}

// WithExtraQuery adds a query parameter. One that the call has too is refused.
func WithExtraQuery(key, value string) CallOption {
	return callOption(func(cfg *callConfig) error {
		if key == "" {
			return &ArgumentError{Argument: "WithExtraQuery", Reason: "the key must not be empty"}
		}
		cfg.extraQuery = append(cfg.extraQuery, param{name: key, value: value})
		return nil
	})
}

// WithRetryable vouches that repeating this very call is safe: it is then
// retried like a read.
func WithRetryable() CallOption {
	return callOption(func(cfg *callConfig) error { cfg.retryable = true; return nil })
}

// WithoutRetry sends the call once, whatever comes of it.
func WithoutRetry() CallOption {
	return callOption(func(cfg *callConfig) error { cfg.noRetry = true; return nil })
}

// WithResponse captures the last answer's status, headers and body in r.
func WithResponse(r *Response) CallOption {
	return callOption(func(cfg *callConfig) error {
		if r == nil {
			return &ArgumentError{Argument: "WithResponse", Reason: "must not be nil"}
		}
		cfg.response = r
		return nil
	})
}

// reservedHeaders are the SDK's own, or would break the exchange.
var reservedHeaders = map[string]bool{
	"Authorization": true, "X-Prompt-Orchestra-Auth-Source": true, "Content-Type": true, "Content-Length": true,
	"Host": true, "Transfer-Encoding": true, "Connection": true, "Upgrade": true, "Trailer": true, "Te": true,
	"Expect": true, "Keep-Alive": true, "Proxy-Authorization": true, "Proxy-Connection": true, "Accept-Encoding": true,
	"Range": true, "If-Range": true, "User-Agent": true,
}

func setHeader(h *http.Header, name, value string) error {
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	switch {
	case !isToken(name):
		return &ArgumentError{Argument: "WithHeader", Reason: fmt.Sprintf("%q is not a header's name", clean(name, 80))}
	case reservedHeaders[canonical]:
		return &ArgumentError{Argument: "WithHeader", Reason: canonical + " is set by the SDK itself"}
	case hasControl(value):
		return &ArgumentError{Argument: "WithHeader", Reason: "the value of " + canonical + " has a control character"}
	}
	if *h == nil {
		*h = http.Header{}
	}
	(*h)[canonical] = []string{value}
	return nil
}

func isIdempotencyKey(name string) bool {
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	return canonical == "Idempotency-Key" || canonical == "X-Idempotency-Key"
}

// isToken reports whether s is a token of RFC 9110, as a header's name must be.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		alphanumeric := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alphanumeric && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

func isNilPointer(v any) bool {
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}

// applyAll applies every option, so that all mistakes are reported at once.
func applyAll(cfg *config, opts []Option) error {
	var errs []error
	for _, opt := range opts {
		if opt == nil {
			errs = append(errs, &ArgumentError{Argument: "Option", Reason: "must not be nil"})
			continue
		}
		errs = append(errs, opt.applyClient(cfg))
	}
	return errors.Join(errs...)
}
