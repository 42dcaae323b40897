package promptorchestra

import (
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// headers returns a function that returns the headers of every call, for calls with or without a
// body.
func headers(cfg *config) func(body bool) http.Header {
	without, with := newHeader(cfg, false), newHeader(cfg, true)
	return func(body bool) http.Header {
		if body {
			return with
		}
		return without
	}
}

func newHeader(cfg *config, body bool) http.Header {
	h := http.Header{}
	for name, values := range cfg.header {
		h[name] = values
	}
	h["User-Agent"] = []string{strings.TrimSpace(cfg.userAgent + " promptorchestra-go/" + Version)}
	h["Accept"] = []string{"application/json"}
	if body {
		h["Content-Type"] = []string{"application/json"}
	}
	return h
}

// headerSecrets returns a function that returns the values of WithHeader, which may be secrets.
func headerSecrets(header http.Header) func() []string {
	var secrets []string
	for name, values := range header {
		if !isPublicHeader(name) {
			secrets = append(secrets, values...)
		}
	}
	return func() []string { return slices.Clip(secrets) } // whoever appends to it copies it
}

// isPublicHeader reports whether a header is known to hold no secret: ids for logs and traces,
// which servers send back to be shown.
func isPublicHeader(name string) bool {
	switch name {
	case "X-Request-Id", "X-Correlation-Id", "Traceparent", "Tracestate":
		return true
	default:
		return false
	}
}

// reservedHeaders are set by the SDK itself, or would break HTTP.
var reservedHeaders = map[string]bool{
	"Authorization": true, "X-Prompt-Orchestra-Auth-Source": true, "Content-Type": true, "Content-Length": true,
	"Host": true, "Transfer-Encoding": true, "Connection": true, "Upgrade": true, "Trailer": true, "Te": true,
	"Expect": true, "Keep-Alive": true, "Proxy-Authorization": true, "Proxy-Connection": true, "Accept-Encoding": true,
	"Range": true, "If-Range": true, "User-Agent": true, "Accept": true,
}

func setHeader(h *http.Header, name, value string) error {
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	switch {
	case !isToken(name):
		return &ArgumentError{Argument: "WithHeader", Reason: fmt.Sprintf("%q is not a header's name", clean(name, 80))}
	case reservedHeaders[canonical]:
		return &ArgumentError{Argument: "WithHeader", Reason: canonical + " is set by the SDK itself"}
	case hasControl(value):
		return &ArgumentError{Argument: "WithHeader", Reason: "the value of " + canonical + " has a control character"}
	}
	if *h == nil {
		*h = http.Header{}
	}
	(*h)[canonical] = []string{value}
	return nil
}

// isToken reports whether s is a token of RFC 9110, as a header's name must be.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		alphanumeric := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alphanumeric && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}
