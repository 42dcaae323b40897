// Command promptorchestra-emulator serves the Prompt Orchestra API from memory, to try clients in
// any language against it:
//
//	promptorchestra-emulator -addr 127.0.0.1:8080 >env &
//	set -a; . ./env
//
// On stdout it prints its URL, an organization and one credential of each kind as lines that export
// and eval take; on stderr that it serves, how to stop it, and a line for each request. Nothing
// outlives the process.
//
// With -control it also serves a JSON API for tests, and prints its URL as EMULATOR_CONTROL_URL:
//
//	GET    /health          {"status":"ok"}
//	POST   /reset           back to the start, with what -seed loaded
//	POST   /publish         {"prompt":"Hello {{name}}"}, {"skill":"..."} or {"agent":{...}}
//	POST   /faults          {"op":"Agents.Run","faults":[{"fault":"dropAfter","times":2}]}
//	POST   /limits          {"seats":3,"ai":false,"voice":false}
//	POST   /held            {"polls":2,"ops":["Skills.Run"]}
//	POST   /failures        {"id":"prm_...","message":"provider down","status":200}
//	POST   /organizations   {"name":"Beta"}
//	POST   /tokens, /keys   {"organization":"Beta","permissions":["agents:read"]}, or "grants"
//	POST   /members         {"accessToken":"eyJ...","organization":"Beta"}
//	POST   /expired         {"credential":"sk_..."}
//	GET    /requests        what arrived, for one call with ?op=Agents.Run
//	GET    /runs            the newest runs with their steps
//
// and at / a page for people, which shows requests and runs as they come, and queues faults,
// restricts the plan and resets by its buttons.
//
// GET shows faults, limits, held, failures and organizations, and DELETE removes faults, limits,
// held, failures and requests. A mistake, such as a call, a fault or a member that does not exist,
// is a 400 with an error that names it, and changes nothing. docs/emulator.md has the details.
//
// -seed takes a file of such orders, to begin with:
//
//	{"publish": [{"prompt": "Hello {{name}}"}], "limits": {"seats": 3}}
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prompt-orchestra/promptorchestra-go/orchestratest"
)

func main() {
	err := run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "promptorchestra-emulator:", err)
		os.Exit(1)
	}
}

// command is what the command line asks for.
type command struct {
	addr    string
	control bool
	health  string // the URL of another emulator, to ask it instead of serving
	seed    []byte // nil without a file
	file    string
	opts    []orchestratest.Option
}

// run serves until the process is told to stop, or ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	c, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if c.health != "" {
		return checkHealth(ctx, c.health)
	}
	srv, err := orchestratest.Start(c.addr, c.opts...)
	if err != nil {
		return err
	}
	defer srv.Close()
	if err := srv.Load(c.seed); err != nil {
		return fmt.Errorf("-seed %s: %w", c.file, err)
	}
	settings := fmt.Sprintf("PROMPT_ORCHESTRA_BASE_URL=%s\nPROMPT_ORCHESTRA_ORGANIZATION_ID=%s\n"+
		"PROMPT_ORCHESTRA_ACCESS_TOKEN=%s\nPROMPT_ORCHESTRA_API_KEY=%s\n",
		srv.URL, srv.OrganizationID, srv.AccessToken, srv.APIKey)
	if c.control {
		settings += "EMULATOR_CONTROL_URL=" + srv.URL + "/control\n"
	}
	fmt.Fprintf(stderr, "promptorchestra-emulator serves %s until it is stopped: Ctrl-C, or SIGTERM to process %d\n", srv.URL, os.Getpid())
	if c.control {
		fmt.Fprintf(stderr, "%s/ in a browser shows what happens\n", srv.URL)
	}
	// Last, because whoever has read them sends requests, and a line for each follows on stderr.
	if _, err := io.WriteString(stdout, settings); err != nil {
		return fmt.Errorf("print the settings: %w", err)
	}
	<-ctx.Done()
	return nil
}

func parse(args []string, stderr io.Writer) (*command, error) {
	c := &command{}
	var hosts, tools []string
	flags := flag.NewFlagSet("promptorchestra-emulator", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&c.addr, "addr", "127.0.0.1:0", "where to listen; port 0 is any free one")
	remote := flags.Bool("allow-remote", false, "accept an addr that other machines can reach")
	flags.BoolVar(&c.control, "control", false, "serve the control API under /control/, and a page for people at /")
	flags.StringVar(&c.health, "health", "", "ask the emulator with -control at this `URL` whether it serves, and exit")
	flags.Func("host", "names, separated by commas, that requests may have as their Host beside loopback and -addr", list(&hosts))
	flags.Func("allow-hosts", "hosts, separated by commas, that http tools may call", list(&tools))
	flags.Func("seed", "a JSON `file` of what to begin with, or a number that ids and credentials are made from", func(value string) error {
		if number, err := strconv.ParseUint(value, 10, 64); err == nil {
			c.opts = append(c.opts, orchestratest.WithSeed(number))
			return nil
		}
		var err error
		c.file = value
		c.seed, err = os.ReadFile(value) //nolint:gosec // the file that the user names
		return err                       //nolint:wrapcheck // package flag names the flag
	})
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if !*remote {
		if err := checkLoopback(c.addr); err != nil {
			return nil, err
		}
	}
	c.opts = append(c.opts, orchestratest.WithHostNames(hosts...), orchestratest.WithAllowedHosts(tools...),
		orchestratest.WithLogger(slog.New(slog.NewTextHandler(stderr, nil))))
	if c.control {
		c.opts = append(c.opts, orchestratest.WithControl())
	}
	return c, nil
}

// checkHealth is for containers from scratch, which have no other program to ask with.
func checkHealth(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(url, "/")+"/control/health", nil)
	if err != nil {
		return fmt.Errorf("-health: %w", err)
	}
	direct := &http.Transport{DisableKeepAlives: true}
	response, err := direct.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("-health: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("-health: %s responded with %s", request.URL, response.Status)
	}
	return nil
}

// list reads a flag that may be given more than once.
func list(target *[]string) func(string) error {
	return func(value string) error {
		*target = append(*target, strings.Split(value, ",")...)
		return nil
	}
}

// checkLoopback rejects an address that other machines can reach: the credentials are the same for
// everyone who knows the seed.
func checkLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("-addr: %w", err)
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("-addr %s is not a loopback address; add -allow-remote if that is meant", addr)
}
