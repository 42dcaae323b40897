package orchestratest

import (
	"bytes"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// A program that is pointed here by mistake sends credentials of its real account. None but this
// server's own are kept: what stands in a place for credentials, and what has the form of one
// anywhere else.
var (
	secretName  = regexp.MustCompile(`(?i)auth|token|secret|cookie|passw|credential|signature|session|api[-_]?key|(^|[-_])key$`)
	secretForm  = regexp.MustCompile(`\beyJ[\w-]{5,}\.[\w.-]+|\bsk[-_][\w-]{8,}|(?i:\bbearer\s+)[\w.~+/=-]{16,}`)
	secretSigns = [][]byte{[]byte("eyJ"), []byte("sk_"), []byte("sk-"), []byte("earer"), []byte("EARER")} // of the form
)

// harmless are the headers with such a name that hold no credential.
var harmless = []string{"X-Prompt-Orchestra-Auth-Source", "Idempotency-Key", "X-Idempotency-Key"}

const redacted = "[redacted]"

// redaction takes credentials out of one request and its response.
type redaction struct {
	srv   *Server
	found []string // credentials in their places, to be taken out everywhere
}

func (s *Server) issued(token string) bool {
	s.state.Lock()
	defer s.state.Unlock()
	return s.credentials[token] != nil
}

// value redacts a credential in its place, in a header or a query, and notes it. The scheme before
// it stays.
func (d *redaction) value(name, value string) string {
	if slices.Contains(harmless, name) || !secretName.MatchString(name) {
		return value
	}
	scheme, token, found := strings.Cut(value, " ")
	if !found || !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "Basic") {
		scheme, token = "", value
	}
	if token = strings.TrimSpace(token); token == "" || d.srv.issued(token) {
		return value
	}
	if len(token) >= 8 { // a shorter one would take ordinary words along
		d.found = append(d.found, token)
	}
	return strings.TrimLeft(scheme+" "+redacted, " ")
}

// text redacts what is found anywhere else.
func (d *redaction) text(_, text string) string { return string(d.bytes([]byte(text))) }

// bytes does the same for a body, and returns it as it is when it holds nothing.
func (d *redaction) bytes(body []byte) []byte {
	for _, token := range d.found {
		if bytes.Contains(body, []byte(token)) {
			body = bytes.ReplaceAll(body, []byte(token), []byte(redacted))
		}
	}
	if !slices.ContainsFunc(secretSigns, func(sign []byte) bool { return bytes.Contains(body, sign) }) {
		return body
	}
	return secretForm.ReplaceAllFunc(body, func(match []byte) []byte {
		at := bytes.LastIndexAny(match, " \t\r\n") + 1
		if d.srv.issued(string(match[at:])) {
			return match
		}
		return append(slices.Clone(match[:at]), redacted...)
	})
}

// redact returns the head of a request without credentials, and what redacts the rest.
func (s *Server) redact(r *http.Request) (*redaction, Request) {
	d := &redaction{srv: s}
	head := Request{Method: r.Method, Query: r.URL.Query(), Header: r.Header.Clone()}
	// All credentials are known before one is looked for elsewhere.
	for _, change := range []func(name, value string) string{d.value, d.text} {
		for _, all := range []map[string][]string{head.Header, head.Query} {
			for name, values := range all {
				for i := range values {
					values[i] = change(name, values[i])
				}
			}
		}
	}
	head.Path = d.text("", r.URL.EscapedPath())
	return d, head
}
