package lenient

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// A method is how a type decodes.
type method uint8

const (
	byKind    method = iota // by its kind: scalars, slices, maps, pointers
	byFields                // a struct, by its fields
	byItself                // by its UnmarshalJSON method
	byBoth                  // by an UnmarshalJSON that may be an embedded type's, then by its fields
	byLibrary               // by encoding/json
)

// keepTag marks the field that takes the members which no other field is for, and those whose value
// the other field cannot hold: only those that the tag lists, or all. It is a map from names to raw
// JSON. A type that has one is open, and decodes through Object. Listed names belong to the type,
// with or without a field.
const keepTag = "keep"

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	jsonNumber      = reflect.TypeFor[json.Number]()
)

var methods sync.Map // of reflect.Type to method

func methodOf(t reflect.Type) method {
	if m, ok := methods.Load(t); ok {
		return m.(method) //nolint:forcetypeassert // the map holds nothing else
	}
	m := findMethod(t)
	methods.Store(t, m)
	return m
}

func findMethod(t reflect.Type) method {
	pointer := reflect.PointerTo(t)
	switch {
	case t.Kind() == reflect.Pointer:
		return byKind
	case pointer.Implements(jsonUnmarshaler):
		if t.Kind() != reflect.Struct {
			return byItself
		}
		if structureOf(t).kept != nil {
			return byFields
		}
		if embedsMethod(t) {
			return byBoth
		}
		return byItself
	case pointer.Implements(textUnmarshaler), t == jsonNumber:
		return byLibrary
	}
	switch t.Kind() {
	case reflect.Struct:
		return byFields
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 { // base64
			return byLibrary
		}
	case reflect.Map:
		if t.Key().Kind() != reflect.String || reflect.PointerTo(t.Key()).Implements(textUnmarshaler) {
			return byLibrary
		}
	case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
	default:
		return byLibrary
	}
	return byKind
}

// embedsMethod reports whether a struct's UnmarshalJSON may be that of a type that it embeds, which
// would leave out the struct's own fields: reflect does not tell whether it has one of its own.
func embedsMethod(t reflect.Type) bool {
	embeds := false
	for i := range t.NumField() {
		f := t.Field(i)
		embeds = embeds || f.Anonymous && (f.Type.Implements(jsonUnmarshaler) || reflect.PointerTo(f.Type).Implements(jsonUnmarshaler))
	}
	return embeds && slices.ContainsFunc(structureOf(t).fields, func(f field) bool { return f.own })
}

// A structure is how a struct type decodes from an object.
type structure struct {
	fields []field
	exact  map[string]int  // by their names
	folded map[string]int  // by their names in any spelling
	kept   []int           // index of the field for all other members; nil when there is none
	listed map[string]bool // those it takes; nil when it takes all
}

type field struct {
	name   string
	index  []int
	quoted bool // a string in a string, by the option of the tag
	own    bool // not of an embedded struct
}

var structures sync.Map // of reflect.Type to *structure

func structureOf(t reflect.Type) *structure {
	if s, ok := structures.Load(t); ok {
		return s.(*structure) //nolint:forcetypeassert // the map holds nothing else
	}
	s := &structure{exact: map[string]int{}, folded: map[string]int{}}
	s.collect(t)
	for i, f := range s.fields {
		s.exact[f.name] = i
		key := string(jsonscan.Fold(nil, f.name))
		if _, taken := s.folded[key]; !taken {
			s.folded[key] = i
		}
	}
	structures.Store(t, s)
	return s
}

// collect lists the fields as encoding/json sees them: level by level, the outer ones first, and of
// two on one level the tagged one, or none.
func (s *structure) collect(t reflect.Type) {
	type embedded struct {
		t     reflect.Type
		index []int
	}
	taken, visited := map[string]bool{}, map[reflect.Type]bool{t: true}
	for level := []embedded{{t: t}}; len(level) > 0; {
		var next []embedded
		found := map[string][]field{}
		tagged := map[string][]field{}
		var names []string
		for _, e := range level {
			for i := range e.t.NumField() {
				f := e.t.Field(i)
				index := append(slices.Clone(e.index), i)
				if names, is := f.Tag.Lookup(keepTag); is && s.kept == nil && f.IsExported() && e.t.PkgPath() == t.PkgPath() {
					s.kept, s.listed = index, listOf(names)
				}
				tag := f.Tag.Get("json")
				name, options, _ := strings.Cut(tag, ",")
				inner := f.Type
				if inner.Kind() == reflect.Pointer && inner.Name() == "" {
					inner = inner.Elem()
				}
				switch {
				case tag == "-", !f.IsExported() && !(f.Anonymous && inner.Kind() == reflect.Struct):
				case f.Anonymous && name == "" && inner.Kind() == reflect.Struct:
					if !visited[inner] && (f.IsExported() || f.Type.Kind() != reflect.Pointer) {
						visited[inner] = true
						next = append(next, embedded{inner, index})
					}
				case !f.IsExported():
				default:
					isTagged := name != ""
					if !isTagged {
						name = f.Name
					}
					if found[name] == nil {
						names = append(names, name)
					}
					got := field{
						name: name, index: index, own: len(index) == 1,
						quoted: slices.Contains(strings.Split(options, ","), "string") && f.Type.Kind() == reflect.String,
					}
					found[name] = append(found[name], got)
					if isTagged {
						tagged[name] = append(tagged[name], got)
					}
				}
			}
		}
		for _, name := range names {
			switch {
			case taken[name]:
			case len(found[name]) == 1:
				s.fields = append(s.fields, found[name][0])
			case len(tagged[name]) == 1:
				s.fields = append(s.fields, tagged[name][0])
			}
			taken[name] = true
		}
		level = next
	}
}

