// Command promptorchestra-emulator serves the Prompt Orchestra API from memory, to try clients in
// any language against it. It prints its URL, an organization and one credential of each kind as
// lines that a shell can export:
//
//	promptorchestra-emulator -addr 127.0.0.1:8080
//
// With -control it also serves a small JSON API for tests, and prints the URL of that as
// EMULATOR_CONTROL_URL:
//
//	POST   $EMULATOR_CONTROL_URL/faults    {"op":"Agents.Run","faults":[{"fault":"dropAfter"}]}
//	GET    $EMULATOR_CONTROL_URL/faults    the faults that no request has taken yet, by op
//	DELETE $EMULATOR_CONTROL_URL/faults    drops them
//	POST   $EMULATOR_CONTROL_URL/limits    {"seats":3,"ai":false,"voice":false}
//	GET    $EMULATOR_CONTROL_URL/limits    the limits in force
//	DELETE $EMULATOR_CONTROL_URL/limits    lifts them
//	GET    $EMULATOR_CONTROL_URL/requests  what arrived, for one call with ?op=Agents.Run
//	DELETE $EMULATOR_CONTROL_URL/requests  forgets it
//
// A mistake, such as a call, a fault or a limit that does not exist, is a 400 with an error that
// names it, and changes nothing. docs/emulator.md lists the faults and shows the responses.
//
// Each request is logged as one line on stderr. Nothing outlives the process.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

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

// run serves until the process is told to stop, or ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	flags := flag.NewFlagSet("promptorchestra-emulator", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:0", "where to listen; port 0 is any free one")
	remote := flags.Bool("allow-remote", false, "accept an addr that other machines can reach")
	seed := flags.Uint64("seed", 1, "what ids and credentials are made from")
	control := flags.Bool("control", false, "serve the control API under /control/: faults, limits and recorded requests")
	tools := flags.String("allow-hosts", "", "hosts that http tools may call, separated by commas")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if !*remote {
		if err := checkLoopback(*addr); err != nil {
			return err
		}
	}
	opts := []orchestratest.Option{
		orchestratest.WithSeed(*seed),
		orchestratest.WithLogger(slog.New(slog.NewTextHandler(stderr, nil))),
	}
	if *tools != "" {
		opts = append(opts, orchestratest.WithAllowedHosts(strings.Split(*tools, ",")...))
	}
	if *control {
		opts = append(opts, orchestratest.WithControl())
	}
	srv, err := orchestratest.Start(*addr, opts...)
	if err != nil {
		return err
	}
	defer srv.Close()
	settings := fmt.Sprintf("PROMPT_ORCHESTRA_BASE_URL=%s\nPROMPT_ORCHESTRA_ORGANIZATION_ID=%s\n"+
		"PROMPT_ORCHESTRA_ACCESS_TOKEN=%s\nPROMPT_ORCHESTRA_API_KEY=%s\n",
		srv.URL, srv.OrganizationID, srv.AccessToken, srv.APIKey)
	if *control {
		settings += "EMULATOR_CONTROL_URL=" + srv.URL + "/control\n"
	}
	if _, err := io.WriteString(stdout, settings); err != nil {
		return fmt.Errorf("print the settings: %w", err)
	}
	<-ctx.Done()
	return nil
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
