package lenient

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// A method is how a type decodes.
type method uint8

const (
	byKind           method = iota // scalars, slices, maps, pointers
	byFields                       // a struct, by its fields
	byItself                       // by its UnmarshalJSON method
	byPromotedMethod               // by an UnmarshalJSON that may be an embedded type's, then by its fields
	byLibrary                      // by encoding/json
)

const (
	// keepTag marks the field that takes the members which no other field is for, and those whose
	// value the other field cannot hold: only those that the tag lists, or all. It is a map from
	// names to raw JSON. A type that has one is open, and decodes through Object. Listed names
	// belong to the type, with or without a field.
	keepTag = "keep"

	// splitTag marks a list of words: a text in its place is split at spaces.
	splitTag = "split"
)

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	jsonNumber      = reflect.TypeFor[json.Number]()
)

// A cache holds what was found out about types.
type cache[T any] struct{ sync.Map }

func (c *cache[T]) of(t reflect.Type, find func(reflect.Type) T) T {
	found, ok := c.Load(t)
	if !ok {
		found, _ = c.LoadOrStore(t, find(t))
	}
	return found.(T) //nolint:forcetypeassert // the map holds nothing else
}

var (
	methods    cache[method]
	structures cache[*structure]
	spelled    cache[*spellings]
	known      cache[Members]
)

func methodOf(t reflect.Type) method { return methods.of(t, findMethod) }

func findMethod(t reflect.Type) method {
	isStruct := t.Kind() == reflect.Struct
	if !reflect.PointerTo(t).Implements(jsonUnmarshaler) {
		switch {
		case !decodesHere(t):
			return byLibrary
		case isStruct:
			return byFields
		default:
			return byKind
		}
	}
	switch {
	case isStruct && structureOf(t).kept != nil:
		return byFields
	case isStruct && embedsMethod(t):
		return byPromotedMethod
	default:
		return byItself
	}
}

// decodesHere reports whether a type without an UnmarshalJSON needs nothing of encoding/json.
func decodesHere(t reflect.Type) bool {
	if reflect.PointerTo(t).Implements(textUnmarshaler) {
		return false
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Pointer:
		return true
	case reflect.Slice:
		return t.Elem().Kind() != reflect.Uint8 // base64
	case reflect.Map:
		return t.Key().Kind() == reflect.String && !reflect.PointerTo(t.Key()).Implements(textUnmarshaler)
	default:
		return isScalar(t.Kind()) && t != jsonNumber
	}
}

// embedsMethod reports whether a struct's UnmarshalJSON may be that of a type that it embeds, which
// would leave out the struct's own fields: reflect does not tell whether it has one of its own.
func embedsMethod(t reflect.Type) bool {
	embeds := false
	for i := range t.NumField() {
		f := t.Field(i)
		embeds = embeds || f.Anonymous && (f.Type.Implements(jsonUnmarshaler) || reflect.PointerTo(f.Type).Implements(jsonUnmarshaler))
	}
	return embeds && slices.ContainsFunc(structureOf(t).fields, func(f field) bool { return len(f.index) == 1 })
}

// A structure is how a struct type decodes from an object.
type structure struct {
	fields []field
	exact  map[string]int // by their names; -1 for a name of which no field wins
	folded map[string]int // by their names in any spelling, from 1
	kept   []int          // index of the field for all other members; nil when there is none
	listed []string       // those it takes; nil when it takes all
}

type field struct {
	name   string
	index  []int
	rank   int  // by depth, and with a tag before without
	quoted bool // a string in a string, by the option of the tag
	texts  bool // a list of texts
	split  bool // by splitTag
	kept   bool // with what it cannot hold
}

func structureOf(t reflect.Type) *structure { return structures.of(t, newStructure) }

// newStructure sees the fields as encoding/json does: of several with one name it takes the
// outermost, and of two on one level the tagged one, or none.
func newStructure(t reflect.Type) *structure {
	s := &structure{exact: map[string]int{}, folded: map[string]int{}}
	all := s.collect(t, nil, []reflect.Type{t})
	slices.SortStableFunc(all, func(a, b field) int { return cmp.Compare(a.rank, b.rank) })
	for i, f := range all {
		if _, taken := s.exact[f.name]; taken {
			continue
		}
		s.exact[f.name] = -1
		if slices.ContainsFunc(all[i+1:], func(other field) bool { return other.name == f.name && other.rank == f.rank }) {
			continue
		}
		s.exact[f.name] = len(s.fields)
		if key := string(jsonscan.Fold(nil, f.name)); s.folded[key] == 0 {
			s.folded[key] = len(s.fields) + 1
		}
		f.kept = s.keeps(f.name)
		s.fields = append(s.fields, f)
	}
	return s
}

