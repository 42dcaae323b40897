package promptorchestraotel_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	promptorchestraotel "github.com/prompt-orchestra/promptorchestra-go/otel"
)

// document returns docs/observability.md, which a copy of the module alone does not have.
func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/observability.md")
	if os.IsNotExist(err) {
		t.Skip("the module stands alone")
	}
	require.NoError(t, err)
	return string(text)
}

// selectors are what a query of the document selects, one or more series each.
type selectors []selector

type selector struct {
	name     *regexp.Regexp
	matchers []matcher
}

type matcher struct {
	label   string
	value   *regexp.Regexp
	negated bool
}

var (
	queryRow       = regexp.MustCompile(`(?m)^([a-z0-9][a-z0-9., ]+?)  +((?:sum|histogram_quantile)\b.*)$`)
	selectorOfText = regexp.MustCompile(`([a-z_]*)(?:\{([^}]*)\})?\[\d+[mh]\]`)
	matcherOfText  = regexp.MustCompile(`(\w+)(=~|!=|=)"([^"]*)"`)
)

// queries returns what the document's queries select, by their names.
func queries(t *testing.T) map[string]selectors {
	t.Helper()
	found := map[string]selectors{}
	for _, row := range queryRow.FindAllStringSubmatch(document(t), -1) {
		for _, text := range selectorOfText.FindAllStringSubmatch(row[2], -1) {
			s := selector{name: whole(regexp.QuoteMeta(text[1]))}
			for _, m := range matcherOfText.FindAllStringSubmatch(text[2], -1) {
				pattern := m[3]
				if m[2] != "=~" {
					pattern = regexp.QuoteMeta(pattern)
				}
				if m[1] == "__name__" {
					s.name = whole(pattern)
					continue
				}
				s.matchers = append(s.matchers, matcher{m[1], whole(pattern), m[2] == "!="})
			}
			found[row[1]] = append(found[row[1]], s)
		}
	}
	return found
}

func whole(pattern string) *regexp.Regexp { return regexp.MustCompile("^(?:" + pattern + ")$") }

func query(t *testing.T, name string) selectors {
	t.Helper()
	found := queries(t)[name]
	require.NotEmpty(t, found, "the document has no query %q", name)
	return found
}

// count returns how many measurements the selectors select.
func (all selectors) count(t *testing.T, tel *telemetry) (count uint64) {
	t.Helper()
	var collected metricdata.ResourceMetrics
	require.NoError(t, tel.reader.Collect(t.Context(), &collected))
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			points := tel.points(t, m.Name)
			for _, s := range all {
				if !s.names(m) {
					continue
				}
				for _, p := range points {
					if s.matches(p) {
						count += p.count
					}
				}
			}
		}
	}
	return count
}

// isAVector asserts that no two selected metrics have series with the same labels: rate drops the
// metric's name, and Prometheus rejects what is left.
func (s *selector) isAVector(t *testing.T, tel *telemetry) {
	t.Helper()
	var collected metricdata.ResourceMetrics
	require.NoError(t, tel.reader.Collect(t.Context(), &collected))
	metricOf := map[string]string{}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			if !s.names(m) {
				continue
			}
			for _, p := range tel.points(t, m.Name) {
				labels := fmt.Sprint(p.attributes)
				if s.matches(p) {
					assert.Empty(t, metricOf[labels], "%s has the labels of %s", m.Name, labels)
					metricOf[labels] = m.Name
				}
			}
		}
	}
}

// names reports whether a metric is selected, under the names that Prometheus' exporter makes of it.
func (s *selector) names(m metricdata.Metrics) bool {
	name := strings.ReplaceAll(m.Name, ".", "_")
	if m.Unit == "s" {
		name += "_seconds"
	}
	if _, counter := m.Data.(metricdata.Sum[int64]); counter {
		return s.name.MatchString(name + "_total")
	}
	return s.name.MatchString(name+"_count") || s.name.MatchString(name+"_sum") || s.name.MatchString(name+"_bucket")
}

func (s *selector) matches(p point) bool {
	labels := map[string]string{}
	for key, value := range p.attributes {
		labels[strings.ReplaceAll(key, ".", "_")] = fmt.Sprint(value)
	}
	for _, m := range s.matchers {
		if m.value.MatchString(labels[m.label]) == m.negated {
			return false
		}
	}
	return true
}

// Each query of the document selects something once it happens, in both versions of the conventions.
func TestQueriesOfTheDocument(t *testing.T) {
	for _, version := range []promptorchestraotel.GenAIConventions{
		promptorchestraotel.GenAIConventions141, promptorchestraotel.GenAIConventions010,
	} {
		t.Run(string(version), func(t *testing.T) {
			tel := newTelemetry(t)
			everything(t, tel, promptorchestraotel.WithGenAIConventions(version))
			found := queries(t)
			require.Greater(t, len(found), 8)
			for name, selected := range found {
				if strings.HasPrefix(name, "tokens a second") && strings.HasSuffix(name, "0.1.0") != (version == promptorchestraotel.GenAIConventions010) {
					continue
				}
				assert.NotZero(t, selected.count(t, tel), name)
				for _, s := range selected {
					s.isAVector(t, tel)
				}
			}
		})
	}
}

// Prometheus' increase is 0 for a series that has only just begun, such as that of the first failed run:
// a query that counts adds those that are new.
func TestQueriesThatCountSeeTheFirst(t *testing.T) {
	counted := regexp.MustCompile(`\(\((.+) unless (.+) offset (\w+)\) or increase\((.+)\[(\w+)\]\)\)`)
	found := 0
	for _, row := range queryRow.FindAllStringSubmatch(document(t), -1) {
		if !strings.Contains(row[2], "increase(") {
			continue
		}
		found++
		parts := counted.FindStringSubmatch(row[2])
		require.NotNil(t, parts, row[1])
		assert.Equal(t, []string{parts[1], parts[1]}, []string{parts[2], parts[4]}, row[1])
		assert.Equal(t, parts[3], parts[5], row[1])
	}
	assert.Equal(t, 3, found)
}

// The query for failed runs knows the words that RunStatus.Failed knows.
func TestQueryOfFailedRunsKnowsTheWords(t *testing.T) {
	var words *regexp.Regexp
	for _, m := range query(t, "failed runs")[0].matchers {
		if m.label == "promptorchestra_run_status" {
			words = m.value
		}
	}
	require.NotNil(t, words)
	for _, status := range []promptorchestra.RunStatus{
		"failed", "error", "errored", "cancelled", "canceled", "timed_out", "timeout", "expired", "rejected",
		"completed", "succeeded", "success", "running", "queued", "pending", "other", "failing", "error_free", "",
	} {
		assert.Equal(t, status.Failed(), words.MatchString(string(status)), status)
	}
}
