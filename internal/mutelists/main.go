// Command mutelists finds entries of lists that decide nothing: it takes out one entry after the
// other, and expects that a test fails.
//
//	go run ./internal/mutelists [directory or file ...]
//
// A list is a var or func whose doc comment ends in the line
//
//	//mutelist:check [package ...]
//
// Its entries are the texts in composite literals and in the cases of switches. The tests are those
// of the package that the list is in, and of the packages that the line names. It takes a build and
// a test run for each entry: it is for maintainers, and no gate.
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const marker = "//mutelist:check"

// list is a declaration that is marked.
type list struct {
	file, name string
	packages   []string
	entries    []*ast.BasicLit
	source     []byte
	offset     func(token.Pos) int
}

func main() {
	log.SetFlags(0)
	roots := slices.Clone(os.Args[1:])
	if len(roots) == 0 {
		roots = []string{"."}
	}
	lists, unnoticed := 0, 0
	for _, root := range roots {
		found, err := find(root)
		if err != nil {
			log.Fatal(err)
		}
		for _, l := range found {
			muted, err := l.check()
			if err != nil {
				log.Fatalf("%s: %s: %v", l.file, l.name, err)
			}
			lists++
			unnoticed += muted
		}
	}
	if unnoticed > 0 || lists == 0 {
		log.Fatal(unnoticed, " entries of ", lists, " lists are noticed by no test") //nolint:gosec // numbers
	}
}

// check takes out one entry after the other, and returns how many of them no test notices.
func (l *list) check() (unnoticed int, err error) {
	fmt.Printf("%s: %s, %d entries\n", l.file, l.name, len(l.entries))
	passes, output, err := l.test(l.source)
	if err == nil && !passes {
		err = fmt.Errorf("the tests fail before anything is taken out:\n%s", output)
	}
	for _, entry := range l.entries {
		if err != nil {
			return 0, err
		}
		passes, output, err = l.test(l.without(entry))
		if strings.Contains(output, "[build failed]") {
			err = fmt.Errorf("without %s it does not build:\n%s", entry.Value, output)
		}
		if passes {
			unnoticed++
			fmt.Printf("    %s is noticed by no test\n", entry.Value)
		}
	}
	return unnoticed, err
}

// find returns the lists in the Go files at and below a path.
func find(root string) (lists []list, err error) {
	//nolint:gosec // a maintainer names it
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		found, err := listsOf(path)
		lists = append(lists, found...)
		return err
	})
	return lists, err //nolint:wrapcheck // it names the file
}

func listsOf(path string) ([]list, error) {
	source, err := os.ReadFile(path) //nolint:gosec // a maintainer names it
	if err != nil || !strings.Contains(string(source), "\n"+marker) {
		return nil, err //nolint:wrapcheck // it names the file
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, source, parser.ParseComments)
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the file
	}
	var lists []list
	for _, decl := range file.Decls {
		l := list{file: path, source: source, offset: func(p token.Pos) int { return files.Position(p).Offset }}
		var doc *ast.CommentGroup
		switch d := decl.(type) {
		case *ast.GenDecl:
			doc, l.name = d.Doc, d.Tok.String()
			if value, ok := d.Specs[0].(*ast.ValueSpec); ok {
				l.name = value.Names[0].Name
			}
		case *ast.FuncDecl:
			doc, l.name = d.Doc, d.Name.Name
		}
		if !l.marked(doc) {
			continue
		}
		ast.Inspect(decl, l.collect)
		lists = append(lists, l)
	}
	return lists, nil
}

// marked reports whether a doc comment has the marker, and takes the packages that it names.
func (l *list) marked(doc *ast.CommentGroup) bool {
	if doc == nil {
		return false
	}
	for _, line := range doc.List {
		if named, found := strings.CutPrefix(line.Text, marker); found {
			l.packages = append([]string{"./" + filepath.ToSlash(filepath.Dir(l.file))}, strings.Fields(named)...)
			return true
		}
	}
	return false
}

// collect adds the texts of composite literals, of maps the keys, and of cases.
func (l *list) collect(n ast.Node) bool {
	var in []ast.Expr
	switch n := n.(type) {
	case *ast.CompositeLit:
		in = n.Elts
	case *ast.CaseClause:
		in = n.List
	}
	for _, e := range in {
		if pair, ok := e.(*ast.KeyValueExpr); ok {
			e = pair.Key
		}
		if text, ok := e.(*ast.BasicLit); ok && text.Kind == token.STRING {
			l.entries = append(l.entries, text)
		}
	}
	return true
}

// without returns the file with a text in the place of an entry that nothing can be equal to.
func (l *list) without(entry *ast.BasicLit) []byte {
	at := l.offset(entry.Pos())
	muted := strconv.Quote("\x00 muted " + strconv.Itoa(at))
	return slices.Concat(l.source[:at], []byte(muted), l.source[l.offset(entry.End()):])
}

// test runs the tests with another text of the file, which stays as it is on disk.
func (l *list) test(source []byte) (passes bool, output string, err error) {
	scratch, err := os.MkdirTemp("", "mutelists")
	if err != nil {
		return false, "", fmt.Errorf("making a directory: %w", err)
	}
	defer func() { err = cmp.Or(err, os.RemoveAll(scratch)) }()
	muted, overlay := filepath.Join(scratch, "muted.go"), filepath.Join(scratch, "overlay.json")
	path, err := filepath.Abs(l.file)
	replace, err2 := json.Marshal(map[string]map[string]string{"Replace": {path: muted}})
	//nolint:gosec // the directory is this function's own
	if err := cmp.Or(err, err2, os.WriteFile(muted, source, 0o600), os.WriteFile(overlay, replace, 0o600)); err != nil {
		return false, "", fmt.Errorf("writing the overlay: %w", err)
	}
	const most = "-timeout=3m" // a test that waits for what never comes fails, too
	for _, pkg := range l.packages {
		//nolint:gosec,noctx // run by maintainers, who end it themselves
		run, err := exec.Command("go", "test", "-short", "-failfast", most, "-overlay", overlay, pkg).CombinedOutput()
		if output += string(run); err != nil {
			return false, output, nil
		}
	}
	return true, output, nil
}
