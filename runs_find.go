package promptorchestra

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// RunFindParams says which recorded runs [RunsService.Find] looks for. PromptID, Variable and
// Values are required.
type RunFindParams struct {
	PromptID string   // the prompt that may have run
	Variable string   // the name of one of its input variables, such as "job_id"
	Values   []string // the values to look for: the ids of jobs, each sent in that variable

	// Since is when the oldest job was sent, by this machine's clock; zero reads every run.
	Since time.Time
	// Until is the time by which every run must have been recorded: when the youngest job was sent,
	// plus the longest that one can be in flight. Zero is now.
	Until time.Time
	// Ignore lists headers, and members next to the list of runs, that the caller knows to be
	// harmless, in any spelling. Without it, a new one makes every look-up uncertain.
	Ignore []string
}

// Find looks for the recorded runs of a prompt whose input variable has one of the values, and
// returns them by that value. It tells a caller, before a job with an unknown outcome is retried,
// whether the job ran.
//
// A value that is absent from the result did not run: if that is uncertain, Find returns an error.
// The list of runs must be an array, or an object with one list whose other members are harmless:
// null, "", [], {}, false and 0 (except under a name for what is whole or good, such as last, ok or
// loaded), success that is true, the id of the organization or prompt, a total, such as totalCount
// or count, that is the number of elements, and what Ignore names. The error names any other
// member. It is also an error if
//   - a Link header leads to another page, or the name of a header speaks of pages or totals (other
//     headers, such as Scroll-Id, are not read),
//   - the status is not 200,
//   - the list came from a cache, as the headers of HTTP or of a cache say,
//   - a run does not show its variables, or the variable is neither a text nor a number,
//   - a run differs from what the list said, or was listed and then not found.
//
// A run whose variables lack the name belongs to something else.
//
// Texts must be equal: send ids as texts of ASCII letters, digits and hyphens, which no server
// writes in another way. A number is compared by its value: 4711.0 is "4711". What may stand for
// one of the values is an error: a text in other letters, cut or redacted, a number that was
// rounded, as float64 rounds beyond 2^53 or to fewer digits, and a value under another spelling of
// the variable's name, such as jobId, or inside of another variable. If several runs have the same
// value, the oldest is returned. A run that is found may still be pending or have failed: see
// [RunStatus].
//
// An execution that is still in flight may not be recorded yet. Call Find when no execution can be
// in flight any more.
//
// It lists the runs once, as a stream, and reads those of the prompt that were created between
// Since and Until, oldest first, until every value is found. A run is passed over for its age only
// if its time is in RFC 3339, with a zone, and is more than a minute before Since or after Until,
// both on this machine's clock and on the server's, which the list's Date header shows. A time in
// the future, or on a quarter of an hour, may stand for something else, such as a date. Runs that
// have no certain time are read, after the others. At most a million runs of any prompt are listed,
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
		return &ArgumentError{Argument: "Values", Reason: "must not be empty or contain an empty value"}
	case !utf8.ValidString(strings.Join(append(slices.Clip(p.Values), p.PromptID, p.Variable), "\n")):
		return &ArgumentError{Argument: "Values", Reason: "must be UTF-8, and so must PromptID and Variable"}
	case slices.Contains(p.Ignore, ""):
		return &ArgumentError{Argument: "Ignore", Reason: "must not contain an empty name"}
	case p.Since.After(now.Add(findMargin)):
		return &ArgumentError{Argument: "Since", Reason: "must not be in the future"}
	case !p.Until.IsZero() && p.Until.Before(p.Since):
		return &ArgumentError{Argument: "Until", Reason: "must not be before Since"}
	default:
		return nil
	}
}

