package promptorchestra

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest/apidocs"
	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// parsedFiles returns this directory's files, those of tests or all others.
func parsedFiles(t *testing.T, fset *token.FileSet, tests bool) []*ast.File {
	t.Helper()
	return parsedFilesIn(t, fset, ".", tests)
}

func parsedFilesIn(t *testing.T, fset *token.FileSet, dir string, tests bool) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") != tests {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		require.NoError(t, err)
		files = append(files, file)
	}
	return files
}

func documentation(t *testing.T) *doc.Package {
	t.Helper()
	fset := token.NewFileSet()
	pkg, err := doc.NewFromFiles(fset, parsedFiles(t, fset, false), "github.com/prompt-orchestra/promptorchestra-go")
	require.NoError(t, err)
	return pkg
}

// docComments returns the comment of every exported name; "T.M" is a method. The
// names of a group of constants or variables have the group's comment.
func docComments(pkg *doc.Package) map[string]string {
	comments := map[string]string{"package": pkg.Doc}
	values := func(groups []*doc.Value) {
		for _, group := range groups {
			for _, spec := range group.Decl.Specs {
				value := spec.(*ast.ValueSpec)
				for _, name := range value.Names {
					if name.IsExported() {
						comments[name.Name] = group.Doc + value.Doc.Text() + value.Comment.Text()
					}
				}
			}
		}
	}
	functions := func(prefix string, funcs []*doc.Func) {
		for _, f := range funcs {
			comments[prefix+f.Name] = f.Doc
		}
	}
	values(pkg.Consts)
	values(pkg.Vars)
	functions("", pkg.Funcs)
	for _, t := range pkg.Types {
		comments[t.Name] = t.Doc
		values(t.Consts)
		values(t.Vars)
		functions("", t.Funcs)
		functions(t.Name+".", t.Methods)
	}
	return comments
}

func TestDocEveryNameHasAComment(t *testing.T) {
	comments := docComments(documentation(t))
	require.Greater(t, len(comments), 200)
	for name, text := range comments {
		assert.NotEmpty(t, strings.TrimSpace(text), "%s has no doc comment", name)
	}
}

var unresolved = regexp.MustCompile(`\[\*?[A-Z]\w*(\.\w+)*\]`)

// A link to a name that does not exist is left in its brackets.
func TestDocLinksResolve(t *testing.T) {
	pkg := documentation(t)
	for name, text := range docComments(pkg) {
		for _, block := range pkg.Parser().Parse(text).Content {
			if _, code := block.(*comment.Code); !code {
				plain := pkg.Printer().Text(&comment.Doc{Content: []comment.Block{block}})
				assert.Empty(t, unresolved.FindString(string(plain)), "in the comment of %s", name)
			}
		}
	}
}

// pkg.go.dev prints the comments inside a declaration, such as those of fields, as they are: a link
// there is left in its brackets.
func TestDocFieldCommentsHaveNoLinks(t *testing.T) {
	found := 0
	for _, dir := range []string{".", "orchestratest", "otel", "jobs"} {
		fset := token.NewFileSet()
		for _, file := range parsedFilesIn(t, fset, dir, false) {
			for _, decl := range file.Decls {
				ast.Inspect(decl, func(n ast.Node) bool {
					if _, function := n.(*ast.FuncDecl); function {
						return false
					}
					if group, ok := n.(*ast.CommentGroup); ok && group != declarationDoc(decl) {
						found++
						assert.Empty(t, fieldLink.FindString(group.Text()), fset.Position(group.Pos()))
					}
					return true
				})
			}
		}
	}
	assert.Greater(t, found, 200)
}

var fieldLink = regexp.MustCompile(`(?m)(?:^|[^"\w])(\[\*?(?:[a-z]\w*\.)?[A-Z]\w*(?:\.\w+)*\])`)

func declarationDoc(decl ast.Decl) *ast.CommentGroup {
	if general, ok := decl.(*ast.GenDecl); ok {
		return general.Doc
	}
	return nil
}

