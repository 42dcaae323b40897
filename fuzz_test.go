package promptorchestra

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest/apidocs"
	"github.com/prompt-orchestra/promptorchestra-go/internal/failure"
	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
	"github.com/prompt-orchestra/promptorchestra-go/internal/redact"
	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// FuzzErrors: any failure becomes one clean error with all of its parts.
func FuzzErrors(f *testing.F) {
	apidocs.AddFiles(f, "errors/*", func(data []byte) { f.Add(422, data) })
	for _, seed := range []string{
		"", "null", `"x"`, "\xff", `{"run":{"id":"run_1"},"runId":7}`, `{"runId":"run_1`, `{"error":"a\u202eb","retryable":"false"}`, `{"title":"t","category":"c","where":null,"retryable":null}`,
		`{"message":"400 {\"error\":{\"prompt\":\"tok\/en\u002d0123456789\"}} {\"a\":1"}`, `"token-0123456789 token-01234`,
	} {
		f.Add(429, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		var e APIError
		e.read(status, body, nil)
		if e.StatusCode != status || e.Kind == "" || e.Shape == "" || (e.Shape == ShapeDiagnostic) != (e.Diagnostic != nil) {
			t.Fatalf("%+v", e)
		}
		if !bytes.HasPrefix(body, e.RawBody) || len(e.RawBody) != min(len(body), maxRawBody) {
			t.Fatalf("%d bytes kept of %d", len(e.RawBody), len(body))
		}
		if e.retryable() && e.outcomeUnknown() {
			t.Fatal("to be repeated, and perhaps not")
		}
		e.Op, e.RequestID = "Agents.Run", string(body[:min(len(body), 100)])
		for _, text := range []string{e.Error(), e.LogValue().String(), (&DecodeError{Err: &e}).Error()} {
			if len(text) > 1500 || strings.ContainsFunc(text, unicode.IsControl) {
				t.Fatalf("not one clean line: %q", text)
			}
		}
		if _, err := json.Marshal(e); err != nil {
			t.Fatal(err)
		}
		if IsRetryable(&e) && (OutcomeUnknown(&e) || new(request).IsFinal(status, e.RawBody)) {
			t.Fatalf("retryable, and must not be retried: %+v", e)
		}
		fuzzErrorThroughJSON(t, &e, status, body)
		fuzzRedaction(t, status, body)
	})
}

// fuzzErrorThroughJSON: an error that was read back says the same.
func fuzzErrorThroughJSON(t *testing.T, e *APIError, status int, body []byte) {
	t.Helper()
	e.RequestID = "" // may hold invalid UTF-8 here
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var back APIError
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if back.Error() != e.Error() || IsRetryable(&back) != IsRetryable(e) || OutcomeUnknown(&back) != OutcomeUnknown(e) || KindOf(&back) != KindOf(e) {
		t.Fatalf("%v\nread back as\n%v", e, &back)
	}
	if len(body) <= maxRawBody && !reflect.DeepEqual(back.Diagnostic, e.Diagnostic) && !bytes.ContainsAny(body, "<>&\u2028\u2029 \t\r\n") {
		t.Fatalf("%+v\nread back as\n%+v", e.Diagnostic, back.Diagnostic)
	}
	if id, ok := RunID(e); ok && (id == "" || !failure.FindRuns(body, nil).Named) {
		t.Fatalf("run %q of a body that names none, status %d", id, status)
	}
}

// fuzzRedaction: no text of an error holds the call's token.
func fuzzRedaction(t *testing.T, status int, body []byte) {
	t.Helper()
	const token = "token-0123456789"
	var e APIError
	e.read(status, body, redact.Tokens{"Bearer " + token})
	for _, text := range []string{e.Error(), e.LogValue().String(), e.Message, e.Summary, e.Code, string(e.RawBody), fmt.Sprintf("%v %s", e.Details, e.Diagnostic)} {
		if strings.Contains(text, token) {
			t.Fatalf("%q shows the token", text)
		}
	}
}

// anyRequest is one whose record or list needs no evidence.
var anyRequest = &request{client: &Client{core: &core{}}, call: call{route: &route{}}, result: &transport.Result{}}

