package promptorchestra

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// Observe logs an attempt, if the client has a logger.
func (r *request) Observe(ctx context.Context, result *transport.Result, wait time.Duration) {
	logger := r.client.core.logger
	if logger == nil {
		return
	}
	level, message := slog.LevelDebug, "promptorchestra: attempt"
	if wait > 0 {
		level, message = slog.LevelInfo, "promptorchestra: retrying"
	}
	if !logger.Enabled(ctx, level) {
		return
	}
	r.result = result
	attrs := append(r.logAttrs(r.attemptFailure()),
		slog.Int("attempt", result.Attempts()), slog.Duration("duration", time.Since(r.started)-r.attemptOffset))
	if wait > 0 {
		attrs = append(attrs, slog.Duration("wait", wait))
	}
	logger.LogAttrs(ctx, level, message, attrs...)
}

type quietKey struct{}

// quiet returns a context for calls whose failures are not their caller's: what a composite calls.
// It logs its own error.
func quiet(ctx context.Context) context.Context { return context.WithValue(ctx, quietKey{}, true) }

// logCall logs the call as a whole: at warn if it returns an error that its caller has not caused
// by ending the context.
func (r *request) logCall(err error) {
	if r.ctx == nil {
		return
	}
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
	logger.LogAttrs(r.ctx, level, "promptorchestra: call", attrs...)
}

// logMismatch logs that a response has a member of an unexpected type.
func (r *request) logMismatch(ctx context.Context, e *json.UnmarshalTypeError) {
	if logger := r.client.core.logger; logger != nil {
		found, _, _ := strings.Cut(e.Value, " ") // the type of "number 12.5", no value
		logger.LogAttrs(ctx, slog.LevelDebug, "promptorchestra: a member of the response has an unexpected type",
			slog.String("op", r.call.route.op), slog.String("member", clean(e.Field, 80)), slog.String("type", clean(found, 20)))
	}
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
	var e *APIError // the codes and paths of a graph are safe to log; other details may hold user data
	if errors.As(failure, &e) && e.Kind == KindInvalidGraph {
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
