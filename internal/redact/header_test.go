package redact_test

import (
	"encoding/base64"
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/prompt-orchestra/promptorchestra-go/internal/redact"
)

func TestHeader(t *testing.T) {
	const token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyXzEifQ.c2lnbmF0dXJl"
	tokens := redact.Tokens{"Bearer " + token}
	basic := base64.StdEncoding.EncodeToString([]byte("user:" + token))
	url := base64.RawURLEncoding.EncodeToString([]byte("??>" + token + "~"))
	header := map[string][]string{
		"Date": {"Sun, 29 Nov 2026 04:00:00 GMT"}, "X-Request-Id": {"req_0123456789abcdef0123456789abcdef"}, "X-Empty": {},
	}
	same := tokens.Header(header)
	same["Added"] = []string{"x"}
	assert.Contains(t, header, "Added", "the header itself")
	delete(header, "Added")

	bad := map[string][]string{
		"Set-Cookie": {"session=1"}, "X-Echo": {"Bearer " + token, "fine"}, "X-Basic": {"Basic " + basic}, "X-Url": {"a=" + url + "; b"},
		"Www-Authenticate": {`Bearer realm="api", error="invalid_token"`},
	}
	maps.Copy(bad, header)
	before := maps.Clone(bad)
	safe := tokens.Header(bad)
	assert.Equal(t, before, bad, "it is never changed")
	assert.Equal(t, map[string][]string{
		"Date": header["Date"], "X-Request-Id": header["X-Request-Id"], "X-Empty": {},
		"X-Echo": {"Bearer [redacted]", "fine"}, "X-Basic": {"[redacted]"}, "X-Url": {"[redacted]"},
		"Www-Authenticate": {`Bearer realm="api", error="invalid_token"`},
	}, safe)
	assert.Equal(t, map[string][]string{}, tokens.Header(map[string][]string{"Set-Cookie": {"a=1"}}))
	assert.Nil(t, tokens.Header(nil))
}