// FuzzRecords: any JSON object decodes into any record, whatever its members are, and the record is the same after
// it was encoded and decoded again.
func FuzzRecords(f *testing.F) {
	apidocs.AddFiles(f, "records/*.json", func(data []byte) { f.Add(data) })
	for _, seed := range []string{`{}`, `{"id":7,"run":[],"createdAt":1e400,"output":null}`, `{"tool_key":{},"toolKey":"a"}`, `[]`, `{"createdAt":"2026-11-23 08:00:00+00"}`} {
		f.Add([]byte(seed))
	}
	f.Add([]byte(`{"steps":[{"stepKey":7,"condition":{"a":[1, "<b>"]},"":null}],"transitions":[{"label":1.50}],"entry_step_key":"a","layout":[]}`))
	f.Add([]byte(`{"versions":[{"promptComposition":[{"promptId":"p","weight":1}],"tools":[{"alias":"x"}]}],"clientSecret":"s","key":"k"}`))
	types := []reflect.Type{reflect.TypeFor[Workflow](), reflect.TypeFor[PromptAttachment](), reflect.TypeFor[SkillPromptCompositionItem]()}
	seen := map[reflect.Type]bool{}
	for _, m := range apidocs.Methods(reflect.TypeFor[Client]()) {
		if !m.IsWrapper() && !seen[m.Record()] {
			seen[m.Record()] = true
			types = append(types, m.Record())
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		text := bytes.TrimSpace(data)
		object := len(text) > 0 && text[0] == '{' && json.Valid(data)
		for _, typ := range types {
			record := reflect.New(typ)
			err := decodeRecord(anyRequest, data, record.Interface())
			if object != (err == nil || errors.Is(err, errFailure)) {
				t.Fatalf("%v: %v", typ, err)
			}
			if err != nil {
				continue
			}
			encoded, err := json.Marshal(record.Interface())
			if err != nil {
				t.Fatalf("%v does not encode again: %v", typ, err)
			}
			back := reflect.New(typ)
			if err := json.Unmarshal(encoded, back.Interface()); err != nil {
				t.Fatalf("%v does not decode again: %v", typ, err)
			}
			if path := difference(record.Elem(), back.Elem()); path != "" {
				t.Fatalf("%v%s is another one after encoding and decoding:\n%+v\n%+v", typ, path, record, back)
			}
			_ = fmt.Sprintf("%v", record)
		}
	})
}

// difference returns the path of what two records differ in. Raw JSON may differ in white space and
// escapes, secrets are gone, and a graph without steps has an empty list.
func difference(a, b reflect.Value) string {
	switch x := a.Interface().(type) {
	case RawJSON:
		y := b.Interface().(RawJSON)
		was, err := json.Marshal(x)
		is, err2 := json.Marshal(y)
		if (x == nil) != (y == nil) || err != nil || err2 != nil || string(was) != string(is) {
			return fmt.Sprintf(": %q, %q", x, y)
		}
		return ""
	case Secret:
		if !b.IsZero() {
			return ": a secret"
		}
		return ""
	case Timestamp:
		if y := b.Interface().(Timestamp); !x.Equal(y.Time) || x.Location() != y.Location() {
			return ": " + x.String()
		}
		return ""
	}
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			if f := a.Type().Field(i); !f.IsExported() {
				if !reflect.DeepEqual(a.Interface(), b.Interface()) {
					return ": not equal"
				}
			} else if d := difference(a.Field(i), b.Field(i)); d != "" {
				return "." + f.Name + d
			}
		}
	case reflect.Pointer:
		if a.IsNil() != b.IsNil() {
			return ": nil"
		}
		if !a.IsNil() {
			return difference(a.Elem(), b.Elem())
		}
	case reflect.Slice:
		if a.Len() != b.Len() || a.IsNil() != b.IsNil() && a.Len() > 0 {
			return ": length"
		}
		for i := range a.Len() {
			if d := difference(a.Index(i), b.Index(i)); d != "" {
				return fmt.Sprintf("[%d]%s", i, d)
			}
		}
	case reflect.Map:
		if a.Len() != b.Len() || a.IsNil() != b.IsNil() {
			return ": length"
		}
		for _, key := range a.MapKeys() {
			if !b.MapIndex(key).IsValid() {
				return fmt.Sprintf("[%q]", key)
			}
			if d := difference(a.MapIndex(key), b.MapIndex(key)); d != "" {
				return fmt.Sprintf("[%q]%s", key, d)
			}
		}
	default:
		if !reflect.DeepEqual(a.Interface(), b.Interface()) {
			return fmt.Sprintf(": %v, %v", a, b)
		}
	}
	return ""
}

