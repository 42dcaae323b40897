package promptorchestra

import (
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// Option configures a [Client] in [New]. A later option wins over an earlier one.
type Option interface{ applyClient(cfg *config) error }

// CallOption changes one call. A later one wins; [WithExtraBody] and
// [WithExtraQuery] add up.
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
	baseURL         string
	baseURLVariable string // the environment variable that set it, if one did
	organization    string
	accessToken     credential
	apiKey          credential
	httpClient      *http.Client
	transport       http.RoundTripper
	wrappers        []func(http.RoundTripper) http.RoundTripper
	observers       []observer
	retry           RetryPolicy
	timeout         time.Duration
	logger          *slog.Logger
	userAgent       string
	header          http.Header
	maxBytes        int64
	insecure        bool
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
	firstPoll  time.Duration // of AgentRuns.Wait
	mostPoll   time.Duration
}

// RetryPolicy bounds how a client tries again by itself; a zero field is the
// default. What may be repeated at all is a matter of the route, not of the
// policy: see the package documentation.
type RetryPolicy struct {
	MaxRetries    int           // attempts after the first; 3 by default, -1 is none
	MinWait       time.Duration // the first wait is a random part of it; 500 ms by default
	MaxWait       time.Duration // the bound doubles with each wait, up to this; 8 s by default, never below MinWait
	MaxRetryAfter time.Duration // a server that asks to wait longer gets no retry; 60 s by default
}

// Response is what [WithResponse] captures of a call's last answer, on success
// and on failure alike. When no answer came, all but Attempts is zero.
type Response struct {
	StatusCode int
	Header     http.Header
	RequestID  string // X-Request-Id
	Attempts   int    // how often the call was sent
	Body       []byte // a copy of the whole body, of a failure the first MiB; nil for a streamed list
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
	return clientOption(func(cfg *config) error { cfg.baseURL, cfg.baseURLVariable = baseURL, ""; return nil })
}

// WithAccessToken sets a user's access token. Where a client has both kinds of
// credential, the access token is used. It must be visible ASCII, without
// spaces, and replaces a [WithAccessTokenSource] before it.
func WithAccessToken(token string) Option {
	return clientOption(func(cfg *config) error {
		return setToken(&cfg.accessToken, "WithAccessToken", token)
	})
}

// WithAPIKey sets an API key (sk_...), which belongs to one organization. It is
// used when there is no access token, on every route that takes one. It must be
// visible ASCII, without spaces, and replaces a [WithAPIKeySource] before it.
func WithAPIKey(key string) Option {
	return clientOption(func(cfg *config) error {
		return setToken(&cfg.apiKey, "WithAPIKey", key)
	})
}

// WithAccessTokenSource sets a function that returns an access token. It is
// asked once an attempt, for tokens expire, possibly from several goroutines
// at once; caching is its own affair. When it fails, the attempt is not sent and
// the call fails with a [*TransportError] that wraps its error; an empty or
// unusable token is an [*ArgumentError].
func WithAccessTokenSource(source TokenSource) Option {
	return clientOption(func(cfg *config) error {
		return setSource(&cfg.accessToken, "WithAccessTokenSource", source)
	})
}

// WithAPIKeySource is like [WithAccessTokenSource] for API keys: one client can
// serve many organizations, each with a key of its own.
func WithAPIKeySource(source TokenSource) Option {
	return clientOption(func(cfg *config) error {
		return setSource(&cfg.apiKey, "WithAPIKeySource", source)
	})
}

// WithOrganization sets the organization of the client's calls; there is none by
// default. [Client.InOrganization] gives the same client for another one.
func WithOrganization(organizationID string) Option {
	return clientOption(func(cfg *config) error {
		if organizationID == "" || hasControl(organizationID) {
			return &ArgumentError{Argument: "WithOrganization", Reason: "must be an organization's id, without control characters"}
		}
		cfg.organization = organizationID
		return nil
	})
}

// WithHTTPClient sets the HTTP client to send through. It is copied, never modified. Its Timeout
// applies to each attempt, of a streamed list up to the headers. Its Jar and CheckRedirect are not
// used: no cookie is kept and no redirect followed.
//
// Without a Transport of their own all clients share one that speaks HTTP/1.1, keeps up to 512 idle
// connections to a host for 4 s, less than the 5 s after which Node servers hang up, and times out
// after 10 s for a dial and for a TLS handshake. A service that calls rarely so pays a TLS handshake
// for a call. Give a Transport with another IdleConnTimeout, for HTTP/2, for a proxy or for client
// certificates: see [WithTransport] for what it must keep to.
func WithHTTPClient(client *http.Client) Option {
	return clientOption(func(cfg *config) error {
		if client == nil {
			return &ArgumentError{Argument: "WithHTTPClient", Reason: "must not be nil"}
		}
		if isNilPointer(client.Transport) {
			return &ArgumentError{Argument: "WithHTTPClient", Reason: "its Transport must not be a nil pointer"}
		}
		cfg.httpClient = client
		return nil
	})
}

