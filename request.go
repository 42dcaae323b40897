package promptorchestra

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"time"

	"github.com/prompt-orchestra/promptorchestra-go/internal/failure"
	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
	"github.com/prompt-orchestra/promptorchestra-go/internal/lenient"
	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// A call is what a method gives to do, list or stream. All the rest is done in one place, start.
type call struct {
	route  *route
	ids    [2]string // of the path, in its order
	query  []param
	body   any        // encodes to a JSON object; nil for none but the organization
	stream bool       // the response is decoded while it arrives
	custom bool       // made by Client.Do: its query and body may hold anything
	decode decodeFunc // of a list; nil for decodeList

	invalid error // why it cannot be sent, or nil
}

type param struct {
	name, value string
	optional    bool // an empty value is left out; otherwise it is an error
}

// A request is a call in progress: its options, what it sends, and its result.
type request struct {
	client   *Client
	call     call
	options  *callConfig // not nil
	out      transport.Call
	result   *transport.Result // nil before anything was sent
	observed []func(CallResult)

	ctx           context.Context //nolint:containedctx // of the call, as its observers returned it
	started       time.Time       // for loggers and observers alone
	attemptOffset time.Duration   // when the last attempt began, after started: for loggers alone
	misfit        lenient.Misfit  // logs a member of the response that does not fit; or nil

	credential    *credential // of the last attempt
	authorization []string    // of the last attempt: a secret
	earlier       []string    // other ones, of attempts before it: secrets
	renewed       []string    // for the next attempt, after a 401: a secret
}

var noOptions callConfig // of the calls that have none; only read

// service is what every service holds: the client that it calls through.
type service struct{ c *Client }

// do makes a call whose response is a record.
func do[T any](ctx context.Context, s *service, in call, opts []CallOption) (*T, error) {
	r, err := s.start(ctx, in, opts)
	if err != nil {
		return nil, err
	}
	out := new(T)
	if err := r.decode(out, decodeRecord); err != nil {
		return nil, err
	}
	return out, nil
}

// list makes a call whose response is an array, or an object that holds one.
func list[T any](ctx context.Context, s *service, in call, opts []CallOption) ([]T, error) {
	r, err := s.start(ctx, in, opts)
	if err != nil {
		return nil, err
	}
	decode := in.decode
	if decode == nil {
		decode = decodeList
	}
	out := make([]T, 0, countElements(r.result.Body))
	if err := r.decode(&out, decode); err != nil {
		return nil, err
	}
	return out, nil
}

// start makes a call up to its response. On success the caller releases the result and ends the
// call; a stream's caller ends it in any case.
func (s *service) start(ctx context.Context, in call, opts []CallOption) (*request, error) {
	r := &request{call: in, options: &noOptions, ctx: ctx}
	if s != nil { // else check rejects the call
		r.client = s.c
	}
	err := r.prepare(opts)
	ctx = r.begin(ctx)
	if err != nil {
		err = r.reject(err)
	} else {
		r.result = r.client.core.engine.Do(ctx, &r.out)
		if r.options.response != nil {
			r.capture()
		}
		if !r.result.IsOK() {
			err = r.failure()
			r.result.Release()
		}
	}
	if err != nil && !in.stream {
		r.end(err, nil)
	}
	return r, err
}

// prepare checks the call and fills in r.out. An error means that nothing is sent.
func (r *request) prepare(opts []CallOption) error {
	if err := r.check(); err != nil {
		return err
	}
	if len(opts) > 0 {
		if err := r.applyOptions(opts); err != nil {
			return err
		}
	}
	c, route := r.client, r.call.route
	path, rawPath, err := c.core.expand(route, &r.call.ids)
	if err != nil {
		return err
	}
	query, err := r.encodeQuery()
	if err != nil {
		return err
	}
	timeout, readTimeout := c.core.timeoutsFor(r.ctx, route, r.options.timeout)
	r.out = transport.Call{
		Method: route.method, URL: url.URL{Scheme: c.core.scheme, Host: c.core.host, Path: path, RawPath: rawPath, RawQuery: query},
		Idempotent: r.idempotent(), Retries: c.core.retries,
		Timeout: timeout, ReadTimeout: readTimeout, MaxBytes: c.core.maxBytes, Stream: r.call.stream, Bucket: c.organization, Owner: r,
	}
	if r.options.noRetry {
		r.out.Retries = 0
	}
	if route.method != http.MethodGet {
		r.out.Body, err = r.encodeBody()
	}
	return err
}

// check rejects a call that nobody can make, or not with this client.
func (r *request) check() error {
	c := r.client
	switch {
	case c == nil || c.core == nil:
		return &ArgumentError{Argument: "client", Reason: "was not made by New"}
	case r.ctx == nil:
		return &ArgumentError{Argument: "ctx", Reason: "must not be nil"}
	case r.call.invalid != nil:
		return r.call.invalid
	case c.invalid != nil:
		return c.invalid
	case !c.core.noCredential && len(c.core.credentials[r.call.route.traits&userOnly != 0]) == 0:
		return missingCredential(r.call.route)
	default:
		return nil
	}
}

