package promptorchestra

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// Option configures a [Client] in [New]. A later option wins over an earlier one.
type Option interface{ applyClient(cfg *config) error }

// CallOption changes one call. A later one wins; [WithExtraBody] and [WithExtraQuery] add up.
type CallOption interface{ applyCall(cfg *callConfig) error }

// SharedOption is an option for a client's every call or for one.
type SharedOption interface {
	Option
	CallOption
}

// Options are functions, not values, so that printing one shows no secret.
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
	noCredential    bool
	httpClient      *http.Client
	transport       http.RoundTripper
	wrappers        []func(http.RoundTripper) http.RoundTripper
	observers       []observer
	retry           RetryPolicy
	timeout         time.Duration
	execution       time.Duration // timeout of executions
	logger          *slog.Logger
	userAgent       string
	header          http.Header
	maxBytes        int64
	insecure        bool
}

// RetryPolicy bounds the retries of a client. A zero field means the default. Which failures are
// retried depends on the call: see the package documentation. A MaxWait below MinWait counts as
// MinWait.
type RetryPolicy struct {
	MaxRetries    int           // attempts after the first; 3 by default, -1 for none
	MinWait       time.Duration // the first wait is a random time below it; 500 ms by default
	MaxWait       time.Duration // the bound doubles with each wait, up to this; 8 s by default
	MaxRetryAfter time.Duration // the longest Retry-After that is waited for; 60 s by default

	// Budget is the number of retries, over all of the client's calls, that may be sent beyond the
	// responses which show that the server works: 100 by default, -1 for no bound. It keeps an
	// outage from being amplified. A retry takes one when its wait ends, and every response but a
	// 408, a 429, a 5xx that is retried and a truncated one gives one back. A call that finds none
	// returns the failure it had, whose text says so. A 429 that asks for a wait takes none, and
	// one that does not draws on a budget of its own organization, which is as large.
	Budget int
}

// DefaultBaseURL is the hosted API.
const DefaultBaseURL = "https://api.promptorchestra.com"

const (
	defaultTimeout          = time.Minute
	defaultExecutionTimeout = 10 * time.Minute
	defaultMaxBytes         = 64 << 20
)

// WithBaseURL sets where the API is, such as a self-hosted server. The default is [DefaultBaseURL].
// User info, a query, a fragment and a path that ends in /api, which the SDK adds, are rejected,
// and so is plain http to a host that is not loopback, unless [WithInsecureHTTP] is given.
func WithBaseURL(baseURL string) Option {
	return clientOption(func(cfg *config) error { cfg.baseURL, cfg.baseURLVariable = baseURL, ""; return nil })
}

// WithAccessToken sets a user's access token. A client that has both kinds of credential uses the
// access token. It must be visible ASCII without spaces. It replaces a [WithAccessTokenSource]
// before it.
func WithAccessToken(token string) Option {
	return clientOption(func(cfg *config) error {
		return setToken(&cfg.accessToken, "WithAccessToken", token)
	})
}

// WithAPIKey sets an API key (sk_...), which belongs to one organization. It is used when there is
// no access token, on every route that takes an API key. It must be visible ASCII without spaces.
// It replaces a [WithAPIKeySource] before it.
func WithAPIKey(key string) Option {
	return clientOption(func(cfg *config) error {
		return setToken(&cfg.apiKey, "WithAPIKey", key)
	})
}

// WithAccessTokenSource sets a function that returns an access token for an organization. It is
// called before each attempt, because tokens expire, and from several goroutines at once. It should
// cache.
//
// A source that returns "" has no token for the organization. The client then uses its API key,
// where it has one and the route takes one; without, the call is rejected with an [*ArgumentError].
// So is a call whose token cannot be sent.
//
// When the source fails, nothing is sent, and the call returns a [*TransportError] that wraps the
// source's error. The SDK never retries that. [IsRetryable] is true of it only if the error says so
// itself: a timeout, a network error, or a retryable error of this package. A source that ignores
// its context does not delay its caller: it runs on in a goroutine of its own. A panic in it is an
// error. The context ends with the attempt.
//
// If the server rejects a token of the source with a 401, the source is asked once more, with a
// context from which [RejectedToken] returns that token.
func WithAccessTokenSource(source TokenSource) Option {
	return clientOption(func(cfg *config) error {
		return setSource(&cfg.accessToken, "WithAccessTokenSource", source)
	})
}

// WithAPIKeySource is like [WithAccessTokenSource] for API keys: one client can serve many
// organizations, each with its own key.
func WithAPIKeySource(source TokenSource) Option {
	return clientOption(func(cfg *config) error {
		return setSource(&cfg.apiKey, "WithAPIKeySource", source)
	})
}

