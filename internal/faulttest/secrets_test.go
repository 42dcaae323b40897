package faulttest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

var secretVerbs = []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"}

// assertNoSecret looks for the tokens in plain and in hexadecimal, whole or in good part.
func assertNoSecret(t *testing.T, where, text string) {
	t.Helper()
	for _, secret := range []string{apitest.Token, apitest.Key} {
		part := secret[len(secret)/2:]
		for _, form := range []string{part, fmt.Sprintf("%x", part), fmt.Sprintf("%X", part), strings.Trim(fmt.Sprint([]byte(part)), "[]")} {
			assert.NotContains(t, text, form, where)
		}
	}
}

// assertPrintsNoSecret prints a value in every way there is.
func assertPrintsNoSecret(t *testing.T, where string, v any) {
	t.Helper()
	for _, verb := range secretVerbs {
		assertNoSecret(t, where+" "+verb, fmt.Sprintf(verb, v))
	}
	text, _ := json.Marshal(v)
	assertNoSecret(t, where+" JSON", string(text))
	var logged bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&logged, nil), slog.NewJSONHandler(&logged, nil)} {
		slog.New(handler).Info("x", "v", v)
	}
	assertNoSecret(t, where+" slog", logged.String())
	reachable(reflect.ValueOf(v), where, 12, func(path, text string) { assertNoSecret(t, path, text) })
}

// reachable visits every text that exported fields lead to.
func reachable(v reflect.Value, path string, depth int, visit func(path, text string)) {
	if !v.IsValid() || depth == 0 {
		return
	}
	if v.CanInterface() {
		if err, ok := v.Interface().(error); ok && !(v.Kind() == reflect.Pointer && v.IsNil()) {
			visit(path+".Error()", err.Error())
			if one := errors.Unwrap(err); one != nil {
				reachable(reflect.ValueOf(one), path+".Unwrap()", depth-1, visit)
			}
			if many, ok := err.(interface{ Unwrap() []error }); ok {
				reachable(reflect.ValueOf(many.Unwrap()), path+".Unwrap()", depth-1, visit)
			}
		}
	}
	switch v.Kind() {
	case reflect.String:
		visit(path, v.String())
	case reflect.Pointer, reflect.Interface:
		reachable(v.Elem(), path, depth-1, visit)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				reachable(v.Field(i), path+"."+f.Name, depth-1, visit)
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 && v.Kind() == reflect.Slice {
			visit(path, string(v.Bytes()))
			return
		}
		for i := range v.Len() {
			reachable(v.Index(i), fmt.Sprintf("%s[%d]", path, i), depth-1, visit)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			reachable(key, path+" key", depth-1, visit)
			reachable(v.MapIndex(key), fmt.Sprintf("%s[%v]", path, key), depth-1, visit)
		}
	default:
	}
}

// echoing is a server, or a proxy, that repeats the Authorization it got.
func echoing(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, strings.ReplaceAll(body, "$", r.Header.Get("Authorization")))
	})
}

func TestErrorsAndLogsHoldNoSecret(t *testing.T) {
	dropping := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	for name, row := range map[string]struct {
		handler http.Handler
		as      any
	}{
		"error":           {echoing(401, `{"error":"bad header $"}`), new(*promptorchestra.APIError)},
		"details":         {echoing(422, `{"error":"x","code":"$","details":[{"code":"c","message":"$","path":"$"}]}`), new(*promptorchestra.APIError)},
		"diagnostic":      {echoing(403, `{"code":"c","title":"$","category":"c","why":"$","where":{"a":"$"},"details":["$"]}`), new(*promptorchestra.APIError)},
		"page":            {echoing(502, "<html>$</html>"), new(*promptorchestra.APIError)},
		"retried":         {echoing(429, "$"), new(*promptorchestra.APIError)},
		"unusable answer": {echoing(200, "<html>$</html>"), new(*promptorchestra.DecodeError)},
		"wrong answer":    {echoing(200, `{"id":"$`), new(*promptorchestra.DecodeError)},
		"drop":            {dropping, new(*promptorchestra.TransportError)},
	} {
		for op, call := range map[string]apitest.Call{"get": apitest.Get, "run": apitest.Run, "stream": func(ctx context.Context, c *promptorchestra.Client, opts ...promptorchestra.CallOption) (err error) {
			for _, err = range c.Agents.All(ctx, opts...) {
			}
			return err
		}} {
			for _, credential := range []promptorchestra.Option{promptorchestra.WithAccessToken(apitest.Token), promptorchestra.WithAPIKey(apitest.Key)} {
				t.Run(name+" "+op, func(t *testing.T) {
					var logged bytes.Buffer
					client := apitest.NewClient(t, row.handler, credential, apitest.OwnPool(t),
						promptorchestra.WithLogger(slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.Level(-100), AddSource: true}))))
					err := call(t.Context(), client)
					require.ErrorAs(t, err, row.as)
					assertPrintsNoSecret(t, "error", err)
					assertPrintsNoSecret(t, "wrapped", fmt.Errorf("calling: %w", err))
					assert.NotEmpty(t, logged.String())
					assertNoSecret(t, "log", logged.String())
				})
			}
		}
	}
	client := apitest.NewClient(t, apitest.Respond(200, "{}"), promptorchestra.WithAccessTokenSource(func(context.Context, string) (string, error) {
		return apitest.Token + "\n", nil
	}))
	err := apitest.Get(t.Context(), client)
	var e *promptorchestra.ArgumentError
	require.ErrorAs(t, err, &e)
	assertPrintsNoSecret(t, "argument", err)
}

