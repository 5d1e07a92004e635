#!/usr/bin/env bash
# run_fuzz.sh TARGET REGRESSIONS SECONDS [CORPUS]: known bad inputs first, then seeds, then new ones for so long.
# What breaks a rule is left beside the corpus; put it into tests/fuzz/regressions/NAME to keep it as a test.
set -euo pipefail
target=$1 regressions=$2 seconds=$3 corpus=${4:-}
name=$(basename "$target")
if [ -z "$corpus" ]; then
  corpus=$(mktemp -d "/tmp/nvtee-$name-XXXXXX")
  trap 'rm -rf "$corpus"' EXIT
fi
mkdir -p "$corpus"
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
if [ -d "$regressions" ]; then
  for input in "$regressions"/*; do timeout 20 "$target" -rss_limit_mb=1024 "$input" >/dev/null; done
fi
NVTEE_FUZZ_SEEDS=$corpus "$target" >/dev/null
# max_total_time is CPU-independent; the outer bound is for a target that hangs in one input.
timeout $((seconds + 60)) "$target" "$corpus" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=16384 \
  -artifact_prefix="/tmp/nvtee-$name-" -print_final_stats=1 -verbosity=0 2>&1 | grep -v "Uses:\|ecommended dictionary" | tail -n 40
