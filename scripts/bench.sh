#!/usr/bin/env bash
# Measures the SDK beside hand-written net/http, on the installed Go and on the newest one, and prints the tables of
# docs/performance.md: medians of some runs, 5 by default. A busy machine spoils the times.
# Usage: scripts/bench.sh [runs]
set -euo pipefail
cd "$(dirname "$0")/.."
newest=go$(sed -n 's/^newest_go=\([0-9.]*\).*/\1/p' .ci/run)
for release in local "$newest"; do
	GOTOOLCHAIN=$release go version
	GOTOOLCHAIN=$release go test -run '^$' -bench 'InProcess|Loopback|Parallel|Stream' \
		-benchtime "${BENCHTIME:-1s}" -count "${1:-5}" .
done | tee /dev/stderr | go run ./internal/benchtable
