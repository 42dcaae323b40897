package jsonscan

// Walk visits the values of a text at any depth, from its beginning to where it ends or is cut. It
// goes on after what is malformed. A value has a state: what member returns for a member's value,
// given the state of the object around it (top's where there is none), that of the array for an
// element, else the zero value. scalar is called with all texts, numbers, booleans and nulls; whole
// is false for one that may have been cut. Walk returns false if it stopped because the text is
// nested too deeply.
func Walk[S any](text []byte, top S, member func(object S, name []byte) S, scalar func(at S, raw []byte, whole bool)) bool {
	w := walker[S]{member: member, scalar: scalar}
	for len(text) > 0 { // again after a bracket too many
		text = w.values(text, top, true)
	}
	return !w.tooDeep
}

const deepest = 1000 // of arrays and objects within each other

type walker[S any] struct {
	member  func(object S, name []byte) S
	scalar  func(at S, raw []byte, whole bool)
	depth   int
	tooDeep bool
}

// values visits what an object or array holds, and returns the text after its end.
func (w *walker[S]) values(text []byte, around S, object bool) []byte {
	var element S
	if !object {
		element = around
	}
	for next := element; len(text) > 0; {
		switch text[0] {
		case '{', '[':
			if w.depth == deepest {
				w.tooDeep = true
				return nil
			}
			w.depth++
			text = w.values(text[1:], next, text[0] == '{')
			w.depth--
			next = element
		case '}', ']':
			return text[1:]
		case ',', ':', ' ', '\t', '\r', '\n':
			text = text[1:]
		default:
			name, after, isName := memberName(text)
			if isName && object {
				next, text = w.member(around, name), after
				continue
			}
			text = w.visit(next, text)
			next = element
		}
	}
	return nil
}

// visit calls scalar for the value that text begins with, and returns the text after it.
func (w *walker[S]) visit(at S, text []byte) []byte {
	end, whole := ValueEnd(text)
	w.scalar(at, text[:end], whole && (end < len(text) || text[0] == '"'))
	return text[end:]
}
