package promptorchestra

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
	"github.com/prompt-orchestra/promptorchestra-go/internal/lenient"
	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// RunFindParams says which recorded runs [RunsService.Find] looks for. PromptID, Variable and
// Values are required.
type RunFindParams struct {
	PromptID string   // the prompt that may have run
	Variable string   // the name of one of its input variables, such as "job_id"
	Values   []string // the values to look for: the ids of jobs, each sent in that variable

	// Since is when the oldest was sent, by this machine's clock; zero reads every run.
	Since time.Time
	// Until is when the last of them must have been recorded: when the youngest was sent, plus the
	// time after which none can be in flight. Zero is now.
	Until time.Time
	// Ignore names members beside the list of runs, and headers, that the caller knows to be
	// harmless, in any spelling, so that a new one does not make every look-up uncertain.
	Ignore []string
}

// Find returns the recorded runs of a prompt whose input variable has one of the values, by that
// value. It tells a caller whether a job whose outcome is unknown ran, before the job is retried.
//
// A value that is absent from the result did not run: everything that leaves it open is an error.
// The list of runs must be an array, or an object with one list and beside it only what is known to
// be harmless: null, "", 0, false, [], {}, success that is true, the id of the organization or
// prompt, a total, such as totalCount or count, that is the number of elements, and what Ignore
// names. The error names any other member. It is an error too when a header speaks of pages or
// totals, when the status is not 200, when the list came from a cache as HTTP's headers or a
// cache's own say, when a run does not show its variables or has the variable as neither a text nor
// a number, when it is not what the list said, and when it was listed and then not found. A run
// whose variables do not have the name belongs to something else.
//
// Texts must be equal. A number is compared by its value: 4711.0 is "4711". One that was perhaps
// rounded, as float64 rounds beyond 2^53, to a value that is looked for is an error: send ids as
// texts. Of two runs with one value the oldest is returned. A run that is found may still be
// pending or have failed: see [RunStatus].
//
// An execution that is still in flight may not be recorded yet. Call Find when none can be in
// flight any more.
//
// It lists the runs once, as a stream, and reads those of the prompt that were created between
// Since and Until, oldest first, until every value is found. A run is passed over for its age only
// if its time is in RFC 3339, with a zone, and is more than a minute before Since or after Until,
// both on this machine's clock and on the server's, which the list's Date header shows. A time in
// the future, or at midnight, may stand for something else. Runs without a
// certain time are read, after the others. At most a million runs of any prompt are listed,
// and 100,000 are candidates: more is an error. Memory grows with the candidates alone. The options
// apply to each of these requests, which ask caches for a fresh response.
//
//	GET /api/runs
//	GET /api/runs/{runId}
//
// Classic. Access token or API key.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; an [*ArgumentError] for an empty argument, a Since more than a
// minute in the future or an Until before Since; a [*DecodeError], or one of [KindNotFound], when
// the result is uncertain.
func (s *RunsService) Find(ctx context.Context, params RunFindParams, opts ...CallOption) (map[string]RunDetail, error) {
	in := call{route: routeRunsFind, invalid: params.check(time.Now())}
	return observe(ctx, (*service)(s), in, opts, func(ctx context.Context, _ *request) (map[string]RunDetail, error) {
		opts := append([]CallOption{WithHeader("Cache-Control", "no-cache")}, opts...)
		candidates, err := s.candidates(ctx, params, opts)
		if err != nil {
			return nil, err
		}
		return s.findAmong(ctx, candidates, params, opts)
	})
}

var routeRunsFind = newComposite("Runs.Find", routeRunsList)

