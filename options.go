package promptorchestra

import (
	"cmp"
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

// unless returns an *ArgumentError unless an argument is ok.
func unless(ok bool, argument, reason string) error {
	if ok {
		return nil
	}
	return &ArgumentError{Argument: argument, Reason: reason}
}

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

	// Budget is how many more retries the client may send, over all its calls, than it gets
	// responses which show that the server works: 100 by default, -1 for no bound. It keeps retries
	// from amplifying an outage. A retry takes one from the budget when its wait ends. Every
	// response gives one back, except a 408, a 429, a 5xx that is retried and a truncated response.
	// If the budget is empty, the call returns the failure it had, whose text says so. A retry
	// after a 429 with Retry-After takes none; after any other 429 it draws on an equally large
	// budget of the organization. While the client has made few calls, many at once may use less of
	// the budget: eight times Budget, divided by the number of calls in flight, or a fifth of all
	// calls so far if that is more.
	Budget int
}

// DefaultBaseURL is the hosted API.
const DefaultBaseURL = "https://api.promptorchestra.com"

const (
	defaultTimeout          = time.Minute
	defaultExecutionTimeout = 10 * time.Minute
	defaultMaxBytes         = 64 << 20
)

// WithBaseURL sets the URL of the API, for example of a self-hosted server. The default is
// [DefaultBaseURL]. New rejects a URL with user info, a query, a fragment or a path that ends in
// /api, which the SDK adds. It also rejects plain http to any host but loopback, unless
// [WithInsecureHTTP] is given.
func WithBaseURL(baseURL string) Option {
	return clientOption(func(cfg *config) error { cfg.baseURL, cfg.baseURLVariable = baseURL, ""; return nil })
}

// WithAccessToken sets a user's access token: visible ASCII without spaces. A client that has both
// kinds of credential uses the access token. The option replaces an earlier
// [WithAccessTokenSource].
func WithAccessToken(token string) Option {
	return clientOption(func(cfg *config) error { return setToken(&cfg.accessToken, "WithAccessToken", token) })
}

// WithAPIKey sets an API key (sk_...): visible ASCII without spaces. It belongs to one
// organization. The client uses it if it has no access token, on every route that takes an API key.
// The option replaces an earlier [WithAPIKeySource].
func WithAPIKey(key string) Option {
	return clientOption(func(cfg *config) error { return setToken(&cfg.apiKey, "WithAPIKey", key) })
}

// WithAccessTokenSource sets a function that returns an access token for an organization. It is
// called before each attempt, because tokens expire, and by several goroutines at once. It should
// cache the token.
//
// If the source returns "", it has no token for the organization. The client then uses its API key
// if it has one and the route takes one. Otherwise, or if the token is invalid, the call is
// rejected with an [*ArgumentError].
//
// If the source fails, nothing is sent, and the call returns a [*TransportError] that wraps the
// source's error. The SDK never retries it. [IsRetryable] reports true for it only if the source's
// error is a timeout, a network error, or a retryable error of this package. The source's context
// ends with the attempt. A source that ignores its context does not delay the caller, but its
// goroutine keeps running. A panic in the source is returned as an error.
//
// If the server rejects the source's token with a 401, the source is called once more, and
// [RejectedToken] returns the rejected token from its context.
func WithAccessTokenSource(source TokenSource) Option {
	return clientOption(func(cfg *config) error { return setSource(&cfg.accessToken, "WithAccessTokenSource", source) })
}

// WithAPIKeySource is like [WithAccessTokenSource] for API keys: one client can serve many
// organizations, each with its own key.
func WithAPIKeySource(source TokenSource) Option {
	return clientOption(func(cfg *config) error { return setSource(&cfg.apiKey, "WithAPIKeySource", source) })
}

// WithoutCredential sends calls without a credential, because a sidecar or gateway adds it. New
// rejects it together with any of the four options above. With [NewFromEnv] it turns off the
// credentials from the environment.
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

// WithOrganization sets the organization of the client's calls; by default there is none.
// [Client.InOrganization] returns the same client for another organization.
func WithOrganization(organizationID string) Option {
	return clientOption(func(cfg *config) error {
		reason := ""
		switch pasted := pastedBadly(organizationID); {
		case organizationID == "":
			reason = "must be an organization id: it is empty"
		case pasted != "":
			reason = "must be an organization id: it " + pasted
		case hasControl(organizationID):
			reason = "must be an organization id without control characters"
		}
		cfg.organization = organizationID
		return unless(reason == "", "WithOrganization", reason)
	})
}

