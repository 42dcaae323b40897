package promptorchestra

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// A call is what a method says of itself: the rest is done here, in one place.
type call struct {
	route  *route
	ids    [2]string // of the path, in its order
	query  []param
	body   any  // encodes to a JSON object; nil for none but the organization
	stream bool // the answer is decoded while it arrives
	custom bool // the caller's own: its query and body may hold anything
}

type param struct {
	name, value string
	optional    bool // left out when empty; else that is an error
}

// A request is a call on its way: what it was asked for, and what comes of it.
type request struct {
	client     *Client
	call       call
	options    *callConfig // not nil
	credential *credential
	x          transport.Exchange
}

var noOptions callConfig // of the many calls that have none; only read

// do makes a call that is answered with a record.
func do[T any](ctx context.Context, c *Client, in call, opts []CallOption) (*T, error) {
	r, err := c.send(ctx, in, opts)
	if err != nil {
		return nil, err
	}
	out := new(T)
	if err := r.finish(ctx, out, decodeRecord); err != nil {
		return nil, err
	}
	return out, nil
}

// list makes a call that is answered with an array, or with an object that
// holds one.
func list[T any](ctx context.Context, c *Client, in call, opts []CallOption) ([]T, error) {
	r, err := c.send(ctx, in, opts)
	if err != nil {
		return nil, err
	}
	out := make([]T, 0, countElements(r.x.Bytes()))
	if err := r.finish(ctx, &out, decodeList); err != nil {
		return nil, err
	}
	return out, nil
}

// Request is a call to an endpoint that this package does not wrap.
type Request struct {
	Method string     // GET, POST, PUT, PATCH or DELETE; GET and PUT count as repeatable
	Path   string     // begins with /api/, already escaped, without a query
	Query  url.Values // sent beside organizationId
	Body   any        // encodes to a JSON object; organizationId is added to it
}

// Do calls an endpoint that this package does not wrap, with the same
// credentials, organization, retries and errors as any other, and decodes the
// answer into out, a non-nil pointer; an answer of another type than out's is a
// [*DecodeError]. When out is nil the answer is not looked at. GET and PUT count
// as repeatable, other methods do not: see [WithRetryable]. Its timeout is that of
// ordinary calls: an execution wants a [WithTimeout] or a context with a deadline.
func (c *Client) Do(ctx context.Context, r Request, out any, opts ...CallOption) error {
	traits := beta
	if r.Method != http.MethodGet && r.Method != http.MethodPut {
		traits |= once
	}
	in := call{route: &route{op: "Do", method: r.Method, path: r.Path, fixed: []string{r.Path}, traits: traits}, body: r.Body, custom: true}
	for _, name := range slices.Sorted(maps.Keys(r.Query)) {
		for _, value := range r.Query[name] {
			in.query = append(in.query, param{name: name, value: value})
		}
	}
	if err := r.check(out); err != nil {
		return (&request{client: c, call: in, options: &noOptions}).refuse(err)
	}
	sent, err := c.send(ctx, in, opts)
	if err != nil {
		return err
	}
	return sent.finish(ctx, out, decodeWhole)
}

func (r *Request) check(out any) error {
	switch r.Method {
	case http.MethodGet:
		if r.Body != nil {
			return &ArgumentError{Argument: "Body", Reason: "a GET has none"}
		}
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return &ArgumentError{Argument: "Method", Reason: "must be GET, POST, PUT, PATCH or DELETE"}
	}
	if v := reflect.ValueOf(out); out != nil && (v.Kind() != reflect.Pointer || v.IsNil()) {
		return &ArgumentError{Argument: "out", Reason: "must be nil or a non-nil pointer"}
	}
	return checkPath(r.Path)
}

// send makes a call; every method begins here. The request is released when
// there is an error, and by finish otherwise.
func (c *Client) send(ctx context.Context, in call, opts []CallOption) (*request, error) {
	r := &request{client: c, call: in, options: &noOptions}
	if err := r.prepare(ctx, opts); err != nil {
		return nil, r.refuse(err)
	}
	r.exchange(ctx)
	if err := r.failure(); err != nil {
		r.x.Release()
		return nil, err
	}
	return r, nil
}

