package jobs

// calm brings a job to its end from a world in which both workers have died, when nothing fails
// any more. It returns what a third worker decides in the end, and the number of times the job was paid for.
func (m *model) calm(w world) (Decision, int) {
	for range 3 {
		for w.sent[0].open { // those that are open are first
			w = w.executed(0)
		}
		if w.runs[0].status == pending {
			w.runs[0].status = succeeded
		}
		w.tick += ticksSettle
		d := m.alone(&w)
		if d.Action == Done || d.Action == Park {
			paid := 0
			for _, run := range w.runs {
				if run.status != 0 {
					paid++
				}
			}
			return d, paid
		}
	}
	return Decision{Reason: "it does not end"}, 0
}

// alone runs one Step to its end, in a world without faults.
func (m *model) alone(w *world) Decision {
	seen := ""
	for {
		op := m.steps[m.place(seen)]
		a, value := fine, int8(0)
		switch op.kind {
		case opEnd:
			return op.decision
		case opNow:
			value = w.tick
		case opMark:
			if value = op.next; w.mark != op.old {
				a, value = others, w.mark
			} else {
				w.mark = op.next
			}
		case opClear:
			w.mark = noMark
		case opRun:
			a, w.runs[0] = succeeded, listed{succeeded, w.tick}
		case opFind:
			if a = w.runs[0].status; a == 0 {
				a = absent
			}
		}
		seen += string([]byte{byte(a), byte(value)})
	}
}
