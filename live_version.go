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
func (a *AgentVersionSummary) LiveVersion() (live AgentVersionRef, found bool) {
	if a == nil {
		return live, false
	}
	published, versions := readPublished(a.PublishedVersion), a.Versions
	if published.said {
		inUse := AgentVersionRef{ID: a.VersionID, AgentID: a.ID, VersionNumber: a.VersionNumber, IsPublished: true}
		versions = append(slices.Clone(versions), inUse)
	}
	return liveVersion(published, a.ID, versions)
}

// LiveVersion returns the version that runs, and false when none is published. It goes by
// PublishedVersionID and PublishedVersionNumber; when the response has neither, it goes by Versions
// and returns the one that was published last.
//
// The result is the entry of Versions, when there is one. Otherwise it has only the fields that the
// rest of the response gives.
func (d *PromptDetail) LiveVersion() (live PromptVersion, found bool) {
	if d == nil {
		return live, false
	}
	published := publishedVersion{id: d.PublishedVersionID, number: d.PublishedVersionNumber}
	published.said = published.isVersion()
	return liveVersion(published, d.ID, d.Versions)
}

// LiveVersion returns the version that runs by default, and false when none is published. It goes
// by PublishedVersion as [AgentVersionSummary.LiveVersion] does, and by Versions when the response
// says nothing there.
//
// The result is the entry of Versions, when there is one. Otherwise it has only the fields that the
// rest of the response gives.
func (d *SkillDetail) LiveVersion() (live SkillVersion, found bool) {
	if d == nil {
		return live, false
	}
	return liveVersion(readPublished(d.PublishedVersion), d.ID, d.Versions)
}

// versionView has what LiveVersion reads and writes in a version of any kind.
type versionView struct {
	id, of      *string // of is the agent, prompt or skill
	number      *int
	isPublished *bool
	status      VersionStatus
	publishedAt Timestamp
}

// viewer is a version of some kind.
type viewer[T any] interface {
	*T
	view() versionView
}

func (v *AgentVersionRef) view() versionView {
	return versionView{&v.ID, &v.AgentID, &v.VersionNumber, &v.IsPublished, v.Status, v.PublishedAt}
}

func (v *PromptVersion) view() versionView {
	return versionView{&v.ID, &v.PromptID, &v.VersionNumber, &v.IsPublished, v.Status, v.PublishedAt}
}

func (v *SkillVersion) view() versionView {
	return versionView{&v.ID, &v.SkillID, &v.VersionNumber, &v.IsPublished, v.Status, v.PublishedAt}
}

// publishedVersion is what a response says of the published version.
type publishedVersion struct {
	said   bool   // it says which one, or that there is none
	id     string // "" for none, and where it gives the number alone
	number int
	object RawJSON // the version itself, or nil
}

func (p publishedVersion) isVersion() bool { return p.id != "" && p.id != "0" || p.number != 0 }

// readPublished reads a member of any JSON type.
func readPublished(raw RawJSON) (p publishedVersion) {
	var value any
	if raw.Decode(&value) != nil {
		return p // such as a number beyond float64, of which encoding/json may leave the largest one
	}
	switch value := value.(type) {
	case nil:
		p.said = true
	case string:
		p.said, p.id = true, value
	case float64:
		p.said, p.id = true, strconv.FormatFloat(value, 'f', -1, 64)
	case map[string]any:
		var named struct {
			ID            string `json:"id"`
			VersionID     string `json:"versionId"`
			VersionNumber int    `json:"versionNumber"`
		}
		_ = lenient.Unmarshal(raw, &named, nil) // an object always decodes
		p = publishedVersion{id: cmp.Or(named.ID, named.VersionID), number: named.VersionNumber, object: raw}
		p.said = p.isVersion()
		return p
	}
	if number, err := strconv.Atoi(p.id); err == nil {
		p.number = number
	}
	return p
}

// liveVersion returns the known version that a response names, or what the response says of it. If
// it says nothing, that is the version that was published last.
func liveVersion[T any, V viewer[T]](published publishedVersion, of string, known []T) (live T, found bool) {
	switch {
	case !published.said:
		return lastPublished[T, V](known)
	case !published.isVersion():
		return live, false
	}
	at := slices.IndexFunc(known, func(v T) bool { return published.id != "" && *V(&v).view().id == published.id })
	if at < 0 {
		at = slices.IndexFunc(known, func(v T) bool { return published.number != 0 && *V(&v).view().number == published.number })
	}
	if at >= 0 {
		return known[at], true
	}
	_ = published.object.Decode(&live) // a field of another type stays zero
	v := V(&live).view()
	*v.id, *v.of = cmp.Or(*v.id, published.id), cmp.Or(*v.of, of)
	*v.number, *v.isPublished = published.number, true
	if *v.id == strconv.Itoa(published.number) {
		*v.id = "" // a number alone is a version's number
	}
	return live, true
}

func lastPublished[T any, V viewer[T]](versions []T) (live T, found bool) {
	published := slices.DeleteFunc(slices.Clone(versions), func(version T) bool {
		v := V(&version).view()
		return !*v.isPublished && v.status != VersionStatusPublished
	})
	if len(published) == 0 {
		return live, false
	}
	return slices.MaxFunc(published, func(a, b T) int {
		v, other := V(&a).view(), V(&b).view()
		return cmp.Or(v.publishedAt.Compare(other.publishedAt.Time), cmp.Compare(*v.number, *other.number))
	}), true
}
