package promptorchestra

import (
	"cmp"
	"net/http"
	"reflect"
	"time"
)

type callConfig struct {
	header     http.Header
	timeout    time.Duration
	into       any
	extraBody  map[string]any
	extraQuery []param
	idempotent bool
	noRetry    bool
	response   *Response
	firstPoll  time.Duration // of the methods that wait for a run
	mostPoll   time.Duration
}

// Response is what [WithResponse] captures of a call's last response, on success and on failure
// alike. When no response came, all fields but Attempts are zero.
type Response struct {
	StatusCode int
	Header     http.Header
	RequestID  string // X-Request-Id
	Attempts   int    // number of attempts sent
	Body       []byte // a copy of the body, for a failure of its first MiB; nil for a streamed list
}

// WithInto also decodes the response into v, a non-nil pointer to your own type, which may embed a
// record: that is how to read undocumented fields. For a list, v gets the whole response, which may
// be an object around the list; for a streamed list, one element after another. A record inside an
// envelope is found. v is set to zero first. A field that does not fit stays zero, and so does v if
// it does not fit at all or its UnmarshalJSON fails; neither is an error. After an error or a 204,
// v is not valid.
func WithInto(v any) CallOption {
	return callOption(func(cfg *callConfig) error {
		cfg.into = v
		return unless(v != nil && reflect.TypeOf(v).Kind() == reflect.Pointer && !isNilPointer(v), "WithInto", "must be a non-nil pointer")
	})
}

// WithExtraBody adds members to the call's JSON body. The names of the params' own fields are
// rejected, in any spelling, also if they are not set. For a GET, every member is rejected. A nil
// map, slice or pointer is left out; an untyped nil is sent as null.
func WithExtraBody(members map[string]any) CallOption {
	return callOption(func(cfg *callConfig) error {
		if cfg.extraBody == nil {
			cfg.extraBody = make(map[string]any, len(members))
		}
		for name, v := range members {
			if raw := rawValue(v); raw != nil || v == nil {
				cfg.extraBody[name] = raw
			}
		}
		return nil
	})
}

// WithExtraQuery adds a query parameter. A key that is given twice is sent twice. Parameters that
// the call sends itself are rejected.
func WithExtraQuery(key, value string) CallOption {
	return callOption(func(cfg *callConfig) error {
		cfg.extraQuery = append(cfg.extraQuery, param{name: key, value: value})
		return unless(key != "", "WithExtraQuery", "the key must not be empty")
	})
}

// WithIdempotent declares that the call is idempotent: it is retried like a read, and
// [OutcomeUnknown] reports false for its errors.
func WithIdempotent() CallOption {
	return callOption(func(cfg *callConfig) error { cfg.idempotent = true; return nil })
}

// WithoutRetry sends the call at most once. It wins over [WithIdempotent].
func WithoutRetry() CallOption {
	return callOption(func(cfg *callConfig) error { cfg.noRetry = true; return nil })
}

// WithResponse captures the last response's status, headers and body in r, on success and on
// failure. If the SDK rejects the call before sending, r does not change. Concurrent calls need a
// Response each.
func WithResponse(r *Response) CallOption {
	return callOption(func(cfg *callConfig) error {
		cfg.response = r
		return unless(r != nil, "WithResponse", "must not be nil")
	})
}

// WithPollInterval sets how long [AgentRunsService.Wait], [SkillRunsService.Wait] and
// [AgentsService.RunAndWait] wait between two polls: first at the beginning, and each following
// wait is 1.5 times as long, up to most. Each wait is shortened by a random part, up to half of it.
// Both must be positive, and first must not be longer than most. Other methods ignore it.
func WithPollInterval(first, most time.Duration) CallOption {
	return callOption(func(cfg *callConfig) error {
		cfg.firstPoll, cfg.mostPoll = first, most
		return cmp.Or(
			unless(first > 0 && most > 0, "WithPollInterval", "both intervals must be positive"),
			unless(first <= most, "WithPollInterval", "the first interval must not be longer than the longest one"))
	})
}
