#!/bin/sh
# quiet.sh LOG COMMAND...: runs the command; its output is shown only when it fails.
log=$1
shift
mkdir -p "$(dirname "$log")"
"$@" >"$log" 2>&1 || {
  cat "$log" >&2
  exit 1
}
