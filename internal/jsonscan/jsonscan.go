// Package jsonscan reads JSON that may be cut or malformed, such as half of a failure's body.
// encoding/json cannot do that: it decodes all of a text or nothing. The scanner accepts all valid
// JSON, and more, in linear time.
//
// It is also the one place that says which names are spellings of one name ([Fold]), which values
// say nothing ([IsEmpty]) and what a value is ([Kind]).
package jsonscan

import (
	"bytes"
	"encoding/json"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ValueEnd returns the end of the value that text begins with. whole is false for a value that is
// cut, which extends to the end of text.
func ValueEnd(text []byte) (end int, whole bool) {
	if len(text) == 0 {
		return 0, false
	}
	switch text[0] {
	case '"':
		return StringEnd(text)
	case '{', '[':
		return containerEnd(text)
	default:
		if i := bytes.IndexAny(text, ",]}: \t\r\n\"[{"); i >= 0 {
			return i, true
		}
		return len(text), true
	}
}

func containerEnd(text []byte) (end int, whole bool) {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			n, _ := StringEnd(text[i:])
			i += n - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1, true
			}
		}
	}
	return len(text), false
}

// StringEnd is ValueEnd for a string. closed reports whether the string has its second quote.
func StringEnd(text []byte) (end int, closed bool) {
	for end = 1; end < len(text); {
		quote := bytes.IndexByte(text[end:], '"')
		if quote < 0 {
			break
		}
		said := text[1 : end+quote]
		end += quote + 1
		if escapes := len(said) - len(bytes.TrimRight(said, `\`)); escapes%2 == 0 {
			return end, true
		}
	}
	return len(text), false
}

const space = " \t\r\n"

// SkipSpace returns a text without the white space that it begins with.
func SkipSpace(text []byte) []byte {
	if len(text) > 0 && text[0] > ' ' {
		return text // as nearly everywhere
	}
	return bytes.TrimLeft(text, space)
}

// Members returns an object's members, up to the first text that is not a member: their names as
// they read, and their values. The object may be cut: then the last value may be, too. Text that is
// no object has none.
func Members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for rest := bytes.TrimPrefix(object, []byte("{")); ; {
			for rest = SkipSpace(rest); len(rest) > 0 && rest[0] == ','; {
				rest = SkipSpace(rest[1:])
			}
			name, after, _ := memberName(rest)
			end, _ := ValueEnd(after)
			if end == 0 || !yield(name, after[:end]) {
				return
			}
			rest = after[end:]
		}
	}
}

// memberName reads a member's name and its colon, and returns the text after them.
func memberName(text []byte) (name, after []byte, ok bool) {
	if len(text) == 0 || text[0] != '"' {
		return nil, nil, false
	}
	end, _ := StringEnd(text)
	after = SkipSpace(text[end:])
	if len(after) == 0 || after[0] != ':' {
		return nil, nil, false
	}
	name = text[1 : end-1]
	if bytes.IndexByte(name, '\\') >= 0 || !utf8.Valid(name) {
		name = []byte(Unquote(text[:end]))
	}
	return name, SkipSpace(after[1:]), true
}

// EachElement visits an array's first elements, or the value itself when it is no array.
func EachElement(value []byte, most int, visit func(element []byte)) {
	if len(value) == 0 || value[0] != '[' {
		visit(value)
		return
	}
	rest := value[1:]
	for range most {
		rest = bytes.TrimLeft(rest, space+",")
		end, _ := ValueEnd(rest)
		if end == 0 || rest[0] == ']' || rest[0] == '}' {
			return
		}
		visit(rest[:end])
		rest = rest[end:]
	}
}

// MaxText bounds a text that Unquote returns, in bytes.
const MaxText = 64 << 10

// Unquote decodes a JSON string, which may have been cut. Most need no decoding at all.
func Unquote(raw []byte) string {
	s := raw[1:]
	if end, whole := ValueEnd(raw); whole {
		s = raw[1 : end-1]
	}
	s = s[:min(len(s), 6*MaxText)] // an escape takes up to six bytes a character
	if bytes.IndexByte(s, '\\') < 0 && utf8.Valid(s) {
		return Clip(string(s), MaxText)
	}
	quoted := append(append([]byte{'"'}, s...), '"')
	for end := len(quoted) - 1; end > 0 && end > len(quoted)-13; end-- { // back past a cut escape
		quoted[end] = '"'
		var text string
		if json.Unmarshal(quoted[:end+1], &text) == nil {
			return Clip(text, MaxText)
		}
	}
	return Clip(strings.ToValidUTF8(string(s), "\uFFFD"), MaxText)
}

// Clip shortens s to at most n bytes, at a rune's boundary.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// Fold appends what all spellings of a name have in common: docsHint, docs_hint and Docs-Hint are
// one name. It is the name in lower case, without ASCII's signs and spaces; only "@" and "$" stay,
// because "@type" is another name than "type".
func Fold[T ~string | ~[]byte](to []byte, name T) []byte {
	for i := range len(name) {
		switch c := name[i]; {
		case 'A' <= c && c <= 'Z':
			to = append(to, c|0x20)
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c >= 0x80, c == '@', c == '$':
			to = append(to, c)
		}
	}
	return to
}

// Short is a name of at most 16 bytes as Fold has it, in buf, so that it can be compared without an
// allocation. It is empty for a longer one, which nobody looks for.
func Short(buf *[16]byte, name []byte) []byte {
	if len(name) > len(buf) {
		return nil
	}
	return Fold(buf[:0], name)
}

// Is reports whether a name is a spelling of one of these names, which are folded and have at most
// 16 bytes.
func Is(name []byte, folded ...string) bool {
	var buf [16]byte
	return slices.Contains(folded, string(Short(&buf, name)))
}

// IsEmpty reports whether a JSON value says nothing: null, "", 0, false, {} or [], or no value.
func IsEmpty(value []byte) bool {
	value = bytes.TrimSpace(value)
	switch string(value) {
	case "", "null", `""`, "false":
		return true
	}
	switch value[0] {
	case '{', '[':
		rest := SkipSpace(value[1:])
		return len(rest) == 1 && (rest[0] == '}' || rest[0] == ']')
	case '0', '-':
		n, err := strconv.ParseFloat(string(value), 64)
		return err == nil && n == 0
	default:
		return false
	}
}

// Kind names, in encoding/json's words, the JSON value that begins or ends with a byte.
func Kind(c byte) string {
	switch c {
	case '{', '}':
		return "object"
	case '[', ']':
		return "array"
	case '"':
		return "string"
	case 't', 'f', 'e':
		return "bool"
	case 'n', 'l':
		return "null"
	default:
		return "number"
	}
}
