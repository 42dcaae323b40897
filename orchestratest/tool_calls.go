package orchestratest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// callTool returns a tool's result, or why it failed.
func (c *call) callTool(t *tool, arguments map[string]any) (result any, failure string) {
	if message := c.failureOf(t.ID); message != "" {
		return nil, message
	}
	config, _ := decode(t.versions.newest().Config).(map[string]any)
	if t.Type == httpTool {
		c.unlocked(func() { result, failure = c.callHTTP(config, arguments) })
		return result, failure
	}
	if result, ok := config["result"]; ok {
		return result, ""
	}
	return config["response"], ""
}

// callHTTP calls an http tool, but only on a host that the test allows and, when the tool has an
// allowlist, that the tool allows as well.
func (c *call) callHTTP(config, arguments map[string]any) (result any, failure string) {
	address, _ := config["url"].(string)
	target, err := url.Parse(address)
	if err != nil || target.Host == "" {
		return nil, "the tool's config has no valid url"
	}
	fits := func(host string) bool { return host == target.Host || host == target.Hostname() }
	if !slices.ContainsFunc(c.srv.settings.allowedHosts, fits) {
		return nil, fmt.Sprintf("host %s may not be called from here", target.Host)
	}
	allowlist, limited := config["allowlist"].([]any)
	if limited && !slices.ContainsFunc(allowlist, func(host any) bool { s, ok := host.(string); return ok && fits(s) }) {
		return nil, fmt.Sprintf("host %s is not in the tool's allowlist", target.Host)
	}
	method, _ := config["method"].(string)
	ctx, cancel := context.WithTimeout(c.request.Context(), 10*time.Second)
	defer cancel()
	result, err = exchange(ctx, strings.ToUpper(cmp.Or(method, http.MethodPost)), address, arguments)
	if err != nil {
		return nil, err.Error()
	}
	return result, ""
}

// exchange sends the arguments of a tool and reads its result: JSON, or a text.
func exchange(ctx context.Context, method, address string, arguments map[string]any) (any, error) {
	var body io.Reader
	if method != http.MethodGet {
		encoded, err := json.Marshal(arguments)
		if err != nil {
			return nil, fmt.Errorf("encode the arguments: %w", err)
		}
		body = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	client := http.Client{
		// No connection outlives the call, no proxy comes between, and no redirect leads to a host
		// that nobody allowed.
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("call the tool: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("read the tool's response: %w", err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return nil, fmt.Errorf("the tool responded with %s", response.Status)
	}
	if !json.Valid(content) {
		return string(content), nil
	}
	return decode(content), nil
}
