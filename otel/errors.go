package promptorchestraotel

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// description says what the kind of a failure does not: an API error's code and a graph's mistakes, or
// the network's error. Other texts may quote the caller's data.
func (t *telemetry) description(err error) string {
	if err == nil { // a composite whose run failed
		return ""
	}
	if t.captureContent {
		return err.Error()
	}
	var (
		failure      *promptorchestra.APIError
		operation    *net.OpError
		lookup       *net.DNSError
		verification *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &failure):
		return mistakes(failure)
	case errors.As(err, &operation):
		return operation.Error()
	case errors.As(err, &lookup):
		return lookup.Error()
	case errors.As(err, &verification):
		return "the server's certificate does not verify"
	default:
		return ""
	}
}

// mistakes returns an API error's code and, for a graph, the codes and paths of the mistakes, such as
// "AGENT_GRAPH_INVALID: missing_entry_step, unknown_prompt at steps[2].promptId". Other details may hold
// anything.
func mistakes(e *promptorchestra.APIError) string {
	const most = 10
	var list []string
	for _, d := range e.Details {
		if e.Kind != promptorchestra.KindInvalidGraph || !isName(d.Code) || len(list) == most {
			continue
		}
		mistake := d.Code
		if isName(d.Path) {
			mistake += " at " + d.Path
		}
		list = append(list, mistake)
	}
	if len(list) == 0 {
		return codeOf(e)
	}
	return codeOf(e) + ": " + strings.Join(list, ", ")
}

// codeOf returns the code of an API error; "" for other errors and for a text that is no code.
func codeOf(err error) string {
	if err == nil {
		return ""
	}
	var failure *promptorchestra.APIError
	if !errors.As(err, &failure) || !isName(failure.Code) {
		return ""
	}
	return failure.Code
}

// isName reports whether a server's text is a code or a path rather than words.
func isName(s string) bool {
	const most = 80
	return s != "" && len(s) <= most && strings.Trim(s, nameLetters+"[]") == ""
}
