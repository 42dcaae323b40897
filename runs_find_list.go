package promptorchestra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

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
	errManyRuns     = fmt.Errorf("more than %d runs of the prompt would have to be read", mostFindCandidates)
	errCached       = errors.New("the list came from a cache, so it may lack the newest runs")
	errNotWhole     = errors.New("the list may be incomplete, so a run that is not in it may exist all the same")
)

// runCandidate is a listed run that may have one of the values.
type runCandidate struct {
	id       string
	order    time.Time // when it was created, and long after all others if that is uncertain
	ofPrompt bool      // the list says that it is of the prompt
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
	r, err := (*service)(s).start(ctx, call{route: routeRunsList, stream: true}, opts)
	defer func() { r.end(err, nil) }()
	if err != nil {
		return nil, err
	}
	judge := jsonscan.Judge{Strict: true, Ignore: params.Ignore, Known: map[string]string{
		"organizationid": s.c.organization, "organization": s.c.organization, "promptid": params.PromptID, "prompt": params.PromptID,
		"success": "true",
	}}
	list := newElementStream(r, besideList{judge: judge, notWhole: errNotWhole})
	list.most = mostFindElements
	defer list.close()
	if err := isFresh(r.result.StatusCode, r.result.Header); err != nil {
		return nil, list.fail(err)
	}
	window := newFindWindow(params, r.result.Header["Date"], asked, time.Now())
	for {
		var run findElement
		more, err := list.next(&run)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		if candidates, err = window.add(candidates, run, params.PromptID); err != nil {
			return nil, r.decodeError(err)
		}
	}
	slices.SortStableFunc(candidates, func(a, b runCandidate) int { return a.order.Compare(b.order) })
	return candidates, nil
}

// isFresh returns an error for a list that is not a whole response of the server's own.
func isFresh(status int, header http.Header) error {
	if status != http.StatusOK {
		return fmt.Errorf("%w (see the status %d)", errNotWhole, status)
	}
	for name, values := range header {
		if isOfCache(strings.ToLower(name), strings.ToLower(strings.TrimSpace(strings.Join(values, ", ")))) {
			return fmt.Errorf("%w (see the header %s)", errCached, name)
		}
	}
	return nil
}

// isOfCache reports whether a header says that a cache made the response: by HTTP's own headers, or
// in a cache's, such as X-From-Cache, X-Cache or Server-Timing, by a word for it.
func isOfCache(name, value string) bool {
	switch {
	case name == "age":
		return value != "" && value != "0"
	case name == "warning":
		return warningOfCache.MatchString(value)
	case strings.Contains(name, "control"), !strings.Contains(name+value, "cache"):
		return false
	case cacheFlag.MatchString(name):
		return strings.ContainsAny(value, "123456789ty") // a number, a time, true or yes
	default:
		return cacheWord.MatchString(value)
	}
}

var (
	warningOfCache = regexp.MustCompile(`(?:^|,)\s*11`) // 110 to 113 are a cache's
	cacheFlag      = regexp.MustCompile(`from-cache|cache-hit|cached|cache-age`)
	cacheWord      = regexp.MustCompile(`(?:^|[^a-z])(?:hit|fresh|stale|updating|prerender)(?:[^a-z]|$)|^cached?$`)
)

// findWindow is the time in which a run must have been created, on whichever clock. A zero time is
// no bound.
type findWindow struct{ since, until, now time.Time }

// newFindWindow returns the window of this machine's clock and the server's, which date shows: it
// was written between asked and now. If it does not, no run is too old or too new.
func newFindWindow(params RunFindParams, date []string, asked, now time.Time) (w findWindow) {
	theirs, ok := transport.ParseDate(strings.Join(date, " and ")) // two are none
	if !ok {
		return w
	}
	ahead, behind := max(theirs.Sub(asked), 0), min(theirs.Sub(now), 0) // or the largest of a Duration
	w.now = now.Add(findMargin).Add(ahead)
	w.since = params.Since.Add(-findMargin).Add(behind)
	if !params.Until.IsZero() {
		w.until = params.Until.Add(findMargin).Add(ahead)
	}
	return w
}

func (w findWindow) excludes(t time.Time) bool {
	return t.Before(w.since) || !w.until.IsZero() && t.After(w.until)
}

// add adds a listed run to the candidates, unless it is certainly none.
func (w findWindow) add(candidates []runCandidate, run findElement, promptID string) ([]runCandidate, error) {
	var created Timestamp
	_ = created.UnmarshalJSON(run.CreatedAt) // never fails
	outside := w.excludes(created.Time)
	switch {
	case run.ID == "": // it may be no run, but a group of them
		return nil, errRunWithoutID
	case run.PromptID != "" && foldText(run.PromptID) != foldText(promptID), outside && w.isCertain(run.CreatedAt):
		return candidates, nil
	case len(run.ID) > longestFindID:
		return nil, errLongID
	case len(candidates) == mostFindCandidates:
		return nil, errManyRuns
	}
	if outside || created.IsZero() {
		created.Time = created.AddDate(10_000, 0, 0)
	}
	return append(candidates, runCandidate{run.ID, created.Time, run.PromptID != ""}), nil
}

// isCertain reports whether a time is one for certain: in RFC 3339, which has a zone; not in the
// future, nor one that stands for no time, as 0001-01-01 and 1970-01-01 do; and not a quarter of an
// hour to the nanosecond, as a date is, in whichever zone, that was made a time.
func (w findWindow) isCertain(value RawJSON) bool {
	const firstYear, quarter = 2000, 15 * time.Minute
	t, _ := time.Parse(time.RFC3339, strings.Trim(string(value), `"`)) // of another form it is of the year 1
	isDate := t.Equal(t.Truncate(quarter))
	return t.UTC().Year() >= firstYear && !t.After(w.now) && !isDate
}