func (p *RunFindParams) check(now time.Time) error {
	if err := required("PromptID", p.PromptID, "Variable", p.Variable); err != nil {
		return err
	}
	switch {
	case len(p.Values) == 0 || slices.Contains(p.Values, ""):
		return &ArgumentError{Argument: "Values", Reason: "must not be empty, nor hold an empty value"}
	case slices.ContainsFunc(append([]string{p.PromptID, p.Variable}, p.Values...), isNotUTF8):
		return &ArgumentError{Argument: "Values", Reason: "must be UTF-8, like PromptID and Variable: JSON holds no other text"}
	case slices.Contains(p.Ignore, ""):
		return &ArgumentError{Argument: "Ignore", Reason: "must not hold an empty name"}
	case p.Since.After(now.Add(findMargin)):
		return &ArgumentError{Argument: "Since", Reason: "must not be in the future"}
	case !p.Until.IsZero() && p.Until.Before(p.Since):
		return &ArgumentError{Argument: "Until", Reason: "must not be before Since"}
	default:
		return nil
	}
}

func isNotUTF8(text string) bool { return !utf8.ValidString(text) }

// findAmong reads the candidates until all values are found.
func (s *RunsService) findAmong(
	ctx context.Context, candidates []runCandidate, params RunFindParams, opts []CallOption,
) (map[string]RunDetail, error) {
	sought := newSoughtValues(params.Values)
	found := make(map[string]RunDetail, len(params.Values))
	for _, run := range candidates {
		if len(found) == len(sought.texts) {
			break
		}
		detail, values, err := s.readCandidate(ctx, run, params, sought, opts)
		switch {
		case IsNotFound(err):
			return nil, fmt.Errorf("promptorchestra: Runs.Find: run %q is listed, but was not found: %w", run.id, err)
		case err != nil:
			return nil, err
		}
		for _, value := range values {
			if _, older := found[value]; !older {
				found[value] = *detail
			}
		}
	}
	return found, nil
}

// readCandidate reads a run, and returns which of the sought values its variable has.
func (s *RunsService) readCandidate(
	ctx context.Context, run runCandidate, params RunFindParams, sought soughtValues, opts []CallOption,
) (detail *RunDetail, values []string, err error) {
	r, ctx, err := (*service)(s).client().start(ctx, call{route: routeRunsGet, ids: [2]string{run.id}}, opts)
	detail = new(RunDetail)
	if err == nil {
		err = r.decode(ctx, detail, func(r *request, body []byte, out any, misfit lenient.Misfit) error {
			err := decodeRecord(r, body, out, misfit)
			if err == nil {
				values, err = run.valuesIn(detail, params, sought)
			}
			return err
		})
	}
	if err == nil && r.isEmpty() {
		err = r.decodeError(errNoVariables)
	}
	r.end(err, detail)
	return detail, values, err
}

var errNoVariables = errors.New("the run does not show the variables that it was given")

// valuesIn returns which of the sought values the run's variable has. It returns an error if the
// run is not what the list said, or leaves that open.
func (c runCandidate) valuesIn(detail *RunDetail, params RunFindParams, sought soughtValues) ([]string, error) {
	var input struct {
		Variables map[string]json.RawMessage `json:"variables"`
	}
	isOthers := detail.PromptID != "" && !strings.EqualFold(detail.PromptID, params.PromptID)
	switch {
	case detail.ID != "" && detail.ID != c.id, isOthers && c.ofPrompt:
		return nil, fmt.Errorf("the run %q is another one, or of another prompt, than the list says", c.id)
	case isOthers:
		return nil, nil
	case detail.InputSnapshot.Decode(&input) != nil || input.Variables == nil:
		return nil, errNoVariables
	}
	value, ok := input.Variables[params.Variable]
	if !ok {
		return nil, nil
	}
	values, err := sought.in(value)
	if err != nil {
		return nil, fmt.Errorf("run %q has the variable %q %w", c.id, params.Variable, err)
	}
	return values, nil
}

// soughtValues are the values that Find looks for.
type soughtValues struct {
	texts   map[string]bool
	numbers map[float64][]string // those that are numbers
}

func newSoughtValues(values []string) soughtValues {
	s := soughtValues{texts: map[string]bool{}, numbers: map[float64][]string{}}
	for _, value := range values {
		if n, ok := jsonscan.ParseNumber(value); ok && !s.texts[value] {
			s.numbers[n] = append(s.numbers[n], value)
		}
		s.texts[value] = true
	}
	return s
}

