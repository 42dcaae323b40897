package promptorchestra

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prompt-orchestra/promptorchestra-go/internal/lenient"
	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// RunFindParams says which recorded runs [RunsService.Find] looks for. All fields but Since are
// required.
type RunFindParams struct {
	PromptID string    // the prompt that may have run
	Variable string    // the name of one of its input variables, such as "job_id"
	Values   []string  // the values to look for: the ids of jobs, each sent in that variable
	Since    time.Time // when the oldest was sent, by this machine's clock; zero reads every run
}

// Find returns the recorded runs of a prompt whose input variable has one of the values, by that
// value. It tells a caller whether a job whose outcome is unknown ran, before the job is retried.
//
// A value that is absent from the result did not run, as far as the list of runs is complete. That
// it is complete is an assumption, for the API documents no pagination. Whatever else makes the
// result uncertain is an error: a list that names a next page or errors of its own, a run that does
// not show its variables, a run that was listed and then not found. Of two runs with one value the
// newest is
// returned. A run whose variables do not have the name belongs to something else. A run that is
// found may still be pending: see [RunStatus.Pending].
//
// An execution that is still in flight may not be recorded yet. Call Find when none can be in
// flight any more.
//
// It lists the runs once, as a stream, and reads those of the prompt that were created at Since or
// later, newest first, until every value is found. Since is compared on the server's clock, which
// the list's Date header shows, less a minute. Without that header all runs of the prompt are read,
// and so is any run without a creation time. The options apply to each of these requests.
//
//	GET /api/runs
//	GET /api/runs/{runId}
//
// Classic. Access token or API key.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call; an [*ArgumentError] for an empty argument; a [*DecodeError], or one
// of [KindNotFound], when the result is uncertain.
func (s *RunsService) Find(ctx context.Context, params RunFindParams, opts ...CallOption) (map[string]RunDetail, error) {
	if err := params.check(); err != nil {
		r, _, err := (*service)(s).client().start(ctx, call{route: routeRunsFind, invalid: err}, opts)
		r.end(err, nil)
		return nil, err
	}
	candidates, err := s.candidates(ctx, params, opts)
	if err != nil {
		return nil, err
	}
	found := make(map[string]RunDetail, len(params.Values))
	wanted := make(map[string]bool, len(params.Values))
	for _, value := range params.Values {
		wanted[value] = true
	}
	for _, run := range candidates {
		if len(found) == len(wanted) {
			break
		}
		detail, variables, err := s.getWithVariables(ctx, run.id, opts)
		switch {
		case IsNotFound(err):
			return nil, fmt.Errorf("promptorchestra: Runs.Find: run %q is listed, but was not found: %w", run.id, err)
		case err != nil:
			return nil, err
		}
		value, ok := scalarText(variables[params.Variable])
		if !ok || !wanted[value] || detail.PromptID != "" && detail.PromptID != params.PromptID {
			continue
		}
		if _, newer := found[value]; !newer {
			found[value] = *detail
		}
	}
	return found, nil
}

// routeRunsFind names Find in its own errors. The requests of Find are calls of Runs.List and
// Runs.Get.
var routeRunsFind = &route{op: "Runs.Find", method: http.MethodGet, path: routeRunsList.path, traits: classic}

func (p *RunFindParams) check() error {
	if err := required("PromptID", p.PromptID, "Variable", p.Variable); err != nil {
		return err
	}
	if len(p.Values) == 0 || slices.Contains(p.Values, "") {
		return &ArgumentError{Argument: "Values", Reason: "must not be empty, nor hold an empty value"}
	}
	return nil
}

// findMargin is how far before Since a run may have been created: clocks differ, and so do the
// machines that wrote Since and that look now.
const findMargin = time.Minute

type runCandidate struct {
	id      string
	created time.Time
}