func TestClientAndOptionsHoldNoSecret(t *testing.T) {
	source := func(context.Context, string) (string, error) { return apitest.Token, nil }
	options := []promptorchestra.Option{
		promptorchestra.WithAccessToken(apitest.Token), promptorchestra.WithAPIKey(apitest.Key),
		promptorchestra.WithAccessTokenSource(source), promptorchestra.WithAPIKeySource(source),
		promptorchestra.WithHeader("X-Gateway-Key", apitest.Key),
	}
	for _, opt := range options {
		assertPrintsNoSecret(t, "option", opt)
		client, err := promptorchestra.New(opt, promptorchestra.WithOrganization(apitest.Organization))
		require.NoError(t, err)
		assertPrintsNoSecret(t, "client", client)
		assertPrintsNoSecret(t, "client's value", *client)
		assertPrintsNoSecret(t, "another organization's", client.InOrganization("org_2"))
		services := reflect.ValueOf(client).Elem()
		for i := range services.NumField() {
			if services.Type().Field(i).IsExported() {
				assertPrintsNoSecret(t, services.Type().Field(i).Name, services.Field(i).Interface())
				assertPrintsNoSecret(t, services.Type().Field(i).Name, services.Field(i).Elem().Interface())
			}
		}
	}
	assertPrintsNoSecret(t, "options", options)
}

// A RoundTripper or a token source that prints its context prints no token.
func TestContextsHoldNoSecret(t *testing.T) {
	seen := 0
	client := apitest.NewStubbedClient(t, func(r *http.Request) (*http.Response, error) {
		seen++
		for _, verb := range secretVerbs {
			assertNoSecret(t, "context "+verb, fmt.Sprintf(verb, r.Context()))
		}
		return apitest.Response(200, apitest.Agent), nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	require.NoError(t, apitest.Get(ctx, client))
	ctx, cancel = context.WithTimeout(t.Context(), 1e9)
	defer cancel()
	require.NoError(t, apitest.Get(ctx, client), "the exchange itself is the context here")
	assert.Equal(t, 2, seen)
}

func TestEchoedTokenInTheRequestID(t *testing.T) {
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", "req "+r.Header.Get("Authorization"))
		w.WriteHeader(401)
		_, _ = io.WriteString(w, `{"error":"bad header `+r.Header.Get("Authorization")+`"}`)
	}))
	var last promptorchestra.Response
	err := apitest.Get(t.Context(), client, promptorchestra.WithResponse(&last))
	var e *promptorchestra.APIError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "req Bearer [redacted]", e.RequestID)
	assert.Equal(t, "req Bearer [redacted]", last.RequestID)
	assert.NotContains(t, string(last.Body), apitest.Token)
}

func TestEchoedTokenIsRedacted(t *testing.T) {
	client := apitest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": "bad header " + r.Header.Get("Authorization")})
	}))
	_, err := client.Agents.List(t.Context())
	var e *promptorchestra.APIError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "bad header Bearer [redacted]", e.Message)
	assert.NotContains(t, string(e.RawBody), apitest.Token)
}

// What net/http says of a broken response may hold what the server sent.
func TestTokenInABrokenResponse(t *testing.T) {
	for name, response := range map[string]string{
		"status line":  "HTTP/1.1 $ OK\r\n\r\n",
		"protocol":     "$\r\n\r\n",
		"header":       "HTTP/1.1 200 OK\r\nX-Echo $\r\n\r\n",
		"length":       "HTTP/1.1 200 OK\r\nContent-Length: $\r\n\r\n",
		"encoding":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: $\r\n\r\n",
		"chunk length": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n$\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			srv := apitest.NewRawServer(t, func(r *apitest.RawRequest) bool {
				_, _ = io.WriteString(r.Conn, strings.ReplaceAll(response, "$", apitest.Token))
				return false
			})
			for _, call := range []apitest.Call{apitest.Get, apitest.Run} {
				err := call(t.Context(), apitest.NewClientAt(t, srv.URL, apitest.OwnPool(t)))
				require.Error(t, err)
				assertPrintsNoSecret(t, "error", err)
				assertPrintsNoSecret(t, "wrapped", fmt.Errorf("calling: %w", err))
			}
		})
	}
}
