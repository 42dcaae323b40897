package orchestratest

import "cmp"

// voiceVersion is what an agent says on the phone: a prompt version and a voice.
type voiceVersion struct {
	ID                 string  `json:"id"`
	AgentID            string  `json:"agentId"`
	VersionNumber      int     `json:"versionNumber"`
	PromptVersionID    string  `json:"promptVersionId"`
	Voice              string  `json:"voice"`
	HandoffDescription *string `json:"handoffDescription"`
	CreatedAt          string  `json:"createdAt"`
}

const defaultVoice = "alloy"

// createVoiceVersion gives an agent a voice. The agent is one that Agents.Create made: no route
// makes agents of another kind.
func (c *call) createVoiceVersion() any {
	a := find(c, &c.org.agents, "agentId")
	v := &voiceVersion{
		AgentID:            a.ID,
		VersionNumber:      len(a.voices) + 1,
		PromptVersionID:    c.input.requiredText("promptVersionId"),
		Voice:              cmp.Or(c.input.text("voice"), defaultVoice),
		HandoffDescription: c.input.optionalText("handoffDescription"),
		CreatedAt:          c.srv.now(),
	}
	lookup(c, &c.org.promptVersions.table, v.PromptVersionID)
	if !c.ok() {
		return nil
	}
	v.ID = c.srv.ids.next("vav_")
	a.voices = append(a.voices, v)
	return show(v, c.input.unread())
}

// createVoiceSession opens a session with the newest voice version and plays it to its end at once:
// each tool is called one time, and nothing is handed off.
func (c *call) createVoiceSession() any {
	a := find(c, &c.org.agents, "agentId")
	if len(a.voices) == 0 {
		c.fail(conflict("The agent has no voice version"))
		return nil
	}
	v := a.voices[len(a.voices)-1]
	spoken := lookup(c, &c.org.promptVersions.table, v.PromptVersionID)
	p := lookup(c, &c.org.prompts, spoken.PromptID)
	if !c.ok() {
		return nil
	}
	j := c.promptJob(p, spoken, map[string]any{})
	created := c.srv.now()
	done := c.perform(j)
	session := &realtimeSession{
		ID: c.srv.ids.next("rts_"), OrganizationID: c.org.id, RootAgentID: a.ID, RootAgentVersionID: v.ID,
		RootAgentVersionNumber: v.VersionNumber, Provider: j.model.Provider, Model: realtimeModel,
		ExternalSessionID: c.srv.ids.next("sess_"), TransportType: "webrtc", LatencyMs: done.latencyMs,
		CompletionState: done.status(), CreatedAt: created, CompletedAt: c.srv.now(), steps: done.steps,
	}
	c.org.sessions.add(session.ID, session)
	if c.runFailed(done.failure, session.ID); !c.ok() {
		return nil
	}
	tools := []string{}
	for _, t := range j.tools {
		tools = append(tools, t.ToolKey)
	}
	speaker := object{
		"agentId": a.ID, "agentVersionId": v.ID, "name": a.Name, "voice": v.Voice, "instructions": done.prompt,
		"handoffDescription": v.HandoffDescription, "tools": tools, "handoffs": []string{},
	}
	return object{ // what a browser or a phone needs to connect
		"runId": session.ID, "provider": session.Provider, "model": session.Model,
		"externalSessionId": session.ExternalSessionID, "clientSecret": c.srv.ids.secret("ek_"),
		"agentGraphSnapshot": object{"rootAgentId": a.ID, "agents": []any{speaker}},
	}
}
