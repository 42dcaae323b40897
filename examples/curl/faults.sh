#!/usr/bin/env bash
# Two failures that a client in any language should be tested with, made by the emulator's control
# API with nothing but curl: a 402 that ends when the plan is upgraded, and an execution whose
# response is lost.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=examples/curl/emulator.sh
. examples/curl/emulator.sh

prompt=$(call POST /api/prompts '"name":"Greeting"' | member id)
version=$(call POST "/api/prompts/$prompt/versions" '"content":"Hello {{name}}!"' | member id)
call POST "/api/prompts/$prompt/publish" "\"versionId\":\"$version\"" >/dev/null

# run prints what became of an execution: the response, or curl's own error without one.
run() { { call POST "/api/prompts/$prompt/run" '"variables":{"name":"Ada"}' 2>&1 || true; } | tail -n 1; }
runs() { call GET /api/runs | grep -o '"promptId"' | wc -l | tr -d ' '; }

# A plan with fewer seats than members rejects every call with 402, until it is upgraded.
control POST /limits '{"seats":3}' >/dev/null
say "with three seats" "$(run)"
control DELETE /limits
say "after the upgrade" "$(run | member outputText)"
say "runs at first" "$(runs)"

# The execution happens, and its response is lost: a client that sends it again pays twice. The list
# of runs tells what happened.
control POST /faults '{"op":"Prompts.Run","faults":[{"fault":"dropAfter"}]}' >/dev/null
say "response lost" "$(run)"
say "runs now" "$(runs)"
say "requests that arrived" "$(control GET '/requests?op=Prompts.Run' | grep -o '"requestId"' | wc -l | tr -d ' ')"

# A name that does not exist is rejected immediately, and changes nothing.
say "a misspelt fault" "$(control POST /faults '{"op":"Prompts.Run","faults":[{"fault":"dropafter"}]}' 2>/dev/null || true)"
say "faults left over" "$(control GET /faults)"