// WithTransport sets the RoundTripper that each attempt goes through. It wins over the Transport of
// [WithHTTPClient]. To wrap the client's own transport use [WithTransportWrapper].
//
// What was sent is known from what the transport tells the hooks of net/http/httptrace in the
// request's context, and an execution is retried only if it was not sent. So a RoundTripper
//   - that retries by itself sends executions again, and so does an [http.Client] in its place. One
//     that gives the request a GetBody of its own, or sends it again without its context, is outside
//     of what this package can promise;
//   - that takes the request's context away, or tells its hooks nothing, leaves every failure of an
//     execution of unknown outcome. One that refuses a request by itself, such as a circuit breaker,
//     returns an error that wraps [ErrNotSent];
//   - over HTTP/2 leaves an execution of unknown outcome when the server ends the connection with
//     GOAWAY or resets the stream;
//   - that renews a token and sends an execution again is refused over HTTP/2: use
//     [WithAccessTokenSource], which is asked before each attempt.
func WithTransport(transport http.RoundTripper) Option {
	return clientOption(func(cfg *config) error {
		if transport == nil || isNilPointer(transport) {
			return &ArgumentError{Argument: "WithTransport", Reason: "must not be nil"}
		}
		cfg.transport = transport
		return nil
	})
}

// WithTransportWrapper wraps the transport that the client has, the default one included, with a
// RoundTripper of the caller's own, such as one that traces; [Operation] tells it which call a
// request belongs to. Wrappers add up: the last one is the outermost. What is said at
// [WithTransport] holds for them too. It must not return nil.
func WithTransportWrapper(wrap func(http.RoundTripper) http.RoundTripper) Option {
	return clientOption(func(cfg *config) error {
		if wrap == nil {
			return &ArgumentError{Argument: "WithTransportWrapper", Reason: "must not be nil"}
		}
		cfg.wrappers = append(cfg.wrappers, wrap)
		return nil
	})
}

// Options joins several options into one, for modules that build on this one. They apply in order.
func Options(opts ...Option) Option {
	return clientOption(func(cfg *config) error { return applyAll(cfg, opts) })
}

// WithRetry sets how often and how patiently the client tries again. The
// defaults are those of a zero [RetryPolicy]; only MaxRetries may be negative, -1.
func WithRetry(policy RetryPolicy) Option {
	return clientOption(func(cfg *config) error {
		if policy.MaxRetries < -1 || policy.MinWait < 0 || policy.MaxWait < 0 || policy.MaxRetryAfter < 0 {
			return &ArgumentError{Argument: "WithRetry", Reason: "no field may be negative, but for MaxRetries -1, which is none"}
		}
		cfg.retry = policy
		return nil
	})
}

// WithTimeout bounds each attempt, from its start to the end of the response or, of a streamed list,
// to its headers. Where the context has a deadline too, the earlier one counts. It must be positive.
//
// Without it, and where the context has no deadline, an attempt takes at most one minute, and ten
// minutes for an execution: the Run methods, [SkillsService.GenerateImage] and
// [AgentRunsService.RerunFromStep].
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

// WithHeader sends a header with the client's every call, or with one; a call's
// own value wins. Headers that are the SDK's own (Authorization, Content-Type,
// User-Agent, Host and the like) are refused. So is an idempotency key for a
// whole client, and on a call that must not be repeated: the API knows none, and
// net/http itself would repeat the call for it.
func WithHeader(name, value string) SharedOption {
	return sharedOption{
		func(cfg *config) error {
			if transport.IsIdempotencyKey(name) {
				return &ArgumentError{Argument: "WithHeader", Reason: name + " would make net/http repeat executions"}
			}
			return setHeader(&cfg.header, name, value)
		},
		func(cfg *callConfig) error { return setHeader(&cfg.header, name, value) },
	}
}

// WithLogger makes the client log; by default it does not. Each attempt is a record at debug level,
// or at warn when a retry follows it, and each call is one more at debug level. Attributes are op,
// method, path (the template), status, kind, request_id, attempt or attempts, duration and wait; of
// an invalid graph also detail_codes and detail_paths. No body, query, id of a resource or
// credential is ever logged. A call that the SDK rejected before sending is not logged. A member of a
// record whose type does not fit is logged at debug level, with op, member and type. Records carry
// the call's context, by which a handler finds the current span.
func WithLogger(logger *slog.Logger) Option {
	return clientOption(func(cfg *config) error {
		if logger == nil {
			return &ArgumentError{Argument: "WithLogger", Reason: "must not be nil"}
		}
		cfg.logger = logger
		return nil
	})
}