// FuzzPath: an id is one segment of the path that is sent, or refused; a path given to Do is sent as it is.
func FuzzPath(f *testing.F) {
	for _, seed := range [][2]string{
		{"agt_1", "v1"}, {"..", ""}, {".", "a"}, {"../../admin?x=1#y", "a/b"}, {"%2e%2e", "ä €"}, {"a\nb", "\xff"}, {"a%2Fb", "+;=,"}, {"/api/x", "/api/%2e%2e/x"},
	} {
		f.Add("/base", seed[0], seed[1])
		f.Add("/a%2Fb/", seed[1], seed[0])
	}
	f.Fuzz(func(t *testing.T, base, first, second string) {
		u, err := parseBaseURL("https://host.example"+base, false)
		if err != nil || u.Host != "host.example" {
			t.Skip()
		}
		c := core{rawPath: strings.TrimRight(u.EscapedPath(), "/")} // as New does it
		target := func(r *route) string {
			p, raw, err := c.expand(r, &[2]string{first, second})
			refused := checkID("id", first) != nil || checkID("id", second) != nil
			if len(r.params) > 0 && (err != nil) != refused {
				t.Fatalf("%q, %q: %v", first, second, err)
			}
			if err != nil {
				t.Skip()
			}
			sent := (&url.URL{Scheme: "https", Host: "host.example", Path: p, RawPath: raw}).EscapedPath()
			parsed, err := url.ParseRequestURI("https://host.example" + sent)
			if err != nil || parsed.Host != "host.example" || parsed.RawQuery != "" || parsed.Fragment != "" {
				t.Fatalf("%q is not a path: %v", sent, err)
			}
			if !strings.HasPrefix(sent, c.rawPath+"/api/") {
				t.Fatalf("%q has left %q", sent, c.rawPath)
			}
			return sent[len(c.rawPath):]
		}
		if checkPath(first) == nil {
			if sent := target(&route{path: first, fixed: []string{first}}); sent != first || path.Clean(sent) != sent {
				t.Fatalf("Do sends %q for %q", sent, first)
			}
		}
		sent := target(routeAgentsDiffVersion)
		segments := strings.Split(sent, "/")
		if len(segments) != 7 || segments[4] != "versions" || segments[6] != "diff" || path.Clean(sent) != sent {
			t.Fatalf("%q for %q, %q", sent, first, second)
		}
		for i, id := range map[int]string{3: first, 5: second} {
			if back, err := url.PathUnescape(segments[i]); err != nil || back != id {
				t.Fatalf("%q arrives as %q: %v", id, back, err)
			}
		}
	})
}

// FuzzListEnvelope: a list is an array, or an object that holds exactly one, or only empty ones.
func FuzzListEnvelope(f *testing.F) {
	apidocs.AddLists(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		var got []RawJSON
		err := decodeList(anyRequest, data, &got)
		data = bytes.TrimPrefix(data, byteOrderMark)
		var want []RawJSON
		is := json.Valid(data) && json.Unmarshal(data, &want) == nil && want != nil
		if !is && json.Valid(data) && bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
			var members map[string]RawJSON
			_ = json.Unmarshal(data, &members)
			arrays, empty, nested := 0, 0, false
			var failure jsonscan.Failure
			for name, m := range members {
				isList := m[0] == '[' && !jsonscan.IsReport([]byte(name))
				switch {
				case isList && jsonscan.IsEmpty(m):
					empty++
				case isList:
					arrays++
					_ = json.Unmarshal(m, &want)
				case m[0] == '{':
					nested = nested || arrayOfObjects.Match(m)
				}
				failure.Add([]byte(name), m)
			}
			isEmpty := arrays == 0 && empty > 0 && !nested
			if isEmpty {
				want = []RawJSON{}
			}
			if arrays != 1 && !isEmpty && err == nil && len(members) > 0 && !twice(data) {
				t.Fatalf("%d arrays, and no error", arrays)
			}
			is = (arrays == 1 || isEmpty) && !twice(data)
			failed := failure.Failed(arrays+empty > 0)
			if failed != errors.Is(err, errFailure) && !twice(data) {
				t.Fatalf("a failure or not: %v", err)
			}
			is = is && !failed && !errors.Is(err, ErrMorePages)
		}
		if is && (err != nil || !reflect.DeepEqual(got, want)) {
			t.Fatalf("%v: %v instead of %v", err, got, want)
		}
		if !json.Valid(data) && err == nil {
			t.Fatal("accepts what is no JSON")
		}
	})
}

// twice reports whether an object has a name twice.
func twice(object []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(object))
	_, _ = dec.Token()
	names := map[any]bool{}
	for dec.More() {
		name, _ := dec.Token()
		if names[name] {
			return true
		}
		names[name] = true
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return true
		}
	}
	return false
}
