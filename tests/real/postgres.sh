#!/usr/bin/env bash
# A PostgreSQL cluster that lives in one folder and is thrown away after a test.
#
#   postgres.sh start    DIR PORT         makes the cluster when DIR has none, starts it, prints the URL of database `fitment`
#   postgres.sh createdb DIR PORT NAME    one more empty database, prints its URL
#   postgres.sh stop     DIR              ends it at once, and leaves the files
#   postgres.sh wipe     DIR              stop, then remove DIR
#
# Loopback only, no password, nothing is forced to the disk: for tests and nothing else. The URLs sign in as `fitment`, who owns
# these databases and is no superuser, so that row-level security binds it; `postgres` on the same port is the superuser.
set -euo pipefail

fail() { printf 'postgres: %s\n' "$*" >&2; exit 1; }

programs() { # the folder of the newest installed server
  local found; found=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
  [ -n "$found" ] && [ -x "$found/initdb" ] && { echo "$found"; return; }
  found=$(command -v initdb || true)
  [ -n "$found" ] && dirname "$found" || fail "initdb and pg_ctl are missing; as root: apt-get install --no-install-recommends postgresql"
}

# PostgreSQL refuses to run as root: root lends the work to the user that the package made.
as_owner() {
  if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --init-groups env -u XDG_RUNTIME_DIR HOME="$dir" "$@"; else "$@"; fi
}

sql() { "$bin/psql" --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --host 127.0.0.1 --port "$port" --username postgres --dbname postgres "$@"; }

database() { # database NAME: made when missing, owned by the role without powers
  [[ "$1" =~ ^[a-z][a-z0-9_]{0,62}$ ]] || fail "database name: small letters, digits and _ only, got '$1'"
  [ "$(sql --command "select 1 from pg_database where datname = '$1'")" = 1 ] || sql --command "create database $1 owner fitment template template0 encoding 'UTF8'"
  echo "postgres://fitment@127.0.0.1:$port/$1"
}

start() {
  mkdir -p "$dir"
  if [ "$(id -u)" = 0 ]; then
    id postgres >/dev/null 2>&1 || fail "the user postgres is missing; Debian's package postgresql makes it"
    chown postgres: "$dir"
  fi
  chmod 0700 "$dir"
  # A folder inside one that only root may enter (mktemp -d) is the usual surprise.
  as_owner test -w "$dir/." || fail "the user postgres cannot reach $dir; a folder above it is closed to others (chmod o+x)"
  cd "$dir"
  [ -e "$dir/data/PG_VERSION" ] || as_owner "$bin/initdb" --pgdata "$dir/data" --username postgres --auth trust --encoding UTF8 \
    --locale C.UTF-8 --no-sync >"$dir/initdb.log" 2>&1 || { tail -n 20 "$dir/initdb.log" >&2; fail "initdb failed"; }
  if ! as_owner "$bin/pg_ctl" --pgdata "$dir/data" status >/dev/null 2>&1; then
    # A socket's path has at most 107 bytes; a deeper folder does with TCP alone.
    local sockets=$dir; [ ${#dir} -le 80 ] || sockets=
    as_owner "$bin/pg_ctl" --pgdata "$dir/data" --wait --timeout 60 --log "$dir/server.log" --options "-p $port -c listen_addresses=127.0.0.1 \
      -c unix_socket_directories='$sockets' -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200" \
      start </dev/null >/dev/null || { tail -n 20 "$dir/server.log" >&2; fail "the server did not start on port $port"; }
  fi
  [ "$(sql --command "select 1 from pg_roles where rolname = 'fitment'")" = 1 ] || sql --command 'create role fitment login nosuperuser nocreatedb nocreaterole nobypassrls'
  database fitment
}

stop() {
  [ -e "$dir/data/PG_VERSION" ] || { echo "no cluster"; return; }
  cd /
  as_owner "$bin/pg_ctl" --pgdata "$dir/data" --mode immediate --wait stop >/dev/null 2>&1 || { echo "not running"; return; }
  echo "stopped"
}

usage() { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ $# -ge 2 ] || usage
dir=$(mkdir -p "$2" && cd "$2" && pwd); port=${3:-}
bin=$(programs)
with_port() { [[ "$port" =~ ^[0-9]+$ ]] || fail "PORT is missing"; }
case $1 in
  start) with_port; start ;;
  createdb) with_port; database "${4:?NAME is missing}" ;;
  stop) stop ;;
  wipe) stop; [ -e "$dir/data/PG_VERSION" ] || [ -z "$(ls -A "$dir")" ] || fail "$dir holds no cluster; not removed"; rm -rf "$dir" ;;
  *) usage ;;
esac
