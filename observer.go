package promptorchestra

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// CallInfo says which call an error, an observer or a request is about.
type CallInfo struct {
	Op           string            // the method, such as "Agents.Publish"; "Do" for Client.Do
	Method       string            // HTTP method
	Path         string            // path template, such as "/api/agents/{agentId}/publish"
	Organization string            // the organization of the call
	Resource     map[string]string // the call's ids by name, those in the body too; or nil
	Attempts     int               // number of attempts sent so far
	Idempotent   bool              // whether the call is idempotent, or WithIdempotent said so

	// Model is the model that the request asks for, the modelKey of its body; "" if it has none.
	Model string `json:",omitzero"`

	// Server is the scheme and host of the base URL, such as "https://api.example.com:8443". Only
	// observers and requests have it; in an error it is "".
	Server string `json:",omitzero"`

	// Composite is true for a method that makes several calls, such as AgentRunsService.Wait.
	// Each of those is a call too: leave composites out when you count calls. Method and Path
	// are those of the first one.
	Composite bool `json:",omitzero"`
}

// CallResult is the result of a call, for an observer. For a composite only Err, Duration and
// Result are set: the calls that it makes have the rest.
type CallResult struct {
	Err        error         // what the call returned, one of the four error types; nil on success
	StatusCode int           // of the last response, 0 when none came
	RequestID  string        // X-Request-Id of the last response
	Header     http.Header   // of the last response, as in APIError: only read it
	Attempts   int           // number of attempts sent
	Duration   time.Duration // of the whole call, waits included; of a streamed list, to its end
	// BudgetExhausted is true when the call would have been retried, but the client's retry budget
	// was used up, as in an outage.
	BudgetExhausted bool
	// Result is the pointer that the call returned or, for a list, a pointer to its slice; of
	// Client.Do, its out. It is nil for a streamed list and when Err is not. Only read it.
	Result any
}

// An observer is called when a call begins, and returns a function to be called when it ends.
type observer = func(ctx context.Context, call CallInfo) (context.Context, func(CallResult))

// WithObserver sets a function that observes every call of every kind: records, lists, streamed
// lists, [Client.Do], and calls that the SDK rejects before sending. Tracing, metrics and audits
// can be built on it.
//
// The function is called when a call begins, before its first attempt, with Attempts 0. The call
// continues with the context that it returns, or with its own if that is nil. The function that it
// returns, if not nil, is called when the call ends; a streamed list ends with the loop over it.
// Both run in the caller's goroutine, so concurrent calls run them concurrently. Observers add up:
// the first is the outermost. The Path of a [Client.Do] is "", since only its caller knows where
// the ids are. A composite, such as [AgentRunsService.Wait], is observed too: the calls that it
// makes have its context, and end before it does. A client without an observer pays nothing for
// this.
func WithObserver(observe func(ctx context.Context, call CallInfo) (context.Context, func(CallResult))) Option {
	return clientOption(func(cfg *config) error {
		cfg.observers = append(cfg.observers, observe)
		return unless(observe != nil, "WithObserver", "must not be nil")
	})
}

// Operation returns which call a request belongs to, for a RoundTripper below the client: Attempts
// is the number of the attempt, from 1. A token source is called before an attempt is sent, and
// sees the number of the attempts before it. The Path of a [Client.Do] is "", since only its caller
// knows where the ids are. ok is false for a context that is not of a request of this package.
func Operation(ctx context.Context) (call CallInfo, ok bool) {
	owner, attempts := transport.FromContext(ctx)
	r, ok := owner.(*request)
	if !ok {
		return CallInfo{}, false
	}
	return r.observedInfo(attempts), true
}

// observedInfo is infoAt for observers and RoundTrippers: with the server, without a Do's path.
func (r *request) observedInfo(attempts int) CallInfo {
	info := r.infoAt(attempts)
	info.Server = r.client.core.server
	if r.call.custom {
		info.Path = ""
	}
	return info
}

// begin calls the observers. The call goes on with the context that the last one returned.
func (r *request) begin(ctx context.Context) context.Context {
	if ctx == nil || r.client == nil || r.client.core == nil {
		return ctx
	}
	core := r.client.core
	if core.logger == nil && len(core.observers) == 0 {
		return ctx
	}
	r.started = time.Now()
	for _, observe := range core.observers {
		inner, end := observe(ctx, r.observedInfo(0))
		if inner != nil {
			ctx = inner
		}
		if end != nil {
			r.observed = append(r.observed, end)
		}
	}
	r.ctx = ctx
	if core.logger != nil {
		r.chooseLogs(core.logger)
	}
	return ctx
}

// chooseLogs decides what is logged while the call is made.
func (r *request) chooseLogs(logger *slog.Logger) {
	if logger.Enabled(r.ctx, slog.LevelInfo) {
		r.out.Observe = r.logAttempt
	}
	if logger.Enabled(r.ctx, slog.LevelDebug) {
		r.misfit = r.logMisfit
	}
}

// newComposite describes a method that makes several calls, by the first of them.
func newComposite(op string, first *route) *route {
	r := *first
	r.op, r.traits = op, r.traits|composite
	return &r
}

