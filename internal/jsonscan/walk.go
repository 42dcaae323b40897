package jsonscan

// Walk visits the values of a text at any depth, from its beginning to where it ends or is cut. It
// goes on after what is malformed. A value has a state: for a member's value what member returns,
// given the state of the object around it; for any other the state of what is around it, and at the
// top the zero value. scalar is called with all texts, numbers, booleans and nulls; whole is false
// for one that may have been cut. Walk returns false if it stopped because the text is nested too
// deeply.
func Walk[S any](text []byte, member func(object S, name []byte) S, scalar func(at S, raw []byte, whole bool)) bool {
	w := walker[S]{member: member, scalar: scalar}
	var top S
	for len(text) > 0 { // again after a bracket too many
		text = w.values(text, top)
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
func (w *walker[S]) values(text []byte, around S) []byte {
	for next := around; len(text) > 0; {
		switch text[0] {
		case '{', '[':
			if w.depth == deepest {
				w.tooDeep = true
				return nil
			}
			w.depth++
			text = w.values(text[1:], next)
			w.depth--
			next = around
		case '}', ']':
			return text[1:]
		case ',', ':', ' ', '\t', '\r', '\n':
			text = text[1:]
		default:
			if name, after, ok := memberName(text); ok {
				next, text = w.member(around, name), after
				continue
			}
			text = w.visit(next, text)
			next = around
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
