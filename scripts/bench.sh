#!/usr/bin/env bash
# Measures the SDK beside hand-written net/http and prints the medians.
# Usage: scripts/bench.sh [runs], 5 by default. GOTOOLCHAIN chooses the release.
set -euo pipefail
cd "$(dirname "$0")/.."
go version
go test -run '^$' -bench 'InProcess|Loopback|Parallel|Stream' -benchtime "${BENCHTIME:-1s}" -count "${1:-5}" . | tee /dev/stderr | go run ./internal/benchtable
