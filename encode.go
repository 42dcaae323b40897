package promptorchestra

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
	"github.com/prompt-orchestra/promptorchestra-go/internal/lenient"
)

// expand puts the ids into the path, each as one escaped segment. It returns the path as net/url
// keeps it, unescaped and escaped.
func (c *core) expand(r *route, ids *[2]string) (path, rawPath string, err error) {
	rawPath = c.rawPath + r.fixed[0] // the path of a Do is escaped
	for i, name := range r.params {
		if err := checkID(name, ids[i]); err != nil {
			return "", "", err
		}
		rawPath += url.PathEscape(ids[i]) + r.fixed[i+1]
	}
	path, _ = url.PathUnescape(rawPath) // checkPath has rejected an invalid escape
	return path, rawPath, nil
}

func checkID(name, id string) error {
	reason := ""
	switch {
	case id == "":
		reason = "must not be empty"
	case id == "." || id == "..":
		reason = `must not be "." or "..", which are steps in a path`
	case strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r == 0x7f }):
		reason = "contains a control character"
	default:
		return nil
	}
	return &ArgumentError{Argument: name, Reason: reason}
}

// checkPath accepts what Do may be given: an escaped path below /api/.
func checkPath(path string) error {
	reject := func(reason string) error { return &ArgumentError{Argument: "Path", Reason: reason} }
	switch {
	case !strings.HasPrefix(path, "/api/"):
		return reject("must begin with /api/")
	case strings.ContainsAny(path, "?#"):
		return reject("must not contain a query or a fragment: use Query")
	case strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}", r) }):
		return reject("contains a character that must be escaped")
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		plain, _ := url.PathUnescape(segment) // of an invalid escape it is empty
		if slices.Contains([]string{"", ".", ".."}, plain) {
			return reject("has a segment that is empty, . or .., or an invalid escape")
		}
	}
	return nil
}

// encodeQuery writes the query in our own order: the organization of a GET, what the route carries,
// the call's own parameters, and the extra ones. None of them may be there already.
func (r *request) encodeQuery() (string, error) {
	q := make([]byte, 0, 128)
	if r.call.route.method == http.MethodGet {
		q = appendParam(q, "organizationId", r.client.organization)
	}
	if r.call.route.traits&publicContract != 0 {
		q = appendParam(q, "publicContract", "1")
	}
	for _, p := range r.call.query {
		switch {
		case r.setsItself(p.name):
			return "", &ArgumentError{Argument: p.name, Reason: "is set by the SDK itself"}
		case p.value != "" || r.call.custom:
			q = appendParam(q, p.name, p.value)
		case !p.optional:
			return "", &ArgumentError{Argument: p.name, Reason: "must not be empty"}
		}
	}
	return r.appendExtraQuery(q)
}

func (r *request) appendExtraQuery(q []byte) (string, error) {
	for _, p := range r.options.extraQuery {
		own := func(of param) bool { return of.name == p.name && (of.value != "" || r.call.custom) }
		if r.setsItself(p.name) || slices.ContainsFunc(r.call.query, own) {
			return "", &ArgumentError{Argument: "WithExtraQuery", Reason: clean(p.name, 80) + " is already part of the call"}
		}
		q = appendParam(q, p.name, p.value)
	}
	return string(q), nil
}

func appendParam(query []byte, name, value string) []byte {
	if len(query) > 0 {
		query = append(query, '&')
	}
	query = append(query, url.QueryEscape(name)...)
	return append(append(query, '='), url.QueryEscape(value)...)
}

// setsItself reports whether a query parameter is the SDK's own.
func (r *request) setsItself(name string) bool {
	return isOrganization(name) || name == "publicContract" && r.call.route.traits&publicContract != 0
}

// isOrganization reports whether a name is that of the organization, in a spelling that a server
// may take for it: organizationid, organization_id, organizationId[], organization[id]. Another
// tenant's must not be sent.
func isOrganization(name string) bool {
	before, _, _ := strings.Cut(name, "[")
	return strings.EqualFold(letters(before), "organizationId") || strings.EqualFold(letters(name), "organizationId")
}

// letters returns the ASCII letters of a text.
func letters(text string) string {
	return strings.Map(func(r rune) rune {
		if r|0x20 >= 'a' && r|0x20 <= 'z' {
			return r
		}
		return -1
	}, text)
}

// encodeBody returns the body: the organization first, then the members of the call's own body,
// then the extra ones.
func (r *request) encodeBody() ([]byte, error) {
	own, err := r.ownBody()
	if err != nil {
		return nil, err
	}
	organization := `"` + r.client.organization + `"`
	if strings.ContainsAny(r.client.organization, "\"\\\t") { // nothing else that an id may hold is escaped
		organization = string(asJSON(r.client.organization))
	}
	e := encoders.Get().(*encoder) //nolint:forcetypeassert // the pool holds nothing else
	e.buf.WriteString(`{"organizationId":` + organization + `}`)
	if err = e.addMembers(own); err != nil {
		return nil, err
	}
	if len(r.options.extraBody) > 0 || r.call.custom {
		if err = r.encodeExtra(e); err != nil {
			return nil, err
		}
	}
	body := e.finish()
	return body, checkUTF8(body, own, r.options.extraBody)
}

// ownBody returns the call's own body as it is to be encoded.
func (r *request) ownBody() (any, error) {
	switch body := r.call.body.(type) {
	case interface{ validate() error }:
		return body, body.validate()
	case Workflow:
		return body.forOrganization(r.client.organization)
	default:
		if r.call.custom {
			return rawValue(body), nil
		}
		return body, nil
	}
}

