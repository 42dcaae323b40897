package orchestratest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server is the Prompt Orchestra API on a loopback port. Its exported fields are set when it starts
// and are not to be changed. All methods are safe for concurrent use; any number of servers may run
// in one process.
type Server struct {
	// URL is where the server listens, such as "http://127.0.0.1:34567".
	URL string
	// OrganizationID is the organization that every server begins with.
	OrganizationID string
	// AccessToken is a user's token with every permission in that organization.
	AccessToken string
	// APIKey is a key of that organization with every scope.
	APIKey string

	settings settings
	http     *http.Server
	stop     context.CancelFunc // ends the context of every request
	serving  sync.WaitGroup     // the accept loop
	conns    sync.WaitGroup     // open connections
	handling sync.WaitGroup     // requests being handled

	// state is everything below. A handler holds it from first to last, which makes each request
	// atomic; see call.unlocked for the one exception.
	state       sync.Mutex
	ids         ids
	orgs        map[string]*organization
	credentials map[string]*credential
	limits      limits
	failing     map[string]string // by the id of a prompt, tool or skill
	heldPolls   int

	// journal guards what tests set and read. It may be locked while state is, not the other way
	// round.
	journal  sync.Mutex
	faults   map[string][]Fault
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
	srv := &Server{
		URL:         "http://" + listener.Addr().String(),
		settings:    settings{seed: 1, clock: time.Now, logger: slog.New(slog.DiscardHandler)},
		orgs:        map[string]*organization{},
		credentials: map[string]*credential{},
		failing:     map[string]string{},
		faults:      map[string][]Fault{},
		limits:      noLimits(),
	}
	for _, opt := range opts {
		opt(&srv.settings)
	}
	srv.ids = newIDs(srv.settings.seed)
	first := srv.AddOrganization("Acme")
	srv.OrganizationID, srv.AccessToken, srv.APIKey = first.ID, first.AccessToken, first.APIKey

	ctx, stop := context.WithCancel(context.Background())
	srv.stop = stop
	srv.http = &http.Server{
		Handler:           http.HandlerFunc(srv.serve),
		BaseContext:       func(net.Listener) context.Context { return ctx },
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
	_ = s.http.Close() // the listener is gone either way
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

func (s *Server) misused(format string, args ...any) {
	s.journal.Lock()
	defer s.journal.Unlock()
	if s.misuse == nil {
		s.misuse = fmt.Errorf("orchestratest: "+format, args...)
	}
}

// now is the time as the API writes it.
func (s *Server) now() string { return s.timestamp(s.settings.clock()) }

func (s *Server) timestamp(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}
