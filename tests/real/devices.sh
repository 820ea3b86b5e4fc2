#!/usr/bin/env bash
# Devices for the tests: containers of Debian 12 with a systemd of their own, each with an address of its own. Needs root.
#
#   devices.sh install                 packages, and the file system from which every device starts
#   devices.sh start DIR PROGRAMS      starts one that sees the folder PROGRAMS, read-only, as /opt/fitment; prints its
#                                      address, the host's address as it sees it, and the pid of its systemd
#   devices.sh run   DIR COMMAND...    runs a command in it
#   devices.sh stop  DIR               pulls its plug: nothing of it is left
#
# What a device writes is gone with it. Several run side by side; DIR remembers one.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
packages=(debootstrap systemd-container iproute2)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/fitment-tools
image=$cache/device-bookworm-1

fail() { printf 'devices: %s\n' "$*" >&2; exit 1; }
as_root() { [ "$(id -u)" = 0 ] || fail "needs root"; }
installed() { [ -e "$image/usr/bin/systemctl" ] && command -v systemd-nspawn ip >/dev/null; }

mirror() { # where this machine's own packages come from
  local found
  found=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | sed -nE 's/^(URIs:|deb( \[[^]]*\])?) +([^ ]+).*/\3/p' | grep -m1 -E '/debian/?$' || true)
  [ -n "$found" ] && echo "$found" || fail "no Debian mirror in /etc/apt: this needs Debian"
}

install() {
  if installed; then echo "there"; return; fi
  as_root
  "$here/apt-install.sh" "${packages[@]}"
  mkdir -p "$cache"
  exec 9>"$image.lock"; flock 9
  [ -e "$image/usr/bin/systemctl" ] && return
  rm -rf "$image.new"
  debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,procps bookworm "$image.new" "$(mirror)"
  # Each is called as it is started, not as this machine.
  rm -rf "$image.new"/var/cache/apt/archives/*.deb "$image.new/etc/hostname"
  mv "$image.new" "$image"
}

# The first free number of 10.77.N.0/24; whoever makes the interface has it.
network() {
  for number in $(seq 1 250); do
    local name=fitment-$number
    if [ -e "/run/netns/$name" ]; then
      # Left over by a test that was killed?
      [ -z "$(ip netns pids "$name" 2>/dev/null)" ] && [ -n "$(find "/run/netns/$name" -mmin +2)" ] && ip netns del "$name" || true
      continue
    fi
    ip netns add "$name" 2>/dev/null || continue
    ip link add "$name" type veth peer name eth0 netns "$name" 2>/dev/null || { ip netns del "$name"; continue; }
    ip addr add "10.77.$number.1/24" dev "$name"; ip link set "$name" up
    ip -n "$name" addr add "10.77.$number.2/24" dev eth0
    ip -n "$name" link set eth0 up; ip -n "$name" link set lo up
    # The host has an address in each one's network, and a server listens on one of them.
    ip -n "$name" route add 10.77.0.0/16 via "10.77.$number.1"
    return
  done
  fail "250 devices run already"
}

# The first process of the container, once there is one.
leader() { cat "/proc/$1/task/$1/children" 2>/dev/null | tr ' ' '\n' | grep -m1 . || true; }

start() {
  as_root; installed || fail "not installed; as root on Debian 12: $here/devices.sh install"
  local programs; programs=$(cd "$1" && pwd)
  network
  echo "$number" >"$dir/number"
  # A session of its own, so that it outlives this script and no Ctrl-C reaches it. Its network is made: it needs no further one.
  setsid systemd-nspawn --quiet --directory="$image" --volatile=overlay --register=no --keep-unit --link-journal=no \
    --network-namespace-path="/run/netns/fitment-$number" --machine="device-$number" --bind-ro="$programs:/opt/fitment" \
    --resolv-conf=off --timezone=off --console=pipe --boot </dev/null >"$dir/console.log" 2>&1 &
  local nspawn=$! pid state=
  local deadline=$((SECONDS + 60))
  while [ "$SECONDS" -lt "$deadline" ] && kill -0 "$nspawn" 2>/dev/null; do
    pid=$(leader "$nspawn")
    if [ -n "$pid" ]; then
      echo "$pid" >"$dir/leader"
      state=$(inside systemctl is-system-running 2>/dev/null || true)
      case $state in running|degraded) echo "10.77.$number.2 10.77.$number.1 $pid"; return ;; esac
    fi
    sleep 0.1
  done
  tail -n 30 "$dir/console.log" >&2; inside systemctl --failed >&2 || true; stop >&2
  fail "the device did not come up (${state:-no systemd})"
}

inside() { nsenter --target "$(cat "$dir/leader")" --all -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"; }

stop() {
  [ -e "$dir/number" ] || { echo "not running"; return; }
  local number pid; number=$(cat "$dir/number"); pid=$(cat "$dir/leader" 2>/dev/null || true)
  # Its first process ends all others of it. A number that is somebody else's by now is not in its network.
  if [ -n "$pid" ] && ip netns pids "fitment-$number" 2>/dev/null | grep -qx "$pid"; then
    kill -KILL "$pid"
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
  fi
  ip link del "fitment-$number" 2>/dev/null || true
  ip netns del "fitment-$number" 2>/dev/null || true
  rm -f "$dir/number" "$dir/leader"; echo "stopped"
}

instance() { [ -n "${1:-}" ] || fail "a folder is missing: argument DIR"; mkdir -p "$1"; dir=$(cd "$1" && pwd); }

case ${1:-} in
  install) install ;;
  installed) installed ;;
  start) instance "${2:-}"; start "${3:?PROGRAMS is missing}" ;;
  run) instance "${2:-}"; shift 2; inside "$@" ;;
  stop) instance "${2:-}"; stop ;;
  *) sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
