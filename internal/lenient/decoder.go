package lenient

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// A decoder reads valid JSON from its beginning to its end, once.
type decoder struct {
	data   []byte
	pos    int
	path   []byte // names of the fields that lead to pos, each with a dot before it
	misfit Misfit
	told   map[string]bool
	err    error // the first of an UnmarshalJSON method
	unheld int   // values so far that nothing holds as they are
}

func (d *decoder) decode(v reflect.Value) error {
	d.space()
	d.value(v)
	return d.err
}

// space moves to the next thing that is not white space, and returns its first byte.
func (d *decoder) space() byte {
	for isSpace(d.data[d.pos]) {
		d.pos++
	}
	return d.data[d.pos]
}

// skip moves past a value and returns it.
func (d *decoder) skip() []byte {
	n, _ := jsonscan.ValueEnd(d.data[d.pos:])
	d.pos += n
	return d.data[d.pos-n : d.pos]
}

// value decodes the value at pos, and reports whether v holds it now.
func (d *decoder) value(v reflect.Value) bool {
	switch methodOf(v.Type()) {
	case byItself:
		return d.bySelf(v, d.skip())
	case byLibrary:
		return d.check(v, json.Unmarshal(d.skip(), v.Addr().Interface()))
	case byBoth:
		allocateEmbedded(v)
		raw := d.skip()
		ok := d.bySelf(v, raw)
		if raw[0] == '{' {
			rest := decoder{data: raw, path: d.path, misfit: d.misfit, told: d.told, err: d.err}
			rest.object(v, structureOf(v.Type()), true)
			d.err, d.unheld = rest.err, d.unheld+rest.unheld
		}
		return ok
	case byFields:
		return d.structure(v, structureOf(v.Type()))
	default:
	}
	begin := d.data[d.pos]
	switch v.Kind() {
	case reflect.Pointer:
		return d.pointer(v)
	case reflect.Slice:
		if begin == '[' {
			d.array(v)
			return true
		}
	case reflect.Map:
		if begin == '{' {
			d.dictionary(v)
			return true
		}
	default:
		raw := d.skip()
		if !setScalar(v, raw) {
			d.report(v, raw)
			return false
		}
		return true
	}
	v.SetZero()
	return d.absent(v)
}

// absent moves past a value that a container of another kind cannot hold, and reports it unless it
// is empty.
func (d *decoder) absent(v reflect.Value) bool {
	raw := d.skip()
	if !jsonscan.IsEmpty(raw) {
		d.report(v, raw)
	}
	return false
}

func (d *decoder) bySelf(v reflect.Value, raw []byte) bool {
	return d.check(v, v.Addr().Interface().(json.Unmarshaler).UnmarshalJSON(raw)) //nolint:forcetypeassert // byItself
}

// check notes the error of a type that decodes without this package.
func (d *decoder) check(v reflect.Value, err error) bool {
	if err == nil {
		return true
	}
	if isMismatch(err) {
		d.tell(v, jsonscan.Kind(d.data[d.pos-1]))
	} else if d.err == nil {
		d.err = err
	}
	return false
}