// in returns the sought values that a variable has: the text itself, or those of a number.
func (s soughtValues) in(variable json.RawMessage) (values []string, err error) {
	var text string
	switch kind := jsonscan.Kind(variable[0]); {
	case kind == "string" && json.Unmarshal(variable, &text) == nil:
		if s.texts[text] {
			values = append(values, text)
		}
		return values, nil
	case kind != "number":
		return nil, fmt.Errorf("as %s, which is neither a text nor a number", kind)
	}
	n, _ := jsonscan.ParseNumber(string(variable))
	for _, value := range s.numbers[n] {
		switch same, certain := jsonscan.SameNumber(string(variable), value); {
		case !certain:
			return nil, errors.New("as a number that may have been rounded, and may be one of those that are looked for")
		case same:
			values = append(values, value)
		}
	}
	return values, nil
}

// findMargin is how far outside of Since and Until a run may have been created: clocks differ, and
// so do the machines that wrote Since and that look now.
const findMargin = time.Minute

// The bounds of a list that may have no end.
const (
	mostFindElements   = 1_000_000
	mostFindCandidates = 100_000
	longestFindID      = 256 // bytes
)

var (
	errRunWithoutID = errors.New("the list has a run without an id, which cannot be read")
	errLongID       = fmt.Errorf("the list has a run whose id is longer than %d bytes", longestFindID)
	errEndless      = fmt.Errorf("the list has more than %d runs", mostFindElements)
	errManyRuns     = fmt.Errorf("more than %d runs of the prompt may be the ones that are looked for", mostFindCandidates)
	errCached       = errors.New("the list came from a cache, so that it may not have the newest runs")
	errNotWhole     = errors.New("the list names a next page, or has something that is not known to be harmless, so that a run " +
		"which is not in it may exist all the same: it is not complete for certain")
)

// runCandidate is a listed run that may have one of the values.
type runCandidate struct {
	id       string
	created  time.Time // as far as it can be read
	ofPrompt bool      // the list says that it is of the prompt
	outside  bool      // it has no time, or seems to be outside of the window
}

// findElement is what Find reads of a run in the list.
type findElement struct {
	ID        string  `json:"id"`
	PromptID  string  `json:"promptId"`
	CreatedAt RawJSON `json:"createdAt"`
}

// candidates lists the runs that may have one of the values: the oldest first, and those that may
// be of any time last.
func (s *RunsService) candidates(
	ctx context.Context, params RunFindParams, opts []CallOption,
) (candidates []runCandidate, err error) {
	asked := time.Now()
	r, ctx, err := (*service)(s).client().start(ctx, call{route: routeRunsList, stream: true}, opts)
	defer func() { r.end(err, nil) }()
	if err != nil {
		return nil, err
	}
	list := newElementStream(r, besideList{judge: params.judge(s.c.organization), notWhole: errNotWhole})
	list.most = mostFindElements
	defer list.close()
	if err := isFresh(r.result.StatusCode, r.result.Header); err != nil {
		return nil, list.fail(err)
	}
	window := newFindWindow(params, r.result.Header["Date"], asked, time.Now())
	for {
		var run findElement
		more, err := list.next(ctx, &run)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		candidate, certainlyNone, err := window.candidate(run, params.PromptID)
		if err == nil && len(candidates) == mostFindCandidates && !certainlyNone {
			err = errManyRuns
		}
		switch {
		case err != nil:
			return nil, r.decodeError(err)
		case !certainlyNone:
			candidates = append(candidates, candidate)
		}
	}
	slices.SortStableFunc(candidates, compareCandidates)
	return candidates, nil
}

// compareCandidates sorts the oldest first, and those that may be of any time last.
func compareCandidates(a, b runCandidate) int {
	switch {
	case a.outside == b.outside:
		return a.created.Compare(b.created)
	case a.outside:
		return 1
	default:
		return -1
	}
}

// judge returns what decides whether the list of runs is whole.
func (p *RunFindParams) judge(organization string) *jsonscan.Whole {
	return &jsonscan.Whole{Ignore: p.Ignore, Known: map[string]string{
		"organizationid": organization, "organization": organization, "promptid": p.PromptID, "prompt": p.PromptID,
	}}
}

