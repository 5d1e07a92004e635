#!/usr/bin/env bash
# nightly.sh BUILD [KERNELS] [SEED]: that many random kernels (10,000), 40 a program, beside the Verilog made of them.
# NVTEE_JOBS programs at a time. Other seeds each night; the first is printed, and each that fails.
set -euo pipefail
build=$(cd "$1" && pwd)
count=${2:-10000} first=${3:-$(($(date +%s) / 60))}
source=$(cd "$(dirname "$0")/../../.." && pwd)
work=$(mktemp -d)
seq "$first" $((first + (count + 39) / 40 - 1)) |
  xargs -P "${NVTEE_JOBS:-2}" -I{} "$source/hw/hlsc/tests/fuzz.sh" "$build/bin" "$source" "$work" {} 40 >"$work/log" 2>&1 || {
  grep -v '0 failed' "$work/log" >&2
  echo "hlsc: random kernels from seed $first on: something failed, see $work" >&2
  exit 1
}
awk -v first="$first" '{ kernels += $1; calls += $6 } END { printf "hlsc: %d random kernels, %d calls, equal (seeds from %d on)\n", kernels, calls, first }' \
  "$work/log"
rm -rf "$work"
