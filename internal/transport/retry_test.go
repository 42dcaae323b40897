package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Full jitter: each wait is spread evenly over [0, ceiling), and the ceiling
// doubles from MinWait to MaxWait.
func TestJitter(t *testing.T) {
	policy := Policy{MinWait: 500 * time.Millisecond, MaxWait: 8 * time.Second, MaxRetryAfter: time.Minute}
	for attempt, ceiling := range map[int]time.Duration{
		1: 500 * time.Millisecond, 2: time.Second, 3: 2 * time.Second, 4: 4 * time.Second, 5: 8 * time.Second,
		6: 8 * time.Second, 31: 8 * time.Second, 64: 8 * time.Second, math.MaxInt32: 8 * time.Second,
	} {
		const samples, buckets = 20_000, 10
		var count [buckets]int
		var sum time.Duration
		for range samples {
			wait, asked := policy.wait(attempt, nil)
			if asked || wait < 0 || wait >= ceiling {
				require.Fail(t, "out of bounds", "%v, %v", wait, asked)
			}
			sum += wait
			count[int(wait*buckets/ceiling)]++
		}
		assert.InDelta(t, 0.5, float64(sum/samples)/float64(ceiling), 0.02, "attempt %d: mean", attempt)
		for i, n := range count { // 2,000 expected: 300 is seven standard deviations
			assert.InDelta(t, samples/buckets, n, 300, "attempt %d: bucket %d", attempt, i)
		}
	}
	wait, asked := Policy{MinWait: 1, MaxWait: 1}.wait(1, nil)
	assert.False(t, asked)
	assert.Zero(t, wait)
}

func TestRetryAfterForms(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	for value, want := range map[string]struct {
		wait time.Duration
		ok   bool
	}{
		"":                                  {0, false},
		" ":                                 {0, false},
		"0":                                 {0, true},
		"120":                               {2 * time.Minute, true},
		" 120\t":                            {2 * time.Minute, true},
		"00007":                             {7 * time.Second, true},
		"9223372036":                        {9223372036 * time.Second, true},
		"9223372037":                        {math.MaxInt64, true},
		"99999999999999999999999":           {math.MaxInt64, true},
		"-1":                                {0, false},
		"+1":                                {0, false},
		"1.5":                               {1500 * time.Millisecond, true},
		"1.2.3":                             {0, false},
		".":                                 {0, false},
		"0.25":                              {250 * time.Millisecond, true},
		"Mon, 23 Nov 2026 08:00:30 +0000":   {30 * time.Second, true},
		"Mon, 23 Nov 2026 09:00:30 +0100":   {30 * time.Second, true},
		"Mon, 23 Nov 2026 08:00:30 UTC":     {30 * time.Second, true},
		"Monday, 23-Nov-26 08:00:30 +0000":  {30 * time.Second, true},
		"Mon, 3 Nov 2026 08:00:30 GMT":      {0, true},
		"Thu, 3 Dec 2026 08:00:00 GMT":      {10 * 24 * time.Hour, true},
		"Thu, 3 Dec 2026 08:00:00 -0000":    {10 * 24 * time.Hour, true},
		"Mon, 23 Nov 2026 08:00:30 CET":     {0, false},
		"1e3":                               {0, false},
		"0x10":                              {0, false},
		"soon":                              {0, false},
		"Mon, 23 Nov 2026 08:00:30 GMT":     {30 * time.Second, true},
		"Monday, 23-Nov-26 08:00:30 GMT":    {30 * time.Second, true},
		"Mon Nov 23 08:00:30 2026":          {30 * time.Second, true},
		"Mon, 23 Nov 2026 07:00:00 GMT":     {0, true},
		"Mon, 23 Nov 9999 07:00:00 GMT":     {math.MaxInt64, true},
		"2026-11-23T08:00:30Z":              {0, false},
		"\u0661\u0662":                      {0, false},
		"Mon, 23 Nov 2026 08:00:30 GMT, 30": {0, false},
	} {
		wait, ok := RetryAfter(http.Header{"Retry-After": {value}, "Date": {now.Format(http.TimeFormat)}})
		assert.Equal(t, want.ok, ok, value)
		assert.Equal(t, want.wait, wait, value)
	}
	_, ok := RetryAfter(nil)
	assert.False(t, ok)
	synctest.Test(t, func(t *testing.T) {
		wait, ok := RetryAfter(http.Header{"Retry-After": {time.Now().UTC().Add(30 * time.Second).Format(http.TimeFormat)}})
		assert.True(t, ok)
		assert.Equal(t, 30*time.Second, wait, "a response without a Date")
	})
}

