package jsonscan

// Walk visits the values of a text at any depth, from its beginning to where it ends or is cut. It
// goes on after what is malformed. A value has a state: top's for the text itself, what member
// returns for a member's value, given the state of the object around it, and that of the array for
// an element. scalar is called with all texts, numbers, booleans and nulls; whole is false for one
// that may have been cut. Walk returns false if it stopped because the text is nested too deeply.
func Walk[S any](text []byte, top S, member func(object S, name []byte) S, scalar func(at S, raw []byte, whole bool)) bool {
	const deepest = 1000
	w := walker[S]{next: top}
	for rest := text; len(rest) > 0; {
		switch rest[0] {
		case '{', '[':
			if len(w.open) == deepest {
				return false
			}
			w.push(rest[0] == '{')
			rest = rest[1:]
		case '}', ']':
			w.pop()
			rest = rest[1:]
		case ',', ':', ' ', '\t', '\r', '\n':
			rest = rest[1:]
		default:
			if name, after, ok := w.memberName(rest); ok {
				w.next = member(w.around(), name)
				rest = after
				continue
			}
			end, whole := ValueEnd(rest)
			scalar(w.next, rest[:end], whole && (end < len(rest) || rest[0] == '"'))
			w.after()
			rest = rest[end:]
		}
	}
	return true
}

type walker[S any] struct {
	open []level[S]
	next S // of the value that follows
}

type level[S any] struct {
	state  S
	object bool
}

func (w *walker[S]) memberName(text []byte) (name, after []byte, ok bool) {
	if !w.inObject() {
		return nil, nil, false
	}
	return memberName(text)
}

func (w *walker[S]) push(object bool) {
	w.open = append(w.open, level[S]{w.next, object})
	w.after()
}

func (w *walker[S]) pop() {
	w.open = w.open[:max(len(w.open)-1, 0)]
	w.after()
}

// after sets the state of what follows a value: an element's is that of its array.
func (w *walker[S]) after() {
	var none S
	if w.next = none; len(w.open) > 0 && !w.inObject() {
		w.next = w.around()
	}
}

// inObject reports whether members may follow, also in a text that begins amid an object.
func (w *walker[S]) inObject() bool {
	return len(w.open) == 0 || w.open[len(w.open)-1].object
}

func (w *walker[S]) around() (state S) {
	if n := len(w.open); n > 0 {
		state = w.open[n-1].state
	}
	return state
}
