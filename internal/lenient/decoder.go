package lenient

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// A decoder reads valid JSON from its beginning to its end, once.
type decoder struct {
	data     []byte
	pos      int
	path     []byte // names of the fields that lead to pos, each with a dot before it
	misfit   Misfit
	reported map[string]bool // paths
	err      error           // the first of an UnmarshalJSON method
	unheld   int             // values so far that nothing holds as they are
}

// decode decodes valid JSON into v, a non-nil pointer.
func decode(data []byte, v any, misfit Misfit) error {
	d := decoder{data: data, misfit: misfit}
	d.space()
	d.value(reflect.ValueOf(v).Elem())
	return d.err
}

// space moves to the next thing that is not white space, and returns its first byte.
func (d *decoder) space() byte {
	d.pos = len(d.data) - len(jsonscan.SkipSpace(d.data[d.pos:]))
	return d.data[d.pos]
}

// skip moves past a value and returns it.
func (d *decoder) skip() []byte {
	n, _ := jsonscan.ValueEnd(d.data[d.pos:])
	d.pos += n
	return d.data[d.pos-n : d.pos]
}

// next moves to the next element or member's name, or past the end of the array or object.
func (d *decoder) next(end byte) bool {
	for {
		switch d.space() {
		case end:
			d.pos++
			return false
		case ',':
			d.pos++
		default:
			return true
		}
	}
}

// name moves past a member's name and colon, and returns the name.
func (d *decoder) name() []byte {
	raw := d.skip()
	d.space()
	d.pos++
	d.space()
	name := raw[1 : len(raw)-1]
	if bytes.IndexByte(name, '\\') >= 0 || !utf8.Valid(name) {
		name = []byte(unquote(raw))
	}
	return name
}

// value decodes the value at pos, and reports whether v holds it now.
func (d *decoder) value(v reflect.Value) bool {
	switch methodOf(v.Type()) {
	case byItself:
		return d.bySelf(v)
	case byPromotedMethod:
		allocateEmbedded(v)
		begin := d.pos
		ok := d.bySelf(v)
		if d.data[begin] == '{' {
			d.pos = begin
			d.object(v, structureOf(v.Type()), true)
		}
		return ok
	case byLibrary:
		return d.noteError(v, json.Unmarshal(d.skip(), v.Addr().Interface()))
	case byFields:
		return d.structure(v, structureOf(v.Type()))
	default:
		return d.byKind(v)
	}
}

func (d *decoder) bySelf(v reflect.Value) bool {
	itself := v.Addr().Interface().(json.Unmarshaler) //nolint:forcetypeassert // byItself
	return d.noteError(v, itself.UnmarshalJSON(d.skip()))
}

// noteError takes the error of a type that decodes without this package.
func (d *decoder) noteError(v reflect.Value, err error) bool {
	switch {
	case err == nil:
		return true
	case isMismatch(err):
		d.reportOnce(v, d.data[d.pos-1])
	case d.err == nil:
		d.err = err
	}
	return false
}

func (d *decoder) byKind(v reflect.Value) bool {
	begin := d.data[d.pos]
	switch kind := v.Kind(); {
	case kind == reflect.Pointer:
		return d.pointer(v)
	case kind == reflect.Slice && begin == '[':
		d.array(v)
	case kind == reflect.Map && begin == '{':
		d.dictionary(v)
	case kind == reflect.Slice || kind == reflect.Map:
		v.SetZero()
		return d.skipUnfit(v)
	case !setScalar(v, d.skip()):
		d.reportOnce(v, begin)
		return false
	}
	return true
}

// skipUnfit moves past a value that a container of another kind cannot hold, and reports it unless
// it is empty.
func (d *decoder) skipUnfit(v reflect.Value) bool {
	if raw := d.skip(); !jsonscan.IsEmpty(raw) {
		d.reportOnce(v, raw[0])
	}
	return false
}

func (d *decoder) pointer(v reflect.Value) bool {
	to, begin := v.Type().Elem(), d.data[d.pos]
	isEmpty := begin == 'n' || to.Kind() == reflect.Struct && begin != '{' && d.atEmpty()
	if isEmpty || begin == '{' && methodOf(to) == byItself && d.atNothing() { // {"code":null} is no diagnostic
		d.skip()
		v.SetZero()
		return true
	}
	if v.IsNil() {
		v.Set(reflect.New(to))
	}
	if !d.value(v.Elem()) {
		v.SetZero()
		return false
	}
	return true
}

func (d *decoder) array(v reflect.Value) {
	v.SetLen(0)
	for d.pos++; d.next(']'); {
		n := v.Len()
		if n == v.Cap() {
			v.Grow(1)
		}
		v.SetLen(n + 1)
		element, begin := v.Index(n), d.data[d.pos]
		element.SetZero()
		// null, {} and [] leave a scalar as it is.
		if !d.value(element) || isScalar(element.Kind()) && (begin == 'n' || begin == '{' || begin == '[') {
			d.unheld++
		}
	}
	if v.IsNil() {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	}
}

func (d *decoder) dictionary(v reflect.Value) {
	t := v.Type()
	if v.IsNil() {
		v.Set(reflect.MakeMap(t))
	}
	length := len(d.path)
	for d.pos++; d.next('}'); {
		key := reflect.ValueOf(string(d.name())).Convert(t.Key())
		element := reflect.New(t.Elem()).Elem()
		d.path = append(d.path, ".*"...)
		d.value(element)
		d.path = d.path[:length]
		v.SetMapIndex(key, element)
	}
}