// candidates lists the runs that may be a value's, newest first. Those without a time come first of
// all.
func (s *RunsService) candidates(
	ctx context.Context, params RunFindParams, opts []CallOption,
) (candidates []runCandidate, err error) {
	r, ctx, err := (*service)(s).client().start(ctx, call{route: routeRunsList, stream: true}, opts)
	defer func() { r.end(err, nil) }()
	if err != nil {
		return nil, err
	}
	list := newElementStream(r)
	defer list.close()
	if r.isEmpty() {
		return nil, r.decodeError(errNoBody)
	}
	var since time.Time // without the server's clock no run is too old
	if date, ok := transport.ParseDate(r.result.Header.Get("Date")); ok && !params.Since.IsZero() {
		since = params.Since.Add(time.Until(date)) // by how much the server's clock is ahead
	}
	count := 0
	for ; ; count++ {
		var run Run
		more, err := list.next(ctx, &run)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		if run.PromptID != "" && run.PromptID != params.PromptID ||
			!run.CreatedAt.IsZero() && run.CreatedAt.Before(since.Add(-findMargin)) {
			continue
		}
		if run.ID == "" {
			return nil, r.decodeError(errRunWithoutID)
		}
		candidates = append(candidates, runCandidate{run.ID, run.CreatedAt.Time})
	}
	if list.pages.sayMore(count) || headersSayMore(r.result.Header, count) || r.result.StatusCode == http.StatusPartialContent {
		return nil, r.decodeError(errMorePages)
	}
	slices.SortStableFunc(candidates, func(a, b runCandidate) int {
		switch {
		case a.created.IsZero() == b.created.IsZero():
			return b.created.Compare(a.created)
		case a.created.IsZero():
			return -1
		default:
			return 1
		}
	})
	return candidates, nil
}

var (
	errRunWithoutID = errors.New("the list has a run without an id, which cannot be read")
	errMorePages    = errors.New("the list names a next page, or says otherwise that it is not complete, so that a run which is not in it may exist all the same")
	errNoVariables  = errors.New("the run does not show the variables that it was given")
)

// getWithVariables reads a run and the variables in its input snapshot. A run that does not show
// them is an error.
func (s *RunsService) getWithVariables(
	ctx context.Context, runID string, opts []CallOption,
) (*RunDetail, map[string]json.RawMessage, error) {
	detail := new(RunDetail)
	var input struct {
		Variables map[string]json.RawMessage `json:"variables"`
	}
	r, ctx, err := (*service)(s).client().start(ctx, call{route: routeRunsGet, ids: [2]string{runID}}, opts)
	if err == nil {
		err = r.decode(ctx, detail, func(body []byte, out any, misfit lenient.Misfit) error {
			err := decodeRecord(body, out, misfit)
			if err == nil && (detail.InputSnapshot.Decode(&input) != nil || input.Variables == nil) {
				err = errNoVariables
			}
			return err
		})
	}
	if err == nil && r.isEmpty() {
		err = r.decodeError(errNoVariables)
	}
	r.end(err, detail)
	if err != nil {
		return nil, nil, err
	}
	return detail, input.Variables, nil
}

// scalarText returns the text of a JSON string, or a number as it stands.
func scalarText(value json.RawMessage) (string, bool) {
	var text string
	var number json.Number
	switch {
	case len(value) == 0 || string(value) == "null":
		return "", false
	case json.Unmarshal(value, &text) == nil:
		return text, true
	case value[0] != '"' && json.Unmarshal(value, &number) == nil:
		return number.String(), true
	}
	return "", false
}

// pageMembers watches the members that stand beside a list, and those inside them, for one that
// names a next page or says how long the whole list is.
type pageMembers struct {
	open   []pageLevel
	name   string // of the member whose value comes next
	more   bool
	cursor bool // there is one, which may be that of this page
	last   bool // a member such as "hasMore" is false
	total  float64
}

// sayMore reports whether the list, of which count elements were read, goes on elsewhere.
func (p *pageMembers) sayMore(count int) bool {
	return p.more || p.cursor && !p.last || p.total > float64(count)
}

type pageLevel struct {
	object   bool
	hasName  bool // a member's name was read, and its value comes next
	nextPage bool // it is the value of such a member, or lists errors
}

