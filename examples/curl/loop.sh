#!/usr/bin/env bash
# The authoring loop of an agent with nothing but curl, against the emulator: create,
# version, validate, save, publish, run, get, compare, roll back.
set -euo pipefail
cd "$(dirname "$0")/../.."

scratch=$(mktemp -d)
trap 'kill "${emulator:-}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$scratch"' EXIT

go build -o "$scratch/emulator" ./cmd/promptorchestra-emulator
: >"$scratch/env"
"$scratch/emulator" -addr 127.0.0.1:0 >"$scratch/env" 2>"$scratch/log" &
emulator=$!
until [ "$(wc -l <"$scratch/env")" -eq 4 ]; do
	kill -0 "$emulator" || { cat "$scratch/log" >&2; exit 1; }
	sleep 0.1
done
# shellcheck disable=SC1091
. "$scratch/env"
org=$PROMPT_ORCHESTRA_ORGANIZATION_ID

# call METHOD PATH [BODY MEMBERS] sends a request and prints the answer. The
# organization goes into the query of a GET and into the body of the rest.
call() {
	local url=$PROMPT_ORCHESTRA_BASE_URL$2
	local args=(--noproxy '*' --silent --show-error --fail-with-body --request "$1" --header "Authorization: Bearer $PROMPT_ORCHESTRA_ACCESS_TOKEN")
	if [ "$1" = GET ]; then
		case $url in *\?*) url+="&" ;; *) url+="?" ;; esac
		url+="organizationId=$org"
	else
		args+=(--header 'Content-Type: application/json' --data "{\"organizationId\":\"$org\"${3:+,$3}}")
	fi
	curl "${args[@]}" "$url"
}

# member NAME prints the first member of that name whose value is a string; without
# one it fails. (sed reads on to the end, where head would break the pipe.)
member() { grep -oE "\"$1\":\"[^\"]*\"" | sed -n 1p | cut -d '"' -f 4; }

say() { printf '%-22s %s\n' "$1" "$2"; }

prompt=$(call POST /api/prompts '"name":"Greeting","promptKey":"greeting"' | member id)
prompt_version=$(call POST "/api/prompts/$prompt/versions" '"content":"Hello {{name}}!"' | member id)
call POST "/api/prompts/$prompt/publish" "\"versionId\":\"$prompt_version\"" >/dev/null
say "prompt published" "$prompt"

agent=$(call POST /api/agents '"name":"Greeter"' | member id)
say "agent created" "$agent"
version=$(call POST "/api/agents/$agent/versions" | member id)
say "version created" "$version"

# An empty graph is refused with 422 and the reason.
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
output=$(call GET "/api/agent-runs/$first" | member output)
say "output" "$output"
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
