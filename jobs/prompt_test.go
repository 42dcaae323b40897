package jobs

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A runsAPI has one completed run for each job, lists them when it is told to, and counts the
// lists.
type runsAPI struct {
	jobs  []string
	list  string // "" is the runs of the jobs
	lists int
	reads []string
	next  chan struct{} // a list is answered when it gives a value
}

func (a *runsAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if id, ok := strings.CutPrefix(r.URL.Path, "/api/runs/"); ok {
		a.reads = append(a.reads, id)
		body = fmt.Sprintf(`{"id":%q,"promptId":"prm_1","status":"completed","inputSnapshot":{"variables":{"job_id":%q}}}`, id, strings.TrimPrefix(id, "run_"))
	} else {
		a.lists++
		select {
		case <-a.next:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
		var runs []string
		for _, job := range a.jobs {
			runs = append(runs, fmt.Sprintf(`{"id":"run_%s","promptId":"prm_1"}`, job))
		}
		if body = a.list; body == "" {
			body = "[" + strings.Join(runs, ",") + "]"
		}
	}
	return &http.Response{
		StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}, "Date": {time.Now().UTC().Format(http.TimeFormat)}}, Request: r,
		ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
	}, nil
}

func (a *runsAPI) prompt(t *testing.T) *Prompt {
	t.Helper()
	client, err := promptorchestra.New(promptorchestra.WithBaseURL("http://127.0.0.1"), promptorchestra.WithAPIKey("key"),
		promptorchestra.WithOrganization("org_1"), promptorchestra.WithTransport(a), promptorchestra.WithRetry(promptorchestra.RetryPolicy{MaxRetries: -1}))
	require.NoError(t, err)
	return &Prompt{Client: client, ID: "prm_1", Attempt: time.Minute, Settle: time.Hour}
}

type found struct {
	run   promptorchestra.RunDetail
	found bool
	err   error
}

// look has many look up their jobs at the same time, after the first list is under way.
func look(ctx context.Context, p *Prompt, jobs []string, sent func(i int) time.Time) (func(), []found) {
	results := make([]found, len(jobs))
	var looking sync.WaitGroup
	for i, job := range jobs {
		looking.Go(func() {
			run, ok, err := p.Find(ctx, job, sent(i), sent(i).Add(p.Settle))
			results[i] = found{run, ok, err}
		})
		synctest.Wait() // so that the order is known
	}
	return looking.Wait, results
}

func TestLookUpsShareOneFind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &runsAPI{jobs: []string{"a", "b", "d"}, next: make(chan struct{})}
		sent := time.Now().Add(-2 * time.Hour)
		wait, results := look(t.Context(), api.prompt(t), []string{"a", "b", "c", "d", "e"}, func(i int) time.Time {
			return sent.Add(-time.Duration(i) * time.Minute)
		})
		api.next <- struct{}{} // a alone
		api.next <- struct{}{} // all others
		wait()
		assert.Equal(t, 2, api.lists)
		for i, ok := range []bool{true, true, false, true, false} {
			require.NoError(t, results[i].err)
			assert.Equal(t, ok, results[i].found)
		}
		assert.Equal(t, "run_d", results[3].run.ID)
	})
}

// A Find reads all runs between its oldest and its newest mark: those that are far apart gain
// nothing.
func TestLookUpsFarApartAreMadeAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &runsAPI{next: make(chan struct{})}
		now := time.Now()
		wait, results := look(t.Context(), api.prompt(t), []string{"a", "b", "c"}, func(i int) time.Time { return now.Add(-time.Duration(i) * 5 * time.Hour) })
		for range 3 {
			api.next <- struct{}{}
		}
		wait()
		assert.Equal(t, 3, api.lists)
		for _, r := range results {
			require.NoError(t, r.err)
		}
	})
}

