package jsonscan

import (
	"bytes"
	"iter"
)

// Members returns an object's members, up to the first text that is not a member, as names and
// values. A name has no quotes, and is still escaped.
func Members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		rest := object[1:]
		for {
			rest = bytes.TrimLeft(rest, ", \t\r\n")
			if len(rest) == 0 || rest[0] != '"' {
				return
			}
			end, closed := StringEnd(rest)
			if !closed {
				return
			}
			name := rest[1 : end-1]
			rest = bytes.TrimLeft(rest[end:], " \t\r\n")
			if len(rest) == 0 || rest[0] != ':' {
				return
			}
			rest = bytes.TrimLeft(rest[1:], " \t\r\n")
			end, _ = ValueEnd(rest)
			if end == 0 || !yield(name, rest[:end]) {
				return
			}
			rest = rest[end:]
		}
	}
}