// NewTransport returns a new transport with the default transport's settings. Set a proxy,
// certificates or a dialer on it, and give it to [WithTransport]. It speaks HTTP/1.1 and resumes
// TLS sessions. It keeps up to 512 idle connections to a host for 4 s, because Node servers close
// them after 5 s. It uses the environment's proxy. A dial and a TLS handshake time out after 10 s
// each. If a proxy rejects a connection, the error names the proxy and its status.
//
// Do not use a clone of [http.DefaultTransport] instead: after HTTP/2 is removed from its Protocols
// it still offers HTTP/2 in the TLS handshake, and each call then fails. Change the transport's
// TLSClientConfig rather than replace it, so that sessions are resumed. In js/wasm a transport
// without a dialer uses fetch and ignores these settings.
func NewTransport() *http.Transport { return transport.NewTransport() }

// WithHTTPClient sets the HTTP client that sends requests. It is copied, never modified. Its
// Timeout limits each attempt that has no timeout from the SDK's own options: see [WithTimeout].
// Its Jar and CheckRedirect are not used: the SDK keeps no cookies and follows no redirects.
//
// Clients without a Transport share one with [NewTransport]'s settings; in js/wasm they use fetch
// through [http.DefaultTransport]. [http.DefaultClient] itself is different: it means
// http.DefaultTransport, whatever that is at the time of an attempt. Because idle connections are
// kept for a few seconds only, a service that calls rarely makes a TLS handshake for each call. Set
// a Transport for another IdleConnTimeout, for HTTP/2, for a proxy or for client certificates:
// [WithTransport] has the rules.
func WithHTTPClient(client *http.Client) Option {
	return clientOption(func(cfg *config) error {
		cfg.httpClient = client
		return cmp.Or(
			unless(client != nil, "WithHTTPClient", "must not be nil"),
			unless(client == nil || !isNilPointer(client.Transport), "WithHTTPClient", "its Transport must not be a nil pointer"))
	})
}

// WithTransport sets the RoundTripper that sends each attempt. It wins over the Transport of
// [WithHTTPClient]. To wrap the client's transport, use [WithTransportWrapper].
//
// An execution is retried only if it was not sent. The SDK learns this from the net/http/httptrace
// hooks in the request's context, which the transport calls. The SDK ends that context before it
// decides, so nothing is sent after the decision. A RoundTripper may therefore return early while
// the one below it continues, as circuit breakers do. The rules for a RoundTripper:
//   - One that signs requests reads Body, and gives the request that it passes on a new Body. It
//     never calls GetBody, which is for net/http alone: GetBody refuses, and the execution fails.
//   - One that sends a request twice, by retrying or hedging, may run an execution twice, and so
//     may an [http.Client] in its place. This package promises nothing for one that sets GetBody,
//     or that goes on or retries without the request's context (over HTTP/2; over HTTP/1 one that
//     goes on is stopped).
//   - One that drops the request's context, or does not call its hooks, makes the outcome of every
//     failed execution unknown.
//   - One that rejects a request itself, such as a circuit breaker, returns an error that wraps
//     [ErrNotSent].
//   - One that speaks HTTP/2 makes the outcome of an execution unknown when the server ends the
//     connection with GOAWAY or resets the stream.
//   - One that renews a token cannot retry an execution over HTTP/2: use [WithAccessTokenSource],
//     which is called before each attempt.
func WithTransport(transport http.RoundTripper) Option {
	return clientOption(func(cfg *config) error {
		cfg.transport = transport
		return unless(transport != nil && !isNilPointer(transport), "WithTransport", "must not be nil")
	})
}

// WithTransportWrapper wraps the client's transport, also the default one, in another RoundTripper,
// for example one that traces. [Operation] returns the call that a request belongs to. Several
// wrappers add up, and the last one is the outermost. The rules of [WithTransport] apply. wrap must
// not return nil.
func WithTransportWrapper(wrap func(http.RoundTripper) http.RoundTripper) Option {
	return clientOption(func(cfg *config) error {
		cfg.wrappers = append(cfg.wrappers, wrap)
		return unless(wrap != nil, "WithTransportWrapper", "must not be nil")
	})
}

// Options joins several options into one, for modules that build on this one. They are applied in
// order.
func Options(opts ...Option) Option {
	return clientOption(func(cfg *config) error { return applyAll(cfg, opts) })
}

// WithRetry sets the number of retries and the waits between attempts. Zero fields of policy are
// the defaults. No field may be negative, except that MaxRetries -1 turns retries off, and Budget
// -1 the budget.
func WithRetry(policy RetryPolicy) Option {
	return clientOption(func(cfg *config) error {
		cfg.retry = policy
		return unless(min(policy.MaxRetries, policy.Budget) >= -1 && min(policy.MinWait, policy.MaxWait, policy.MaxRetryAfter) >= 0,
			"WithRetry", "no field may be negative, except MaxRetries -1 (no retries) and Budget -1 (no bound)")
	})
}