// routesOf returns the operations whose routes a method calls: its own but for a wrapper.
func routesOf(m apidocs.Method) []string {
	switch {
	case m.Name == "Wait":
		return []string{strings.Replace(m.Op, ".Wait", ".Get", 1)}
	case m.Op == "Agents.RunAndWait":
		return []string{"Agents.Run", "AgentRuns.Get"}
	case m.Op == "Runs.Find":
		return []string{"Runs.List", "Runs.Get"}
	default:
		return []string{strings.Replace(m.Op, ".All", ".List", 1)}
	}
}

// routeFacts returns what the last paragraph of a method's comment says of its route, up to the errors.
func routeFacts(r apidocs.Route, streams bool) string {
	stability := map[string]string{"stable": "Stable. ", "beta": "Beta. ", "classic": "Classic. "}[r.Stability]
	credential := "Access token or API key."
	switch {
	case r.Auth == "user":
		credential = "Access token only: an API key is not accepted."
	case r.Scope != "":
		credential = "Access token, or API key with scope " + r.Scope + "."
	}
	class := map[string]string{
		"safe":  "Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505",
		"never": "Not idempotent: retried only if it was not sent, or was rate limited (429)",
	}[r.Replay]
	if streams {
		class += ", until the response begins"
	}
	return stability + credential + " " + class + ". Errors: those of every call"
}

// Every method's comment says what it does, then its route, then the facts of the route, then the
// errors to expect. They are those of the route table: see TestRouteTableIsTheDocumentedOne.
func TestDocMethodsStateTheirRoutesFacts(t *testing.T) {
	comments := docComments(documentation(t))
	documented := apidocs.Routes(t)
	for _, m := range apidocs.Methods(reflect.TypeFor[Client]()) {
		t.Run(m.Op, func(t *testing.T) {
			service, name, _ := strings.Cut(m.Op, ".")
			paragraphs := strings.Split(strings.TrimSpace(comments[service+"Service."+name]), "\n\n")
			require.GreaterOrEqual(t, len(paragraphs), 3)
			first, block, last := paragraphs[0], paragraphs[len(paragraphs)-2], paragraphs[len(paragraphs)-1]
			last = strings.Join(strings.Fields(last), " ")
			assert.True(t, strings.HasPrefix(first, name+" "), "it begins with what the method does")

			route := documented[routesOf(m)[0]] // of a composite the facts of its first call
			var lines []string
			for _, op := range routesOf(m) {
				r, found := documented[op]
				require.True(t, found, op)
				lines = append(lines, "\t"+r.Method+" "+r.Path)
			}
			assert.Equal(t, strings.Join(lines, "\n"), block, "its route")
			facts := routeFacts(route, strings.HasPrefix(name, "All"))
			assert.True(t, strings.HasPrefix(last, facts), "wants: %s\nsays:  %s", facts, last)
			if strings.Contains(route.Path, "{") {
				assert.Contains(t, last, "[KindNotFound]")
			}
			for _, r := range routes {
				if r.op == routesOf(m)[0] && r.traits&execution != 0 {
					assert.Contains(t, last, "[KindEntitlement]")
					assert.Contains(t, first, "[OutcomeUnknown]")
					assert.Contains(t, first, "billed")
				}
			}
		})
	}
}

// The tables of the package comment are those of the code.
func TestDocTables(t *testing.T) {
	pkg := documentation(t)
	for _, kind := range pkg.Types {
		if kind.Name != "Kind" {
			continue
		}
		for _, group := range kind.Consts {
			for _, name := range group.Names {
				assert.Regexp(t, `\n\t`+name+` {2,}\S`, pkg.Doc)
			}
		}
	}
	for status := 100; status < 600; status++ {
		documented := status == 408 || status == 429 || status >= 500 && status != 501 && status != 505
		assert.Equal(t, documented, transport.RetryableStatus(status), status)
	}
	assert.Contains(t, pkg.Doc, fmt.Sprintf("All %d documented endpoints", len(routes)))
	for _, heading := range []string{
		"Start", "Services", "Credentials and organizations", "Errors", "Retries", "Timeouts", "Streaming lists",
		"Optional fields", "Undocumented fields and endpoints", "Unusual responses", "Secrets", "Testing",
		"Observability", "Compatibility and stability",
	} {
		assert.Contains(t, pkg.Doc, "\n# "+heading+"\n")
	}
	for name := range docComments(pkg) {
		if strings.HasPrefix(name, "With") {
			named := strings.Contains(pkg.Doc, "["+name+"]")
			minor := map[string]bool{"WithBaseURL": true, "WithUserAgent": true, "WithHeader": true}
			assert.NotEqual(t, minor[name], named, "%s in the package comment", name)
		}
	}
}

