#!/usr/bin/env bash
# A private Request Tracker 5 for tests and for the real demo: Debian's packages, an SQLite file, a PSGI server on the loopback.
#
#   request-tracker.sh install              packages only; needs root and apt
#   request-tracker.sh init  DIR PORT       database, queues, users, tokens (does nothing when already there)
#   request-tracker.sh start DIR PORT       answers only after its REST interface did
#   request-tracker.sh env   DIR PORT       prints URL, users and where the tokens are, as KEY=value lines
#   request-tracker.sh stop  DIR            ends this instance and no other
#   request-tracker.sh wipe  DIR            stop, then remove DIR
#
# DIR and PORT may come from FITMENT_RT_DIR and FITMENT_RT_PORT. Several instances run side by side. No root after `install`.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
share=/usr/share/request-tracker5
packages=(request-tracker5 rt5-db-sqlite rt5-standalone starman msmtp-mta sqlite3 curl)

fail() { printf 'request-tracker: %s\n' "$*" >&2; exit 1; }

# RT's programs are Perl of the distribution; another perl earlier on PATH would not find its modules.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PERL5LIB=$share/lib

# ---- packages -------------------------------------------------------------------------------------------------------

installed() {
  [ -x "$share/libexec/rt-server" ] || return 1
  local state
  state=$(dpkg-query --show --showformat '${db:Status-Status}\n' "${packages[@]}" 2>/dev/null) || return 1
  [ "$(grep -cx installed <<<"$state")" = "${#packages[@]}" ]
}

answer_debconf() {
  debconf-set-selections <<'ANSWERS'
dbconfig-common	dbconfig-common/dbconfig-install	boolean	false
request-tracker5	request-tracker5/dbconfig-install	boolean	false
request-tracker5	request-tracker5/handle-siteconfig-permissions	boolean	false
request-tracker5	request-tracker5/install-cronjobs	boolean	false
request-tracker5	request-tracker5/initial-root-password	password	unused-by-our-instances
request-tracker5	request-tracker5/initial-root-password-confirm	password	unused-by-our-instances
msmtp	msmtp/apparmor	boolean	false
ANSWERS
}

install() {
  if installed; then echo "already installed"; return; fi
  [ "$(id -u)" = 0 ] || fail "packages are missing; as root: apt-get install --no-install-recommends ${packages[*]}"
  # The mail agent is named so that apt does not choose a daemon for the virtual package that RT depends on.
  answer_debconf
  "$here/apt-install.sh" "${packages[@]}"
  installed || fail "apt ended well, yet a package is missing"
}

# ---- one instance ---------------------------------------------------------------------------------------------------

instance() { # instance DIR [PORT]: the variables that the other functions use
  dir=${1:-${FITMENT_RT_DIR:-}}; port=${2:-${FITMENT_RT_PORT:-}}
  [ -n "$dir" ] || fail "a folder is missing: argument DIR or FITMENT_RT_DIR"
  mkdir -p "$dir"; dir=$(cd "$dir" && pwd)
  [ -n "$port" ] || port=$(cat "$dir/port" 2>/dev/null || true)
  url=http://127.0.0.1:$port
  pid_file=$dir/starman.pid
  export RT_SITE_CONFIG=$dir/etc/RT_SiteConfig.pm RT_SITE_CONFIG_DIR=$dir/etc/RT_SiteConfig.d
}

with_port() {
  [[ "$port" =~ ^[0-9]+$ ]] && [ "$port" -ge 1 ] && [ "$port" -le 65535 ] || fail "a port between 1 and 65535 is missing: argument PORT or FITMENT_RT_PORT"
  installed || fail "Request Tracker is not installed; as root: $here/request-tracker.sh install"
}

configure() {
  mkdir -p "$dir"/{etc/RT_SiteConfig.d,var,log,mason,session}
  chmod 0700 "$dir"
  printf '%s\n' "$port" >"$dir/port"
  # Tokens are bcrypt hashes checked on every request: the lowest cost keeps a call at milliseconds. Mail goes to a file.
  cat >"$RT_SITE_CONFIG" <<PERL
Set(\$rtname, 'desk.example'); Set(\$Organization, 'desk.example'); Set(\$Timezone, 'UTC');
Set(\$WebDomain, '127.0.0.1'); Set(\$WebPort, $port); Set(\$WebPath, ''); Set(\$WebSecureCookies, 0);
Set(\$DatabaseType, 'SQLite'); Set(\$DatabaseName, '$dir/var/rt.sqlite');
Set(\$LogToSyslog, undef); Set(\$LogToSTDERR, undef); Set(\$LogToFile, 'info'); Set(\$LogDir, '$dir/log'); Set(\$LogToFileNamed, 'rt.log');
Set(\$MailCommand, 'testfile'); Set(\$BcryptCost, 4); Set(\$StatementLog, undef);
Set(\$GraphViz, undef); Set(%GnuPG, Enable => 0); Set(%SMIME, Enable => 0); Set(%FullTextSearch, Enable => 0);
\$RT::MasonDataDir = '$dir/mason'; \$RT::MasonSessionDir = '$dir/session'; \$RT::VarPath = '$dir/var';
Set(%Lifecycles, helpdesk => {
  initial  => ['new'],
  active   => ['open', 'in progress', 'waiting customer', 'waiting vendor'],
  inactive => ['resolved', 'closed', 'rejected', 'deleted'],
  defaults => { on_create => 'new', on_merge => 'resolved' },
  transitions => {
    ''                 => ['new', 'open'],
    'new'              => ['open', 'in progress', 'waiting customer', 'waiting vendor', 'resolved', 'closed', 'rejected', 'deleted'],
    'open'             => ['new', 'in progress', 'waiting customer', 'waiting vendor', 'resolved', 'closed', 'rejected', 'deleted'],
    'in progress'      => ['open', 'waiting customer', 'waiting vendor', 'resolved', 'closed', 'rejected'],
    'waiting customer' => ['open', 'in progress', 'resolved', 'closed'],
    'waiting vendor'   => ['open', 'in progress', 'resolved', 'closed'],
    'resolved'         => ['open', 'closed'],
    'closed'           => ['open'],
    'rejected'         => ['open'],
    'deleted'          => ['open'],
  },
  rights => {}, actions => [],
});
1;
PERL
}

