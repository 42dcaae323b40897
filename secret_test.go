package promptorchestra_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest/apidocs"
)

func TestSecretsOfRecordsStaySecret(t *testing.T) {
	var key promptorchestra.ServiceKey
	var session promptorchestra.VoiceAgentSession
	require.NoError(t, json.Unmarshal(apidocs.Record(t, "ServiceKey"), &key))
	require.NoError(t, json.Unmarshal(apidocs.Record(t, "VoiceAgentSession"), &session))
	assert.Equal(t, "an example of a raw key", key.Key.Reveal())
	assert.Equal(t, "an example of a client secret", session.ClientSecret.Reveal())

	var printed bytes.Buffer
	for _, record := range []any{key, &key, session, &session} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&printed, verb, record)
		}
		require.NoError(t, json.NewEncoder(&printed).Encode(record))
		slog.New(slog.NewTextHandler(&printed, nil)).Info("made", "record", record)
		slog.New(slog.NewJSONHandler(&printed, nil)).Info("made", "record", record)
	}
	assert.NotContains(t, printed.String(), "an example of")
	assert.NotContains(t, printed.String(), fmt.Sprintf("%x", "an example of"))
	assert.Contains(t, printed.String(), "[redacted]")
}
