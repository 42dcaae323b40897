#!/usr/bin/env bash
# The authoring loop of an agent with nothing but curl, against the emulator: create, version,
# validate, save, publish, run, get, compare, roll back.
set -euo pipefail
cd "$(dirname "$0")/../.."

# shellcheck source=examples/curl/emulator.sh
. examples/curl/emulator.sh

prompt=$(call POST /api/prompts '"name":"Greeting","promptKey":"greeting"' | member id)
prompt_version=$(call POST "/api/prompts/$prompt/versions" '"content":"Hello {{name}}!"' | member id)
call POST "/api/prompts/$prompt/publish" "\"versionId\":\"$prompt_version\"" >/dev/null
say "prompt published" "$prompt"

agent=$(call POST /api/agents '"name":"Greeter"' | member id)
say "agent created" "$agent"
version=$(call POST "/api/agents/$agent/versions" | member id)
say "version created" "$version"

# An empty graph is rejected with 422 and the reason.
refused=$(call POST "/api/agents/$agent/publish" "\"versionId\":\"$version\"" 2>/dev/null || true)
say "publish refused" "$refused"

workflow="\"entryStepKey\":\"greet\",
  \"steps\":[
    {\"stepKey\":\"greet\",\"name\":\"Greet\",\"stepType\":\"prompt_step\",\"promptId\":\"$prompt\",\"positionIndex\":0},
    {\"stepKey\":\"done\",\"name\":\"Done\",\"stepType\":\"return_step\",\"positionIndex\":1}],
  \"transitions\":[{\"fromStepKey\":\"greet\",\"toStepKey\":\"done\",\"transitionType\":\"next\"}]"
verdict=$(call POST "/api/agent-versions/$version/workflow/validate" "$workflow")
say "workflow validated" "$verdict"
call PUT "/api/agent-versions/$version/workflow" "$workflow" >/dev/null
say "workflow saved" "$version"
published=$(call POST "/api/agents/$agent/publish" "\"versionId\":\"$version\"" | member versionId)
say "agent published" "$published"

first=$(call POST "/api/agents/$agent/run" '"variables":{"name":"Ada"}' | member runId)
second=$(call POST "/api/agents/$agent/run" '"variables":{"name":"Grace"}' | member runId)
say "agent ran" "$first $second"
# A run is running at first: it is over when a GET says so.
output=$(call GET "/api/agent-runs/$first" | member output)
say "output" "$output"
call GET "/api/agent-runs/$second" >/dev/null
changed=$(call GET "/api/agent-runs/compare?leftRunId=$first&rightRunId=$second" | member after)
say "runs compared" "$changed"

second_version=$(call POST "/api/agents/$agent/versions" | member id)
call PUT "/api/agent-versions/$second_version/workflow" "${workflow//Greet\"/Greet again\"}" >/dev/null
call POST "/api/agents/$agent/publish" "\"versionId\":\"$second_version\"" >/dev/null
say "version 2 published" "$second_version"
changed=$(call GET "/api/agents/$agent/versions/$second_version/diff?againstVersionId=$version" | member after)
say "versions compared" "$changed"
back=$(call POST "/api/agents/$agent/versions/$version/rollback" | member rolledBackFromVersionId)
say "rolled back to" "$back"
