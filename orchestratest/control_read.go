package orchestratest

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// faultReaders read the faults of the control API, by the names that it has for them.
var faultReaders = map[string]func(input) Fault{
	"status":     func(in input) Fault { return Status(in.statusCode(), in.bodyText()) },
	"html":       func(in input) Fault { return HTML(in.statusCode()) },
	"dropBefore": func(input) Fault { return DropBefore() },
	"dropAfter":  func(input) Fault { return DropAfter() },
	"cutBody":    func(in input) Fault { return CutBody(in.whole("bytes")) },
	"slowBody":   func(in input) Fault { return SlowBody(in.milliseconds("ms")) },
	"delay":      func(in input) Fault { return Delay(in.milliseconds("ms")) },
	"rateLimited": func(in input) Fault {
		return RateLimited(time.Duration(in.amount("retryAfter") * float64(time.Second)))
	},
	"noSeats":   func(input) Fault { return NoSeats() },
	"noFeature": func(in input) Fault { return NoFeature(in.requiredText("feature")) },
}

// readFault reads a fault and how many requests are to meet it.
func (in input) readFault() (f Fault, times int) {
	name := in.requiredText("fault")
	read := faultReaders[name]
	if read == nil {
		if name != "" {
			in.reject("fault", fmt.Sprintf("must be one of %s: there is no %q", strings.Join(slices.Sorted(maps.Keys(faultReaders)), ", "), name))
		}
		return f, 0
	}
	f, times = read(in), 1
	if in.has("delayMs") {
		f = f.WithDelay(in.milliseconds("delayMs"))
	}
	if in.has("times") {
		if times = in.whole("times"); times > maxFaults {
			in.reject("times", fmt.Sprintf("must be from 0 to %d", maxFaults))
			times = 0
		}
	}
	var headers map[string]string
	in.read("headers", "an object of strings", &headers)
	for name, value := range headers {
		f = f.WithHeader(name, value)
	}
	in.rejectUnread()
	return f, times
}

// rejectUnread rejects the members that were not read: they are misspelt or belong elsewhere.
func (in input) rejectUnread() {
	for _, name := range slices.Sorted(maps.Keys(in.unread())) {
		in.reject(name, "does not belong here")
	}
}

// op is the member op, the name of a call.
func (in input) op() string {
	op := in.requiredText("op")
	if op != "" && !isRoute(op) {
		in.reject("op", fmt.Sprintf("must be a call such as Agents.Run, or *: there is no %q", op))
	}
	return op
}

// texts is a list of strings, nil when it is absent.
func (in input) texts(name string) []string {
	var list []string
	if !in.read(name, "a list of strings", &list) && in.has(name) && in.raw(name) == nil {
		in.reject(name, "must be a list of strings")
	}
	return list
}

func (in input) statusCode() int {
	code := in.whole("code")
	if err := checkStatus(code); err != nil && in.raw("code") != nil {
		in.reject("code", "must be a status from 200 to 999")
	}
	return code
}

// bodyText is the member body: a text as it is, any other JSON as it was written.
func (in input) bodyText() string {
	raw := in.raw("body")
	if raw == nil || raw[0] == '"' {
		return in.text("body")
	}
	return string(raw)
}

// amount is a number that must be there and not be negative.
func (in input) amount(name string) float64 {
	const most = 1_000_000_000
	n := in.number(name)
	switch {
	case n == nil && in.raw(name) == nil:
		in.reject(name, "is required")
	case n == nil: // rejected already
	case *n < 0 || *n > most:
		in.reject(name, fmt.Sprintf("must be from 0 to %d", most))
	default:
		return *n
	}
	return 0
}

// whole is an amount of something that is counted.
func (in input) whole(name string) int {
	n := in.amount(name)
	if n != math.Trunc(n) {
		in.reject(name, "must be a whole number")
	}
	return int(n)
}

func (in input) flag(name string) bool {
	var b bool
	if !in.read(name, "true or false", &b) && in.raw(name) == nil {
		in.reject(name, "must be true or false")
	}
	return b
}

func (in input) milliseconds(name string) time.Duration {
	return time.Duration(in.amount(name) * float64(time.Millisecond))
}