// isFresh returns an error for a list that is not a whole response of the server's own.
func isFresh(status int, header http.Header) error {
	if status != http.StatusOK {
		return fmt.Errorf("%w (by the status %d)", errNotWhole, status)
	}
	for name, values := range header {
		for _, value := range values {
			if isOfCache(strings.ToLower(name), strings.ToLower(strings.TrimSpace(value))) {
				return fmt.Errorf("%w (by the header %s)", errCached, name)
			}
		}
	}
	return nil
}

// isOfCache reports whether a header says that a cache made the response: by HTTP's own headers, or
// in a cache's, such as X-Cache or Server-Timing, by a word for it.
func isOfCache(name, value string) bool {
	switch {
	case name == "age":
		return value != "" && value != "0"
	case name == "warning":
		return slices.ContainsFunc(strings.Split(value, ","), func(warning string) bool {
			return strings.HasPrefix(strings.TrimSpace(warning), "11") // 110 to 113 are a cache's
		})
	case strings.Contains(name, "from-cache"), strings.Contains(name, "cache-hit"):
		return strings.ContainsAny(value, "123456789ty") // a number, true or yes
	case strings.Contains(name, "control"), !strings.Contains(name+value, "cache"):
		return false
	}
	return slices.ContainsFunc(strings.FieldsFunc(value, isNoLetter), func(word string) bool {
		return word == "hit" || word == "stale" || word == "updating"
	})
}

func isNoLetter(r rune) bool { return r < 'a' || r > 'z' }

// findWindow is the time in which a run must have been created, on whichever clock. A zero time is
// no bound.
type findWindow struct{ since, until, now time.Time }

// newFindWindow returns the window of this machine's clock and the server's, which date shows: it
// was written between asked and now. If it does not, no run is too old or too new.
func newFindWindow(params RunFindParams, date []string, asked, now time.Time) (w findWindow) {
	if len(date) != 1 {
		return w
	}
	theirs, ok := transport.ParseDate(date[0])
	if !ok {
		return w
	}
	w.now = now.Add(max(theirs.Sub(asked), 0) + findMargin)
	if !params.Since.IsZero() {
		w.since = params.Since.Add(min(theirs.Sub(now), 0) - findMargin)
	}
	if !params.Until.IsZero() {
		w.until = params.Until.Add(max(theirs.Sub(asked), 0) + findMargin)
	}
	return w
}

// candidate returns a listed run as a candidate, unless it is certainly none.
func (w findWindow) candidate(run findElement, promptID string) (c runCandidate, certainlyNone bool, err error) {
	var created Timestamp
	_ = created.UnmarshalJSON(run.CreatedAt) // never fails
	outside := !w.since.IsZero() && created.Before(w.since) || !w.until.IsZero() && created.After(w.until)
	switch {
	case run.PromptID != "" && !strings.EqualFold(run.PromptID, promptID), outside && w.isCertain(run.CreatedAt):
		return c, true, nil
	case run.ID == "":
		return c, false, errRunWithoutID
	case len(run.ID) > longestFindID:
		return c, false, errLongID
	}
	return runCandidate{run.ID, created.Time, run.PromptID != "", outside || created.IsZero()}, false, nil
}

// isCertain reports whether a time is one for certain: in RFC 3339, which has a zone; not in the
// future, nor one that stands for no time, as 0001-01-01 and 1970-01-01 do; and not midnight, as a
// date is that was made a time.
func (w findWindow) isCertain(value RawJSON) bool {
	const firstYear = 2000
	text, isText := bytes.CutPrefix(value, []byte(`"`))
	t, err := time.Parse(time.RFC3339, string(bytes.TrimSuffix(text, []byte(`"`))))
	hour, minute, second := t.Clock()
	isDate := hour+minute+second+t.Nanosecond() == 0
	return isText && err == nil && t.UTC().Year() >= firstYear && !t.After(w.now) && !isDate
}