// WithoutCredential sends calls without a credential, for a sidecar or gateway that adds one. New
// rejects it together with one of the four options above. Of [NewFromEnv], the credentials in the
// environment are not used then.
func WithoutCredential() Option {
	return clientOption(func(cfg *config) error {
		cfg.noCredential = true
		for _, c := range []*credential{&cfg.accessToken, &cfg.apiKey} {
			if c.fromEnvironment {
				c.authorization, c.option = nil, ""
			}
		}
		return nil
	})
}

// WithOrganization sets the organization of the client's calls. There is none by default.
// [Client.InOrganization] returns the same client for another one.
func WithOrganization(organizationID string) Option {
	return clientOption(func(cfg *config) error {
		reason := ""
		switch pasted := pastedBadly(organizationID); {
		case organizationID == "":
			reason = "must be an organization's id: it is empty"
		case pasted != "":
			reason = "must be an organization's id: it " + pasted
		case hasControl(organizationID):
			reason = "must be an organization's id, without control characters"
		}
		if reason != "" {
			return &ArgumentError{Argument: "WithOrganization", Reason: reason}
		}
		cfg.organization = organizationID
		return nil
	})
}

// NewTransport returns a new transport with the settings of the default one, to set a proxy,
// certificates or a dialer on it: give it to [WithTransport]. It speaks HTTP/1.1, keeps up to 512
// idle connections to a host for 4 s, less than the 5 s after which Node servers close them,
// resumes TLS sessions, uses the proxy that the environment names, and times out after 10 s for a
// dial and for a TLS handshake. If a proxy rejects a connection, the error names the proxy and its
// status.
//
// A clone of [http.DefaultTransport] is not a substitute: it still offers HTTP/2 in the TLS
// handshake after HTTP/2 is taken out of its Protocols, and each call then fails. Change the
// TLSClientConfig that the transport has rather than replace it, so that sessions are resumed. In
// js/wasm a transport without a dialer uses fetch, and ignores these settings.
func NewTransport() *http.Transport { return transport.NewTransport() }

// WithHTTPClient sets the HTTP client to send through. It is copied, never modified. Its Timeout
// bounds each attempt for which the SDK's own options give no timeout: see [WithTimeout]. Its Jar
// and CheckRedirect are not used: no cookie is kept and no redirect followed.
//
// Clients without a Transport share one with the settings of [NewTransport], and in js/wasm they
// use fetch by way of [http.DefaultTransport]. Only [http.DefaultClient] itself means
// http.DefaultTransport, as in net/http, whatever that is at the time of an attempt. The short time
// for which idle connections are kept means that a service that calls rarely makes a TLS handshake
// for each call. Give a Transport for another IdleConnTimeout, for HTTP/2, for a proxy or for
// client certificates. [WithTransport] has the rules for it.
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
// An execution is retried only if it was not sent. Whether it was sent is known from the hooks of
// net/http/httptrace in the request's context, which the transport calls. The context ends before
// the SDK decides, so that a RoundTripper may return early and let the one below it go on, as a
// circuit breaker does: what that one still does sends nothing. So a RoundTripper
//   - that signs requests reads Body and gives the request that it passes on another one. It never
//     calls GetBody, which is for net/http alone: it refuses, and the execution fails;
//   - that sends a request twice, by retrying or hedging, may run an execution twice, and so may an
//     [http.Client] in its place. This package promises nothing for one that sets GetBody, or that
//     goes on or retries without the request's context (over HTTP/2; over HTTP/1 one that goes on
//     is stopped);
//   - that drops the request's context, or does not call its hooks, makes the outcome of every
//     failed execution unknown. One that rejects a request by itself, such as a circuit breaker,
//     returns an error that wraps [ErrNotSent];
//   - that speaks HTTP/2 makes the outcome of an execution unknown when the server ends the
//     connection with GOAWAY or resets the stream;
//   - that renews a token and retries an execution cannot do so over HTTP/2: use
//     [WithAccessTokenSource], which is called before each attempt.
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
// RoundTripper of the caller's own, such as one that traces; [Operation] returns which call a
// request belongs to. Wrappers add up: the last one is the outermost. The rules of
// [WithTransport] hold for them too. wrap must not return nil.
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

// WithRetry sets the number of retries and the waits between attempts. Zero fields of policy are
// the defaults. No field may be negative, except that MaxRetries -1 turns retries off, and Budget
// -1 the budget.
func WithRetry(policy RetryPolicy) Option {
	return clientOption(func(cfg *config) error {
		if policy.MaxRetries < -1 || policy.Budget < -1 || policy.MinWait < 0 || policy.MaxWait < 0 || policy.MaxRetryAfter < 0 {
			return &ArgumentError{Argument: "WithRetry", Reason: "no field may be negative, but for MaxRetries -1, which is none, and Budget -1, which is no bound"}
		}
		cfg.retry = policy
		return nil
	})
}