func TestPermanent(t *testing.T) {
	assert.False(t, Permanent(nil))
	assert.False(t, Permanent(errors.New("connection reset by peer")))
	assert.True(t, Permanent(errors.New(`unsupported protocol scheme "ftp"`)))
}

// A TLS alert comes again, but for those that tell of a damaged message or of the server's own failure.
func TestPermanentAlerts(t *testing.T) {
	for text, permanent := range map[string]bool{
		"bad record MAC": false, "record overflow": false, "error decoding message": false, "internal error": false,
		"handshake failure": true, "bad certificate": true, "unknown certificate authority": true, "protocol version not supported": true,
		"unexpected message": true, "an alert of tomorrow": true,
	} {
		for _, op := range []string{"remote error", "local error"} {
			err := fmt.Errorf("readLoop: %w", &net.OpError{Op: op, Err: errors.New("tls: " + text)})
			assert.Equal(t, permanent, Permanent(err), "%v", err)
		}
	}
	assert.False(t, Permanent(&net.OpError{Op: "read", Err: errors.New("tls: handshake failure")}))
	assert.True(t, isFinalAlert(&net.OpError{Op: "local error"}))
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "7", "-5", "soon", "99999999999999999999", "1.5", "Mon, 23 Nov 2026 08:00:30 GMT", " 3 ", "Mon Nov 23 08:00:30 2026"} {
		f.Add(seed)
	}
	policy := Policy{MinWait: time.Millisecond, MaxWait: time.Second, MaxRetryAfter: time.Minute}
	f.Fuzz(func(t *testing.T, value string) {
		h := http.Header{"Retry-After": {value}}
		asked, ok := RetryAfter(h)
		if asked < 0 || !ok && asked != 0 {
			t.Fatalf("%q: %v, %v", value, asked, ok)
		}
		w, isAsked := policy.wait(1, h)
		if w < 0 || !isAsked && w > policy.MaxWait {
			t.Fatalf("%q: waits %v", value, w)
		}
	})
}

func TestPlainHTTPBehindTLSIsPermanent(t *testing.T) {
	assert.False(t, Permanent(tls.RecordHeaderError{Msg: "x", RecordHeader: [5]byte{'S', 'S', 'H', '-', '2'}}))
	assert.True(t, Permanent(tls.RecordHeaderError{Msg: "x", RecordHeader: [5]byte{'H', 'T', 'T', 'P', '/'}}))
}

func TestBudget(t *testing.T) {
	b := budget{size: 100, spent: map[string]int{}}
	var taken atomic.Int32
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for b.withdraw("") {
				taken.Add(1)
			}
		})
	}
	callers.Wait()
	assert.EqualValues(t, 100, taken.Load(), "it never holds more than it may, nor gives one twice")
	assert.EqualValues(t, 100, b.owed.Load())
	assert.True(t, b.withdraw("org_1"), "an organization's is its own")
	b.deposit("org_2")
	assert.True(t, b.withdraw(""), "a whole one comes back")
	assert.False(t, b.withdraw(""))
	for range 1000 {
		b.deposit("org_1")
	}
	assert.Empty(t, b.spent, "what is full is forgotten")
	assert.Zero(t, b.owed.Load(), "what is owed is the sum of it")
	unbounded := budget{size: -1}
	for range 1000 {
		require.True(t, unbounded.withdraw(""))
	}
	unbounded.deposit("org_1")
}
