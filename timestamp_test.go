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
		`-100000000000000`:                 `null`,
		`1e300`:                            `null`,
		`{}`:                               `null`,
	} {
		var v promptorchestra.Timestamp
		require.NoError(t, json.Unmarshal([]byte(text), &v))
		again, err := json.Marshal(v)
		require.NoError(t, err, text)
		assert.Equal(t, want, string(again), text)
	}
}
