#!/usr/bin/env bash
# Rehearses a release of HEAD: builds what users would get, and uses it as they would.
#
#	scripts/rehearse-release.sh
#
# A scratch clone gets the tags of the version that version.go names. From its tags Go makes a module
# proxy in a folder, and from there new modules take each released module: on the oldest Go that its
# go.mod allows and on the newest, without a replace directive. Then the comparison of the API is tried:
# it must accept the tagged version and reject a planted break. Nothing outside the scratch folder changes.
# The exit status is 77 if a Go release cannot be had.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

newest_go=$(sed -n 's/^newest_go=\([0-9.]*\).*/\1/p' .ci/run)
module=$(GOWORK=off go list -m)
version=v$(sed -n 's/^const Version = "\(.*\)"$/\1/p' version.go)
export GOWORK=off GIT_TERMINAL_PROMPT=0
scratch=$(mktemp -d)
clone=$scratch/clone
trap 'chmod -R u+w "$scratch" && rm -rf "$scratch"' EXIT

fail() {
	echo "$*" >&2
	exit 1
}

# path_of and tag_of take the folder of a released module.
path_of() { if [ "$1" = . ]; then echo "$module"; else echo "$module/$1"; fi; }
tag_of() { if [ "$1" = . ]; then echo "$version"; else echo "$1/$version"; fi; }

# go_of prints the go command of a release, which it fetches if need be.
go_of() { echo "$(GOTOOLCHAIN=go$1 go env GOROOT)/bin/go"; }

git clone --quiet --no-tags . "$clone"
for dir in $(cat scripts/released-modules); do
	git -C "$clone" tag "$(tag_of "$dir")"
	[ "$dir" = . ] || grep -q "^	$module $version\$" "$clone/$dir/go.mod" || fail "$dir/go.mod does not require $module $version"
done

echo "-- the modules, as Go reads them from the tags"
# Only its own module cache may hold modules of these tags: the caller's would keep them.
shared=$(go env GOMODCACHE)/cache/download
made=$scratch/made
mkdir "$scratch/empty"
for dir in $(cat scripts/released-modules); do
	(
		cd "$scratch/empty"
		export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="url.file://$clone.insteadOf" GIT_CONFIG_VALUE_0="https://$module"
		GOMODCACHE=$made GOPROXY=direct GONOSUMDB=$module GOTOOLCHAIN=local go mod download "$(path_of "$dir")@$version"
	)
	[ -f "$made/$(path_of "$dir")@$version/LICENSE" ] || fail "$(path_of "$dir") has no LICENSE: pkg.go.dev would not show it"
	echo "$(path_of "$dir")@$version: $(find "$made/$(path_of "$dir")@$version" -type f | wc -l) files"
done
GOPROXY=file://$made/cache/download,file://$shared,$(go env GOPROXY)
export GOPROXY GONOSUMDB=$module GOMODCACHE=$scratch/cache GOFLAGS=-mod=mod

# use makes a new module that takes a released one, and runs its documented examples there.
use() {
	local dir=$1 release=$2 app=$scratch/app-${1//[.\/]/_}-$2 go
	go=$(GOMODCACHE='' go_of "$release") || { echo "SKIPPED: Go $release cannot be fetched here"; exit 77; }
	mkdir "$app"
	cp "$clone/$dir/example_test.go" "$app"
	cd "$app"
	export GOTOOLCHAIN=local
	"$go" mod init example.com/app 2>/dev/null
	"$go" get "$(path_of "$dir")@$version"
	"$go" test -vet=off .
	! grep -n replace go.mod || fail "it has a replace directive"
	if [ "$dir" = . ]; then
		GOBIN=$app "$go" install "$module/cmd/promptorchestra-emulator@$version"
		./promptorchestra-emulator -h 2>/dev/null
	fi
}

for dir in $(cat scripts/released-modules); do
	for release in "$(sed -n 's/^go //p' "$clone/$dir/go.mod")" "$newest_go"; do
		echo "-- a new module with $(path_of "$dir") on Go $release"
		(use "$dir" "$release")
	done
	[ "$dir" != . ] || continue
	echo "-- the tests of $dir, with the released $module"
	(cd "$clone/$dir" && go mod edit -dropreplace="$module" && go test ./...)
	git -C "$clone" checkout --quiet .
done

echo "-- what the comparison of the API says to a planted break"
unset GOPROXY GONOSUMDB GOMODCACHE GOFLAGS
mkdir "$clone/bin"
[ ! -x bin/apidiff ] || cp bin/apidiff "$clone/bin/"
cd "$clone"
commit() { git -c user.name=rehearsal -c user.email=rehearsal@localhost commit --quiet --all --message "$1"; }
compare() { bash .ci/run api >"$scratch/compared" 2>&1; }
compare || { cat "$scratch/compared"; fail "it rejects the tagged version"; }
for dir in $(cat scripts/released-modules); do
	printf 'package %s\n\n// Planted is there to be removed.\nfunc Planted() {}\n' "$(go -C "$dir" list -f '{{.Name}}' .)" >"$dir/planted.go"
	git add "$dir/planted.go"
done
commit "with Planted"
for dir in $(cat scripts/released-modules); do
	git tag --force "$(tag_of "$dir")" >/dev/null
	git rm --quiet "$dir/planted.go"
done
commit "without Planted"
! compare || { cat "$scratch/compared"; fail "it accepts that a function is gone"; }
for dir in $(cat scripts/released-modules); do
	grep -A 1 "^incompatible since $(tag_of "$dir"):" "$scratch/compared" | grep 'Planted: removed' || {
		cat "$scratch/compared"
		fail "it did not notice the break in $dir"
	}
done
