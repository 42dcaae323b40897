package promptorchestra

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"time"

	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// Operation tells a RoundTripper below the client which call a request belongs
// to: the method's name, such as "Agents.Get", the path template, which makes a
// good label since it holds no ids, and the attempt, from 1. A token source, which
// is asked before an attempt is sent, sees the number of those before it. The
// template of [Client.Do] is "": only its caller knows where the ids are. ok is
// false for a context that is not of a request of this package.
func Operation(ctx context.Context) (op, pathTemplate string, attempt int, ok bool) {
	x := transport.From(ctx)
	if x == nil {
		return "", "", 0, false
	}
	return x.Op, x.Template, x.Attempt(), true
}

// observe has each attempt logged, when anybody listens.
func (r *request) observe(ctx context.Context) {
	logger := r.client.core.logger
	if logger == nil || !logger.Enabled(ctx, slog.LevelWarn) && !logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	r.x.Observe = func(ctx context.Context, x *transport.Exchange, step transport.Step) {
		level, message := slog.LevelDebug, "promptorchestra: attempt"
		if step.Again {
			level, message = slog.LevelWarn, "promptorchestra: trying again"
		}
		if !logger.Enabled(ctx, level) {
			return
		}
		attrs := append(r.logAttrs(), slog.Int("attempt", x.Attempts), slog.Duration("duration", step.Elapsed))
		if step.Again {
			attrs = append(attrs, slog.Duration("wait", step.Wait))
		}
		logger.LogAttrs(ctx, level, message, attrs...)
	}
}

// logCall logs the call as a whole.
func (r *request) logCall(ctx context.Context, started time.Time) {
	logger := r.client.core.logger
	if logger == nil || !logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	attrs := append(r.logAttrs(), slog.Int("attempts", r.x.Attempts), slog.Duration("duration", time.Since(started)))
	logger.LogAttrs(ctx, slog.LevelDebug, "promptorchestra: call", attrs...)
}

// logMismatch logs that an answer has a member of an unexpected type.
func (r *request) logMismatch(ctx context.Context, e *json.UnmarshalTypeError) {
	if logger := r.client.core.logger; logger != nil {
		found, _, _ := strings.Cut(e.Value, " ") // "number 12.5": its type, without the value
		logger.LogAttrs(ctx, slog.LevelDebug, "promptorchestra: a member of the answer has an unexpected type",
			slog.String("op", r.call.route.op), slog.String("member", clean(e.Field, 80)), slog.String("type", clean(found, 20)))
	}
}

// logAttrs returns what may be logged of a call: names and numbers, and no
// body, query, id or token.
func (r *request) logAttrs() []slog.Attr {
	x := &r.x
	route := r.call.route
	attrs := make([]slog.Attr, 0, 10)
	attrs = append(attrs, slog.String("op", route.op), slog.String("method", route.method))
	if x.Template != "" {
		attrs = append(attrs, slog.String("path", x.Template))
	}
	switch {
	case !x.Answered:
		attrs = append(attrs, slog.String("kind", "transport"))
	case x.Success() && x.Failure == nil:
		attrs = append(attrs, slog.Int("status", x.Status))
	case x.Success():
		attrs = append(attrs, slog.Int("status", x.Status), slog.String("kind", "decode"))
	default:
		var e APIError
		e.decode(x.Status, x.Bytes())
		attrs = append(attrs, slog.Int("status", x.Status), slog.String("kind", string(e.Kind)))
	}
	if id := r.requestID(); id != "" {
		attrs = append(attrs, slog.String("request_id", clean(id, 80)))
	}
	return attrs
}