// WithTimeout bounds each attempt, from its start to the end of the response. If the context has a
// deadline too, the earlier one counts. It must be positive.
//
// An attempt of a streamed list is bounded up to its headers. From then on the timeout bounds each
// read of the response, so that a server that goes silent ends the list. The time between two reads
// does not count, and the list as a whole is bounded by the context alone.
//
// The timeout of an attempt is the first one given of: WithTimeout for the call; for an execution
// [WithExecutionTimeout]; WithTimeout for the client; the Timeout of the [http.Client] of
// [WithHTTPClient]. Without any, and if the context has no deadline, it is one minute, and ten
// minutes for an execution: the Run methods, [SkillsService.GenerateImage] and
// [AgentRunsService.RerunFromStep]. The minute for a read of a list holds with a deadline too.
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

// WithExecutionTimeout is [WithTimeout] for the executions of a client, in the place of its
// WithTimeout: a limit for ordinary calls would end generations that go on at the server and are
// paid for. Executions are the Run methods, [SkillsService.GenerateImage] and
// [AgentRunsService.RerunFromStep], not calls of [Client.Do]. A WithTimeout for the call wins over
// it. It must be positive.
func WithExecutionTimeout(d time.Duration) Option {
	return clientOption(func(cfg *config) error {
		if d <= 0 {
			return &ArgumentError{Argument: "WithExecutionTimeout", Reason: "must be positive"}
		}
		cfg.execution = d
		return nil
	})
}

// WithHeader sends a header with the client's every call, or with one; a call's own value wins.
// Headers that the SDK sets itself (Authorization, Content-Type, User-Agent, Host and the like) are
// rejected. An idempotency key is rejected for a whole client, and for a call that is not
// idempotent: the API has no such keys, and net/http retries a request that has one.
func WithHeader(name, value string) SharedOption {
	return sharedOption{
		func(cfg *config) error {
			if transport.IsIdempotencyKey(name) {
				return &ArgumentError{Argument: "WithHeader", Reason: name + " would make net/http retry executions"}
			}
			return setHeader(&cfg.header, name, value)
		},
		func(cfg *callConfig) error { return setHeader(&cfg.header, name, value) },
	}
}

// WithLogger makes the client log; by default it does not log. A call that returns an error is
// logged once, at warn, or at debug if the caller's own context ended it. An attempt that a retry
// follows is logged at info. All else is at debug: other attempts, calls that succeed, and the
// calls that a composite makes, such as the polls of [AgentRunsService.Wait] and the look-ups of
// [Client.Diagnose]: it is the composite's error that is logged.
//
// Attributes are op, method, path (the template), status, kind, request_id, attempt or attempts,
// duration, wait and budget_exhausted; of an invalid graph also detail_codes and detail_paths. No
// body, query, id of a resource or credential is ever logged. A member of a record whose type does
// not fit is logged at debug level, with op, member and type. Records carry the call's context, by
// which a handler finds the current span.
func WithLogger(logger *slog.Logger) Option {
	return clientOption(func(cfg *config) error {
		if logger == nil {
			return &ArgumentError{Argument: "WithLogger", Reason: "must not be nil"}
		}
		cfg.logger = logger
		return nil
	})
}

// WithUserAgent puts the application's name, such as "billing/2.1", before the SDK's in User-Agent.
// By default User-Agent holds the SDK's name and version alone.
func WithUserAgent(userAgent string) Option {
	return clientOption(func(cfg *config) error {
		if strings.TrimSpace(userAgent) == "" || hasControl(userAgent) {
			return &ArgumentError{Argument: "WithUserAgent", Reason: "must be a text without control characters"}
		}
		cfg.userAgent = userAgent
		return nil
	})
}

// WithMaxResponseBytes limits the size of a successful response, after decompression; of a streamed
// list, the size of each element. It must be positive. The default is 64 MiB. A larger response is
// a [*DecodeError]. Of a failure's body at most 1 MiB is read, whatever the limit.
//
// The limit bounds the JSON text, not the memory that the decoded records take. A documented
// response takes about its own size once more when decoded. One with little in each element, such
// as a list of {}, takes up to 106 times its size (measured), and may take twice that while the
// slice grows. Set a lower limit, or use the All methods, where the server is not trusted.
func WithMaxResponseBytes(n int64) Option {
	return clientOption(func(cfg *config) error {
		if n <= 0 {
			return &ArgumentError{Argument: "WithMaxResponseBytes", Reason: "must be positive"}
		}
		cfg.maxBytes = min(n, 1<<62) // room for sums
		return nil
	})
}

// WithInsecureHTTP allows plain http to a host that is not loopback. The bearer token then travels
// in the clear.
func WithInsecureHTTP() Option {
	return clientOption(func(cfg *config) error { cfg.insecure = true; return nil })
}
