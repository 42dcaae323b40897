package orchestratest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// page is what a browser shows at / when the control API is on. It polls overview.
//
//go:embed page.html
var page string

// showPage returns the page to whom orders are taken from. The page may use its own style and
// script and send requests to this server, nothing else, and can make no text HTML.
func showPage(r *http.Request) response {
	if err := fromHere(r); err != nil {
		return jsonResponse(http.StatusForbidden, object{"error": err.Error()})
	}
	policy := fmt.Sprintf("default-src 'none'; style-src %s; script-src %s; img-src data:; connect-src 'self'; base-uri 'none'; "+
		"form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'", inlineHash("style"), inlineHash("script"))
	return response{status: http.StatusOK, body: []byte(page), header: http.Header{
		"Content-Type": {"text/html; charset=utf-8"}, "Content-Security-Policy": {policy}, "X-Content-Type-Options": {"nosniff"},
		"Referrer-Policy": {"no-referrer"}, "Cache-Control": {"no-store"},
	}}
}

// inlineHash is how a policy names the one element with a tag.
func inlineHash(tag string) string {
	_, content, _ := strings.Cut(page, "<"+tag+">")
	content, _, _ = strings.Cut(content, "</"+tag+">")
	sum := sha256.Sum256([]byte(content))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// How much the page shows: it asks for all of it again and again.
const (
	pageBytes = 8 << 10  // of a body
	pageRun   = 64 << 10 // of a run with its steps
)

// showOverview returns what the page shows, the newest requests and runs first.
func (s *Server) showOverview() object {
	runs := s.newestRuns()
	runs = runs[:min(len(runs), shownRuns)]
	for i := range runs {
		if encoded, _ := encode(runs[i]); len(encoded) > pageRun {
			runs[i].Variables, runs[i].Output, runs[i].Steps = nil, "too long to be shown here", []any{}
		}
	}
	var calls []string
	for i := range routes {
		calls = append(calls, routes[i].name)
	}
	shown := object{"runs": runs, "calls": calls, "limits": s.showLimits()}
	maps.Copy(shown, s.showOrganizations())
	maps.Copy(shown, s.showHealth())
	s.journal.Lock()
	defer s.journal.Unlock()
	requests := []object{}
	for _, r := range newest(s.requests.all) {
		clipped := *r
		for _, body := range []*[]byte{&clipped.Body, &clipped.Response} {
			*body = bytes.ToValidUTF8((*body)[:min(len(*body), pageBytes)], nil)
		}
		requests = append(requests, s.shownRequest(clipped))
	}
	shown["requests"], shown["queued"] = requests, s.faults.list()
	return shown
}

// list returns the first faults that wait.
func (f *faults) list() []object {
	queued := []object{}
	for _, op := range slices.Sorted(maps.Keys(f.queued)) {
		waiting := f.queued[op]
		for _, fault := range waiting[:min(len(waiting), shownRuns-len(queued))] {
			text := cmp.Or(fault.name, "no fault")
			if fault.delay > 0 {
				text += ", after " + fault.delay.String()
			}
			queued = append(queued, object{"op": op, "fault": text})
		}
	}
	return queued
}
