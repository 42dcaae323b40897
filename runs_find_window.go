package promptorchestra

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prompt-orchestra/promptorchestra-go/internal/transport"
)

// isFresh returns an error for a list that is not a whole response of the server's own.
func isFresh(status int, header http.Header) error {
	if status != http.StatusOK {
		return fmt.Errorf("%w (by the status %d)", errNotWhole, status)
	}
	for _, age := range header["Age"] {
		if age = strings.TrimSpace(age); age != "" && age != "0" {
			return errCached
		}
	}
	for _, warning := range header["Warning"] {
		for warning := range strings.SplitSeq(warning, ",") {
			if strings.HasPrefix(strings.TrimSpace(warning), "11") { // 110 to 113 are a cache's
				return errCached
			}
		}
	}
	return nil
}

var errCached = errors.New("the list came from a cache, so that it may not have the newest runs")

// findWindow is the time in which a run must have been created, on whichever clock. A zero time is
// no bound.
type findWindow struct{ since, until time.Time }

// newFindWindow returns the window of this machine's clock and the server's, which date shows. If
// it does not, no run is too old or too new.
func newFindWindow(params RunFindParams, date string, now time.Time) (w findWindow) {
	theirs, ok := transport.ParseDate(date)
	if !ok {
		return w
	}
	ahead := theirs.Sub(now)
	if !params.Since.IsZero() {
		w.since = params.Since.Add(min(ahead, 0) - findMargin)
	}
	if !params.Until.IsZero() {
		w.until = params.Until.Add(max(ahead, 0) + findMargin)
	}
	return w
}

func (w findWindow) excludes(t time.Time) bool {
	return !w.since.IsZero() && t.Before(w.since) || !w.until.IsZero() && t.After(w.until)
}

// add adds a listed run to the candidates, unless it is certainly none.
func (w findWindow) add(candidates []runCandidate, run findElement, promptID string) ([]runCandidate, error) {
	c, ok, err := w.candidate(run, promptID)
	switch {
	case err != nil || !ok:
		return candidates, err
	case len(candidates) == mostFindCandidates:
		return nil, errManyRuns
	default:
		return append(candidates, c), nil
	}
}

// candidate returns a listed run as a candidate, and false if it is certainly none.
func (w findWindow) candidate(run findElement, promptID string) (c runCandidate, ok bool, err error) {
	var created Timestamp
	_ = created.UnmarshalJSON(run.CreatedAt) // never fails
	excluded := w.excludes(created.Time)
	switch {
	case run.PromptID != "" && !strings.EqualFold(run.PromptID, promptID), excluded && isCertainTime(run.CreatedAt):
		return c, false, nil
	case run.ID == "":
		return c, false, errRunWithoutID
	case len(run.ID) > longestFindID:
		return c, false, errLongID
	default:
		return runCandidate{
			id: run.ID, created: created.Time, ofPrompt: run.PromptID != "", outside: excluded || created.IsZero(),
		}, true, nil
	}
}

// isCertainTime reports whether a time is one for certain: in RFC 3339, which has a zone, and not
// one that stands for no time, as 0001-01-01 and 1970-01-01 do.
func isCertainTime(value RawJSON) bool {
	const firstYear = 2000
	if len(value) < len(`""`) || value[0] != '"' {
		return false
	}
	t, err := time.Parse(time.RFC3339, string(value[1:len(value)-1]))
	return err == nil && t.UTC().Year() >= firstYear
}