func (d *decoder) pointer(v reflect.Value) bool {
	to := v.Type().Elem()
	if d.data[d.pos] != '{' && to.Kind() == reflect.Struct {
		if n, _ := jsonscan.ValueEnd(d.data[d.pos:]); jsonscan.IsEmpty(d.data[d.pos : d.pos+n]) {
			d.pos += n
			v.SetZero()
			return true
		}
	}
	if d.data[d.pos] == 'n' {
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
	d.pos++
	v.SetLen(0)
	for {
		switch d.space() {
		case ']':
			d.pos++
			if v.IsNil() {
				v.Set(reflect.MakeSlice(v.Type(), 0, 0))
			}
			return
		case ',':
			d.pos++
		default:
			n := v.Len()
			if n == v.Cap() {
				v.Grow(1)
			}
			v.SetLen(n + 1)
			v.Index(n).SetZero()
			begin := d.data[d.pos]
			if !d.value(v.Index(n)) || isNothing(begin, v.Index(n).Kind()) {
				d.unheld++
			}
		}
	}
}

// isNothing reports whether a value that begins so leaves a scalar as it is: null, {} or [].
func isNothing(begin byte, k reflect.Kind) bool {
	return (begin == 'n' || begin == '{' || begin == '[') && (k == reflect.String || k <= reflect.Float64)
}

func (d *decoder) dictionary(v reflect.Value) {
	d.pos++
	t := v.Type()
	if v.IsNil() {
		v.Set(reflect.MakeMap(t))
	}
	for {
		switch d.space() {
		case '}':
			d.pos++
			return
		case ',':
			d.pos++
		default:
			key := reflect.ValueOf(d.name()).Convert(t.Key())
			element := reflect.New(t.Elem()).Elem()
			length := len(d.path)
			d.path = append(d.path, ".*"...)
			d.value(element)
			d.path = d.path[:length]
			v.SetMapIndex(key, element)
		}
	}
}

// name moves past a member's name and colon, and returns the name.
func (d *decoder) name() string {
	raw := d.skip()
	d.space()
	d.pos++
	d.space()
	return unquote(raw)
}

func (d *decoder) structure(v reflect.Value, s *structure) bool {
	if d.data[d.pos] != '{' {
		return d.absent(v)
	}
	if s.kept != nil {
		if kept, ok := fieldOf(v, s.kept); ok {
			kept.SetZero()
		}
	}
	d.object(v, s, false)
	return true
}

// The ranks of a member among those for one field: one that says something is before one that does
// not, and then an exact name before another spelling of it.
const (
	rankExact = 1
	rankFull  = 2
)

// object decodes an object's members; rest asks for those only that are the struct's own and whose
// fields are still zero.
func (d *decoder) object(v reflect.Value, s *structure, rest bool) {
	var buf [48]int8
	best := append(buf[:0], make([]int8, len(s.fields))...)
	k := keeper{of: v, s: s}
	for d.pos++; ; {
		switch d.space() {
		case '}':
			d.pos++
			return
		case ',':
			d.pos++
			continue
		}
		raw := d.skip()
		d.space()
		d.pos++
		d.space()
		name := raw[1 : len(raw)-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			name = []byte(unquote(raw))
		}
		i, exact := s.find(name)
		if i < 0 {
			k.unknown(raw, d.skip())
			continue
		}
		if !d.better(&best[i], exact) {
			d.skip()
			continue
		}
		f := &s.fields[i]
		to, ok := fieldOf(v, f.index)
		if !ok || rest && (!f.own || !to.IsZero()) {
			d.skip()
			continue
		}
		length, begin, unheld := len(d.path), d.pos, d.unheld
		d.path = append(append(d.path, '.'), f.name...)
		d.member(to, f.quoted)
		d.path = d.path[:length]
		if k.takes(f.name) && k.settle(i, name, d.data[begin:d.pos], d.unheld > unheld) {
			to.SetZero()
			d.unheld = unheld
		}
	}
}

// better reports whether the value at pos is to be taken, of those for one field.
func (d *decoder) better(best *int8, exact bool) bool {
	rank := int8(1)
	if exact {
		rank += rankExact
	}
	if !d.atEmpty() {
		rank += rankFull
	}
	if rank < *best {
		return false
	}
	*best = rank
	return true
}

// atEmpty is IsEmpty of the value at pos, without looking at all of it.
func (d *decoder) atEmpty() bool {
	switch d.data[d.pos] {
	case '{', '[':
		i := d.pos + 1
		for isSpace(d.data[i]) {
			i++
		}
		return d.data[i] == '}' || d.data[i] == ']'
	case '"':
		return d.data[d.pos+1] == '"'
	case 'n', 'f':
		return true
	case '0', '-':
		n, _ := jsonscan.ValueEnd(d.data[d.pos:])
		return jsonscan.IsEmpty(d.data[d.pos : d.pos+n])
	default:
		return false
	}
}

func (d *decoder) member(to reflect.Value, quoted bool) {
	if quoted && d.data[d.pos] == '"' {
		raw := d.skip()
		if inner := unquote(raw); json.Valid([]byte(inner)) && inner[0] == '"' {
			raw = []byte(inner)
		}
		to.SetString(unquote(raw))
		return
	}
	d.value(to)
}

// A keeper keeps what the fields of an open type do not hold.
type keeper struct {
	of    reflect.Value
	s     *structure
	unfit map[int]string // by field, the name under which its value is kept
}

// takes reports whether a member of this name is kept, if it must be.
func (k *keeper) takes(name string) bool {
	return k.s.kept != nil && (k.s.listed == nil || k.s.listed[name])
}

// unknown keeps a member that no field is for.
func (k *keeper) unknown(quoted, value []byte) {
	if k.s.kept == nil {
		return
	}
	if name := unquote(quoted); k.takes(name) {
		k.keep(name, value)
	}
}

// settle keeps the value of a field that is unfit for it, and forgets one that was kept before.
func (k *keeper) settle(field int, name, value []byte, unfit bool) bool {
	if other, found := k.unfit[field]; found {
		k.forget(other)
		delete(k.unfit, field)
	}
	if unfit {
		if k.unfit == nil {
			k.unfit = map[int]string{}
		}
		k.unfit[field] = string(name)
		k.keep(string(name), value)
	}
	return unfit
}

func (k *keeper) keep(name string, value []byte) {
	to, ok := fieldOf(k.of, k.s.kept)
	if !ok {
		return
	}
	if to.IsNil() {
		to.Set(reflect.MakeMap(to.Type()))
	}
	key := reflect.ValueOf(name).Convert(to.Type().Key())
	to.SetMapIndex(key, reflect.ValueOf(bytes.Clone(value)).Convert(to.Type().Elem()))
}

func (k *keeper) forget(name string) {
	if from, ok := fieldOf(k.of, k.s.kept); ok {
		from.SetMapIndex(reflect.ValueOf(name).Convert(from.Type().Key()), reflect.Value{})
		if from.Len() == 0 {
			from.SetZero()
		}
	}
}

// fieldOf returns a field, and makes the embedded structs on the way to it. It is false where one
// of them cannot be set.
func fieldOf(v reflect.Value, index []int) (reflect.Value, bool) {
	for i, x := range index {
		if i > 0 && v.Kind() == reflect.Pointer {
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

// report calls misfit for a value that v cannot hold.
func (d *decoder) report(v reflect.Value, raw []byte) { d.tell(v, jsonscan.Kind(raw[0])) }

func (d *decoder) tell(v reflect.Value, kind string) {
	const most = 100 // names
	d.unheld++
	path := string(bytes.TrimPrefix(d.path, []byte(".")))
	if d.misfit == nil || d.told[path] || len(d.told) >= most {
		return
	}
	if d.told == nil {
		d.told = map[string]bool{}
	}
	d.told[path] = true
	d.misfit(&json.UnmarshalTypeError{Value: kind, Type: v.Type(), Field: path})
}
