package promptorchestra_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// Whatever a timestamp decodes to can be encoded again: one member must not cost a record.
func TestTimestampForms(t *testing.T) {
	for text, want := range map[string]string{
		`"2026-01-02T03:04:05.5Z"`:         `"2026-01-02T03:04:05.5Z"`,
		`"2026-01-02T03:04:05\u002b02:00"`: `"2026-01-02T01:04:05Z"`,
		`"2026-01-02 03:04:05+00"`:         `"2026-01-02T03:04:05Z"`,
		`"2026-01-02"`:                     `"2026-01-02T00:00:00Z"`,
		`1767323045`:                       `"2026-01-02T03:04:05Z"`,
		`1767323045000`:                    `"2026-01-02T03:04:05Z"`,
		`"yesterday"`:                      `null`,
		`"9999-12-31T23:59:59-05:00"`:      `null`,
		`"0000-01-01T00:00:00+05:00"`:      `null`,
		`"2026-01-02T03:04:05+0000"`:       `"2026-01-02T03:04:05Z"`,
		`"2026-01-02t03:04:05z"`:           `"2026-01-02T03:04:05Z"`,
		`"2026-01-02T03:04:05,5+0230"`:     `"2026-01-02T00:34:05.5Z"`,
		`"2026-01-02T03:04Z"`:              `"2026-01-02T03:04:00Z"`,
		`"2026-01-02 03:04:05 +0000 UTC"`:  `"2026-01-02T03:04:05Z"`,
		`"2026-01-02 03:04:05 UTC"`:        `"2026-01-02T03:04:05Z"`,
		`"2026-01-02 03:04:05 CEST"`:       `null`,
		`"20260102T030405Z"`:               `"2026-01-02T03:04:05Z"`,
		`"20260102"`:                       `"2026-01-02T00:00:00Z"`,
		`"Fri, 02 Jan 2026 03:04:05 GMT"`:  `"2026-01-02T03:04:05Z"`,
		`"Fri Jan 02 2026 03:04:05 GMT+0100 (Central European Standard Time)"`: `"2026-01-02T02:04:05Z"`,
		`"1767323045"`:                              `"2026-01-02T03:04:05Z"`,
		`" 1767323045.25 "`:                         `"2026-01-02T03:04:05.25Z"`,
		`"1767323045000"`:                           `"2026-01-02T03:04:05Z"`,
		`1767323045123456`:                          `"2026-01-02T03:04:05.123456Z"`,
		`1767323045123456789`:                       `"2026-01-02T03:04:05.123456789Z"`,
		`1.767323045e9`:                             `"2026-01-02T03:04:05Z"`,
		`"\/Date(1767323045000)\/"`:                 `"2026-01-02T03:04:05Z"`,
		`{"$date":"2026-01-02T03:04:05Z"}`:          `"2026-01-02T03:04:05Z"`,
		`{"$date":{"$numberLong":"1767323045000"}}`: `"2026-01-02T03:04:05Z"`,
		`{"_seconds":1767323045,"_nanoseconds":0}`:  `"2026-01-02T03:04:05Z"`,
		`0`:                     `null`,
		`""`:                    `null`,
		`"0000-00-00 00:00:00"`: `null`,
		`"0x1p3"`:               `null`,
		`"NaN"`:                 `null`,
		`"1_000"`:               `null`,
		`[1767323045]`:          `null`,
		`"\u0000"`:              `null`,
		`-100000000000000`:      `"1966-10-31T14:13:20Z"`,
		`1e300`:                 `null`,
		`{}`:                    `null`,
	} {
		var v promptorchestra.Timestamp
		require.NoError(t, json.Unmarshal([]byte(text), &v))
		again, err := json.Marshal(v)
		require.NoError(t, err, text)
		assert.Equal(t, want, string(again), text)
	}
}
