package promptorchestra

import (
	"cmp"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// Client calls the Prompt Orchestra API. Make one with [New] or [NewFromEnv] and share it: it is
// immutable and safe for concurrent use, and no verb of package fmt prints its secrets.
type Client struct {
	// The services, one for each kind of resource.
	Agents           *AgentsService
	AgentRuns        *AgentRunsService
	Prompts          *PromptsService
	Runs             *RunsService
	Skills           *SkillsService
	SkillRuns        *SkillRunsService
	Tools            *ToolsService
	Evaluations      *EvaluationsService
	Models           *ModelsService
	Setup            *SetupService
	VoiceAgents      *VoiceAgentsService
	RealtimeSessions *RealtimeSessionsService
	ServiceKeys      *ServiceKeysService

	core         *core
	organization string
	invalid      error // why the organization cannot be sent, or nil
	service      service
}

// core is what the clients of all organizations share.
type core struct {
	scheme, host string
	server       string // scheme://host, for observers
	rawPath      string // of the base URL, escaped, without a final slash

	// credentials are those that routes take, by whether they take no API key, in the order in
	// which they are asked: the second when the first has no token for the organization.
	credentials map[bool][]*credential

	// header returns those of every call, and the secrets in them. fmt looks into no function.
	header func() (header http.Header, secrets []string)

	noCredential bool // something after the client adds it

	engine    *transport.Engine
	observers []observer
	retries   int
	timeout   time.Duration // of an attempt; 0 is the default of the route
	execution time.Duration // of an attempt of an execution, likewise
	maxBytes  int64
	logger    *slog.Logger
}

// New returns a client, and sends nothing. It reports all mistakes in the options at once: the
// error joins one [*ArgumentError] for each. New works without a credential or an organization, but
// a call that needs one is then rejected before sending with an [*ArgumentError].
// [Client.InOrganization] can set the organization later.
func New(opts ...Option) (*Client, error) {
	cfg := config{
		baseURL: DefaultBaseURL, maxBytes: defaultMaxBytes,
		accessToken: credential{kind: []string{authAccessToken}}, apiKey: credential{kind: []string{authAPIKey}},
	}
	err := applyAll(&cfg, opts)
	err = errors.Join(err, cfg.checkCredentials())
	base, urlErr := parseBaseURL(cfg.baseURL, cfg.insecure)
	if err = errors.Join(err, nameVariable(urlErr, cfg.baseURLVariable)); err != nil {
		return nil, err
	}
	c := &core{
		scheme: base.Scheme, host: base.Host, server: base.Scheme + "://" + base.Host,
		rawPath:      strings.TrimRight(base.EscapedPath(), "/"),
		credentials:  map[bool][]*credential{true: given(&cfg.accessToken), false: given(&cfg.accessToken, &cfg.apiKey)},
		header:       headers(&cfg),
		noCredential: cfg.noCredential,
		retries:      max(cmp.Or(cfg.retry.MaxRetries, 3), 0),
		timeout:      cfg.timeout,
		execution:    cmp.Or(cfg.execution, cfg.timeout),
		maxBytes:     cfg.maxBytes,
		logger:       cfg.logger,
		observers:    cfg.observers,
	}
	if cfg.httpClient != nil {
		bound := max(cfg.httpClient.Timeout, 0)
		c.timeout, c.execution = cmp.Or(c.timeout, bound), cmp.Or(c.execution, bound)
	}
	c.engine, err = newEngine(&cfg)
	if err != nil {
		return nil, err
	}
	return newClient(c, cfg.organization), nil
}

func newEngine(cfg *config) (*transport.Engine, error) {
	inner := cfg.transport
	if inner == nil && cfg.httpClient != nil {
		inner = cfg.httpClient.Transport // its Timeout is one of the core's
		if cfg.httpClient == http.DefaultClient && inner == nil {
			inner = transport.NetHTTP{}
		}
	}
	var err error
	var wrap func(http.RoundTripper) http.RoundTripper
	if len(cfg.wrappers) > 0 {
		wrap = func(rt http.RoundTripper) http.RoundTripper {
			for _, wrapper := range cfg.wrappers {
				if rt = wrapper(rt); rt == nil || isNilPointer(rt) {
					err = &ArgumentError{Argument: "WithTransportWrapper", Reason: "the function returned nil"}
					return nil
				}
			}
			return rt
		}
	}
	minWait := cmp.Or(cfg.retry.MinWait, 500*time.Millisecond)
	engine := transport.NewEngine(inner, wrap, transport.Policy{
		Budget:        cmp.Or(cfg.retry.Budget, 100),
		MinWait:       minWait,
		MaxWait:       max(cmp.Or(cfg.retry.MaxWait, 8*time.Second), minWait),
		MaxRetryAfter: cmp.Or(cfg.retry.MaxRetryAfter, time.Minute),
	})
	return engine, err
}

// NewFromEnv is [New] with options from the environment variables that the product's other tools
// use: PROMPT_ORCHESTRA_BASE_URL, PROMPT_ORCHESTRA_ORGANIZATION_ID, PROMPT_ORCHESTRA_ACCESS_TOKEN
// and PROMPT_ORCHESTRA_API_KEY, or PROMPT_ORCHESTRA_AUTHORING_API_KEY if that is not set. The
// options in opts win over the variables. An empty variable counts as not set. An invalid value is
// an [*ArgumentError] that names the variable.
//
// Nothing else in this package reads the environment, except that the default transport uses the
// proxy variables, such as HTTPS_PROXY, as net/http does.
func NewFromEnv(opts ...Option) (*Client, error) {
	var fromEnv []Option
	add := func(option func(string) Option, names ...string) {
		for _, name := range names {
			if value := os.Getenv(name); value != "" {
				fromEnv = append(fromEnv, fromVariable(name, option(value)))
				return
			}
		}
	}
	add(WithBaseURL, baseURLVariable)
	add(WithOrganization, "PROMPT_ORCHESTRA_ORGANIZATION_ID")
	add(WithAccessToken, "PROMPT_ORCHESTRA_ACCESS_TOKEN")
	add(WithAPIKey, "PROMPT_ORCHESTRA_API_KEY", "PROMPT_ORCHESTRA_AUTHORING_API_KEY")
	return New(append(fromEnv, opts...)...)
}

const baseURLVariable = "PROMPT_ORCHESTRA_BASE_URL"

// fromVariable returns an option whose errors name the environment variable that it came from.
func fromVariable(name string, option Option) Option {
	return clientOption(func(cfg *config) error {
		err := option.applyClient(cfg)
		if name == baseURLVariable {
			cfg.baseURLVariable = name // New checks the URL
		}
		// Only environment variables came before it.
		cfg.accessToken.fromEnvironment, cfg.apiKey.fromEnvironment = true, true
		return nameVariable(err, name)
	})
}

// nameVariable makes an option's error name the environment variable that the option came from.
func nameVariable(err error, variable string) error {
	if e := errorAs[*ArgumentError](err); e != nil && variable != "" {
		e.Argument = variable
	}
	return err
}

// InOrganization returns the same client for another organization. The two share connections,
// credentials and the retry budget. It is cheap enough to call for each request. If the id is
// invalid, each call returns an [*ArgumentError]. An API key belongs to one organization: use
// [WithAPIKeySource] for several.
func (c *Client) InOrganization(organizationID string) *Client {
	if c == nil {
		c = new(Client)
	}
	return newClient(c.core, organizationID)
}

// CloseIdleConnections closes the connections that no call is using, if the transport supports it.
// All clients with the default transport share its connections.
func (c *Client) CloseIdleConnections() {
	if c != nil && c.core != nil {
		c.core.engine.CloseIdleConnections()
	}
}

// Organization returns the id of the client's organization, or "" if it has none.
func (c *Client) Organization() string {
	if c == nil {
		return ""
	}
	return c.organization
}

// String returns the base URL and the organization on one line, and no secret.
func (c *Client) String() string {
	if c == nil || c.core == nil {
		return "promptorchestra.Client{}"
	}
	const longest = 500
	return "promptorchestra.Client{" +
		clean(c.core.server+c.core.rawPath+" "+c.organization, longest) + "}"
}

func newClient(shared *core, organization string) *Client {
	c := &Client{core: shared, organization: organization, invalid: checkOrganization(organization)}
	c.service.c = c
	s := &c.service // one for all: the services differ by their methods only
	c.Agents = (*AgentsService)(s)
	c.AgentRuns = (*AgentRunsService)(s)
	c.Prompts = (*PromptsService)(s)
	c.Runs = (*RunsService)(s)
	c.Skills = (*SkillsService)(s)
	c.SkillRuns = (*SkillRunsService)(s)
	c.Tools = (*ToolsService)(s)
	c.Evaluations = (*EvaluationsService)(s)
	c.Models = (*ModelsService)(s)
	c.Setup = (*SetupService)(s)
	c.VoiceAgents = (*VoiceAgentsService)(s)
	c.RealtimeSessions = (*RealtimeSessionsService)(s)
	c.ServiceKeys = (*ServiceKeysService)(s)
	return c
}

func checkOrganization(id string) error {
	switch {
	case id == "":
		return &ArgumentError{Argument: "organizationId", Reason: "must not be empty", Err: ErrMissingOrganization}
	case hasControl(id) || !utf8.ValidString(id):
		return &ArgumentError{Argument: "organizationId", Reason: "contains a control character or is not UTF-8"}
	default:
		return nil
	}
}

func parseBaseURL(baseURL string, insecure bool) (*url.URL, error) {
	u, err := url.Parse(baseURL)
	reason := ""
	switch pasted := pastedBadly(baseURL); {
	case baseURL == "":
		reason = "is empty: it must begin with https:// or http://"
	case pasted != "":
		reason = "is not a URL: it " + pasted
	case !strings.Contains(baseURL, "://") && (u == nil || !isHTTP(u.Scheme)):
		reason = "must begin with https:// or http://: it has no scheme"
	case err != nil: // it would show the URL, and user info with it
		reason = "is not a URL"
	default:
		reason = cmp.Or(badHost(u, insecure), badPath(u, baseURL))
	}
	if reason != "" {
		return nil, &ArgumentError{Argument: "WithBaseURL", Reason: reason}
	}
	return u, nil
}

// badHost returns what is wrong with a base URL up to its path, or "".
func badHost(u *url.URL, insecure bool) string {
	switch {
	case !isHTTP(u.Scheme):
		return "must begin with https:// or http://"
	case u.Hostname() == "" || u.Opaque != "":
		return "must name a host"
	case u.User != nil:
		return "must not contain a user name or password"
	case u.Scheme == "http" && !insecure && !isLoopback(u.Hostname()):
		return "is plain http to " + clean(u.Hostname(), 80) + ", which would send the token unencrypted: use https, or allow it with WithInsecureHTTP"
	default:
		return ""
	}
}

// badPath returns what is wrong with a base URL from its path on, or "".
func badPath(u *url.URL, text string) string {
	segments := strings.Split(strings.TrimRight(u.Path, "/"), "/")
	switch {
	case u.RawQuery != "" || u.ForceQuery:
		return "must not have a query"
	case u.Fragment != "" || strings.Contains(text, "#"):
		return "must not have a fragment"
	case slices.Contains(segments, ".") || slices.Contains(segments, ".."):
		return "must not have . or .. in its path"
	case strings.EqualFold(segments[len(segments)-1], "api"):
		return "must not end in /api: the SDK adds that itself"
	default:
		return ""
	}
}

func isHTTP(scheme string) bool { return scheme == "https" || scheme == "http" }

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
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
