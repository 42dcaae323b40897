//go:build !js

package transport_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// In js/wasm the default transport uses fetch. An execution whose connection drops there is sent
// once, and its outcome is unknown; no redirect is followed.
func TestFetch(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed: js/wasm is not tested")
	}
	if testing.Short() {
		t.Skip("builds a program")
	}
	program := filepath.Join(t.TempDir(), "fetch.wasm")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./testdata/fetch")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	var ran, dropped, followed atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/agents/agt_1", func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "Bearer sk_12345678", r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, apitest.Agent)
	})
	mux.HandleFunc("GET /api/agents", apitest.Respond(200, "["+apitest.Agent+","+apitest.Agent+"]"))
	mux.HandleFunc("POST /api/prompts/prm_1/run", func(w http.ResponseWriter, r *http.Request) {
		ran.Add(1)
		body, _ := io.ReadAll(r.Body)
		assert.JSONEq(t, `{"organizationId":"org_1","variables":{"a":1}}`, string(body))
		_, _ = io.WriteString(w, `{"runId":"run_1","status":"completed"}`)
	})
	mux.HandleFunc("POST /api/prompts/prm_dropped/run", func(w http.ResponseWriter, r *http.Request) {
		dropped.Add(1)
		apitest.Drop(w, r)
	})
	mux.HandleFunc("GET /api/prompts/prm_moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	})
	mux.HandleFunc("/elsewhere", func(http.ResponseWriter, *http.Request) { followed.Add(1) })
	srv := httptest.NewUnstartedServer(mux)
	srv.Config.ErrorLog = apitest.DiscardLog
	srv.Start()
	defer srv.Close()

	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	require.NoError(t, err)
	glue := filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec_node.js")
	run := exec.CommandContext(t.Context(), node, glue, program, srv.URL)
	run.Args[0] = "fetch" // net/http uses fetch unless the program is called node
	run.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err = run.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Equal(t, []string{
		"get true unknown false status false", "name Desk",
		"all true unknown false status false", "all true unknown false status false", "elements 2",
		"run true unknown false status false",
		"dropped false unknown true status false",
		"moved false unknown false status true",
	}, strings.Split(strings.TrimSpace(string(out)), "\n"))
	assert.EqualValues(t, 1, ran.Load())
	assert.EqualValues(t, 1, dropped.Load())
	assert.Zero(t, followed.Load())
}
