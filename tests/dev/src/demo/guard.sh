#!/bin/sh
# Undoes what a demo did to this machine, however it ended: the pipe that the demo holds closes with it.
#
#   guard.sh STATE REQUEST_TRACKER_SCRIPT DEVICES_SCRIPT
#                                   standard input: `remove` or `keep`, said of STATE; the last word counts
#
# STATE/pids/NAME holds the leader of a process group; STATE/mounted names what may be a mount; STATE/rt may be a Request Tracker;
# STATE/device-* may be devices of their own.
set -u
trap '' HUP INT TERM
state=$1
request_tracker=$2
devices=$3

wish=keep
while read -r word; do wish=$word; done

# A dead process that nobody has waited for yet is over.
runs() { kill -0 "$1" 2>/dev/null && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null; }

await() { # PID TENTHS_OF_A_SECOND
  tenths=$2
  while runs "$1" && [ "$tenths" -gt 0 ]; do sleep 0.1; tenths=$((tenths - 1)); done
}

# Request Tracker's start makes a session of its own half-way: it comes to its end, and is stopped as what it became.
if [ -s "$state/pids/request-tracker" ]; then
  await "$(cat "$state/pids/request-tracker")" 1200
fi
for file in "$state"/pids/*; do
  [ -s "$file" ] && kill -TERM "$(cat "$file")" 2>/dev/null
done
for file in "$state"/pids/*; do
  [ -s "$file" ] || continue
  await "$(cat "$file")" 150
  kill -KILL -- "-$(cat "$file")" 2>/dev/null
done
for device in "$state"/device-*; do
  if [ -e "$device/number" ]; then "$devices" stop "$device"; fi
done
if [ -e "$state/rt/port" ]; then "$request_tracker" stop "$state/rt"; fi

if [ -s "$state/mounted" ]; then
  disk=$(cat "$state/mounted")
  if mountpoint -q "$disk"; then
    umount "$disk" || umount --lazy "$disk" || exit 1
  fi
  rmdir "$disk" 2>/dev/null
fi
rm -f "$state/filler"
[ "$wish" = keep ] || rm -rf --one-file-system "$state"
