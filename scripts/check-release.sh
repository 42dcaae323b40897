#!/usr/bin/env bash
# Checks that the commit may be tagged as a version, and says what is in the way:
#
#	scripts/check-release.sh 0.2.0
#
# version.go and the changelog name the version, the changelog with its date; the tags are new; the API has
# changed only as docs/versioning.md allows; and what users would get works: rehearse-release.sh. It
# changes nothing. scripts/check-release.sh X.Y.Z --tags only prints the tags, one for each released module.
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

tags=$(sed "s,\$,/v$version,; s,^\./,," scripts/released-modules)
if [ "${2:-}" = --tags ]; then
	echo "$tags"
	exit
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

for tag in $tags; do
	! git rev-parse -q --verify "refs/tags/$tag" >/dev/null || complain "$tag is there already: a tag is never used again"
done
[ -z "$(git status --porcelain)" ] || complain "the tree has changes that are not committed"

bash .ci/run --release api release || complain "the API has changed more than $version allows, or users could not use it"
exit $wrong