// observe runs a method that makes several calls, which in describes by a route of newComposite, as
// one more call for the observers. The context that run gets is theirs: the calls that run makes
// with it are children. run gets the request for its options, and for its own errors by info and
// reject. It does not run when in.invalid is set or an option is bad.
func observe[T any](
	ctx context.Context, s *service, in call, opts []CallOption, run func(ctx context.Context, r *request) (T, error),
) (out T, err error) {
	r := &request{call: in, options: &noOptions, ctx: ctx}
	if s != nil {
		r.client = s.c
	}
	if err = in.invalid; err == nil {
		err = r.applyOptions(opts)
	}
	ctx = r.begin(ctx)
	if err != nil {
		err = r.reject(err)
	} else {
		out, err = run(quiet(ctx), r)
	}
	r.end(err, out)
	return out, err
}

// end logs the call, and calls what the observers returned with its result.
func (r *request) end(err error, out any) {
	if r.started.IsZero() {
		return // nobody is told
	}
	if r.client.core.logger != nil {
		r.logCall(err)
	}
	if len(r.observed) == 0 {
		return
	}
	result := CallResult{Err: err, Duration: time.Since(r.started)}
	if err == nil {
		result.Result = out
	}
	if r.result != nil {
		result.Attempts, result.StatusCode = r.result.Attempts(), r.result.StatusCode
		result.BudgetExhausted = r.result.NoBudget
		if r.result.StatusCode > 0 {
			result.RequestID, result.Header = r.requestID(), r.tokens().Header(r.result.Header)
			if api := errorAs[*APIError](err); api != nil {
				result.Header = api.Header
			}
		}
	}
	for i := len(r.observed) - 1; i >= 0; i-- {
		r.observed[i](result)
	}
}

// logAttempt logs an attempt.
func (r *request) logAttempt(result *transport.Result, wait time.Duration) {
	logger := r.client.core.logger
	level, message := slog.LevelDebug, "promptorchestra: attempt"
	if wait > 0 {
		level, message = slog.LevelInfo, "promptorchestra: retrying"
	}
	if !logger.Enabled(r.ctx, level) {
		return
	}
	r.result = result
	attrs := append(r.logAttrs(r.attemptFailure()),
		slog.Int("attempt", result.Attempts()), slog.Duration("duration", time.Since(r.started)-r.attemptOffset))
	if wait > 0 {
		attrs = append(attrs, slog.Duration("wait", wait))
	}
	logger.LogAttrs(r.ctx, level, message, attrs...)
}

type quietKey struct{}

// quiet returns a context for calls whose failures are not their caller's: what a composite calls.
// It logs its own error.
func quiet(ctx context.Context) context.Context { return context.WithValue(ctx, quietKey{}, true) }

// logCall logs the call as a whole: at warn if it returns an error that its caller has not caused
// by ending the context.
func (r *request) logCall(err error) {
	logger, level := r.client.core.logger, slog.LevelDebug
	if err != nil && r.ctx.Err() == nil && r.ctx.Value(quietKey{}) == nil {
		level = slog.LevelWarn
	}
	if !logger.Enabled(r.ctx, level) {
		return
	}
	attrs := r.logAttrs(err)
	if r.result != nil {
		attrs = append(attrs, slog.Int("attempts", r.result.Attempts()))
		if r.result.NoBudget {
			attrs = append(attrs, slog.Bool("budget_exhausted", true))
		}
	}
	attrs = append(attrs, slog.Duration("duration", time.Since(r.started)))
	message := "promptorchestra: call"
	if err != nil {
		message += " failed"
	}
	logger.LogAttrs(r.ctx, level, message, attrs...)
}

// logMisfit logs a member of the response that does not fit.
func (r *request) logMisfit(e *json.UnmarshalTypeError) {
	found, _, _ := strings.Cut(e.Value, " ") // the type of "number 12.5", no value
	r.client.core.logger.LogAttrs(r.ctx, slog.LevelDebug, "promptorchestra: a member of the response has an unexpected type",
		slog.String("op", r.call.route.op), slog.String("member", clean(e.Field, 80)), slog.String("type", clean(found, 20)))
}

// logAttrs returns what may be logged of a call: names and numbers, but no body, query, id or
// token.
func (r *request) logAttrs(failure error) []slog.Attr {
	route := r.call.route
	attrs := make([]slog.Attr, 0, 10)
	attrs = append(attrs, slog.String("op", route.op), slog.String("method", route.method))
	if !r.call.custom {
		attrs = append(attrs, slog.String("path", route.path))
	}
	if r.result != nil && r.result.StatusCode > 0 {
		attrs = append(attrs, slog.Int("status", r.result.StatusCode))
	}
	if failure != nil {
		attrs = append(attrs, slog.String("kind", string(KindOf(failure))))
	}
	// The codes and paths of a graph are safe to log; other details may hold user data.
	if e := errorAs[*APIError](failure); e != nil && e.Kind == KindInvalidGraph {
		attrs = append(attrs,
			slog.String("detail_codes", listed(e.Details, func(d ErrorDetail) string { return d.Code })),
			slog.String("detail_paths", listed(e.Details, func(d ErrorDetail) string { return d.Path })))
	}
	if r.result == nil {
		return attrs
	}
	if id := r.requestID(); id != "" {
		attrs = append(attrs, slog.String("request_id", clean(id, 80)))
	}
	return attrs
}
