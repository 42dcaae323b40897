package orchestratest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Server is the Prompt Orchestra API, on a loopback port or without one: see [NewServer] and
// [NewUnlistened]. Its exported fields are set when it starts and are not to be changed. All
// methods are safe for concurrent use; any number of servers may run in one process.
type Server struct {
	// URL is where the server listens, such as "http://127.0.0.1:34567". Without a listener it is a
	// name that only Transport knows.
	URL string
	// OrganizationID is the organization that every server begins with.
	OrganizationID string
	// AccessToken is a user's token with every permission in that organization.
	AccessToken string
	// APIKey is a key of that organization with every scope.
	APIKey string

	settings settings
	http     *http.Server    // nil without a listener
	ctx      context.Context //nolint:containedctx // of the server's life, which ends with Close
	stop     context.CancelFunc
	serving  sync.WaitGroup // the accept loop
	conns    sync.WaitGroup // open connections
	handling sync.WaitGroup // requests being handled

	// state is what a handler reads and changes. A handler holds it from first to last, which makes
	// each request atomic; see call.unlocked for the one exception.
	state       sync.Mutex
	ids         ids
	orgs        []*organization // in the order in which they were made
	credentials map[string]*credential
	limits      limits
	failing     map[string]failing // by the id of a prompt, tool or skill
	held        map[string]int     // by execution: see HoldRuns
	seed        []byte             // what Reset loads again

	// journal guards what tests set and read. It may be locked while state is, not the other way
	// round.
	journal  sync.Mutex
	faults   faults
	requests recorded
	arrived  int
	misuse   error
}

// Option changes how a server starts.
type Option func(*settings)

type settings struct {
	seed         uint64
	clock        func() time.Time
	allowedHosts []string
	names        []string
	logger       *slog.Logger
	control      bool
}

// WithSeed sets what ids and secrets are made from. Servers with the same seed give the same
// records the same ids; the seed is 1 when none is given.
func WithSeed(seed uint64) Option {
	return func(s *settings) { s.seed = seed }
}

// WithClock sets where times come from, the Date of responses included: time.Now when none, or nil,
// is given. It is called from many goroutines.
func WithClock(now func() time.Time) Option {
	return func(s *settings) {
		if now != nil {
			s.clock = now
		}
	}
}

// WithAllowedHosts names the hosts ("127.0.0.1", "127.0.0.1:8080") that http tools may call. With
// none, every http tool fails without a request.
func WithAllowedHosts(hosts ...string) Option {
	return func(s *settings) { s.allowedHosts = append(s.allowedHosts, hosts...) }
}

// WithHostNames names hosts, without ports, that requests may have in their Host header beside
// loopback and the address that the server listens on, such as "emulator" for the neighbours of a
// container. A request for any other host is rejected with 403 and is not recorded: it comes from a
// web page whose name was made to lead here.
func WithHostNames(names ...string) Option {
	return func(s *settings) { s.names = append(s.names, names...) }
}

// WithLogger logs one line for each request: method, path without query, route, status and
// duration. Credentials and bodies are never logged.
func WithLogger(logger *slog.Logger) Option {
	return func(s *settings) {
		if logger != nil {
			s.logger = logger
		}
	}
}

// NewServer starts a server on a free loopback port. Like httptest.NewServer it panics when
// loopback cannot be listened on at all; Start returns the error.
func NewServer(opts ...Option) *Server {
	srv, err := Start("127.0.0.1:0", opts...)
	if err != nil {
		panic(err)
	}
	return srv
}

// Start starts a server on addr, such as "127.0.0.1:8080".
func Start(addr string, opts ...Option) (*Server, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("orchestratest: listen on %s: %w", addr, err)
	}
	host, _, _ := net.SplitHostPort(addr) // it was listened on
	srv := newServer(reachable(listener.Addr().String()), host, opts)
	srv.http = &http.Server{
		Handler:           http.HandlerFunc(srv.serve),
		BaseContext:       func(net.Listener) context.Context { return srv.ctx },
		ConnState:         srv.countConnection,
		ErrorLog:          slog.NewLogLogger(srv.settings.logger.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: time.Minute,
	}
	srv.serving.Go(func() {
		if err := srv.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			srv.settings.logger.Error("server stopped", "error", err)
		}
	})
	return srv, nil
}