// An encoder encodes JSON without escapes for HTML, which only a browser would need.
type encoder struct {
	buf  bytes.Buffer
	json *json.Encoder // writes to buf
}

var encoders = sync.Pool{New: func() any {
	e := new(encoder)
	e.json = json.NewEncoder(&e.buf)
	e.json.SetEscapeHTML(false)
	return e
}}

// finish returns what was encoded. The encoder must not be used from then on.
func (e *encoder) finish() []byte {
	const maxPooled = 1 << 20
	encoded := bytes.Clone(e.buf.Bytes())
	if e.buf.Reset(); e.buf.Cap() <= maxPooled {
		encoders.Put(e)
	}
	return encoded
}

// addMembers adds the members of what v encodes to to the JSON object that was encoded so far.
func (e *encoder) addMembers(v any) error {
	end := e.buf.Len()
	if err := e.json.Encode(v); err != nil {
		if argument := errorAs[*ArgumentError](err); argument != nil {
			return argument
		}
		return &ArgumentError{Argument: "body", Reason: "cannot be encoded as JSON", Err: err}
	}
	both := bytes.TrimSuffix(e.buf.Bytes(), []byte("\n"))
	switch members := both[end:]; {
	case string(members) == "null", string(members) == "{}":
		e.buf.Truncate(end)
	case members[0] != '{':
		return &ArgumentError{Argument: "body", Reason: "must encode to a JSON object"}
	default:
		both[end-1] = ',' // in the place of the object's brace
		e.buf.Truncate(end + copy(members, members[1:]))
	}
	return nil
}

// encodeExtra adds the extra members, none of which may be there already: a second organizationId,
// above all, would be another tenant's.
func (r *request) encodeExtra(e *encoder) error {
	taken := map[string]bool{}
	tenants := 0
	for member := range jsonscan.Members(e.buf.Bytes()) {
		taken[string(jsonscan.Fold(nil, member))] = true
		if isOrganization(string(member)) {
			tenants++
		}
	}
	if tenants > 1 {
		return &ArgumentError{Argument: "organizationId", Reason: "is set by the SDK itself: use InOrganization"}
	}
	own, _ := lenient.MembersOf(r.call.body) // those too that it does not send now
	for name := range r.options.extraBody {
		if taken[string(jsonscan.Fold(nil, name))] || own.Has([]byte(name)) || name == "" || isOrganization(name) {
			return &ArgumentError{Argument: "WithExtraBody", Reason: clean(name, 80) + " is already part of the call"}
		}
	}
	return e.addMembers(r.options.extraBody)
}

// checkUTF8 rejects a body made of texts that are not UTF-8: encoding/json sends U+FFFD in the
// place of each such byte, escaped or not, which would change a prompt silently. The values are
// searched only if the body has one.
func checkUTF8(body []byte, own any, extra map[string]any) error {
	whole := utf8.Valid(body)
	if whole && !bytes.Contains(body, []byte(`\ufffd`)) && !bytes.Contains(body, []byte("\ufffd")) {
		return nil
	}
	for _, v := range []any{own, extra} {
		if name, found := invalidText(reflect.ValueOf(v), "", 0); found {
			return &ArgumentError{Argument: clean(strings.TrimPrefix(name, "."), 80), Reason: "is not UTF-8"}
		}
	}
	if !whole {
		return &ArgumentError{Argument: "body", Reason: "is not UTF-8"}
	}
	return nil
}

// invalidText finds a text that is not UTF-8, and returns the names that lead to it.
func invalidText(v reflect.Value, path string, depth int) (name string, found bool) {
	const deepest = 100 // a value may lead back to itself
	if !v.IsValid() || depth > deepest {
		return "", false
	}
	switch v.Kind() {
	case reflect.String:
		return path, !utf8.ValidString(v.String())
	case reflect.Pointer, reflect.Interface:
		return invalidText(v.Elem(), path, depth+1)
	case reflect.Slice, reflect.Array, reflect.Map:
		return invalidElement(v, path, depth)
	case reflect.Struct:
		return invalidField(v, path, depth)
	default:
		return "", false
	}
}

func invalidElement(v reflect.Value, path string, depth int) (name string, found bool) {
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
		return path, !utf8.Valid(v.Bytes())
	}
	for key, element := range v.Seq2() {
		step := fmt.Sprintf("[%v]", key)
		if v.Kind() == reflect.Map {
			step = fmt.Sprintf(".%v", key)
		}
		if !utf8.ValidString(step) {
			return path, true
		}
		if name, found = invalidText(element, path+step, depth+1); found {
			return name, true
		}
	}
	return "", false
}

func invalidField(v reflect.Value, path string, depth int) (name string, found bool) {
	itself := v.Type().Implements(jsonMarshaler) // an Opt, which may encode any field
	for i := range v.NumField() {
		f := v.Type().Field(i)
		member, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.Anonymous && !itself && (member == "-" || !f.IsExported()) {
			continue
		}
		under := path
		if !f.Anonymous && f.IsExported() {
			under += "." + cmp.Or(member, f.Name)
		}
		if name, found = invalidText(v.Field(i), under, depth+1); found {
			return name, true
		}
	}
	return "", false
}

// required returns an *ArgumentError for the first empty value of its name-value pairs.
func required(pairs ...string) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		if strings.TrimSpace(pairs[i+1]) == "" {
			return &ArgumentError{Argument: pairs[i], Reason: "must not be empty"}
		}
	}
	return nil
}