// collect lists the fields of a struct and of those that it embeds, and finds the one for other
// members. around are the types on the way to it.
func (s *structure) collect(t reflect.Type, index []int, around []reflect.Type) (all []field) {
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(slices.Clone(index), i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch inner, embedded := embeddedStruct(f); {
		case f.Tag.Get("json") == "-":
			if t.PkgPath() == around[0].PkgPath() {
				s.setKept(f, at)
			}
		case embedded && name == "":
			if !slices.Contains(around, inner) {
				all = append(all, s.collect(inner, at, append(slices.Clone(around), inner))...)
			}
		case f.IsExported():
			all = append(all, newField(f, name, options, at))
		}
	}
	return all
}

func (s *structure) setKept(f reflect.StructField, index []int) {
	if names, is := f.Tag.Lookup(keepTag); is && (s.kept == nil || len(index) < len(s.kept)) {
		s.kept, s.listed = index, strings.FieldsFunc(names, func(r rune) bool { return r == ',' })
	}
}

// embeddedStruct returns the struct type whose fields an embedded field adds. encoding/json cannot
// set those behind a pointer that is not exported.
func embeddedStruct(f reflect.StructField) (reflect.Type, bool) {
	inner := f.Type
	if inner.Kind() == reflect.Pointer && inner.Name() == "" {
		inner = inner.Elem()
	}
	return inner, f.Anonymous && inner.Kind() == reflect.Struct && (f.IsExported() || f.Type.Kind() != reflect.Pointer)
}

func newField(f reflect.StructField, name, options string, index []int) field {
	rank := 2 * len(index)
	if name == "" {
		rank++
	}
	return field{
		name: cmp.Or(name, f.Name), index: index, rank: rank,
		quoted: slices.Contains(strings.Split(options, ","), "string") && f.Type.Kind() == reflect.String,
		texts: f.Type.Kind() == reflect.Slice && methodOf(f.Type) == byKind &&
			f.Type.Elem().Kind() == reflect.String && methodOf(f.Type.Elem()) == byKind,
		split: f.Tag.Get(splitTag) != "",
	}
}

// keeps reports whether a member of this name is kept, if no field holds it.
func (s *structure) keeps(name string) bool {
	return s.kept != nil && (len(s.listed) == 0 || slices.Contains(s.listed, name))
}

// find returns the field that a name stands for, or -1, and whether it is spelled like that.
func (s *structure) find(name []byte) (index int, exact bool) {
	if i, ok := s.exact[string(name)]; ok && i >= 0 {
		return i, true
	}
	var buf [64]byte
	if len(name) > len(buf) {
		return -1, false
	}
	return s.folded[string(jsonscan.Fold(buf[:0], name))] - 1, false
}

// spellings are what Unmarshal has to know of all that a type may hold.
type spellings struct {
	names map[string]bool // false for those of fields, true for the same in snake_case
	// unfit is set if encoding/json would leave out fields, set pointers to nothing, or read open
	// types twice.
	unfit bool
}

func newSpellings(t reflect.Type) *spellings {
	s := &spellings{names: map[string]bool{}}
	s.visit(t, map[reflect.Type]bool{})
	return s
}

func (s *spellings) visit(t reflect.Type, visited map[reflect.Type]bool) {
	if visited[t] {
		return
	}
	visited[t] = true
	switch how := methodOf(t); {
	case how == byFields || how == byPromotedMethod:
		of := structureOf(t)
		s.unfit = s.unfit || how == byPromotedMethod || of.kept != nil
		for _, f := range of.fields {
			s.add(f.name)
			s.visit(t.FieldByIndex(f.index).Type, visited)
		}
	case how == byKind && !isScalar(t.Kind()):
		s.unfit = s.unfit || isPointerToItself(t)
		s.visit(t.Elem(), visited)
	}
}

// isPointerToItself reports whether a type is a pointer to a struct that decodes by itself. It must
// stay nil for an empty value of any type, but encoding/json knows only null.
func isPointerToItself(t reflect.Type) bool {
	return t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct && t.Implements(jsonUnmarshaler)
}

var hump = regexp.MustCompile(`([^A-Z_])([A-Z])`)

// add adds a field's name, and its other spelling: toolKey is spelled tool_key.
func (s *spellings) add(name string) {
	other := strings.ToLower(hump.ReplaceAllString(name, "${1}_$2"))
	if name == "id" {
		other = "_id" // as MongoDB has it
	}
	if _, known := s.names[other]; !known {
		s.names[other] = true
	}
	s.names[name] = false
}

// mayMislead reports whether encoding/json might misread a JSON text without a word, because one of
// its strings is one of the type's names in snake_case: where that is the user's own data, looking
// at it closer does no harm. It goes from one underscore to the next, of which most documents have
// few.
func (s *spellings) mayMislead(data []byte) bool {
	if s.unfit {
		return true
	}
	for {
		found := bytes.IndexByte(data, '_')
		begin := bytes.LastIndexByte(data[:max(found, 0)], '"') + 1
		length := bytes.IndexByte(data[begin:], '"')
		if found < 0 || length < 0 {
			return false
		}
		if s.names[string(data[begin:begin+length])] {
			return true
		}
		data = data[begin+length+1:]
	}
}
