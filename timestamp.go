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

// The forms in use beside those of ISO 8601: of HTTP and mail, and of languages' own printing.
var timestampLayouts = [...]string{
	"Mon, 2 Jan 2006 15:04:05 -0700",
	"Mon, 2 Jan 2006 15:04:05 MST",
	"2 Jan 2006 15:04:05 -0700",
	"2 Jan 2006 15:04:05 MST",
	time.RFC850,
	time.ANSIC,
	time.UnixDate,
	time.RubyDate,
	"Mon Jan 02 2006 15:04:05 GMT-0700",
	"20060102T150405Z0700",
	"20060102T150405",
}

// UnmarshalJSON decodes RFC 3339 and the other forms in use, and Unix time in seconds,
// milliseconds, microseconds or nanoseconds, by its size, as a number or as text. Databases wrap a
// time in an object whose "$date", "seconds" or "_seconds" is the time.
func (t *Timestamp) UnmarshalJSON(data []byte) error {
	*t = Timestamp{}
	data = bytes.TrimSpace(data)
	for range 2 { // {"$date": {"$numberLong": "1764115200000"}}
		if len(data) == 0 || data[0] != '{' {
			break
		}
		var wrapped struct {
			Date         json.RawMessage `json:"$date"`
			NumberLong   json.RawMessage `json:"$numberLong"`
			Seconds      json.RawMessage `json:"seconds"`
			OtherSeconds json.RawMessage `json:"_seconds"`
		}
		_ = json.Unmarshal(data, &wrapped) // what is no such object has none of them
		data = slices.Concat(wrapped.Date, wrapped.NumberLong, wrapped.Seconds, wrapped.OtherSeconds)
	}
	if len(data) == 0 {
		return nil
	}
	if data[0] != '"' {
		t.parseUnix(string(data))
		return nil
	}
	text := data[1:max(1, len(data)-1)]
	if bytes.IndexByte(text, '\\') >= 0 {
		text = []byte(jsonscan.Unquote(data))
	}
	t.parse(text)
	return nil
}

func (t *Timestamp) parse(text []byte) {
	var v time.Time
	if v.UnmarshalText(text) == nil { // the usual form, without an allocation
		t.set(v)
		return
	}
	const longest = 100
	switch {
	case len(text) > longest:
		return
	case len(text) == len("20060102") && (text[0] == '1' || text[0] == '2'): // Unix time would be of 1970
		if v, err := time.Parse("20060102", string(text)); err == nil {
			t.set(v)
			return
		}
	}
	if t.parseUnix(string(bytes.TrimSpace(text))) {
		return
	}
	s := strings.ToUpper(strings.TrimSpace(string(text)))
	if before, name, ok := strings.Cut(s, " ("); ok && strings.HasSuffix(name, ")") { // JavaScript names the zone
		s = before
	} else if before, _, ok := strings.Cut(s, "["); ok { // and so does Java: 2006-01-02T15:04:05Z[UTC]
		s = before
	}
	if iso := normalISO(s); iso != nil {
		if v.UnmarshalText(iso) == nil {
			t.set(v)
		}
		return
	}
	if ms, ok := strings.CutPrefix(s, "/DATE("); ok { // ASP.NET
		t.parseUnix(strings.TrimSuffix(ms, ")/"))
		return
	}
	if !strings.ContainsAny(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") { // as each of the layouts does
		return
	}
	for _, layout := range timestampLayouts {
		v, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		if name, _ := v.Zone(); strings.Contains(layout, "MST") && name != "UTC" && name != "GMT" {
			return // what another name means depends on where it is read
		}
		t.set(v)
		return
	}
}

// normalISO writes a text that begins with a date, as databases and ISO 8601 allow it, in the form
// of RFC 3339. It returns nil for any other. A time without a zone is in UTC.
func normalISO(s string) []byte {
	const date = len(time.DateOnly)
	if len(s) < date || s[4] != '-' && s[4] != '/' || s[7] != s[4] {
		return nil
	}
	day, clock, zone := strings.ReplaceAll(s[:date], "/", "-"), "00:00:00", "Z"
	if len(s) > date && (s[date] == 'T' || s[date] == ' ') {
		clock = strings.Replace(s[date+1:], ",", ".", 1)
		if i := strings.IndexAny(clock, "Z+- UG"); i >= 0 {
			zone, _, _ = strings.Cut(strings.TrimSpace(clock[i:]), " ") // +0000 UTC
			clock = clock[:i]
		}
	} else if len(s) > date {
		return nil
	}
	if len(clock) == len("15:04") {
		clock += ":00"
	}
	switch {
	case zone == "UTC" || zone == "GMT":
		zone = "Z"
	case len(zone) == len("+00"):
		zone += ":00"
	case len(zone) == len("+0000"):
		zone = zone[:3] + ":" + zone[3:]
	}
	return []byte(day + "T" + clock + zone)
}

// parseUnix reads Unix time. In seconds, milliseconds and so on the same number of digits stands
// for the years 1973 to 5138. Zero is no time.
func (t *Timestamp) parseUnix(text string) bool {
	if strings.Trim(text, "0123456789+-.eE") != "" {
		return false
	}
	const firstMilli, firstMicro, firstNano = 1e11, 1e14, 1e17
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n == 0 {
		return err == nil
	}
	switch size := math.Abs(n); {
	case size < firstMilli:
		whole, part := math.Modf(n)
		t.set(time.Unix(int64(whole), int64(math.Round(part*1e6))*1e3))
	case size < firstMicro:
		t.set(time.UnixMicro(int64(math.Round(n * 1e3))))
	case size < firstNano:
		t.set(time.UnixMicro(int64(n)))
	case size < math.MaxInt64:
		if exact, err := strconv.ParseInt(text, 10, 64); err == nil {
			t.set(time.Unix(0, exact))
		} else {
			t.set(time.Unix(0, int64(n)))
		}
	}
	return true
}

// set ignores a year that MarshalJSON could not encode.
func (t *Timestamp) set(v time.Time) {
	if v = v.UTC(); v.Year() >= 0 && v.Year() <= 9999 {
		t.Time = v
	}
}

// MarshalJSON encodes the time in RFC 3339, or null when it is zero.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return t.Time.MarshalJSON()
}
