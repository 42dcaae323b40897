// Package promptorchestra calls the Prompt Orchestra API: it authors, versions,
// publishes and runs prompts, skills, tools, multi-step agents and voice agents.
// All 56 documented endpoints are typed. Every failure, whether the server, a
// proxy or a dead network caused it, is one of four error types. A paid execution
// is never sent twice unless the first one provably did not happen.
//
// # Start
//
// Make one [Client] with [New] or [NewFromEnv] and share it. It is immutable and
// safe for concurrent use. Its fields are the services, one for each kind of
// resource:
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
// A method takes the context, the ids of the path in their order, its params and
// any number of [CallOption] values. It returns a pointer to a record, or a slice,
// and an error. On an error the first result is nil. Mistakes that can be seen
// without the server, such as an empty id, are found before anything is sent.
//
// # Credentials and organizations
//
// There are two kinds of credential. [WithAccessToken] sets a user's token, which
// is short-lived. [WithAPIKey] sets a key, which belongs to one organization and
// has scopes. [WithAccessTokenSource] and [WithAPIKeySource] set a function that is
// asked once an attempt, so that tokens can be renewed. The access token is used
// where a client has both kinds. There is no second try with the other one.
//
// Each method's comment says which credential its route takes. "Either credential"
// is followed by the scope that an API key needs, where one is documented.
// "Access token only" routes take no API key: without a token such a call is
// refused with an [*ArgumentError].
//
// Every call belongs to one organization, which the SDK puts into the query of a
// GET and into the body of everything else. [WithOrganization] sets it, and
// [Client.InOrganization] gives the same client for another one. Without one the
// error matches [ErrMissingOrganization], and nothing is sent.
//
// [NewFromEnv] reads PROMPT_ORCHESTRA_BASE_URL, PROMPT_ORCHESTRA_ORGANIZATION_ID,
// PROMPT_ORCHESTRA_ACCESS_TOKEN and PROMPT_ORCHESTRA_API_KEY. [SetupService.Verify]
// tells what the server thinks of the result.
//
// # Errors
//
// A failed call returns one of these, which errors.As finds through wrapping:
//
//	*APIError        the server answered with a failure
//	*TransportError  no answer came, or the context ended between two attempts
//	*DecodeError     the server answered 2xx, but the answer cannot be used
//	*ArgumentError   the call was refused on our side: nothing was sent
//
// All four say which call it was: Op, Method, Path (the template), Organization,
// Resource (the ids of the call by name), Attempts and Repeatable. An [*APIError]
// adds the status, the Kind, and all that the body said. What fits no field is in
// RawBody, the first 64 KiB of it. Its Kind is decided by the body's code, then by
// the status:
//
//	KindMissingOrganization  400 whose text names organizationId
//	KindInvalidRequest       other 400s; 405, 406, 411 to 417
//	KindAuthentication       401: the token is missing, invalid or expired
//	KindEntitlement          402: seats, AI or voice features not in the plan
//	KindPermission           403: credential kind, scope or organization does not fit
//	KindNotFound             404: no such record in the organization
//	KindConflict             409: something there already stands against it
//	KindInvalidGraph         422 with code AGENT_GRAPH_INVALID: see Details
//	KindValidation           other 422s
//	KindRateLimited          429
//	KindServer               5xx: the server, or a provider behind it, failed
//	KindUnknown              redirects, other statuses, and a 403 or 404 of HTML or
//	                         text, which a proxy or a wrong base URL gives
//
// The helpers go by the status alone: [IsBadRequest] 400, [IsUnauthorized] 401,
// [IsEntitlement] 402, [IsForbidden] 403, [IsNotFound] 404, [IsConflict] 409,
// [IsValidation] 422, [IsRateLimited] 429 and [IsServer] 5xx. They are functions
// for any error and methods of [*APIError]. Two more questions concern all types:
// [IsRetryable] says whether the same call may be sent again and may succeed, and
// [OutcomeUnknown] whether a call that must not be sent again may have had its
// effect. [RetryAfter] is how long the server asked to wait.
//
// Where a method's comment speaks of the errors of every call, these are meant:
// the four types, and of the kinds KindMissingOrganization, KindAuthentication,
// KindPermission, KindEntitlement (an organization with too few seats),
// KindRateLimited, KindServer and KindUnknown. The comment names what comes on top.
// The API documents the statuses, but not which route answers which of them, so
// these lists are what to expect, not a promise. This holds above all of
// KindConflict.
//
// Error returns one line without control characters, bodies or tokens. As slog
// values the errors are groups of attributes. [Client.Diagnose] looks for the cause
// of a failure step by step, with calls that change nothing.
//
// # Retries
//
// The client tries again by itself, up to three times. The class of the route
// decides what a call is repeated on. A method's comment names it:
//
//	class             calls                       repeated on
//	Repeated safely   reads, updates,             no answer, an answer cut short,
//	                  replacements, previews,     408, 429, 500, 502, 503, 504
//	                  checks
//	Never repeated    executions and creations,   429, and failures that provably
//	                  publishing, rolling back,   sent nothing (dial, TLS, proxy)
//	                  AttachTool, SaveSteps
//
// So "never repeated" means: not unless it certainly had no effect. For a 429 that
// is an assumption, that a rate limit refuses before it works. It is not made when
// the body names a run, or was not read to its end. What nothing repeats:
//
//   - an execution or creation that bytes went out for and no answer came to,
//     whose answer was cut short, or that was answered with a 5xx,
//   - a failure whose body says "retryable": false,
//   - an answer that is empty, null, HTML or too large: it would be so again,
//   - a certificate that does not verify, and a token source that fails,
//   - a streamed list, once its answer has begun.
//
// Waits are random, between nothing and a bound that doubles from 500 ms to 8 s. A
// Retry-After is waited for exactly, up to a minute. When it is longer, or the wait
// would outlast the context's deadline, the failure is returned at once. A retry
// budget keeps an outage from being amplified: a client has 100 retries, each one
// takes from it, and each success gives half of one back.
//
// [WithRetry] changes numbers and waits for a client. For one call, [WithoutRetry]
// turns retries off, and [WithRetryable] vouches that repeating is safe. The API
// has no idempotency keys.
//
// # Timeouts
//
// A context with a deadline bounds the whole call, waits included, and then
// attempts have no timeout of their own. Otherwise each attempt has one minute, or
// ten for executions, which [WithTimeout] changes for a client or a call. With
// retries a call may take that long several times over: give the context a deadline
// where that matters. The Timeout of a client given to [WithHTTPClient] bounds each
// attempt in any case, of a streamed list up to its headers.
//
// Time that ran out is an error that matches [context.DeadlineExceeded]: a
// [*TransportError], or, when the answer had begun, a [*DecodeError] or an
// [*APIError].
//
// # Streaming lists
//
// The API does not paginate, so a list may be of any size. Beside each List is an
// All with the same arguments, which yields one element at a time in constant
// memory, while the answer arrives:
//
//	for run, err := range client.Runs.All(ctx) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(run.ID, run.Status)
//	}
//
// An error is the last pair. A list that breaks off has yielded its first elements
// by then, and the error is a [*DecodeError]. Leaving the loop early closes the
// connection. Each range over the result makes a call of its own. The timeout ends
// with the answer's headers. [WithMaxResponseBytes] limits each element, not the
// list.
//
// # Optional fields
//
// Update params have fields of type [Opt], which tells three states apart, and so
// has the temperature of a prompt version:
//
//	params.Description = promptorchestra.Opt[string]{}  // keeps it; the zero value
//	params.Description = promptorchestra.Null[string]() // clears it
//	params.Description = promptorchestra.Set("")        // replaces it, here by ""
//
// Other params leave out a field that is zero, where it is optional. Variables,
// configs and schemas are of type any: a map, a struct, or raw JSON as [RawJSON],
// [encoding/json.RawMessage] or []byte.
//
// In records, a member that is missing or null is zero. The user's own data, and
// members whose type is documented nowhere, are [RawJSON], to be read with Decode;
// those keep null as it is. Types such as [RunStatus] are open: a value that this
// version does not know arrives unchanged.
//
// # What nobody documented
//
// The API changes faster than its documentation. Nothing of it is out of reach:
//
//   - [WithInto] decodes the same answer into a type of the caller's own as well.
//   - [WithExtraBody] and [WithExtraQuery] send what the params lack.
//   - [WithResponse] gives the status, the headers and the body.
//   - [Client.Do] calls an endpoint that no method wraps.
//
// Each has the same credentials, organization, limits and errors as any other
// call, and the organization cannot be overwritten. For Do, only GET and PUT
// count as repeatable, and the timeout is one minute, for executions too. When its
// out is nil, the answer is not looked at.
//
// # Odd answers
//
// What the SDK makes of an answer that is not as it should be:
//
//	204 or 205                  no error: a zero record, or an empty list
//	2xx, empty, null or HTML    *DecodeError
//	2xx, not JSON or cut short  *DecodeError
//	2xx, not an object          *DecodeError where a record is expected
//	2xx, an object              for a list: the one array in it, else *DecodeError
//	a member of another type    no error: that member is zero, the rest is there
//	an unknown member           no error: WithInto reads it
//	a time of unknown form      no error: a zero Timestamp
//	3xx                         *APIError: no redirect is followed
//	4xx, 5xx with any body      *APIError, Shape tells what the body was
//
// A [*DecodeError] means that the effect happened. Its Body is all that arrived.
//
// # Secrets
//
// A client prints no token under any verb of fmt, and no error's text holds one.
// Where a server echoes the call's token, the bodies in errors and in [Response]
// have "[redacted]" in its place. Values that are shown once, such as a new service
// key, are of type [Secret]: they print as "[redacted]", also in slog and JSON, and
// [Secret.Reveal] returns them. RawBody of [APIError], Body of [DecodeError] and
// Body of [Response] hold what the server sent, which may be the user's own data:
// log the error, not those fields.
//
// Plain http is refused for hosts other than loopback, unless [WithInsecureHTTP]
// allows it.
//
// # Testing
//
// Package orchestratest is the API on loopback, stateful and with its failures:
//
//	srv := orchestratest.NewServer()
//	defer srv.Close()
//	client := srv.Client()
//	srv.Restrict(orchestratest.AI(false)) // executions answer 402
//
// Every field of the error types may be set, so a test can build the error that it
// needs. [NewSecret] does the same for secrets.
//
// # Observability
//
// [WithLogger] logs each attempt and each call through log/slog: names and numbers
// only, no body, query, id of a resource or token. A RoundTripper given to
// [WithTransport] sees each attempt, and [Operation] tells it the method's name, the
// path template and the number of the attempt, which make good names for spans and
// labels for metrics. The request id of a failure is in its error.
//
// # Compatibility and stability
//
// The module follows semantic versioning, and [Version] is sent in User-Agent. New
// fields, constants and options may come with any minor version: name the fields in
// struct literals, and keep a default case when switching over a Kind or another
// open type.
//
// The API gives no such promise for all of its routes. A method's comment begins
// its last paragraph with the route's stability. Stable and beta routes are the
// product's public surface. Classic ones are documented by its older generation
// only, and the newer one calls them non-public.
//
// A field marked "inferred" has a name that no documentation states. It is a guess,
// may stay zero, and may be corrected when more is known.
package promptorchestra