// WithUserAgent puts the application's name, such as "billing/2.1", before the
// SDK's in User-Agent. By default the SDK's own name and version stand there alone.
func WithUserAgent(userAgent string) Option {
	return clientOption(func(cfg *config) error {
		if strings.TrimSpace(userAgent) == "" || hasControl(userAgent) {
			return &ArgumentError{Argument: "WithUserAgent", Reason: "must be a text without control characters"}
		}
		cfg.userAgent = userAgent
		return nil
	})
}

// WithMaxResponseBytes limits a successful answer, unpacked; of a streamed list,
// each element. It must be positive; the default is 64 MiB. A larger answer is a
// [*DecodeError]. Of a failure's body at most 1 MiB is read, whatever the limit.
func WithMaxResponseBytes(n int64) Option {
	return clientOption(func(cfg *config) error {
		if n <= 0 {
			return &ArgumentError{Argument: "WithMaxResponseBytes", Reason: "must be positive"}
		}
		cfg.maxBytes = min(n, 1<<62) // room for sums
		return nil
	})
}

// WithInsecureHTTP allows plain http to a host that is not loopback. The
// bearer token then travels in the clear.
func WithInsecureHTTP() Option {
	return clientOption(func(cfg *config) error { cfg.insecure = true; return nil })
}

// WithInto decodes the same answer into v as well, a non-nil pointer to the
// caller's own type: the way to members that nobody documented. For a list v gets
// the whole answer, which may be an object around the list; for a streamed list,
// one element after the other. It is set to zero first. A member whose type does
// not fit stays zero, and so does v when it does not fit at all: that is no error.
// On an error, and on a 204, v is not to be used.
func WithInto(v any) CallOption {
	return callOption(func(cfg *callConfig) error {
		if r := reflect.ValueOf(v); r.Kind() != reflect.Pointer || r.IsNil() {
			return &ArgumentError{Argument: "WithInto", Reason: "must be a non-nil pointer"}
		}
		cfg.into = v
		return nil
	})
}

// WithExtraBody adds members to the call's JSON body. A name that the params
// have, set or not and in any casing, is refused, and so is any on a GET.
func WithExtraBody(members map[string]any) CallOption {
	return callOption(func(cfg *callConfig) error {
		if cfg.extraBody == nil {
			cfg.extraBody = make(map[string]any, len(members))
		}
		for name, v := range members {
			if raw := rawValue(v); raw != nil || v == nil {
				cfg.extraBody[name] = raw
			}
		}
		return nil
	})
}

// WithExtraQuery adds a query parameter; a key given twice is sent twice. One that
// the call sends itself is refused.
func WithExtraQuery(key, value string) CallOption {
	return callOption(func(cfg *callConfig) error {
		if key == "" {
			return &ArgumentError{Argument: "WithExtraQuery", Reason: "the key must not be empty"}
		}
		cfg.extraQuery = append(cfg.extraQuery, param{name: key, value: value})
		return nil
	})
}

// WithRetryable vouches that repeating this very call is safe: it is retried like
// a read, and [OutcomeUnknown] is false of its errors.
func WithRetryable() CallOption {
	return callOption(func(cfg *callConfig) error { cfg.retryable = true; return nil })
}

// WithoutRetry sends the call once. It wins over [WithRetryable].
func WithoutRetry() CallOption {
	return callOption(func(cfg *callConfig) error { cfg.noRetry = true; return nil })
}

// WithResponse captures the last answer's status, headers and body in r, on
// success and on failure. A call that was refused before anything was sent leaves
// r as it is. Calls that go on at the same time need one each.
func WithResponse(r *Response) CallOption {
	return callOption(func(cfg *callConfig) error {
		if r == nil {
			return &ArgumentError{Argument: "WithResponse", Reason: "must not be nil"}
		}
		cfg.response = r
		return nil
	})
}

// WithPollInterval sets how long [AgentRunsService.Wait] waits between two polls: first at the
// beginning, then half as much again each time, up to most. A random part of each wait, up to half
// of it, is left out. Both must be positive, and first must not be longer than most. Other methods
// ignore it.
func WithPollInterval(first, most time.Duration) CallOption {
	return callOption(func(cfg *callConfig) error {
		switch {
		case first <= 0 || most <= 0:
			return &ArgumentError{Argument: "WithPollInterval", Reason: "both intervals must be positive"}
		case first > most:
			return &ArgumentError{Argument: "WithPollInterval", Reason: "the first interval must not be longer than the longest one"}
		}
		cfg.firstPoll, cfg.mostPoll = first, most
		return nil
	})
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
