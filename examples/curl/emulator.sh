# shellcheck shell=bash
# Sourced by the examples beside this file: starts an emulator for as long as the script runs, and
# has what calls it with nothing but curl. EMULATOR names a built emulator; without it Go builds one.

scratch=$(mktemp -d)
trap 'kill "${emulator:-}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$scratch"' EXIT

if [ -z "${EMULATOR:-}" ]; then
	EMULATOR=$scratch/emulator
	go build -o "$EMULATOR" ./cmd/promptorchestra-emulator
fi
: >"$scratch/env"
"$EMULATOR" -addr 127.0.0.1:0 -control >"$scratch/env" 2>"$scratch/log" &
emulator=$!
until [ "$(wc -l <"$scratch/env")" -eq 5 ]; do
	kill -0 "$emulator" || { cat "$scratch/log" >&2; exit 1; }
	sleep 0.1
done
# shellcheck disable=SC1091
. "$scratch/env"
org=$PROMPT_ORCHESTRA_ORGANIZATION_ID

# call METHOD PATH [BODY MEMBERS] sends a request and prints the response. The organization goes into
# the query of a GET and into the body of the rest; newer routes demand publicContract.
call() {
	local url=$PROMPT_ORCHESTRA_BASE_URL$2
	case $url in *\?*) url+="&" ;; *) url+="?" ;; esac
	url+="publicContract=1"
	local args=(--noproxy '*' --silent --show-error --fail-with-body --request "$1" --header "Authorization: Bearer $PROMPT_ORCHESTRA_ACCESS_TOKEN")
	if [ "$1" = GET ]; then
		url+="&organizationId=$org"
	else
		args+=(--header 'Content-Type: application/json' --data "{\"organizationId\":\"$org\"${3:+,$3}}")
	fi
	curl "${args[@]}" "$url"
}

# control METHOD PATH [BODY] calls the emulator's control API, and fails if that rejects the order.
control() {
	curl --noproxy '*' --silent --show-error --fail-with-body --request "$1" ${3:+--header 'Content-Type: application/json' --data "$3"} "$EMULATOR_CONTROL_URL$2"
}

# member NAME prints the first member of that name whose value is a string; without one it fails.
# (sed reads on to the end, where head would break the pipe.)
member() { grep -oE "\"$1\":\"[^\"]*\"" | sed -n 1p | cut -d '"' -f 4; }

say() { printf '%-22s %s\n' "$1" "$2"; }
