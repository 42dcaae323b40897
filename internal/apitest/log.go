package apitest

import (
	"context"
	"log/slog"
)

// OnRetry is a handler of logs that does something just before a call waits for its next attempt.
type OnRetry func()

// Enabled tells that it looks at warnings alone.
func (f OnRetry) Enabled(_ context.Context, level slog.Level) bool { return level == slog.LevelInfo }

// Handle calls f.
func (f OnRetry) Handle(context.Context, slog.Record) error {
	f()
	return nil
}

// WithAttrs returns f.
func (f OnRetry) WithAttrs([]slog.Attr) slog.Handler { return f }

// WithGroup returns f.
func (f OnRetry) WithGroup(string) slog.Handler { return f }