// findAmong reads the candidates until all values are found.
func (s *RunsService) findAmong(
	ctx context.Context, candidates []runCandidate, params RunFindParams, opts []CallOption,
) (map[string]RunDetail, error) {
	sought := newSoughtValues(params.Values)
	found := make(map[string]RunDetail, len(params.Values))
	for i := 0; i < len(candidates) && len(found) < len(sought.texts); i++ {
		run := candidates[i]
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
	r, err := (*service)(s).start(ctx, call{route: routeRunsGet, ids: [2]string{run.id}}, opts)
	if err != nil {
		return nil, nil, err
	}
	detail = new(RunDetail)
	err = r.decode(detail, func(r *request, body []byte, _ any) error {
		var record struct {
			RunDetail
			OrganizationID string `json:"organizationId"`
		}
		if err := decodeRecord(r, body, &record); err != nil {
			return err
		}
		if record.OrganizationID != "" && !strings.EqualFold(record.OrganizationID, s.c.organization) {
			return fmt.Errorf("the run %q is of another organization", run.id)
		}
		*detail = record.RunDetail
		values, err = run.valuesIn(detail, params, sought)
		return err
	})
	if status := r.result.StatusCode; err == nil && len(values) == 0 && status != http.StatusOK {
		err = r.decodeError(fmt.Errorf("%w (see the status %d)", errNoVariables, status))
	}
	return detail, values, err
}

var (
	errNoVariables = errors.New("the run's record does not show its variables")
	errOtherText   = errors.New("as a text that may stand for a sought one")
	errNoID        = errors.New("the response has no id, so it may be another run than the listed one")
)

// valuesIn returns which of the sought values the run's variable has. It returns an error if the
// run is not what the list said, or leaves that open.
func (c runCandidate) valuesIn(detail *RunDetail, params RunFindParams, sought soughtValues) ([]string, error) {
	isOthers := detail.PromptID != "" && foldText(detail.PromptID) != foldText(params.PromptID)
	switch {
	case detail.ID != "" && detail.ID != c.id, isOthers && c.ofPrompt:
		return nil, fmt.Errorf("the record of run %q has another id or prompt than the list says", c.id)
	case isOthers:
		return nil, nil
	}
	variables, err := variablesOf(detail)
	if err != nil {
		return nil, err
	}
	values, err := sought.among(variables, params.Variable)
	switch {
	case err != nil:
		return nil, fmt.Errorf("run %q has the variable %q %w", c.id, params.Variable, err)
	case len(values) == 0 && detail.ID == "": // a value that is sought is proof enough
		return nil, errNoID
	}
	return values, nil
}

// variablesOf returns a run's variables, if its snapshot has them once and does not say that there
// are more.
func variablesOf(detail *RunDetail) ([]byte, error) {
	var found [][]byte
	isCut := false
	for name, value := range jsonscan.Members(detail.InputSnapshot) {
		if jsonscan.Is(name, "variables") {
			found = append(found, value)
		}
		isCut = isCut || jsonscan.SaysMore(name, value)
	}
	if len(found) != 1 || found[0][0] != '{' || isCut {
		return nil, errNoVariables
	}
	return found[0], nil
}

// soughtValues are the values that Find looks for.
type soughtValues struct {
	texts   map[string]bool
	numbers []string        // those that are numbers
	folded  map[string]bool // all, as foldText leaves them
}

func newSoughtValues(values []string) soughtValues {
	s := soughtValues{texts: map[string]bool{}, folded: map[string]bool{}}
	for _, value := range values {
		if _, ok := jsonscan.ParseNumber(value); ok {
			s.numbers = append(s.numbers, value)
		}
		s.texts[value] = true
		s.folded[foldText(value)] = true
	}
	return s
}

// placeholder matches what servers show in the place of a text, or of a part of it.
var placeholder = regexp.MustCompile(`[*•…?\x{FFFD}]+|\.{3}|\PL*redacted\PL*|^[\[<(].*[\])>]$`)

// foldText returns a text in lower case, without the spaces and signs around it.
func foldText(text string) string {
	return strings.TrimFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// mayHave reports whether a text may stand for one of the values: in other letters, with other
// signs around it, cut or redacted. An empty one is as good as none.
func (s soughtValues) mayHave(text string) bool {
	const longest, shortestCut = 64 << 10, 64 // bytes that take no time, and that a column may have cut
	if len(text) > longest {
		return false
	}
	folded, parts := foldText(text), placeholder.Split(strings.ToLower(text), -1)
	if folded == "" || s.folded[folded] {
		return strings.TrimSpace(text) != ""
	}
	if len(folded) >= shortestCut {
		parts = append(parts, "") // any rest
	}
	for value := range s.folded {
		if len(parts) > 1 && strings.HasPrefix(value, parts[0]) && strings.HasSuffix(value, parts[len(parts)-1]) {
			return true
		}
	}
	return false
}

// among returns the sought values that the variable of a name has, if there is one. Elsewhere than
// in that variable, one of them under its name leaves it open.
func (s soughtValues) among(variables []byte, name string) ([]string, error) {
	var variable json.RawMessage
	for n, value := range jsonscan.Members(variables) {
		switch {
		case string(n) != name:
		case variable != nil && !bytes.Equal(variable, value):
			return nil, errors.New("twice, with different values")
		default:
			variable = value
		}
	}
	if variable != nil {
		return s.in(variable)
	}
	var elsewhere error
	folded := jsonscan.Fold(nil, name)
	isNamed := func(within bool, n []byte) bool { return within || bytes.Equal(jsonscan.Fold(nil, n), folded) }
	jsonscan.Walk(variables, isNamed, func(named bool, value []byte, _ bool) {
		if !named {
			return
		}
		values, err := s.in(value)
		if len(values) > 0 {
			err = errors.New("inside of another one, or under another spelling of its name")
		}
		elsewhere = cmp.Or(elsewhere, err)
	})
	return nil, elsewhere
}

// in returns the sought values that a variable has.
func (s soughtValues) in(variable json.RawMessage) ([]string, error) {
	switch kind := jsonscan.Kind(variable[0]); kind {
	case "string":
		var text string
		_ = json.Unmarshal(variable, &text) // it is a string
		return s.inText(text)
	case "number":
		return s.inNumber(string(variable))
	default:
		return nil, fmt.Errorf("as %s, which is neither text nor a number", kind)
	}
}

func (s soughtValues) inText(text string) ([]string, error) {
	const mayBeRounded = len("9007199254740992") // 2^53
	f, isNumber := jsonscan.ParseNumber(text)
	switch {
	case s.texts[text]:
		return []string{text}, nil
	case s.mayHave(text):
		return nil, errOtherText
	case !isNumber, math.IsInf(f, 0), len(text) < mayBeRounded && !strings.ContainsAny(text, ".eE"):
		return nil, nil // no float64 is printed so
	}
	values, err := s.inNumber(text)
	if len(values) > 0 {
		err = errOtherText
	}
	return nil, err
}

func (s soughtValues) inNumber(number string) (values []string, err error) {
	for _, value := range s.numbers {
		switch same, certain := jsonscan.SameNumber(number, value); {
		case !certain:
			return nil, errors.New("as a number that may have been rounded from a sought one")
		case same:
			values = append(values, value)
		}
	}
	return values, nil
}