// One whose context ends takes no other look-up with it, whether it makes the Find or waits.
func TestALookUpThatEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &runsAPI{jobs: []string{"a", "b", "c"}, next: make(chan struct{})}
		p, sent := api.prompt(t), time.Now().Add(-2*time.Hour)
		at := func(int) time.Time { return sent }
		ended, cancel := context.WithCancel(t.Context())
		waitEnded, resultsEnded := look(ended, p, []string{"a", "b"}, at) // makes it, waits
		wait, results := look(t.Context(), p, []string{"c", "d"}, at)
		cancel()
		waitEnded()
		for _, r := range resultsEnded {
			require.ErrorIs(t, r.err, context.Canceled)
			assert.Equal(t, LookUp, AfterLookUp(r.run, r.found, r.err).Action)
		}
		synctest.Wait()
		api.next <- struct{}{}
		wait()
		require.NoError(t, results[0].err)
		assert.True(t, results[0].found)
		assert.False(t, results[1].found)
		assert.Equal(t, 2, api.lists)
	})
}

// What leaves many look-ups open may be about one of them only: each is made alone then.
func TestALookUpThatIsOpenTakesNoOtherWithIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &runsAPI{jobs: []string{"a", "b", "c"}, next: make(chan struct{})}
		p, sent := api.prompt(t), time.Now().Add(-2*time.Hour)
		wait, results := look(t.Context(), p, []string{"a", "b", "c"}, func(int) time.Time { return sent })
		api.next <- struct{}{} // a
		synctest.Wait()
		api.list = `{"runs":[],"nextCursor":"x"}`
		api.next <- struct{}{} // b and c
		synctest.Wait()
		api.next <- struct{}{} // b
		synctest.Wait()
		api.list = ""
		api.next <- struct{}{} // c
		wait()
		assert.Equal(t, 4, api.lists)
		require.NoError(t, results[0].err)
		assert.Equal(t, Park, AfterLookUp(results[1].run, results[1].found, results[1].err).Action)
		require.NoError(t, results[2].err)
		assert.True(t, results[2].found)
	})
}

// Of a look-up only the runs between its mark and its settling are read; of several, those between
// the first mark and the last settling, and up to now if one has no end.
func TestLookUpsHaveAWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(24*time.Hour + time.Minute) // the bubble begins at midnight in 2000: times before, or on a quarter, are not believed
		now := time.Now()
		run := func(id string, ago time.Duration) string {
			return fmt.Sprintf(`{"id":%q,"promptId":"prm_1","createdAt":%q}`, id, now.Add(-ago).UTC().Format(time.RFC3339))
		}
		api := &runsAPI{next: make(chan struct{}), list: "[" + strings.Join([]string{
			run("run_before", 9*time.Hour), run("run_first", 5*time.Hour), run("run_second", 270*time.Minute), run("run_later", time.Hour),
		}, ",") + `]`}
		p := api.prompt(t)
		p.Ignore = []string{"next"}
		find := func(job string, since, until time.Duration) func() {
			done := make(chan error, 1)
			go func() {
				end := now.Add(-until)
				if until == 0 {
					end = time.Time{}
				}
				_, _, err := p.Find(t.Context(), job, now.Add(-since), end)
				done <- err
			}()
			synctest.Wait()
			return func() { require.NoError(t, <-done) }
		}
		reads := func(want ...string) {
			t.Helper()
			assert.Equal(t, want, api.reads)
			api.reads = nil
		}
		first := find("a", 310*time.Minute, 290*time.Minute)
		second := find("b", 310*time.Minute, 290*time.Minute)
		third := find("c", 280*time.Minute, 250*time.Minute)
		api.next <- struct{}{}
		first()
		reads("run_first")
		api.next <- struct{}{}
		second()
		third()
		reads("run_first", "run_second")

		first = find("a", 310*time.Minute, 290*time.Minute)
		second = find("b", 310*time.Minute, 290*time.Minute)
		third = find("c", 280*time.Minute, 0)
		api.next <- struct{}{}
		first()
		api.reads = nil
		api.list = `{"runs":` + api.list + `,"next":"x"}`
		api.next <- struct{}{}
		second()
		third()
		reads("run_first", "run_second", "run_later")
	})
}
