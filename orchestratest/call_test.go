package orchestratest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Bodies that no client of this kind sends are rejected, whoever sends them.
func TestBodiesThatAreNotRead(t *testing.T) {
	a := start(t)
	for name, c := range map[string]struct{ contentType, body, why string }{
		"not JSON":               {"application/json", "name=Writer", "the request body must be a JSON object"},
		"cut JSON":               {"application/json", `{"name":`, "the request body must be a JSON object"},
		"two objects":            {"application/json", `{}{}`, "the request body must be a JSON object"},
		"a list":                 {"application/json", `[]`, "the request body must be a JSON object"},
		"null":                   {"application/json", `null`, "the request body must be a JSON object"},
		"a form":                 {"application/x-www-form-urlencoded", "{}", "Content-Type must be application/json"},
		"no type":                {"", "{}", "Content-Type must be application/json"},
		"nothing":                {"", "", "organizationId is required"},
		"an odd organization":    {"application/json; charset=utf-8", `{"organizationId":1}`, "organizationId must be a string"},
		"organization in a case": {"application/json", `{"OrganizationId":"x"}`, "organizationId is required"},
	} {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.srv.URL+"/api/agents", strings.NewReader(c.body))
			require.NoError(t, err)
			request.Header.Set("Authorization", "Bearer "+a.token)
			if c.contentType != "" {
				request.Header.Set("Content-Type", c.contentType)
			}
			response, err := a.http.Do(request)
			require.NoError(t, err)
			defer func() { _ = response.Body.Close() }()
			assert.Equal(t, http.StatusBadRequest, response.StatusCode)
			var body object
			require.NoError(t, json.NewDecoder(response.Body).Decode(&body))
			assert.Equal(t, c.why, body["why"])
			assert.Equal(t, "bad_request", body["code"])
		})
	}
	assert.Empty(t, a.list("/api/agents"))
}