init() {
  with_port; configure
  [ -e "$dir/initialised" ] && { echo "already initialised"; return; }
  rm -f "$dir"/var/rt.sqlite* "$dir"/*-token    # what an interrupted attempt left
  rt-setup-database-5 --action init --dba-password '' >"$dir/log/init.log" 2>&1 || { tail -n 20 "$dir/log/init.log" >&2; fail "creating the database failed"; }
  perl "$here/request-tracker-seed.pl" "$dir" >"$dir/log/seed.log" 2>&1 || { tail -n 20 "$dir/log/seed.log" >&2; fail "seeding failed"; }
  touch "$dir/initialised"
  echo "initialised in $dir"
}

running() { [ -s "$pid_file" ] && kill -0 "$(cat "$pid_file")" 2>/dev/null && tr '\0' ' ' <"/proc/$(cat "$pid_file")/cmdline" 2>/dev/null | grep -q starman; }

answers() { curl --silent --fail --max-time 20 --output /dev/null --header "Authorization: token $(cat "$dir/fitment-token")" "$url/REST/2.0/rt"; }

start() {
  with_port
  [ -e "$dir/initialised" ] || fail "not initialised; first: request-tracker.sh init $dir $port"
  if running; then answers || fail "process $(cat "$pid_file") is there but $url does not answer"; echo "$url"; return; fi
  # The first line of a foreign answer would look like ours: a taken port is refused before anything is started.
  ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || fail "port $port is taken; choose another"
  configure; rm -f "$pid_file"
  # A session of its own, so that a Ctrl-C at the caller's terminal leaves ending it to `stop`.
  (cd "$dir" && setsid starman --listen "127.0.0.1:$port" --workers "${FITMENT_RT_WORKERS:-2}" --preload-app --daemonize --pid "$pid_file" \
    --error-log "$dir/log/starman.log" "$share/libexec/rt-server" </dev/null >>"$dir/log/start.log" 2>&1)
  local deadline=$((SECONDS + ${FITMENT_RT_START_SECONDS_MAX:-90}))
  until answers; do
    [ "$SECONDS" -lt "$deadline" ] || { tail -n 20 "$dir"/log/{start,starman,rt}.log >&2 || true; stop >&2; fail "no answer from $url in time"; }
    sleep 0.25
  done
  echo "$url"
}

stop() {
  if ! running; then rm -f "$pid_file"; echo "not running"; return; fi
  local pid; pid=$(cat "$pid_file")
  kill -TERM "$pid"
  for _ in $(seq 60); do kill -0 "$pid" 2>/dev/null || break; sleep 0.25; done
  # The master leads its own process group; a worker stuck in a request goes with it.
  kill -0 "$pid" 2>/dev/null && kill -KILL -- "-$(ps -o pgid= -p "$pid" | tr -d ' ')" || true
  rm -f "$pid_file"; echo "stopped"
}

environment() {
  with_port; [ -e "$dir/initialised" ] || fail "not initialised"
  cat <<ENV
FITMENT_RT_URL=$url
FITMENT_RT_DIR=$dir
FITMENT_RT_TOKEN_FILE=$dir/fitment-token
FITMENT_RT_TECHNICIAN_TOKEN_FILE=$dir/technician-token
FITMENT_RT_REFERENCE_FIELD=FitmentReference
ENV
}

wipe() { stop; [ -e "$dir/port" ] || [ -z "$(ls -A "$dir")" ] || fail "$dir holds no instance of ours; not removed"; rm -rf "$dir"; }

case ${1:-} in
  install) install ;;
  installed) installed ;;
  init|start|stop|wipe) instance "${2:-}" "${3:-}"; "$1" ;;
  env) instance "${2:-}" "${3:-}"; environment ;;
  *) sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
