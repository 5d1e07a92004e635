#!/usr/bin/env bash
# time.sh BUILD: how long hlsc takes for the whole engine, as a row: BUILD/rtl/hlsc_time.json (seconds; goal 20). "cpu" is what it
# needed, "wall" what passed, which on a busy machine is more.
set -euo pipefail
build=$1
here=$(cd "$(dirname "$0")/../.." && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
hlsc=$(realpath "$build")/bin/hlsc
cd "$here"
TIMEFORMAT='%R %U %S'
times=$({ time "$hlsc" hw/kernels/engine/engine_top.cpp --top engine_top -o "$out" -I hw/include -I . --quiet >/dev/null 2>&1; } 2>&1)
read -r wall user system <<<"$times"
cpu=$(awk -v u="$user" -v s="$system" 'BEGIN { printf "%.1f", u + s }')
cd - >/dev/null
printf '{"name": "hlsc, whole engine", "unit": "s", "goal": 20, "cpu": %s, "wall": %s}\n' "$cpu" "$wall" | tee "$build/rtl/hlsc_time.json"
