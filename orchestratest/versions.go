package orchestratest

// version is what the versions of agents, prompts, skills and tools have in common.
type version struct {
	ID            string  `json:"id"`
	VersionNumber int     `json:"versionNumber"`
	Status        string  `json:"status"`
	IsPublished   bool    `json:"isPublished"`
	CreatedAt     string  `json:"createdAt"`
	PublishedAt   *string `json:"publishedAt"`

	owner string // the id of the agent, prompt, skill or tool
	extra members
}

func (v *version) head() *version { return v }

// The two states of a version. Published versions never change.
const (
	statusDraft     = "draft"
	statusPublished = "published"
)

// versionKind is one kind of version, with all versions of that kind in an organization.
type versionKind[V any] struct {
	table[V]

	owner   string // "agent"
	prefix  string // of the ids
	head    func(*V) *version
	content func(*V) any // what two versions are compared by, nil when no route compares
	records map[string]*versions[V]
}

// versions are the versions of one record, oldest first.
type versions[V any] struct {
	kind      *versionKind[V]
	owner     string // the id of the record
	label     string // the record in messages
	all       []*V
	published *V // nil before the first is published
}

// begin makes vs the versions of a new record: none.
func (k *versionKind[V]) begin(vs *versions[V], id, label string) {
	if k.records == nil {
		k.records = map[string]*versions[V]{}
	}
	*vs = versions[V]{kind: k, owner: id, label: label}
	k.records[id] = vs
}

// choose returns the version of a record to run: see versions.choose. The id of a version needs no
// record beside it.
func (k *versionKind[V]) choose(record, id string) (*V, error) {
	if record == "" && id != "" {
		return k.find(id)
	}
	vs := k.records[record]
	if vs == nil {
		return nil, notFound(k.owner, record)
	}
	return vs.choose(id)
}

// list returns all versions. It is never nil, for an empty list is [] on the wire.
func (vs *versions[V]) list() []*V { return append([]*V{}, vs.all...) }

// add adds a draft, with an id and the next number. It keeps the members of the body that were
// not read.
func (vs *versions[V]) add(c *call, v *V) *V {
	head := vs.kind.head(v)
	*head = version{
		ID: c.srv.ids.next(vs.kind.prefix), VersionNumber: len(vs.all) + 1, Status: statusDraft,
		CreatedAt: c.srv.now(), owner: vs.owner, extra: c.input.unread(),
	}
	vs.all = append(vs.all, v)
	vs.kind.add(head.ID, v)
	return v
}

// find returns a version of this record by its id.
func (vs *versions[V]) find(id string) (*V, error) {
	v := vs.kind.byID[id]
	if v == nil || vs.kind.head(v).owner != vs.owner {
		return nil, notFound(vs.kind.kind, id)
	}
	return v, nil
}

// choose returns the version that an id names, else the published one.
func (vs *versions[V]) choose(id string) (*V, error) {
	switch {
	case id != "":
		return vs.find(id)
	case vs.published == nil:
		return nil, conflict("%s has no published version", vs.label)
	}
	return vs.published, nil
}

// lookup is find for a handler: an empty version when something failed.
func (vs *versions[V]) lookup(c *call, id string) *V {
	if !c.ok() {
		return new(V)
	}
	v, err := vs.find(id)
	if c.fail(err); err != nil {
		return new(V)
	}
	return v
}

// newest returns the newest version, nil when there is none.
func (vs *versions[V]) newest() *V {
	if len(vs.all) == 0 {
		return nil
	}
	return vs.all[len(vs.all)-1]
}

// draft returns the version that an id names, else the newest draft, for a purpose such as
// "publish".
func (vs *versions[V]) draft(c *call, id, purpose string) *V {
	if id != "" || !c.ok() {
		return vs.lookup(c, id)
	}
	for i := len(vs.all) - 1; i >= 0; i-- {
		if !vs.kind.head(vs.all[i]).IsPublished {
			return vs.all[i]
		}
	}
	c.fail(conflict("The %s has no draft version to %s", vs.kind.owner, purpose))
	return new(V)
}

// toPublish returns the version to publish: the one that an id names, else the newest draft.
func (vs *versions[V]) toPublish(c *call, id string) *V {
	v := vs.draft(c, id, "publish")
	if c.ok() && v == vs.published {
		c.fail(conflict("Version %d is published already", vs.kind.head(v).VersionNumber))
	}
	return v
}

// publish makes a version the one that runs by default, now, and returns the response of every
// publish route.
func (vs *versions[V]) publish(c *call, v *V) (response object, now string) {
	head, now := vs.kind.head(v), c.srv.now()
	head.Status, head.IsPublished, head.PublishedAt = statusPublished, true, &now
	vs.published = v
	return object{
		vs.kind.owner + "Id": vs.owner, "versionId": head.ID, "versionNumber": head.VersionNumber,
		"status": statusPublished, "publishedAt": now,
	}, now
}

// diff compares the version in the path with the one that the query names, else with the version
// before it. It returns the response of every diff route.
func (vs *versions[V]) diff(c *call) any {
	v := vs.lookup(c, c.params["versionId"])
	if !c.ok() {
		return nil
	}
	head := vs.kind.head(v)
	against := vs.all[max(head.VersionNumber-2, 0)]
	if id := c.query.Get("againstVersionId"); id != "" {
		against = vs.lookup(c, id)
	}
	if !c.ok() {
		return nil
	}
	older := vs.kind.head(against)
	return object{
		vs.kind.owner + "Id": vs.owner, "versionId": head.ID, "versionNumber": head.VersionNumber,
		"againstVersionId": older.ID, "againstVersionNumber": older.VersionNumber,
		"changes": diff(vs.kind.content(against), vs.kind.content(v)),
	}
}

// checkDraft fails for a version that is published, which cannot change.
func (c *call) checkDraft(v *version) {
	if v.IsPublished {
		c.fail(conflict("Version %d is published and cannot change", v.VersionNumber))
	}
}

// record is what agents, prompts, skills and tools have in common.
type record struct {
	ID             string  `json:"id"`
	OrganizationID string  `json:"organizationId"`
	Name           string  `json:"name"`
	Description    *string `json:"description"`
	CreatedAt      string  `json:"createdAt"`
	UpdatedAt      string  `json:"updatedAt"`

	extra members
}

// readRecord reads a new record from the body. It gets its id when it is certain to be made.
func (c *call) readRecord() record {
	now := c.srv.now()
	return record{
		OrganizationID: c.org.id, Name: c.input.requiredText("name"), Description: c.input.optionalText("description"),
		CreatedAt: now, UpdatedAt: now,
	}
}

// begin gives a record its id. It keeps the members of the body that were not read.
func (r *record) begin(c *call, prefix string) {
	r.ID, r.extra = c.srv.ids.next(prefix), c.input.unread()
}

// patch changes a record by the body of a PATCH, and reports whether it did. Other members of the
// body are to be read before.
func (r *record) patch(c *call) bool {
	changed := *r
	if c.input.has("name") { // null is rejected
		changed.Name = c.input.requiredText("name")
	}
	c.input.patch("description", &changed.Description)
	if !c.ok() {
		return false
	}
	changed.UpdatedAt, changed.extra = c.srv.now(), r.extra.with(c.input.unread())
	*r = changed
	return true
}