func listOf(names string) map[string]bool {
	if names == "" {
		return nil
	}
	listed := map[string]bool{}
	for name := range strings.SplitSeq(names, ",") {
		listed[name] = true
	}
	return listed
}

// find returns the field that a name stands for, or -1, and whether it is spelled like that.
func (s *structure) find(name []byte) (index int, exact bool) {
	if i, ok := s.exact[string(name)]; ok {
		return i, true
	}
	var buf [64]byte
	if len(name) > len(buf) {
		return -1, false
	}
	if i, ok := s.folded[string(jsonscan.Fold(buf[:0], name))]; ok {
		return i, false
	}
	return -1, false
}

// A root is what Unmarshal has to know of all that a type may hold.
type root struct {
	spellings map[string]struct{} // in snake_case, of the camelCase names
	pointers  [][]byte            // names, in quotes, of pointers to structs that decode by themselves
	partial   bool                // encoding/json would leave out fields: see byBoth
	open      bool                // it holds open types, which encoding/json would read twice
}

var roots sync.Map // of reflect.Type to *root

func rootOf(t reflect.Type) *root {
	if r, ok := roots.Load(t); ok {
		return r.(*root) //nolint:forcetypeassert // the map holds nothing else
	}
	r := &root{spellings: map[string]struct{}{}}
	exact := map[string]bool{}
	r.visit(t, map[reflect.Type]bool{}, exact)
	for name := range exact {
		delete(r.spellings, name)
	}
	roots.Store(t, r)
	return r
}

func (r *root) visit(t reflect.Type, visited map[reflect.Type]bool, exact map[string]bool) {
	if visited[t] {
		return
	}
	visited[t] = true
	how := methodOf(t)
	switch {
	case how == byFields || how == byBoth:
		r.partial = r.partial || how == byBoth || len(structureOf(t).kept) > 1
		r.open = r.open || structureOf(t).kept != nil
		for _, f := range structureOf(t).fields {
			exact[f.name] = true
			if f.name == "id" {
				r.spellings["_id"] = struct{}{} // as MongoDB has it
			}
			if other := snakeCase(f.name); other != f.name {
				r.spellings[other] = struct{}{}
			}
			inner := t.FieldByIndex(f.index).Type
			if inner.Kind() == reflect.Pointer && inner.Elem().Kind() == reflect.Struct && inner.Implements(jsonUnmarshaler) {
				r.pointers = append(r.pointers, []byte(`"`+f.name+`"`))
			}
			r.visit(inner, visited, exact)
		}
	case how == byKind && (t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map):
		r.visit(t.Elem(), visited, exact)
	}
}

// snakeCase spells toolKey as tool_key.
func snakeCase(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			if i > 0 && (name[i-1] < 'A' || name[i-1] > 'Z') && name[i-1] != '_' {
				b.WriteByte('_')
			}
			c += 'a' - 'A'
		}
		b.WriteByte(c)
	}
	return b.String()
}

// isUnusual reports whether a JSON text has anything that encoding/json would misread without a
// word.
func (r *root) isUnusual(data []byte) bool {
	return r.partial || r.otherSpelling(data) || r.emptyPointer(data)
}

// emptyPointer reports whether a pointer may have to stay nil that encoding/json would not leave
// nil, because the value is an empty one, and the type takes any.
func (r *root) emptyPointer(data []byte) bool {
	for _, name := range r.pointers {
		for rest := data; ; {
			at := bytes.Index(rest, name)
			if at < 0 {
				break
			}
			rest = bytes.TrimLeft(rest[at+len(name):], ": \t\r\n")
			if len(rest) > 0 && rest[0] != '{' && rest[0] != 'n' {
				return true
			}
		}
	}
	return false
}

// otherSpelling reports whether a JSON text has one of the type's names in snake_case, at any
// depth: where that is the user's own data, looking at it closer does no harm. It goes from one
// underscore to the next, of which most documents have few.
func (r *root) otherSpelling(data []byte) bool {
	if len(r.spellings) == 0 {
		return false
	}
	for at := 0; ; {
		found := bytes.IndexByte(data[at:], '_')
		if found < 0 {
			return false
		}
		at += found + 1
		end := at
		for end < len(data) && isNameByte(data[end]) {
			end++
		}
		after := end + 1
		for after < len(data) && isSpace(data[after]) {
			after++
		}
		if after < len(data) && data[end] == '"' && data[after] == ':' {
			begin := at - 1
			for begin > 0 && isNameByte(data[begin-1]) {
				begin--
			}
			if _, ok := r.spellings[string(data[begin:end])]; ok {
				return true
			}
		}
		at = end
	}
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }
