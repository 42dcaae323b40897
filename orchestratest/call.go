package orchestratest

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
)

// call is one request being handled, with what it was allowed to see.
type call struct {
	srv        *Server
	request    *http.Request // nil when a method of the server makes the call
	route      *route
	params     map[string]string // of the path, unescaped
	query      url.Values
	input      input
	org        *organization
	credential *credential
	failed     error // the first failure: see fail

	failsInside bool // an execution that fails is told in a 200: see FailExecution
}

// fail records why the request is rejected. The first failure stays, and a mistake in the body
// comes before one that is noted after it. A nil error is none.
//
// A handler need not stop at a failure: what it looks up from then on is empty. It asks ok once,
// before it changes anything.
func (c *call) fail(err error) {
	if err != nil && c.ok() {
		c.failed = err
	}
}

// ok reports whether nothing has failed yet.
func (c *call) ok() bool {
	if c.failed == nil {
		c.failed = c.input.err()
	}
	return c.failed == nil
}

// find returns the record that a path parameter names, or an empty one and fails.
func find[T any](c *call, records *table[T], param string) *T {
	return lookup(c, records, c.params[param])
}

// lookup does the same for any id.
func lookup[T any](c *call, records *table[T], id string) *T {
	record, err := records.find(id)
	if c.fail(err); !c.ok() {
		return new(T)
	}
	return record
}

// unlocked runs do without the server's state, which an http tool needs: it may take long, and may
// even call this server. What a handler holds stays readable, for records are replaced where it
// matters and never edited in place.
func (c *call) unlocked(do func()) {
	c.srv.state.Unlock()
	defer c.srv.state.Lock()
	do()
}

// run checks a request and runs its route.
func (c *call) run(body []byte) any {
	for _, check := range []func(){
		c.authenticate, func() { c.readBody(body) }, c.enterOrganization, c.checkLimits,
	} {
		if check(); !c.ok() {
			return nil
		}
	}
	return c.route.handle(c)
}

// readBody reads the members of the body of every request but a GET.
func (c *call) readBody(body []byte) {
	if c.route.method == http.MethodGet {
		return
	}
	c.input = newInput(map[string]json.RawMessage{})
	if _, err := readMembers(c.request, body, c.input.members); err != nil {
		c.fail(badRequest(err.Error()))
	}
}

// readMembers adds the members of a body, which has none if it is empty. Otherwise it must be a
// JSON object, and named as such.
func readMembers(r *http.Request, body []byte, all map[string]json.RawMessage) (status int, err error) {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case len(body) == 0:
	case media != "application/json":
		return http.StatusUnsupportedMediaType, errors.New("Content-Type must be application/json")
	case json.Unmarshal(body, &all) != nil, all == nil:
		return http.StatusBadRequest, errors.New("the request body must be a JSON object")
	}
	return 0, nil
}
