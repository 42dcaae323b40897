package jsonscan

import (
	"bytes"
	"slices"
	"strconv"
)

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
