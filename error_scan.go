package promptorchestra

import (
	"bytes"
	"encoding/json"
)

// Failures are read with a scanner of our own because encoding/json takes all
// of a body or nothing, and half of one may be all that is left of a failure.
// It accepts every valid JSON, and more.

// valueEnd returns where the value that text begins with ends, and whether it
// has an end of its own: a cut one reaches to the text's.
func valueEnd(text []byte) (end int, whole bool) {
	if len(text) == 0 {
		return 0, false
	}
	switch text[0] {
	case '"':
		return stringEnd(text)
	case '{', '[':
		depth := 0
		for i := 0; i < len(text); i++ {
			switch text[i] {
			case '"':
				n, closed := stringEnd(text[i:])
				if !closed {
					return len(text), false
				}
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
	default:
		if i := bytes.IndexAny(text, ",]}: \t\r\n\"[{"); i >= 0 {
			return i, true
		}
		return len(text), true
	}
}

func stringEnd(text []byte) (end int, closed bool) {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1, true
		}
	}
	return len(text), false
}

// looksLikeJSON reports whether a text that begins as an object or array may go
// on as one, to its end or not: "[error] upstream timed out" does not.
func looksLikeJSON(text []byte) bool {
	rest := bytes.TrimLeft(text[1:], " \t\r\n")
	switch {
	case len(rest) == 0, rest[0] == '"':
		return true
	case text[0] == '{':
		return rest[0] == '}'
	default:
		return bytes.IndexByte([]byte("]{["), rest[0]) >= 0 || json.Valid(text)
	}
}

// eachMember visits an object's members up to the first thing that is none.
// The name is without its quotes, and still escaped.
func eachMember(object []byte, visit func(name, value []byte)) {
	rest := object[1:]
	for {
		rest = bytes.TrimLeft(rest, ", \t\r\n")
		if len(rest) == 0 || rest[0] != '"' {
			return
		}
		end, closed := stringEnd(rest)
		if !closed {
			return
		}
		name := rest[1 : end-1]
		rest = bytes.TrimLeft(rest[end:], " \t\r\n")
		if len(rest) == 0 || rest[0] != ':' {
			return
		}
		rest = bytes.TrimLeft(rest[1:], " \t\r\n")
		end, _ = valueEnd(rest)
		if end == 0 {
			return
		}
		visit(name, rest[:end])
		rest = rest[end:]
	}
}

// eachName visits all that looks like a member's name, at any depth, with what
// follows it, until visit returns false. It takes linear time.
func eachName(body []byte, visit func(name, rest []byte) bool) {
	const longest = 64
	for at := 0; ; {
		colon := bytes.IndexByte(body[at:], ':')
		if colon < 0 {
			return
		}
		before := bytes.TrimRight(body[:at+colon], " \t\r\n")
		at += colon + 1
		if len(before) == 0 || before[len(before)-1] != '"' {
			continue
		}
		name := before[max(0, len(before)-longest) : len(before)-1]
		quote := bytes.LastIndexByte(name, '"')
		if quote >= 0 && !visit(name[quote+1:], bytes.TrimLeft(body[at:], " \t\r\n")) {
			return
		}
	}
}

// eachElement visits an array's first elements, or the value itself when it is
// no array.
func eachElement(value []byte, most int, visit func(element []byte)) {
	if len(value) == 0 || value[0] != '[' {
		visit(value)
		return
	}
	rest := value[1:]
	for range most {
		rest = bytes.TrimLeft(rest, ", \t\r\n")
		end, _ := valueEnd(rest)
		if end == 0 || rest[0] == ']' || rest[0] == '}' {
			return
		}
		visit(rest[:end])
		rest = rest[end:]
	}
}

func nameOf(name []byte) string {
	return unquote(append(append([]byte{'"'}, name...), '"'))
}
