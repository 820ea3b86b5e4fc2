#!/usr/bin/env bash
# Installs Debian packages without a question, beside other apt processes:  apt-install.sh PACKAGE...   (root)
#
# Archives go to a folder of our own: on container images every `apt-get update` empties the shared one, under the feet of an
# installation that runs at that moment.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "apt-install: needs root; as root: apt-get install --no-install-recommends $*" >&2; exit 1; }
[ $# -gt 0 ] || { echo "apt-install: name at least one package" >&2; exit 2; }

export DEBIAN_FRONTEND=noninteractive
archives=$(mktemp -d /var/tmp/fitment-apt-XXXXXX)
trap 'rm -rf "$archives"' EXIT
mkdir "$archives/partial"
apt=(apt-get -q -y -o "Dir::Cache::archives=$archives" -o DPkg::Lock::Timeout=600)

# Lists older than a day name versions that the mirror may no longer have.
fresh=$(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' -mmin -1440 -print -quit 2>/dev/null || true)
[ -n "$fresh" ] || "${apt[@]}" update

for attempt in 1 2 3; do
  "${apt[@]}" install --no-install-recommends "$@" </dev/null && exit 0
  echo "apt-install: attempt $attempt of 3 failed" >&2
  dpkg --configure -a </dev/null || true
  "${apt[@]}" --fix-broken install --no-install-recommends </dev/null || true
  "${apt[@]}" update || true
  sleep 3
done
exit 1
