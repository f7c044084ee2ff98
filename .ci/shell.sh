# What ./run and ./test share: steps that a signal interrupts at once, and hugepages that are put
# back. Sourced by bash; the caller's EXIT trap must call end_step and restore_hugepages.
# shellcheck shell=bash

pages_file=${PINION_PAGES_FILE:-/proc/sys/vm/nr_hugepages}  # another one in tests
pages_before=
pages_raised=
child=

# In the background and waited for, so that a signal reaches the script at once and not after the
# step; in a process group of its own (set -m), so that the step's own children end with it.
set -m
step() {
  "$@" &
  child=$!
  local status=0
  wait "$child" || status=$?
  child=
  return "$status"
}

end_step() {
  [ -n "$child" ] || return 0
  kill -TERM -- "-$child" 2>/dev/null || true
  wait "$child" 2>/dev/null || true
  child=
}

# raise_hugepages <n> [<in use>]: there are n more than those in use, if this user may and memory
# allows. Otherwise it says what is missing and fails.
raise_hugepages() {
  local now wanted=$(($1 + ${2:-0}))
  now=$(cat "$pages_file")
  [ "$now" -lt "$wanted" ] || return 0
  if ! { echo "$wanted" >"$pages_file"; } 2>/dev/null; then
    echo "${0##*/}: $now hugepages, wanted $wanted; only root may raise that" >&2
    return 1
  fi
  pages_before=$now
  pages_raised=$(cat "$pages_file")
  [ "$pages_raised" -ge "$wanted" ] && return 0
  echo "${0##*/}: got $pages_raised hugepages of $wanted; memory is short or fragmented" >&2
  return 1
}

# Somebody else's later change is not ours to undo.
restore_hugepages() {
  if [ -n "$pages_before" ] && [ "$(cat "$pages_file")" = "$pages_raised" ]; then
    echo "$pages_before" >"$pages_file"
  fi
}