// WithTimeout limits each attempt, from its start to the end of the response. If the context has a
// deadline too, the earlier one counts. The timeout must be positive.
//
// For a streamed list, the timeout limits the time until the headers arrive, and then each read of
// the response, so that a silent server cannot hold the list open. The time between two reads does
// not count. Only the context limits the list as a whole.
//
// An attempt's timeout is the first of these that is given: WithTimeout for the call; for an
// execution [WithExecutionTimeout]; WithTimeout for the client; the Timeout of the [http.Client] in
// [WithHTTPClient]. If none is given and the context has no deadline, it is one minute, or ten
// minutes for an execution: the Run methods, [SkillsService.GenerateImage] and
// [AgentRunsService.RerunFromStep]. A read of a streamed list takes at most one minute by default,
// even if the context has a deadline.
func WithTimeout(d time.Duration) SharedOption {
	err := unless(d > 0, "WithTimeout", "must be positive")
	return sharedOption{
		func(cfg *config) error { cfg.timeout = d; return err },
		func(cfg *callConfig) error { cfg.timeout = d; return err },
	}
}

// WithExecutionTimeout replaces the client's [WithTimeout] for executions, because a limit for
// ordinary calls would cut off generations that continue at the server and are billed. Executions
// are the Run methods, [SkillsService.GenerateImage] and [AgentRunsService.RerunFromStep], but not
// calls of [Client.Do]. WithTimeout for a call wins over it. The timeout must be positive.
func WithExecutionTimeout(d time.Duration) Option {
	return clientOption(func(cfg *config) error {
		cfg.execution = d
		return unless(d > 0, "WithExecutionTimeout", "must be positive")
	})
}

// WithHeader sends a header with each of the client's calls, or with one call, whose value wins.
// Headers that the SDK sets itself (Authorization, Content-Type, User-Agent, Host and so on) are
// rejected. An idempotency key is rejected for a client, and for a call that is not idempotent: the
// API has no such keys, and net/http would retry the request.
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

// WithLogger sets the client's logger; by default nothing is logged. A call that returns an error
// is logged once, at warn, or at debug if the caller's own context ended it. An attempt that is
// followed by a retry is logged at info. Everything else is at debug: other attempts, calls that
// succeed, and the calls within a composite, such as the polls of [AgentRunsService.Wait] and the
// look-ups of [Client.Diagnose] (the composite's own error is logged like that of a call).
//
// The attributes are op, method, path (the template), status, kind, request_id, attempt or
// attempts, duration, wait and budget_exhausted, and for an invalid graph detail_codes and
// detail_paths. Bodies, queries, ids of resources and credentials are never logged. A field of a
// record that does not fit its type is logged at debug with op, member and type. Log records carry
// the call's context, so that a handler finds the current span.
func WithLogger(logger *slog.Logger) Option {
	return clientOption(func(cfg *config) error {
		cfg.logger = logger
		return unless(logger != nil, "WithLogger", "must not be nil")
	})
}

// WithUserAgent puts the application's name, such as "billing/2.1", before the SDK's in User-Agent.
// By default User-Agent holds the SDK's name and version alone.
func WithUserAgent(userAgent string) Option {
	return clientOption(func(cfg *config) error {
		cfg.userAgent = userAgent
		return unless(strings.TrimSpace(userAgent) != "" && !hasControl(userAgent), "WithUserAgent", "must be text without control characters")
	})
}

// WithMaxResponseBytes limits the size of a successful response after decompression, and of each
// element of a streamed list. The default is 64 MiB. The limit must be positive. A larger response
// is a [*DecodeError]. At most 1 MiB of a failure's body is read, whatever the limit.
//
// The limit is for the JSON text, not for the memory of the decoded records. A documented response
// takes about as much memory again when it is decoded. A list of tiny elements, such as {}, takes
// up to 106 times its size (measured), and up to twice that while the slice grows. If you do not
// trust the server, set a lower limit or use the All methods.
func WithMaxResponseBytes(n int64) Option {
	return clientOption(func(cfg *config) error {
		cfg.maxBytes = min(n, 1<<62) // room for sums
		return unless(n > 0, "WithMaxResponseBytes", "must be positive")
	})
}

// WithInsecureHTTP allows plain http to hosts other than loopback. The credential then travels
// unencrypted.
func WithInsecureHTTP() Option {
	return clientOption(func(cfg *config) error { cfg.insecure = true; return nil })
}