var serviceLine = regexp.MustCompile(`^(\w+) \(\[(\w+)\]\): (.*)$`)

// The package comment lists each service with its type and its methods.
func TestDocServices(t *testing.T) {
	pkg := documentation(t)
	_, section, found := strings.Cut(pkg.Doc, "\n# Services\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n# ")
	listed := map[string][]string{}
	for _, item := range strings.Split(section, "\n  - ")[1:] {
		item, _, _ = strings.Cut(item, "\n\n")
		parts := serviceLine.FindStringSubmatch(strings.Join(strings.Fields(item), " "))
		require.NotNil(t, parts, item)
		assert.Equal(t, parts[1]+"Service", parts[2])
		listed[parts[1]] = strings.Split(parts[3], ", ")
	}
	methods := map[string][]string{}
	for _, m := range apidocs.Methods(reflect.TypeFor[Client]()) {
		service, name, _ := strings.Cut(m.Op, ".")
		methods[service] = append(methods[service], name)
	}
	assert.Len(t, listed, len(methods))
	for service, names := range methods {
		assert.ElementsMatch(t, names, listed[service], service)
	}
}

// In this module no comment is wider than 100 columns, and no line that ends with one wider than 120.
// No code block of the package comment is wider than 80: pkg.go.dev would clip it.
func TestDocCommentsAreWrapped(t *testing.T) {
	files := 0
	require.NoError(t, filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if _, missing := os.Stat(filepath.Join(name, "go.mod")); missing == nil && entry.IsDir() && name != "." {
			return fs.SkipDir // a module of its own
		}
		if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		files++
		data, err := os.ReadFile(name)
		for i, line := range strings.Split(string(data), "\n") {
			line = strings.ReplaceAll(line, "\t", "    ")
			if at := strings.Index(line, "// "); at >= 0 {
				most := 120
				if strings.TrimSpace(line[:at]) == "" {
					most = 100
				}
				assert.LessOrEqual(t, utf8.RuneCountInString(line), most, "%s:%d", name, i+1)
			}
			if name == "doc.go" && strings.HasPrefix(line, "//    ") {
				assert.LessOrEqual(t, utf8.RuneCountInString(line), 80+len("//    "), "%s:%d", name, i+1)
			}
		}
		return err
	}))
	assert.Greater(t, files, 100)
}

// pkg.go.dev shows the examples of functions, types and methods: one for a variable would be missing.
func TestDocExamplesAreRunAndShown(t *testing.T) {
	examples := doc.Examples(parsedFiles(t, token.NewFileSet(), true)...)
	require.Greater(t, len(examples), 20)
	pkg := documentation(t)
	for _, group := range slices.Concat(pkg.Vars, pkg.Consts) {
		for _, name := range group.Names {
			assert.False(t, slices.ContainsFunc(examples, func(e *doc.Example) bool {
				of, _, _ := strings.Cut(e.Name, "_")
				return of == name
			}), name)
		}
	}
	for _, example := range examples {
		assert.NotEmpty(t, example.Output, "Example%s is not run: it has no Output", example.Name)
	}
}

// One rule for names: a constant begins with the name of its type, so that typing the type's name
// in an editor lists its values.
func TestConstantsBeginWithTheirType(t *testing.T) {
	seen := 0
	for _, kind := range documentation(t).Types {
		for _, group := range kind.Consts {
			for _, name := range group.Names {
				seen++
				assert.True(t, strings.HasPrefix(name, kind.Name), "%s is a %s", name, kind.Name)
			}
		}
	}
	assert.Greater(t, seen, 50)
}
