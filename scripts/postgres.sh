#!/usr/bin/env bash
# Runs a command with DATABASE_URL naming a PostgreSQL that it starts in a scratch folder and
# stops afterwards, whatever becomes of the command:
#
#	scripts/postgres.sh go -C examples/river test ./...
#
# It takes the PostgreSQL that is installed; as root, where there is none, it installs Debian's. The exit
# status is the command's, or 77 where no PostgreSQL can be had: it says so.
set -euo pipefail

skip() {
	echo "SKIPPED: $*" >&2
	exit 77
}

# find_binaries prints the folder of initdb and pg_ctl, the newest if there are several.
find_binaries() {
	local dir
	for dir in $(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -Vr) \
		"$(pg_config --bindir 2>/dev/null || true)" "$(dirname "$(command -v initdb || echo /none/none)")"; do
		if [ -x "$dir/initdb" ] && [ -x "$dir/pg_ctl" ]; then
			echo "$dir"
			return
		fi
	done
	return 1
}

install_postgres() {
	[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
	mkdir -p /etc/postgresql-common
	# Debian would make and start a server as well.
	[ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
	{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql; } >&2
}

[ $# -gt 0 ] || { sed -n 's/^# \{0,1\}//; 2,8p' "$0" >&2; exit 2; }
bin=$(find_binaries) || { install_postgres && bin=$(find_binaries); } || skip "there is no PostgreSQL, and none can be installed"

scratch=$(mktemp -d /tmp/postgres.XXXXXX) # a short path: it holds the socket
# initdb refuses to be run by root.
as_owner=()
if [ "$(id -u)" = 0 ]; then
	owner=postgres
	id "$owner" >/dev/null 2>&1 || owner=nobody
	chown "$owner" "$scratch"
	as_owner=(setpriv --reuid "$owner" --regid "$(id -g "$owner")" --clear-groups env HOME="$scratch")
fi
pg() { (cd "$scratch" && "${as_owner[@]+"${as_owner[@]}"}" "$@"); }

stop() {
	pg "$bin/pg_ctl" -D "$scratch/data" -m immediate -w stop >/dev/null 2>&1 || true
	rm -rf "$scratch"
}
trap stop EXIT
trap 'exit 130' INT TERM HUP PIPE

pg "$bin/initdb" -D "$scratch/data" -U postgres -A trust -N >"$scratch/initdb.log" 2>&1 || { cat "$scratch/initdb.log" >&2; exit 1; }
# A socket in the scratch folder, no port. What is lost when the machine stops is of no interest here.
pg "$bin/pg_ctl" -D "$scratch/data" -l "$scratch/server.log" -w -t 60 \
	-o "-k $scratch -F -c listen_addresses= -c max_connections=200" start >/dev/null || { cat "$scratch/server.log" >&2; exit 1; }
echo "$("$bin/postgres" --version) runs in $scratch" >&2

export DATABASE_URL="postgres://postgres@/postgres?host=$scratch"
"$@"
