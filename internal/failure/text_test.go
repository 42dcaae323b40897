package failure_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/prompt-orchestra/promptorchestra-go/internal/failure"
)

func TestText(t *testing.T) {
	for value, want := range map[string]string{
		``: "", `null`: "", `true`: "", `{}`: "", `17`: "17", `-1.5`: "-1.5", `"x"`: "x", `["x",{"why":"y"},3,"3","z"]`: "x; y; 3; z", `abc`: "",
		`{"reason":"r","title":"t"}`: "t", `{"title":"t","why":"w"}`: "w", `{"why":"w","detail":"d"}`: "d", `{"detail":"d","error":"e"}`: "e", `{"reason":"r"}`: "r", `{"errors":["x"]}`: "x",
		`"a {\"message\":\"b\"} c {\"prompt\":\"private\"} d"`: "a b c d",
		`"a {b} c"`: "a {b} c", `"{\"a\" and more"`: `{"a" and more`, `"ends in {\"a"`: "ends in", `"[[ {\"message\":\"b\"} ]]"`: "b",
		strings.Repeat(`[`, 9) + `"deep"`: "", strings.Repeat(`[`, 8) + `"deep"`: "deep",
	} {
		assert.Equal(t, want, failure.Text([]byte(value)), value)
	}
	assert.Len(t, failure.Text([]byte(strings.Repeat("1", 200<<10))), 64<<10)
	assert.Equal(t, "x: y", failure.Join(": ", "", "x", "x", "", "y"))
}

// Of a page the error shows what a reader would see of it.
func TestSentenceOfAPage(t *testing.T) {
	for name, row := range map[string]struct{ page, message string }{
		"style and comments": {
			`<!DOCTYPE html><!-- a > b --><html><head><meta charset="utf-8"><title>Error 502</title><style>
			* > a { color: red } /* "x > y" */</style><script>if (1 > 0 && a < b) { alert("<p>no</p>") }</script></head>
			<body><!--[if lt IE 9]> <p>old</p> <![endif]--><h1>Bad gateway</h1><p>The server is busy.</p></body></html>`,
			"Error 502 Bad gateway The server is busy.",
		},
		"a comment first":        {`<!-- > --><p>busy</p>`, "busy"},
		"upper case":             {`<HTML><STYLE>a > b</STYLE><P>busy</P>`, "busy"},
		"attributes with >":      {`<p title="a > b" data-x='>'>busy</p>`, "busy"},
		"an apostrophe":          {`<p>it's busy</p><p>don't</p>`, "it's busy don't"},
		"a picture":              {`<svg><title>logo</title></svg><h1>busy</h1>`, "busy"},
		"a style of 100 KiB":     {`<style>` + strings.Repeat("a > b {}\n", 12<<10) + `</style><p>busy</p>`, "busy"},
		"an unclosed style":      {`<h1>busy</h1><style>a > b`, "busy"},
		"nothing but a style":    {`<style>a > b</style>`, ""},
		"an unclosed comment":    {`<h1>busy</h1><!-- a > b`, "busy"},
		"an unclosed quote":      {`<p title="a>busy</p>`, "busy"},
		"XML":                    {`<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>`, "AccessDenied Access Denied"},
		"an element named alike": {`<styled>busy</styled>`, "busy"},
		"a mere <":               {`<p>1 < 2</p>`, "1 < 2"},
	} {
		assert.Equal(t, row.message, failure.Read(502, []byte(row.page), nil).Message, name)
	}
}

func TestExcerptIsBounded(t *testing.T) {
	for _, body := range []string{strings.Repeat("x ", 100_000), "<p>" + strings.Repeat("x ", 100_000), strings.Repeat("<p>ä", 100_000)} {
		message := failure.Read(502, []byte(body), nil).Message
		assert.LessOrEqual(t, len(message), 300)
		assert.Greater(t, len(message), 250)
	}
}