func (d *decoder) structure(v reflect.Value, s *structure) bool {
	if d.data[d.pos] != '{' {
		return d.skipUnfit(v)
	}
	if s.kept != nil {
		if kept, ok := fieldOf(v, s.kept); ok {
			kept.SetZero()
		}
	}
	d.object(v, s, false)
	return true
}

// A target is a struct on its way.
type target struct {
	v         reflect.Value
	s         *structure
	onlyUnset bool           // only the struct's own fields that are still zero
	unfit     map[int]member // by field, what the field could not hold
}

type member struct {
	name  string
	value []byte
}

// object decodes an object's members.
func (d *decoder) object(v reflect.Value, s *structure, onlyUnset bool) {
	var buf [48]int8
	ranks := append(buf[:0], make([]int8, len(s.fields))...) // by field, of the member taken for it
	t := target{v: v, s: s, onlyUnset: onlyUnset}
	for d.pos++; d.next('}'); {
		name := d.name()
		i, exact := s.find(name)
		switch rank := d.rank(exact); {
		case i < 0:
			value := d.skip()
			if s.keeps(string(name)) {
				t.keep(member{string(name), value})
			}
		case rank < ranks[i]:
			d.skip()
		default:
			ranks[i] = rank
			d.field(&t, i, name)
		}
	}
	for _, m := range t.unfit {
		t.keep(m)
	}
}

// rank compares the value at pos with others for one field. One that says something is before one
// that does not, and then an exact name before another spelling of it.
func (d *decoder) rank(exact bool) int8 {
	rank := int8(1)
	if exact {
		rank++
	}
	if !d.atEmpty() {
		rank += 2
	}
	return rank
}

// atEmpty is IsEmpty of the value at pos, without looking at all of an object or array.
func (d *decoder) atEmpty() bool {
	rest := d.data[d.pos:]
	if rest[0] == '{' || rest[0] == '[' {
		first := jsonscan.SkipSpace(rest[1:])[0]
		return first == '}' || first == ']'
	}
	n, _ := jsonscan.ValueEnd(rest)
	return jsonscan.IsEmpty(rest[:n])
}

// atNothing reports whether nothing in the value at pos says something.
func (d *decoder) atNothing() bool {
	n, _ := jsonscan.ValueEnd(d.data[d.pos:])
	return !jsonscan.SaysSomething(d.data[d.pos : d.pos+n])
}

// field decodes the value at pos into a field.
func (d *decoder) field(t *target, i int, name []byte) {
	f := &t.s.fields[i]
	to, ok := fieldOf(t.v, f.index)
	if !ok || t.onlyUnset && (len(f.index) > 1 || !to.IsZero()) {
		d.skip()
		return
	}
	length, begin, unheld := len(d.path), d.pos, d.unheld
	d.path = append(append(d.path, '.'), f.name...)
	d.member(to, f, t.s.kept != nil)
	d.path = d.path[:length]
	if !f.kept {
		return
	}
	delete(t.unfit, i)
	if d.unheld > unheld {
		to.SetZero()
		d.unheld = unheld
		if t.unfit == nil {
			t.unfit = map[int]member{}
		}
		t.unfit[i] = member{string(name), d.data[begin:d.pos]}
	}
}

// member decodes a value as its field wants it. A text in the place of a list of texts is a list of
// one, but in an open type, which gives back what it was given.
func (d *decoder) member(to reflect.Value, f *field, open bool) {
	switch {
	case d.data[d.pos] != '"':
		d.value(to)
	case f.quoted:
		text := unquote(d.skip())
		_ = json.Unmarshal([]byte(text), &text) // what is no string in a string stays as it is
		to.SetString(text)
	case f.texts && !open:
		d.texts(to, f.split)
	default:
		d.value(to)
	}
}

func (d *decoder) texts(to reflect.Value, split bool) {
	text := unquote(d.skip())
	words := strings.Fields(text)
	if len(words) > 0 && !split {
		words = []string{strings.TrimSpace(text)}
	}
	to.SetZero()
	for _, word := range words {
		to.Set(reflect.Append(to, reflect.ValueOf(word).Convert(to.Type().Elem())))
	}
}

// keep keeps a member that no field holds.
func (t *target) keep(m member) {
	to, ok := fieldOf(t.v, t.s.kept)
	if !ok {
		return
	}
	if to.IsNil() {
		to.Set(reflect.MakeMap(to.Type()))
	}
	key := reflect.ValueOf(m.name).Convert(to.Type().Key())
	to.SetMapIndex(key, reflect.ValueOf(bytes.Clone(m.value)).Convert(to.Type().Elem()))
}

// fieldOf returns a field, and makes the embedded structs on the way to it. It is false where one
// of them cannot be set.
func fieldOf(v reflect.Value, index []int) (reflect.Value, bool) {
	for _, x := range index {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				if !v.CanSet() {
					return v, false
				}
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(x)
	}
	return v, v.CanSet()
}

// allocateEmbedded makes the embedded structs whose methods are called through a pointer.
func allocateEmbedded(v reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		if v.Type().Field(i).Anonymous && f.Kind() == reflect.Pointer && f.IsNil() && f.CanSet() {
			f.Set(reflect.New(f.Type().Elem()))
		}
	}
}

// reportOnce calls misfit for a value that v cannot hold, and that begins or ends with a byte, once
// a path.
func (d *decoder) reportOnce(v reflect.Value, c byte) {
	const most = 100
	d.unheld++
	path := string(bytes.TrimPrefix(d.path, []byte(".")))
	if d.misfit == nil || d.reported[path] || len(d.reported) >= most {
		return
	}
	if d.reported == nil {
		d.reported = map[string]bool{}
	}
	d.reported[path] = true
	d.misfit(&json.UnmarshalTypeError{Value: jsonscan.Kind(c), Type: v.Type(), Field: path})
}