// see takes the next token after the opening brace of the object that holds the list.
func (p *pageMembers) see(token json.Token) {
	if len(p.open) == 0 {
		p.open = append(p.open, pageLevel{object: true})
	}
	level := &p.open[len(p.open)-1]
	switch delim, _ := token.(json.Delim); {
	case delim == '}' || delim == ']':
		p.open = p.open[:len(p.open)-1]
		return
	case level.object && !level.hasName:
		p.name, _ = token.(string)
		level.hasName = true
		return
	case delim != 0:
		inner := level.nextPage || level.object && (namesNextPage(p.name) || plainName(p.name) == "errors")
		level.hasName = false
		p.open = append(p.open, pageLevel{object: delim == '{', nextPage: inner})
		return
	}
	number, ok := token.(json.Number)
	if text, isText := token.(string); isText && number == "" {
		number = json.Number(text)
	}
	n, _ := number.Float64()
	switch {
	case namesTotal(p.name):
		p.total = max(p.total, n)
	case namesPageCount(p.name):
		p.more = p.more || n > 1
	}
	given := token != nil && token != false && token != "" && (!ok || n != 0)
	switch named := level.object && namesNextPage(p.name); {
	case named && token == false:
		p.last = true
	case named && namesCursor(p.name) && !level.nextPage:
		p.cursor = p.cursor || given
	case named || level.nextPage:
		p.more = p.more || given
	}
	level.hasName = false
}

// skipValue is called in the place of see for the list itself.
func (p *pageMembers) skipValue() { p.open[len(p.open)-1].hasName = false }

// namesNextPage reports whether a member or a header of this name says that a list goes on
// elsewhere, in any spelling.
func namesNextPage(name string) bool {
	switch plainName(name) {
	case "next", "nextpage", "nexturl", "nextlink", "nexthref", "nexttoken", "nextpagetoken", "nextcursor", "nextpagecursor",
		"nextoffset", "nextkey", "cursor", "endcursor", "pagetoken", "continuation", "continuationtoken", "lastevaluatedkey",
		"more", "hasmore", "hasnext", "hasnextpage", "moreresults", "truncated", "istruncated", "incomplete", "incompleteresults",
		"partial", "ispartial", "timedout":
		return true
	}
	return false
}

// namesCursor reports whether a member that namesNextPage knows may be about the page itself.
func namesCursor(name string) bool {
	switch plainName(name) {
	case "cursor", "endcursor", "pagetoken":
		return true
	}
	return false
}

// namesTotal reports whether a member or a header of this name says how many elements there are on
// all pages.
func namesTotal(name string) bool {
	switch plainName(name) {
	case "total", "totalcount", "totalitems", "totalresults", "totalrecords":
		return true
	}
	return false
}

// namesPageCount reports whether a member or a header of this name says how many pages there are.
func namesPageCount(name string) bool {
	switch plainName(name) {
	case "totalpages", "pagecount", "numpages", "numberofpages", "pages", "lastpage":
		return true
	}
	return false
}

// plainName writes next_page, nextPage and X-Next-Page alike.
func plainName(name string) string {
	return strings.TrimPrefix(strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name)), "x")
}

// headersSayMore reports whether a response's headers name a next page, such as X-Next-Cursor or a
// Link, or a total above the number of elements in the list.
func headersSayMore(headers http.Header, count int) bool {
	for name, values := range headers {
		for _, value := range values {
			value = strings.ToLower(strings.TrimSpace(value))
			total, _ := strconv.Atoi(value)
			switch {
			case name == "Link":
				if linksToNext(value) {
					return true
				}
			case name == "Content-Range": // items 0-24/319
				_, size, _ := strings.Cut(value, "/")
				if total, _ := strconv.Atoi(size); total > count {
					return true
				}
			case namesTotal(name):
				if total > count {
					return true
				}
			case namesPageCount(name):
				if total > 1 {
					return true
				}
			case namesNextPage(name):
				if value != "" && value != "false" && value != "0" {
					return true
				}
			}
		}
	}
	return false
}

// linksToNext reports whether a Link header, in lower case, has a link of the relation next.
func linksToNext(value string) bool {
	for _, part := range strings.FieldsFunc(value, func(r rune) bool { return r == ';' || r == ',' }) {
		name, relation, _ := strings.Cut(part, "=")
		if strings.TrimSpace(name) == "rel" && slices.Contains(strings.Fields(strings.Trim(strings.TrimSpace(relation), `"'`)), "next") {
			return true
		}
	}
	return false
}