// finish decodes the answer, and ends here unless it is streamed.
func (r *request) finish(ctx context.Context, out any, decode func([]byte, any) error) error {
	defer r.x.Release()
	if r.isEmpty() {
		return nil
	}
	if out != nil {
		if err := r.accept(ctx, decode(r.x.Bytes(), out)); err != nil {
			return r.decodeError(err)
		}
	}
	if into := r.options.into; into != nil {
		reflect.ValueOf(into).Elem().SetZero()
		if err := tolerate(decodeAny(r.x.Bytes(), into)); err != nil {
			return r.decodeError(err)
		}
	}
	return nil
}

// isEmpty reports whether the status says that there is nothing to decode.
func (r *request) isEmpty() bool {
	return r.x.Status == http.StatusNoContent || r.x.Status == http.StatusResetContent
}

// prepare checks everything that can be checked before anything is sent.
func (r *request) prepare(ctx context.Context, opts []CallOption) error {
	c := r.client
	if c == nil || c.core == nil {
		return &ArgumentError{Argument: "client", Reason: "was not made by New"}
	}
	if ctx == nil {
		return &ArgumentError{Argument: "ctx", Reason: "must not be nil"}
	}
	if len(opts) > 0 {
		r.options = new(callConfig)
	}
	for _, opt := range opts {
		if opt == nil {
			return &ArgumentError{Argument: "CallOption", Reason: "must not be nil"}
		}
		if err := opt.applyCall(r.options); err != nil {
			return err
		}
	}
	route := r.call.route
	path, rawPath, err := c.core.expand(route, &r.call.ids)
	if err != nil {
		return err
	}
	if c.organization == "" {
		return &ArgumentError{Argument: "organizationId", Reason: "must not be empty", Err: ErrMissingOrganization}
	}
	if hasControl(c.organization) || !utf8.ValidString(c.organization) {
		return &ArgumentError{Argument: "organizationId", Reason: "has a control character, or is not UTF-8"}
	}
	if r.credential = c.core.choose(route.traits); r.credential == nil {
		return missingCredential(route)
	}
	query, err := r.encodeQuery()
	if err != nil {
		return err
	}
	r.x.Call = transport.Call{
		Op: route.op, Template: route.path, Method: route.method,
		URL:      url.URL{Scheme: c.core.scheme, Host: c.core.host, Path: path, RawPath: rawPath, RawQuery: query},
		Safe:     r.safe(),
		Retries:  c.core.retries,
		Timeout:  c.core.timeoutFor(route, r.options.timeout),
		MaxBytes: c.core.maxBytes,
		Auth:     r,
		Final:    final,
		Extra:    r.options.header,
		Stream:   r.call.stream,
	}
	if r.call.custom {
		r.x.Template = "" // its path is the caller's, with ids
	}
	if r.options.noRetry {
		r.x.Retries = 0
	}
	if !r.x.Safe {
		for name := range r.options.header {
			if isIdempotencyKey(name) {
				return &ArgumentError{Argument: "WithHeader", Reason: name + " would make net/http repeat a call that must not be"}
			}
		}
	}
	if route.method == http.MethodGet {
		if len(r.options.extraBody) > 0 {
			return &ArgumentError{Argument: "WithExtraBody", Reason: "a GET has no body"}
		}
		r.x.Header = c.core.headers[r.credential.kind][0]
		return nil
	}
	r.x.Header = c.core.headers[r.credential.kind][1]
	r.x.Body, err = r.encodeBody()
	return err
}

// safe reports whether the call may be sent again whatever became of it.
func (r *request) safe() bool { return !r.call.route.traits.has(once) || r.options.retryable }

// final says for the engine whether a failure's body forbids another attempt:
// it says so itself, or it is a rate limit that names a run, which then exists.
func final(status int, body []byte, safe bool) bool {
	return saysFinal(body) || !safe && status == http.StatusTooManyRequests && namesRun(body)
}

func missingCredential(route *route) error {
	reason := "this call needs a credential: use WithAccessToken or WithAPIKey"
	argument := "credential"
	if route.traits.has(userOnly) {
		argument, reason = "accessToken", "this call takes no API key: use WithAccessToken"
	}
	return &ArgumentError{Argument: argument, Reason: reason}
}

func (c *core) timeoutFor(route *route, own time.Duration) time.Duration {
	switch {
	case own > 0:
		return own
	case c.timeout > 0:
		return c.timeout
	case route.traits.has(execution):
		return defaultExecutionTimeout
	default:
		return defaultTimeout
	}
}