// reachable is the URL of an address: loopback stands for "every interface".
func reachable(addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		addr = net.JoinHostPort("127.0.0.1", port)
	}
	return "http://" + addr
}

var unlistened atomic.Int64

// NewUnlistened makes a server without a listener and without a goroutine: requests reach it
// through [Server.Transport] alone, which [Server.Client] uses. Make it inside a bubble of
// testing/synctest, in which retries, polls and delays then take no time.
func NewUnlistened(opts ...Option) *Server {
	host := fmt.Sprintf("emulator-%d.invalid", unlistened.Add(1))
	return newServer("https://"+host, host, opts)
}

// newServer makes a server that serves requests for a host.
func newServer(url, host string, opts []Option) *Server {
	srv := &Server{
		URL:      url,
		settings: settings{seed: 1, clock: time.Now, logger: slog.New(slog.DiscardHandler)},
	}
	for _, opt := range opts {
		opt(&srv.settings)
	}
	srv.settings.names = append(slices.Clone(srv.settings.names), host)
	srv.ctx, srv.stop = context.WithCancel(context.Background())
	first := srv.begin()
	srv.OrganizationID, srv.AccessToken, srv.APIKey = first.ID, first.AccessToken, first.APIKey
	return srv
}

// begin empties the server and makes the organization that it begins with.
func (s *Server) begin() Organization {
	s.state.Lock()
	defer s.state.Unlock()
	s.ids = newIDs(s.settings.seed)
	s.orgs, s.credentials = nil, map[string]*credential{}
	s.limits, s.failing, s.held = noLimits(), map[string]failing{}, map[string]int{}
	s.journal.Lock()
	s.faults = faults{}
	s.requests.forget()
	s.arrived = 0
	s.journal.Unlock()
	return s.addOrganization("Acme")
}

// Reset returns the server to how it started: records, credentials, faults, limits and recorded
// requests are gone, and what [Server.Load] loaded is loaded again. OrganizationID, AccessToken and
// APIKey stay valid. A mistake that Err reports stays reported. Requests under way may fail.
func (s *Server) Reset() {
	s.begin()
	s.must("Reset", s.load(s.seed))
}

// countConnection lets Close wait for the goroutine of every connection.
func (s *Server) countConnection(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.conns.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.conns.Done()
	}
}

// Close stops the server: requests in progress, delayed ones included, lose their connection, and
// no goroutine of the server is left when it returns. What was recorded stays readable.
func (s *Server) Close() {
	s.stop()
	if s.http != nil {
		_ = s.http.Close() // the listener is gone either way
	}
	s.serving.Wait()
	s.conns.Wait()
	s.handling.Wait()
}

// Err is the first mistake made with the server's own methods, such as a fault queued for a route
// that does not exist. After one, every request fails with 500 and the mistake, so that it cannot
// pass unseen.
func (s *Server) Err() error {
	s.journal.Lock()
	defer s.journal.Unlock()
	return s.misuse
}

// must reports a mistake of one of the server's own methods.
func (s *Server) must(method string, err error) {
	s.journal.Lock()
	defer s.journal.Unlock()
	if err != nil && s.misuse == nil {
		s.misuse = fmt.Errorf("orchestratest: %s: %w", method, err)
	}
}

// serves reports whether a Host header may be answered.
func (s *Server) serves(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	ip, err := netip.ParseAddr(host)
	switch {
	case err == nil && (ip.IsLoopback() || ip.IsUnspecified()):
		return ip.IsLoopback()
	case host == "":
		return false
	}
	return host == "localhost" || slices.ContainsFunc(s.settings.names, func(name string) bool { return strings.EqualFold(name, host) })
}

// now is the time as the API writes it.
func (s *Server) now() string { return s.timestamp(s.settings.clock()) }

func (s *Server) timestamp(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}
