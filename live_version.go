package promptorchestra

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/prompt-orchestra/promptorchestra-go/internal/lenient"
)

// LiveVersion returns the version that runs by default, and false when none is published. It goes
// by PublishedVersion, which servers send as an id, a number or an object, and as null when nothing
// is published. When the response says nothing there, it goes by Versions and returns the one that
// was published last.
//
// The result is the entry of Versions, when there is one. Otherwise it has only the fields that the
// rest of the response gives.
func (a *AgentVersionSummary) LiveVersion() (AgentVersionRef, bool) {
	if a == nil {
		return AgentVersionRef{}, false
	}
	published, said := readPublished(a.PublishedVersion)
	inUse := AgentVersionRef{ID: a.VersionID, AgentID: a.ID, VersionNumber: a.VersionNumber, IsPublished: true}
	view := func(v *AgentVersionRef) versionView {
		return versionView{&v.ID, &v.AgentID, &v.VersionNumber, &v.IsPublished, v.Status, v.PublishedAt}
	}
	if !said {
		return lastPublished(a.Versions, view)
	}
	return findPublished(published, a.ID, append(slices.Clone(a.Versions), inUse), view)
}

// LiveVersion returns the version that runs, and false when none is published. It goes by
// PublishedVersionID and PublishedVersionNumber; when the response has neither, it goes by Versions
// and returns the one that was published last.
//
// The result is the entry of Versions, when there is one. Otherwise it has only the fields that the
// rest of the response gives.
func (d *PromptDetail) LiveVersion() (PromptVersion, bool) {
	if d == nil {
		return PromptVersion{}, false
	}
	published := publishedVersion{id: d.PublishedVersionID, number: d.PublishedVersionNumber}
	view := func(v *PromptVersion) versionView {
		return versionView{&v.ID, &v.PromptID, &v.VersionNumber, &v.IsPublished, v.Status, v.PublishedAt}
	}
	if published.id == "" && published.number == 0 {
		return lastPublished(d.Versions, view)
	}
	return findPublished(published, d.ID, d.Versions, view)
}

// LiveVersion returns the version that runs by default, and false when none is published. It goes
// by PublishedVersion as [AgentVersionSummary.LiveVersion] does, and by Versions when the response
// says nothing there.
//
// The result is the entry of Versions, when there is one. Otherwise it has only the fields that the
// rest of the response gives.
func (d *SkillDetail) LiveVersion() (SkillVersion, bool) {
	if d == nil {
		return SkillVersion{}, false
	}
	published, said := readPublished(d.PublishedVersion)
	view := func(v *SkillVersion) versionView {
		return versionView{&v.ID, &v.SkillID, &v.VersionNumber, &v.IsPublished, v.Status, v.PublishedAt}
	}
	if !said {
		return lastPublished(d.Versions, view)
	}
	return findPublished(published, d.ID, d.Versions, view)
}

// versionView has what LiveVersion reads and writes in a version of any kind.
type versionView struct {
	id, of      *string // of is the agent, prompt or skill
	number      *int
	isPublished *bool
	status      VersionStatus
	publishedAt Timestamp
}

// publishedVersion is what a response says of the published version: zero when none is published.
type publishedVersion struct {
	id     string
	number int
	raw    RawJSON
}

// readPublished reads a member of any JSON type. said is false when it does not tell.
func readPublished(raw RawJSON) (published publishedVersion, said bool) {
	var value any
	if raw.Decode(&value) != nil {
		return published, false
	}
	published.raw = raw
	switch value := value.(type) {
	case nil:
		return published, true
	case string, float64:
		published.id, published.number = versionID(value)
		return published, true
	case map[string]any:
		var named struct {
			ID            string `json:"id"`
			VersionID     string `json:"versionId"`
			VersionNumber int    `json:"versionNumber"`
		}
		_ = lenient.Unmarshal(raw, &named, nil) // an object always decodes
		published.id, published.number = cmp.Or(named.ID, named.VersionID), named.VersionNumber
	}
	return published, published.id != "" || published.number != 0
}

// versionID reads a JSON value as a version's id, and as its number where it is a whole number.
func versionID(value any) (id string, number int) {
	switch value := value.(type) {
	case string:
		id = value
	case float64:
		if value != 0 {
			id = strconv.FormatFloat(value, 'f', -1, 64)
		}
	}
	number, _ = strconv.Atoi(id) // 0 for an id that is no number
	return id, number
}

// findPublished returns the known version that a response names, or what the response says of it.
func findPublished[T any](published publishedVersion, of string, known []T, view func(*T) versionView) (live T, found bool) {
	if published.id == "" && published.number == 0 {
		return live, false
	}
	at := slices.IndexFunc(known, func(v T) bool { return published.id != "" && *view(&v).id == published.id })
	if at < 0 {
		at = slices.IndexFunc(known, func(v T) bool { return published.number != 0 && *view(&v).number == published.number })
	}
	if at >= 0 {
		return known[at], true
	}
	_ = published.raw.Decode(&live) // a field of another type stays zero
	v := view(&live)
	*v.id, *v.of = cmp.Or(*v.id, published.id), cmp.Or(*v.of, of)
	*v.number, *v.isPublished = published.number, true
	if *v.id == strconv.Itoa(published.number) {
		*v.id = "" // a number alone is a version's number
	}
	return live, true
}

// lastPublished returns the version that was published last.
func lastPublished[T any](versions []T, view func(*T) versionView) (live T, found bool) {
	for _, version := range versions {
		v, last := view(&version), view(&live)
		if !*v.isPublished && v.status != VersionStatusPublished {
			continue
		}
		later := cmp.Or(v.publishedAt.Compare(last.publishedAt.Time), cmp.Compare(*v.number, *last.number))
		if !found || later > 0 {
			live, found = version, true
		}
	}
	return live, found
}
