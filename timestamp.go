package promptorchestra

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// Timestamp is a time as the API writes it, in UTC. Decoding one never fails: an unknown form
// leaves it zero, and the text can be had through [WithInto].
type Timestamp struct{ time.Time }

// UnmarshalJSON decodes RFC 3339 and other forms in use: those of ISO 8601, of HTTP and mail, of
// JavaScript, and Unix time in seconds, milliseconds, microseconds or nanoseconds, by its size, as
// a number or as text. Databases wrap a time in an object whose "$date" or "_seconds" is the time.
// Digits that can be a date, as 20060102 and 20060102150405, are one. A time without a zone is in
// UTC.
func (t *Timestamp) UnmarshalJSON(data []byte) error {
	var v time.Time
	if v.UnmarshalJSON(data) != nil { // not the usual form, nor null
		v = anyTime(unwrapTime(bytes.TrimSpace(data)))
	}
	*t = Timestamp{v.UTC()}
	if year := t.Year(); year < 0 || year > 9999 { // MarshalJSON could not encode it
		*t = Timestamp{}
	}
	return nil
}

// unwrapTime takes a value out of {"$date": {"$numberLong": "1764115200000"}} and the like.
func unwrapTime(data []byte) []byte {
	for range 2 {
		if len(data) == 0 || data[0] != '{' {
			break
		}
		var wrapped struct {
			Date       json.RawMessage `json:"$date"`
			NumberLong json.RawMessage `json:"$numberLong"`
			Seconds    json.RawMessage `json:"_seconds"`
		}
		_ = json.Unmarshal(data, &wrapped) // what is no such object has none of them
		data = slices.Concat(wrapped.Date, wrapped.NumberLong, wrapped.Seconds)
	}
	return data
}

// anyTime reads a time in any form, or returns the zero time.
func anyTime(value []byte) (v time.Time) {
	const longest = 100
	text := string(value)
	if bytes.HasPrefix(value, []byte(`"`)) {
		text = jsonscan.Unquote(value)
	}
	if len(text) > longest {
		return v
	}
	s := withoutZoneName(strings.ToUpper(strings.TrimSpace(text)))
	s = strings.TrimSuffix(strings.TrimPrefix(s, "/DATE("), ")/") // of ASP.NET, around Unix time
	for _, read := range [...]func(string) (v time.Time, is bool){compactDate, unixTime, isoTime, namedTime} {
		if v, is := read(s); is {
			return v
		}
	}
	return v
}

// withoutZoneName leaves out the zone's name that JavaScript writes in brackets after its offset,
// and Java in square ones: 2006-01-02T15:04:05Z[UTC].
func withoutZoneName(s string) string {
	if before, name, _ := strings.Cut(s, " ("); strings.HasSuffix(name, ")") {
		return before
	}
	before, _, _ := strings.Cut(s, "[")
	return before
}

// compactDate reads 20060102 and 20060102150405. As Unix time they would be of 1970 and 2605.
func compactDate(s string) (time.Time, bool) {
	const date, second = "20060102", "20060102150405"
	layout := date
	if len(s) == len(second) {
		layout = second
	}
	v, err := time.Parse(layout, s)
	return v, err == nil && (s[0] == '1' || s[0] == '2')
}

// isoTime reads a text that begins with a date, as databases and ISO 8601 allow it.
func isoTime(s string) (v time.Time, is bool) {
	const date = len(time.DateOnly)
	if len(s) < date || s[4] != '-' && s[4] != '/' || s[7] != s[4] {
		return v, false
	}
	layout, clock, zone := time.DateOnly, s[date:], ""
	if at := strings.IndexAny(clock, "Z+-"); at >= 0 {
		zone, _, _ = strings.Cut(clock[at:], " ") // Go writes the zone's name after its offset
		clock = clock[:at]
	}
	clock = strings.TrimPrefix(strings.ReplaceAll(clock, " ", ""), "T")
	clock = strings.TrimSuffix(strings.TrimSuffix(clock, "UTC"), "GMT")
	switch {
	case len(clock) > len("15:04"):
		layout += time.TimeOnly
	case clock != "":
		layout += "15:04"
	}
	layout += map[int]string{1: "Z07:00", 3: "Z07", 5: "Z0700", 6: "Z07:00"}[len(zone)]
	v, _ = time.Parse(layout, strings.ReplaceAll(s[:date], "/", "-")+clock+zone) // what is no time stays zero
	return v, true
}

// namedTime reads the forms of HTTP, mail and JavaScript, and the basic form of ISO 8601. A name of
// a zone but UTC and GMT means different zones in different places.
//
//mutelist:check
func namedTime(s string) (time.Time, bool) {
	for _, layout := range [...]string{
		"Mon, 2 Jan 2006 15:04:05 -0700",
		"Mon, 2 Jan 2006 15:04:05 MST",
		"2 Jan 2006 15:04:05 MST",
		"Mon Jan 02 2006 15:04:05 GMT-0700",
		"20060102T150405Z0700",
	} {
		if v, err := time.Parse(layout, s); err == nil {
			name, _ := v.Zone()
			return v, !strings.HasSuffix(layout, "MST") || name == "UTC" || name == "GMT"
		}
	}
	return time.Time{}, false
}

// unixTime reads Unix time. In seconds, milliseconds and so on the same number of digits stands for
// the years 1973 to 5138. Zero is no time.
func unixTime(text string) (v time.Time, is bool) {
	const firstMilli, firstMicro, firstNano = 1e11, 1e14, 1e17
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || strings.Trim(text, "0123456789+-.eE") != "" {
		return v, false
	}
	switch size := math.Abs(n); {
	case size == 0 || size >= math.MaxInt64:
		return v, true
	case size < firstMilli:
		return time.UnixMicro(int64(math.Round(n * 1e6))), true
	case size < firstMicro:
		return time.UnixMicro(int64(math.Round(n * 1e3))), true
	case size < firstNano:
		return time.UnixMicro(int64(n)), true
	}
	if exact, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(0, exact), true
	}
	return time.Unix(0, int64(n)), true
}

// MarshalJSON encodes the time in RFC 3339, or null when it is zero.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return t.Time.MarshalJSON()
}
