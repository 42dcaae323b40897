// Package apidocs reads the API's documents under testdata: its routes, captured records, lists and
// failures. It knows nothing of the SDK, so that tests inside the SDK's own package can use it.
package apidocs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A Route is a documented route, as testdata/routes.json describes it.
type Route struct {
	Name           string   `json:"name"`
	Method         string   `json:"method"`
	Path           string   `json:"path"`
	Auth           string   `json:"auth"`
	Scope          string   `json:"scope"`
	Org            string   `json:"org"`
	PublicContract bool     `json:"publicContract"`
	Stability      string   `json:"stability"`
	Replay         string   `json:"replay"`
	Body           []string `json:"body"`
	Query          []string `json:"query"`
}

// Routes returns the documented routes by their names, such as Agents.Get.
func Routes(t testing.TB) map[string]Route {
	t.Helper()
	var file struct {
		Routes []Route `json:"routes"`
	}
	require.NoError(t, json.Unmarshal(File(t, "routes.json"), &file))
	byName := map[string]Route{}
	for _, r := range file.Routes {
		byName[r.Name] = r
	}
	require.GreaterOrEqual(t, len(byName), 56, "the documented surface")
	return byName
}

// Records returns the names of the captured records, sorted by their types.
func Records(t testing.TB) []string {
	t.Helper()
	files := glob(t, "records/*.json")
	names := make([]string, 0, len(files))
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".json"))
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(TypeOf(a), TypeOf(b)) })
	return names
}

// TypeOf returns the type of a captured record: ToolVersion.snake_case is a ToolVersion.
func TypeOf(record string) string {
	name, _, _ := strings.Cut(record, ".")
	return name
}

// Record returns a captured record.
func Record(t testing.TB, name string) []byte {
	t.Helper()
	return File(t, "records/"+name+".json")
}

// File returns a file of testdata.
func File(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(testdata(t), name))
	require.NoError(t, err)
	return data
}

// AddFiles calls add, which adds to a fuzz target's corpus, with each file of testdata that matches
// the pattern.
func AddFiles(f *testing.F, pattern string, add func(data []byte)) {
	f.Helper()
	for _, file := range glob(f, pattern) {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		add(data)
	}
}

// AddLists adds lists, whole and broken ones, to a fuzz target's corpus.
func AddLists(f *testing.F) {
	f.Helper()
	AddFiles(f, "lists/*", func(data []byte) {
		if len(data) < 64<<10 {
			f.Add(data)
		}
	})
	for _, seed := range []string{
		"[]", "[{}]", `[{"id":"a"},null,7,"x",[],{"id":7}]`, `{"items":[{"id":"a"}]}`, `{"a":[],"b":[]}`, `{"a":[1],"a":[2]}`, `{"a":{"b":[1]},"c":[{}],"d":{}}`,
		"{}", "null", "7", `"x"`, "[1,]", "[1 2]", "[1}", "[]]", `{"a":[1],}`, `{"a":[1]`, "[{},", " [ ] ", "<html>", "", "\ufeff[]", `{"a":[1]}x`, `{"":[]}`, `{"a":[1],"a":null}`,
	} {
		f.Add([]byte(seed))
	}
}

func glob(t testing.TB, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testdata(t), pattern))
	require.NoError(t, err)
	require.NotEmpty(t, files, "no documents in %s", pattern)
	return files
}

// testdata returns the folder, which stands beside go.mod.
func testdata(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "testdata")
		}
		above := filepath.Dir(dir)
		require.NotEqual(t, dir, above, "no go.mod above the test")
		dir = above
	}
}
