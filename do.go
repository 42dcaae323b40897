package promptorchestra

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
)

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
	sent, ctx, err := c.start(ctx, in, opts)
	if err == nil {
		err = sent.decode(ctx, out, decodeWhole)
	}
	sent.end(err, out)
	return err
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
