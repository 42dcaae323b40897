// Package jobs says what to do with a paid job after its call, or after a look-up, so that the job
// is paid for once even if its worker dies in the middle. It schedules, queues and waits for
// nothing: an engine does that. [AfterRun] and [AfterLookUp] decide, and an engine with a place for
// a mark of its own maps their [Decision] (examples/river, examples/temporal). For an engine
// without one, [Step] does all of it with [Marks], which [NewSQLMarks] keeps in SQLite or
// PostgreSQL.
//
// # The promise
//
// At most one execution of a job is paid for, and a job whose look-up succeeds is done or has
// failed; it is never left open. This holds however the steps of the workers interleave, and
// whenever they die, stall or meet a failure, if
//
//   - no request leaves later than Prompt.Attempt after its mark: a machine that was suspended
//     between its last look at the clock and its request breaks this,
//   - every execution is listed within Prompt.Settle of its mark,
//   - the list of recorded runs is complete,
//   - a call that was answered 402 or 429, or with another rejection of which
//     [promptorchestra.OutcomeUnknown] is false, executed nothing,
//   - the workers' clocks agree within the margin that Settle has above Attempt and the longest
//     execution.
//
// The first four are assumptions about the API and the machines that the SDK cannot check.
// TestEveryInterleavingPaysOnce explores them all, and shows for each assumption how a job is paid
// for twice without it.
//
// # How long to settle
//
// From the mark: Attempt, the longest execution that the API may take, and a margin for clocks. Too
// long costs time in the rare case. Too short costs money. A start is 5 minutes and 20 minutes.
package jobs
