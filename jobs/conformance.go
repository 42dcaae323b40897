package jobs

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// T is what [Conformance] needs of a *testing.T.
type T interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
}

// Conformance tests that an implementation of [Marks] is a compare-and-set as [Step] needs it: that
// each method is fenced, that of many workers one marks a job, that marks come back equal, and that
// jobs are told apart by every byte of their id. It uses jobs with ids of its own, and removes
// their marks. It cannot test that a mark survives the end of the database: kill that by hand.
func Conformance(t T, marks Marks) {
	t.Helper()
	now := time.Now().Truncate(time.Microsecond).UTC()
	c := &conformance{T: t, marks: marks, prefix: fmt.Sprintf("conformance-%d-", now.UnixNano()), now: now}
	c.fences()
	c.precision()
	c.ids()
	c.race("first", time.Time{})
	c.race("next", c.at(0))
	c.ended()
}

type conformance struct {
	T
	marks  Marks
	prefix string
	now    time.Time
}

func (c *conformance) at(seconds int) time.Time {
	return c.now.Add(time.Duration(seconds) * time.Second)
}

// mark calls Mark and says what it should have returned.
func (c *conformance) mark(what, job string, old, next time.Time, ok bool, current time.Time) {
	c.Helper()
	gotOK, got, err := c.marks.Mark(c.Context(), c.prefix+job, old, next)
	if err != nil || gotOK != ok || !got.Equal(current) {
		c.Errorf("Mark of %s returns %t, %v, %v; it should be %t, %v, <nil>", what, gotOK, got, err, ok, current)
	}
}

func (c *conformance) clear(what, job string, old time.Time) {
	c.Helper()
	if err := c.marks.Clear(c.Context(), c.prefix+job, old); err != nil {
		c.Errorf("Clear of %s returns %v; it should be <nil>", what, err)
	}
}

func (c *conformance) fences() {
	c.Helper()
	none := time.Time{}
	c.mark("a job without a mark, with an old one", "a", c.at(0), c.at(1), false, none)
	c.clear("a job without a mark", "a", c.at(0))
	c.mark("a job without a mark", "a", none, c.at(0), true, c.at(0))
	c.mark("a job that another worker has marked", "a", none, c.at(1), false, c.at(0))
	c.mark("a job whose mark is another one", "a", c.at(9), c.at(10), false, c.at(0))
	c.mark("a job with its own mark", "a", c.at(0), c.at(0), true, c.at(0))
	c.clear("a mark that is another one", "a", c.at(9))
	c.mark("a job with the mark that was read", "a", c.at(0), c.at(1), true, c.at(1))
	c.clear("a mark that was replaced", "a", c.at(0))
	c.mark("a job with a mark that was replaced", "a", c.at(0), c.at(2), false, c.at(1))
	c.clear("the mark", "a", c.at(1))
	c.clear("a mark that was removed", "a", c.at(1))
	c.mark("a job with a mark that was removed", "a", c.at(1), c.at(2), false, none)
	c.mark("a job whose mark was removed", "a", none, c.at(3), true, c.at(3))
	c.clear("the new mark", "a", c.at(3))
}

// precision: marks that differ by the least that there is are two.
func (c *conformance) precision() {
	c.Helper()
	first, second := c.now.Truncate(time.Second).Add(123456*time.Microsecond), c.now.Truncate(time.Second).Add(123457*time.Microsecond)
	c.mark("a job", "precise", time.Time{}, first, true, first)
	c.mark("a job whose mark is a microsecond earlier", "precise", second, c.at(9), false, first)
	c.mark("a job in another zone", "precise", first.In(time.FixedZone("", 3600)), second.In(time.FixedZone("", -3600)), true, second)
	c.clear("the mark", "precise", second)
}

func (c *conformance) ids() {
	c.Helper()
	ids := []string{"id", "ID", "id ", " id", "i'd", `i"d`, "i\\d", "i%d", "i_d", "i:d", "i/d", "i.d", "i d", "i\nd", "ïd", "i\u0308d", "号", strings.Repeat("i", 200)}
	for i, id := range ids {
		c.mark(fmt.Sprintf("the job %q", id), id, time.Time{}, c.at(i), true, c.at(i))
	}
	for i, id := range ids {
		c.mark(fmt.Sprintf("the job %q, once more", id), id, time.Time{}, c.at(99), false, c.at(i))
		c.clear(fmt.Sprintf("the job %q", id), id, c.at(i))
	}
}

// race has many workers mark a job from the same mark.
func (c *conformance) race(job string, old time.Time) {
	c.Helper()
	if !old.IsZero() {
		c.mark("a job", job, time.Time{}, old, true, old)
	}
	const workers, rounds = 8, 5
	for round := range rounds {
		var won [workers]bool
		var read [workers]time.Time
		var errs [workers]error
		var running sync.WaitGroup
		for i := range workers {
			running.Go(func() {
				won[i], read[i], errs[i] = c.marks.Mark(c.Context(), c.prefix+job, old, c.at(1+round*workers+i))
			})
		}
		running.Wait()
		var winner time.Time
		winners := 0
		for i := range workers {
			if won[i] {
				winners++
				winner = c.at(1 + round*workers + i)
			}
		}
		if winners != 1 {
			c.Errorf("%d of %d workers marked the job %q; it should be 1", winners, workers, job)
		}
		for i := range workers {
			if errs[i] != nil || !read[i].Equal(winner) {
				c.Errorf("Mark of the job %q by one of many workers returns %v, %v; it should be %v, <nil>", job, read[i], errs[i], winner)
			}
		}
		if old.IsZero() {
			c.clear("the winner's mark", job, winner)
		} else {
			old = winner
		}
	}
	c.clear("the mark", job, old)
}

// ended: a context that has ended is an error, or the mark is set. It is never "another worker's".
func (c *conformance) ended() {
	c.Helper()
	ctx, cancel := context.WithCancel(c.Context())
	cancel()
	ok, _, err := c.marks.Mark(ctx, c.prefix+"ended", time.Time{}, c.at(0))
	if err == nil && !ok {
		c.Errorf("Mark with a context that has ended returns false, <nil>; it should be an error, or true")
	}
	c.clear("a mark that may be there", "ended", c.at(0))
}
