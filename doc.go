// Package promptorchestra is a client for the Prompt Orchestra API: it authors, versions, publishes
// and runs prompts, skills, tools, multi-step agents and voice agents. All 56 documented endpoints
// are typed. Each failure, of the server, a proxy or the network, is one of four error types. A
// call that runs or creates something is retried only if it was not sent or was rate limited.
//
// # Start
//
// Create one [Client] with [New] or [NewFromEnv] and share it. It is immutable and safe for
// concurrent use. Its fields are the services, one for each kind of resource:
//
//	client, err := promptorchestra.New(
//		promptorchestra.WithAPIKey(key),
//		promptorchestra.WithOrganization("org_1"),
//	)
//	if err != nil {
//		return err
//	}
//	result, err := client.Skills.Run(ctx, skillID, promptorchestra.SkillRunParams{
//		Variables: map[string]any{"name": "Ada"},
//	})
//
// A method takes the context, the ids of the path in their order, its params and any number of
// [CallOption] values. It returns a pointer to a record, or a slice, and an error. On an error the
// first result is nil. Mistakes that can be found without the server, such as an empty id, are
// rejected before sending.
//
// # Services
//
// The fields of [Client], their types and their methods:
//
//   - Agents ([AgentsService]): List, All, Get, Create, Update, CreateVersion, SaveWorkflow,
//     ValidateWorkflow, SaveSteps, Publish, Run, RunAndWait, DiffVersion,
//     RollbackVersion
//   - AgentRuns ([AgentRunsService]): Get, Wait, Compare, LoadInputs, RerunFromStep
//   - Prompts ([PromptsService]): List, All, Get, Create, Update, CreateVersion, Publish, Run,
//     AttachTool
//   - Runs ([RunsService]): List, All, Get, Find
//   - Skills ([SkillsService]): List, All, Get, Create, Update, CreateVersion, ReplacePrompts,
//     ReplaceTools, Publish, Preview, Run, GenerateImage, Diff
//   - SkillRuns ([SkillRunsService]): Get, Wait
//   - Tools ([ToolsService]): List, All, Get, Create, Update, CreateVersion, Diff
//   - Evaluations ([EvaluationsService]): ListCases, AllCases, CreateCase, Run, Get
//   - Models ([ModelsService]): List, All
//   - Setup ([SetupService]): Verify
//   - VoiceAgents ([VoiceAgentsService]): CreateVersion, CreateSession
//   - RealtimeSessions ([RealtimeSessionsService]): List, All, Get
//   - ServiceKeys ([ServiceKeysService]): Create
//
// Each method's comment says what the method does and returns, its HTTP method and path, its
// stability, the credential and scope that it needs, whether it is idempotent, and which errors to
// expect.
//
// # Credentials and organizations
//
// There are two kinds of credential. An access token belongs to a user and is short-lived:
// [WithAccessToken]. An API key belongs to one organization and has scopes: [WithAPIKey]. A client
// that has both kinds uses the access token. It does not fall back to the other kind after a failed
// request.
//
// [WithAccessTokenSource] and [WithAPIKeySource] set a function that is called before each attempt,
// so that it can renew the token. If it returns "", it has no token for the organization, and the
// client uses the other kind of credential if it has one and the route takes it. If the server
// rejects the token, the source is called once more: see [RejectedToken]. Use [WithoutCredential]
// if a sidecar or gateway adds the credential.
//
// [AgentsService.Run], [AgentRunsService.RerunFromStep] and [ServiceKeysService.Create] take an
// access token only. With an API key alone, such a call is rejected with an [*ArgumentError] before
// sending.
//
// Every call belongs to one organization. The SDK sends its id in the query of a GET and in the
// body of every other call. [WithOrganization] sets it, and [Client.InOrganization] returns the
// same client for another organization. Without an organization nothing is sent, and the error
// matches [ErrMissingOrganization].
//
// [NewFromEnv] reads PROMPT_ORCHESTRA_BASE_URL, PROMPT_ORCHESTRA_ORGANIZATION_ID,
// PROMPT_ORCHESTRA_ACCESS_TOKEN and PROMPT_ORCHESTRA_API_KEY, or
// PROMPT_ORCHESTRA_AUTHORING_API_KEY. [SetupService.Verify] checks the credential and the
// organization at the server.
//
// # Errors
//
// A failed call returns one of these types, which errors.As finds through wrapping:
//
//	*APIError        the server responded with a status other than 2xx
//	*TransportError  no response came, or the context ended between two attempts
//	*DecodeError     the status was 2xx, but the response cannot be used
//	*ArgumentError   the SDK rejected the call before sending
//
// All four embed [CallInfo], which says which call failed: Op, Method, Path (the template),
// Organization, Resource (the ids of the call by name), Attempts and Idempotent. An [*APIError]
// adds the status, the Kind, and what the body said, of which up to 1 MiB is read. Its RawBody is
// the first 64 KiB as sent.
//
// Ask [OutcomeUnknown] first: it reports whether a call that is not idempotent may have had its
// effect. Do not retry such a call before you check; [RunID] may name the run. [IsRetryable]
// reports whether the same call can be retried safely and may succeed, and [RetryAfter] returns how
// long the server asked to wait. [KindOf] returns any error's kind, for a switch. For an
// [*APIError] it depends on the body's code first, and then on the status:
//
//	KindMissingOrganization  400 whose text names organizationId
//	KindInvalidRequest       other 400s; 405, 406, 411 to 417
//	KindAuthentication       401: the token is missing, invalid or expired
//	KindEntitlement          402: seats, AI or voice features not in the plan
//	KindPermission           403: credential kind, scope or organization is wrong
//	KindNotFound             404: no such record in the organization
//	KindConflict             409: the state of the record does not allow it
//	KindInvalidGraph         422 with code AGENT_GRAPH_INVALID: see Details
//	KindValidation           other 422s
//	KindRateLimited          429
//	KindServer               5xx: the server or a provider behind it failed
//	KindUnknown              redirects, other statuses, and a 403 or 404 without a
//	                         JSON body, which a proxy or a wrong base URL returns
//
// The other three types have these kinds:
//
//	KindCanceled   the caller's context was cancelled
//	KindTimeout    a deadline passed: the context's, the attempt's or the network's
//	KindTransport  no response came for another reason, or a token source failed
//	KindDecode     the call succeeded, and its response cannot be used
//	KindArgument   rejected by the SDK before sending
//
// The helpers go by the status alone: [IsBadRequest] 400, [IsUnauthorized] 401, [IsEntitlement]
// 402, [IsForbidden] 403, [IsNotFound] 404, [IsConflict] 409, [IsValidation] 422, [IsRateLimited]
// 429 and [IsServer] 5xx. They are functions that take any error, and methods of [*APIError].
//
// A method's comment lists the errors to expect in addition to those of every call, which are the
// four types and the kinds KindMissingOrganization, KindAuthentication, KindPermission,
// KindEntitlement (an organization with too few seats), KindRateLimited, KindServer and
// KindUnknown. The API documents the statuses, but not which route returns which. So these lists,
// and KindConflict above all, are expectations, not promises.
//
// The text of an error is one line without control characters, JSON bodies or tokens. As a slog
// value, an error is a group of attributes. [Client.Diagnose] looks for the cause of a failure step
// by step, with calls that change nothing.
//
// # Retries
//
// The client retries up to three times. A method's comment says whether its call is idempotent,
// which decides what it is retried on:
//
//	class           calls                       retried on
//	idempotent      reads, updates,             network errors (no response, or
//	                replacements, previews,     a truncated one), 408, 429, and
//	                checks                      5xx except 501 and 505
//	not idempotent  executions, creations,      429, and failures where the
//	                publishing, rolling back,   request was certainly not sent
//	                AttachTool, SaveSteps       (dial, TLS, proxy)
//
// The SDK assumes that a 429 had no effect, because a rate limit rejects a request before the work
// begins. It does not assume this if the body names a run or was not read to its end. All this
// holds within one process: to survive the death of a worker, a job needs a durable record, which
// package jobs keeps, and [RunsService.Find] to look for the run. These are never retried:
//
//   - a call that is not idempotent, when it was sent and no response came, when its response is
//     truncated, or when the status is 5xx,
//   - a failure whose body says "retryable": false,
//   - a 2xx response that is empty, null, HTML or too large: a retry would get the same,
//   - a failure that will not pass by itself, such as a certificate that cannot be verified, a
//     proxy that rejects the connection with a 4xx, or a token source that fails,
//   - a streamed list, once its response has begun.
//
// Each wait is a random time below a bound, which doubles from 500 ms to 8 s. When the server sends
// Retry-After, the client waits for that time, up to a minute, and up to a quarter longer, so that
// clients do not all return at once. When the server asks for more than a minute, or the wait would
// outlast the context's deadline, the failure is returned at once.
//
// A retry budget of 100 keeps retries from amplifying an outage. A client shares it with the
// clients that InOrganization returns. Each retry takes one from it when it is sent, and each
// response that gives no reason to retry puts one back. If the budget is empty, the call returns
// the failure it had, and the error says why. Retries after a 429 with Retry-After are free, and
// other 429s have a budget for each organization. RetryPolicy.Budget changes the number.
//
// [WithRetry] changes the number of retries and the waits of a client. For one call, [WithoutRetry]
// turns retries off, and [WithIdempotent] declares the call idempotent. The API has no idempotency
// keys.
//
// The default transport speaks HTTP/1.1, so that the client knows which requests were sent when the
// server closes connections. [WithHTTPClient], [WithTransport] and [WithTransportWrapper] say how
// to change it, and what a RoundTripper must do. A RoundTripper that rejects requests itself
// returns an error that wraps [ErrNotSent].
//
// # Timeouts
//
// [WithTimeout], for a client or for a call, limits each attempt, and [WithExecutionTimeout] each
// attempt of an execution. A deadline of the context limits the whole call, waits included. If both
// are given, the earlier one counts. Without either, an attempt may take one minute, or ten minutes
// for an execution. A call with retries may take several times as long: give the context a deadline
// if that matters. The Timeout of a client given to [WithHTTPClient] replaces these defaults. For a
// streamed list, the timeout limits the time to the headers, and then each read.
//
// The error of a call that timed out matches [context.DeadlineExceeded]. It is a [*TransportError]
// or, when the response had begun, a [*DecodeError] or an [*APIError].
//
// [AgentRunsService.Wait] and [SkillRunsService.Wait] poll a run until it has ended, and
// [AgentsService.RunAndWait] also starts it. [WithPollInterval] sets the waits.
//
// # Streaming lists
//
// The API does not paginate, so a list may have any size. Each List method has a twin, All, with
// the same arguments. It yields one element at a time while the response arrives, in constant
// memory:
//
//	for run, err := range client.Runs.All(ctx) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(run.ID, run.Status)
//	}
//
// The loop ends after an error. A truncated list yields the elements that arrived, and then a
// [*DecodeError]. Leaving the loop early closes the connection. Each range over the result is a new
// call. [WithMaxResponseBytes] limits each element, not the list.
//
// # Optional fields
//
// The fields of update params, and the temperature of a prompt version, have the type [Opt], which
// has three states:
//
//	params.Description = promptorchestra.Opt[string]{}  // keeps it; the zero value
//	params.Description = promptorchestra.Null[string]() // clears it
//	params.Description = promptorchestra.Set("")        // sets it, here to ""
//
// In other params an optional field that is zero is left out. Variables, configs and schemas have
// the type any: a map, a struct, or raw JSON as [RawJSON], [encoding/json.RawMessage] or []byte.
//
// In records, a field that is missing or null in the response is zero. The user's own data, and
// fields whose type is not documented, are [RawJSON]: read them with Decode. A null stays null
// there. Types such as [RunStatus] are open: a value that this version does not know is kept as it
// is.
//
// # Undocumented fields and endpoints
//
// The API changes faster than its documentation. What is not documented can be reached too:
//
//   - [WithInto] decodes the same response into a type of your own as well.
//   - Extra keeps the undocumented fields of a [Workflow], its steps and transitions, of a
//     [PromptAttachment], a [ToolAttachment] and a [ToolCapability], and sends
//     them back.
//   - [WithExtraBody] and [WithExtraQuery] send what the params do not have.
//   - [WithResponse] returns the status, the headers and the body.
//   - [Client.Do] calls an endpoint that has no method here.
//
// They use the same credentials, organization, limits and errors as every other call; the
// organization cannot be changed. For Do, only GET and PUT count as idempotent, and the default
// timeout is one minute for executions too. If out is nil, the response is not decoded.
//
// # Unusual responses
//
// What the SDK returns for a response that is not as it should be:
//
//	204 or 205                  no error: a zero record, or an empty slice
//	2xx, empty, null or HTML    *DecodeError
//	2xx, not JSON or truncated  *DecodeError
//	2xx, one of the API's       *DecodeError with what the failure says
//	  failures
//	2xx, a record inside an     no error: the record is found, if there is just one
//	  object
//	2xx, not an object          *DecodeError, where a record is expected
//	2xx, an object              for a list: the one array in it, else *DecodeError
//	a field in snake_case, or   no error: both spellings are read
//	  camelCase
//	"0.5" for a number, 4711    no error: read all the same
//	  for an id
//	a field of another type     no error: that field is zero, the others are read
//	an unknown field            no error: WithInto reads it
//	a time of unknown format    no error: a zero Timestamp
//	a byte order mark           no error: ignored
//	gzip without being asked    no error: read; other codings are named in the error
//	3xx                         *APIError: no redirect is followed
//	4xx, 5xx with any body      *APIError: Shape says what the body was
//
// A [*DecodeError] means that the call may have had its effect. Its Body is what arrived, up to the
// limit.
//
// # Secrets
//
// A client prints no token with any verb of fmt, and no error's text contains one. If a server
// echoes the call's token, the bodies in errors and in [Response] have "[redacted]" instead. Values
// that are shown only once, such as a new API key, have the type [Secret]: they print as
// "[redacted]", also in slog and JSON, and [Secret.Reveal] returns them. RawBody of [APIError],
// Body of [DecodeError] and Body of [Response] are what the server sent, which may be the user's
// own data: log the error, not those fields.
//
// Plain http is rejected for hosts other than loopback, unless [WithInsecureHTTP] allows it.
//
// # Testing
//
// Package orchestratest is a stateful emulator of the API on loopback, with its failures:
//
//	srv := orchestratest.NewServer()
//	defer srv.Close()
//	client := srv.Client()
//	srv.Restrict(orchestratest.AI(false)) // executions return 402
//
// Every field of the error types can be set, so a test can build the error that it needs.
// [NewSecret] does the same for secrets.
//
// # Observability
//
// [WithObserver] sets a function that is called when a call begins and when it ends, with the
// result. Traces, metrics and audits can be built on it without changes at the call sites.
// [WithLogger] logs each attempt and each call with log/slog: names and numbers only, never bodies,
// queries, resource ids or tokens. A RoundTripper given to [WithTransport] or
// [WithTransportWrapper] sees each attempt, and [Operation] returns which call the attempt belongs
// to. The request id of a failure is in its error.
//
// # Compatibility and stability
//
// The module follows semantic versioning, and User-Agent contains [Version]. A minor version may
// add fields, constants and options: name the fields in struct literals, and keep a default case in
// a switch over a Kind or another open type.
//
// The API makes no such promise for all of its routes. A method's comment names the stability of
// its route. Stable and beta routes are the product's public surface. Classic routes are documented
// only by the older generation of the API, and the newer generation calls them non-public.
//
// "Inferred" in a comment marks what no documentation states, such as the name of a field. It is a
// guess: such a field may stay zero, and may be corrected when more is known.
package promptorchestra