func (r *request) applyOptions(opts []CallOption) error {
	r.options = new(callConfig)
	for _, opt := range opts {
		if opt == nil {
			return &ArgumentError{Argument: "CallOption", Reason: "must not be nil"}
		}
		if err := opt.applyCall(r.options); err != nil {
			return err
		}
	}
	if len(r.options.extraBody) > 0 && r.call.route.method == http.MethodGet {
		return &ArgumentError{Argument: "WithExtraBody", Reason: "a GET has no body"}
	}
	for name := range r.options.header {
		if transport.IsIdempotencyKey(name) && !r.idempotent() {
			return &ArgumentError{
				Argument: "WithHeader", Reason: name + " would make net/http retry a call that is not idempotent",
			}
		}
	}
	return nil
}

// idempotent reports whether the call may be retried even if it had its effect.
func (r *request) idempotent() bool {
	return r.call.route.traits&notIdempotent == 0 || r.options.idempotent
}

// timeoutsFor returns the timeout of an attempt, or 0 for none, and that of each read of a stream's
// body. The default of the first one applies only to a context without a deadline.
func (c *core) timeoutsFor(ctx context.Context, route *route, own time.Duration) (attempt, read time.Duration) {
	given, byDefault := c.timeout, defaultTimeout
	if route.traits&execution != 0 {
		given, byDefault = c.execution, defaultExecutionTimeout
	}
	given = cmp.Or(own, given)
	read = cmp.Or(given, byDefault)
	if _, bounded := ctx.Deadline(); bounded {
		return given, read
	}
	return read, read
}

// IsFinal reports whether a failure's body forbids a retry: it says so, or it is that of a rate
// limit and names a run, which then exists.
func (r *request) IsFinal(status int, body []byte) bool {
	return failure.ForbidsRetry(body) ||
		!r.out.Idempotent && status == http.StatusTooManyRequests && failure.FindRuns(body, nil).Named
}

// IsWhole reports whether a body does not end in the middle of a JSON object, array or string.
func (r *request) IsWhole(body []byte) bool {
	text := bytes.TrimLeft(body, "\ufeff \t\r\n")
	if len(text) == 0 || text[0] != '{' && text[0] != '[' && text[0] != '"' {
		return true
	}
	_, whole := jsonscan.ValueEnd(text)
	return whole
}

// capture fills in the Response of WithResponse.
func (r *request) capture() {
	to := r.options.response
	*to = Response{Attempts: r.result.Attempts()}
	if r.result.StatusCode > 0 {
		to.StatusCode, to.Header, to.RequestID = r.result.StatusCode, r.result.Header.Clone(), r.requestID()
		to.Body = bytes.Clone(r.body())
	}
}

// decode decodes a response that was read to its end, releases it and ends the call.
func (r *request) decode(out any, decode decodeFunc) (err error) {
	defer func() {
		r.result.Release()
		r.end(err, out)
	}()
	if r.isEmpty() {
		return nil
	}
	if out != nil {
		err = decode(r, r.result.Body, out)
	}
	if into := r.options.into; err == nil && into != nil {
		err = r.decodeInto(r.result.Body, into)
	}
	if err != nil {
		return r.undecodable(err, r.body())
	}
	return nil
}

// isEmpty reports whether the status is one of a response without a body.
func (r *request) isEmpty() bool {
	return r.result.StatusCode == http.StatusNoContent || r.result.StatusCode == http.StatusResetContent
}

// Request is a call to an endpoint that this package does not wrap.
type Request struct {
	Method string     // GET, POST, PUT, PATCH or DELETE; GET and PUT count as idempotent
	Path   string     // begins with /api/, already escaped, without a query
	Query  url.Values // sent beside organizationId
	Body   any        // encodes to a JSON object; organizationId is added to it
}

// Do calls an endpoint that this package does not wrap, with the same credentials, organization,
// retries and errors as any other. It decodes the response into out, a non-nil pointer. A response
// of another type than out's is a [*DecodeError]. When out is nil, the response is not decoded.
//
// GET and PUT count as idempotent, other methods do not: see [WithIdempotent]. The default timeout
// is one minute: for an execution, use [WithTimeout] or a context with a deadline.
func (c *Client) Do(ctx context.Context, r Request, out any, opts ...CallOption) error {
	traits := beta
	if r.Method != http.MethodGet && r.Method != http.MethodPut {
		traits |= notIdempotent
	}
	in := call{
		route: &route{op: "Do", method: r.Method, path: r.Path, fixed: []string{r.Path}, traits: traits},
		body:  r.Body, custom: true, invalid: r.check(out),
	}
	for _, name := range slices.Sorted(maps.Keys(r.Query)) {
		for _, value := range r.Query[name] {
			in.query = append(in.query, param{name: name, value: value})
		}
	}
	sent, err := (&service{c}).start(ctx, in, opts)
	if err != nil {
		return err
	}
	return sent.decode(out, decodeWhole)
}

func (r *Request) check(out any) error {
	switch r.Method {
	case http.MethodGet:
		if r.Body != nil {
			return &ArgumentError{Argument: "Body", Reason: "a GET has no body"}
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
