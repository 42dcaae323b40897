#!/usr/bin/env bash
# Checks that the commit may be tagged as a version, and says what is in the way:
#
#	scripts/check-release.sh 0.2.0
#
# version.go and the changelog name the version, the changelog with its date; the tag is new; no module
# but an example needs a local copy of another; and the API has changed only as docs/versioning.md
# allows. It changes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

version=${1:-}
wrong=0
complain() {
	echo "$*" >&2
	wrong=1
}

if ! [[ $version =~ ^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?$ ]]; then
	echo "usage: scripts/check-release.sh X.Y.Z, not \"$version\"" >&2
	exit 2
fi

in_code=$(sed -n 's/^const Version = "\(.*\)"$/\1/p' version.go)
[ "$in_code" = "$version" ] || complain "version.go says $in_code"

heading="## [$version] - "
line=$(grep -F "$heading" CHANGELOG.md | head -n 1 || true)
if [ -z "$line" ]; then
	complain "CHANGELOG.md has no heading \"$heading\" with a date"
elif ! [[ ${line#"$heading"} =~ ^20[0-9]{2}-[0-9]{2}-[0-9]{2}$ ]]; then
	complain "CHANGELOG.md gives $version no date: \"$line\""
fi
unreleased=$(awk '/^## \[Unreleased\]/ { on = 1; next } /^## |^\[/ { on = 0 } on && NF' CHANGELOG.md)
[ -z "$unreleased" ] || complain "CHANGELOG.md still lists changes as unreleased"

! git rev-parse -q --verify "refs/tags/v$version" >/dev/null || complain "v$version is tagged already: a tag is never used again"
[ -z "$(git status --porcelain)" ] || complain "the tree has changes that are not committed"

bash .ci/run api || complain "the API has changed more than $version allows"
exit $wrong
