package jobs

import (
	"context"
	"time"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// An operation is what Step asks for next, or how it ended.
type operation struct {
	kind      operationKind
	old, next int8
	decision  Decision
	err       error
}

type operationKind byte

const (
	opNow operationKind = iota
	opMark
	opClear
	opRun
	opFind
	opSave
	opEnd
)

// An answer is what an operation came to.
type answer byte

const (
	fine   answer = iota + 1
	others        // the job has another mark
	fails         // for now
	open          // nobody can tell whether it ran
	absent        // it did not run
	succeeded
	failed
	pending
	unknown  // whether it ran: there is no response
	notSent  // for certain
	refused  // 402 or 429
	rejected // for another reason
)

// noMark is the tick of a job without a mark.
const noMark = -1

var modelEpoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func atTick(tick int8) time.Time {
	if tick == noMark {
		return time.Time{}
	}
	return modelEpoch.Add(time.Duration(tick) * time.Second)
}

func tickOf(t time.Time) int8 {
	if t.IsZero() {
		return noMark
	}
	return int8(t.Sub(modelEpoch) / time.Second)
}

// nextOperation runs Step with the answers that it has seen, two bytes each, up to the operation
// that has none yet.
func nextOperation(seen string) (op operation) {
	r := &replay{seen: seen}
	defer func() {
		if stopped, ok := recover().(operation); ok {
			op = stopped
		}
	}()
	s := &stepper{marks: r, job: Job{ID: "job", Save: r.save}, settle: ticksSettle * time.Second, api: r}
	decision, err := s.step(context.Background())
	return operation{kind: opEnd, decision: decision, err: err}
}

// wasAnswered reports whether Step has seen this answer to an operation of this kind.
func wasAnswered(seen string, kind operationKind, wanted answer) bool {
	for i := 0; i < len(seen); i += 2 {
		if answer(seen[i]) == wanted && nextOperation(seen[:i]).kind == kind {
			return true
		}
	}
	return false
}

// A replay answers Step from what it has seen. It is its Marks, its API and its place for results.
type replay struct{ seen string }

func (r *replay) next(op operation) (answer, int8) {
	if r.seen == "" {
		panic(op)
	}
	a, value := answer(r.seen[0]), int8(r.seen[1])
	r.seen = r.seen[2:]
	return a, value
}

func (r *replay) now() time.Time {
	_, tick := r.next(operation{kind: opNow})
	return atTick(tick)
}

func (r *replay) Mark(_ context.Context, _ string, old, next time.Time) (bool, time.Time, error) {
	a, current := r.next(operation{kind: opMark, old: tickOf(old), next: tickOf(next)})
	return a == fine, atTick(current), nil
}

func (r *replay) Clear(_ context.Context, _ string, old time.Time) error {
	r.next(operation{kind: opClear, old: tickOf(old)})
	return nil
}

func (r *replay) save(context.Context, Result) error {
	r.next(operation{kind: opSave})
	return nil
}

// run answers with what the SDK returns, so that the decision is the real one.
func (r *replay) run(ctx context.Context, sent time.Time) (Result, Decision) {
	var response *promptorchestra.PromptRunResponse
	var err error
	switch a, _ := r.next(operation{kind: opRun, old: tickOf(sent)}); a {
	case succeeded, failed, pending:
		response = &promptorchestra.PromptRunResponse{RunID: "run_1", Status: modelStatus(a)}
	case refused:
		err = &promptorchestra.APIError{StatusCode: 429, Kind: promptorchestra.KindRateLimited}
	case rejected:
		err = &promptorchestra.APIError{StatusCode: 422, Kind: promptorchestra.KindValidation}
	case notSent:
		err = &promptorchestra.TransportError{Err: errModel}
	default:
		err = &promptorchestra.TransportError{OutcomeUnknown: true, Err: errModel}
	}
	return Result{}, AfterRun(ctx, response, err)
}

func (r *replay) find(_ context.Context, sent time.Time) (Result, Decision) {
	a, _ := r.next(operation{kind: opFind, old: tickOf(sent)})
	var err error
	switch a {
	case fails:
		err = &promptorchestra.TransportError{CallInfo: promptorchestra.CallInfo{Idempotent: true}, Err: errModel}
	case open:
		err = &promptorchestra.DecodeError{CallInfo: promptorchestra.CallInfo{Idempotent: true}, Err: errModel}
	}
	run := promptorchestra.RunDetail{Run: promptorchestra.Run{ID: "run_1", Status: modelStatus(a)}}
	return Result{}, AfterLookUp(run, run.Status != "", err)
}

func modelStatus(a answer) promptorchestra.RunStatus {
	switch a {
	case succeeded:
		return "completed"
	case failed:
		return "failed"
	case pending:
		return "running"
	}
	return ""
}
