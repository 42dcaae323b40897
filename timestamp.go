package promptorchestra

import (
	"bytes"
	"strconv"
	"time"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// Timestamp is a time as the API writes it, in UTC. Decoding one never fails:
// an unknown form leaves it zero, and the text can be had through [WithInto].
type Timestamp struct{ time.Time }

// The forms seen in JSON APIs over SQL databases; RFC 3339 comes first.
var timestampLayouts = [...]string{
	time.RFC3339Nano,
	"2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999-07",
	"2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05.999999999",
	time.DateOnly,
}

// UnmarshalJSON decodes RFC 3339, the usual SQL forms, and Unix seconds or
// milliseconds as a number.
func (t *Timestamp) UnmarshalJSON(data []byte) error {
	*t = Timestamp{}
	if len(data) > 0 && data[0] == '"' {
		text := bytes.Trim(data, `"`)
		if bytes.IndexByte(text, '\\') >= 0 {
			text = []byte(jsonscan.Unquote(data))
		}
		t.parse(text)
		return nil
	}
	if n, err := strconv.ParseFloat(string(data), 64); err == nil {
		const firstMilli = 1e11 // as seconds, the year 5138
		if n > -firstMilli && n < firstMilli {
			n *= 1000
		}
		if n > -maxUnixMilli && n < maxUnixMilli {
			t.set(time.UnixMilli(int64(n)))
		}
	}
	return nil
}

func (t *Timestamp) parse(text []byte) {
	var v time.Time
	if v.UnmarshalText(text) == nil { // the usual form, without an allocation
		t.set(v)
		return
	}
	for _, layout := range timestampLayouts {
		if v, err := time.Parse(layout, string(text)); err == nil {
			t.set(v)
			return
		}
	}
}

const maxUnixMilli = 253402300800000 // 10000-01-01

// set leaves out a year that could not be encoded again.
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
