package promptorchestra

// CallInfo says which call an error, an observer or a request is about.
type CallInfo struct {
	Op           string            // the method, such as "Agents.Publish"; "Do" for [Client.Do]
	Method       string            // HTTP method
	Path         string            // path template, such as "/api/agents/{agentId}/publish"
	Organization string            // the organization of the call
	Resource     map[string]string // every id of the call by name, those in the body too; nil when there is none
	Attempts     int               // number of attempts sent so far
	Repeatable   bool              // whether the call is idempotent, or [WithRetryable] said so
}
