#!/usr/bin/env bash
# run.sh BUILD [--clocks N] [--seed N] [--rounds N] [--gates] [--mutants] [--kernel-mutants]: every kernel's RTL beside its native self,
# the whole engine's RTL end to end, then the table of the engine's clocks. Prints one line a kernel, and fails when anything differs or
# a bug goes unnoticed. --gates: that kernels that stand still change nothing (gates.sh), too; --mutants: the planted bugs of
# engine/mutants.txt; --kernel-mutants: and hundreds in the kernels.
# Instead: --bench: nothing but the table; --rows TEXT: nothing but its rows whose name has TEXT in it; --stalls: with the table, who
# waits for whom at every stream.
set -euo pipefail
build=$1
shift
clocks=1000000 seed=$(date +%s) mutants=0 kernel_mutants=0 kernels=1 rounds=3 gates=0 stalls=() rows=()
while [ $# -gt 0 ]; do
  case $1 in
    --clocks) clocks=${2:?--clocks needs a number} && shift ;;
    --seed) seed=${2:?--seed needs a number} && shift ;;
    --rounds) rounds=${2:?--rounds needs a number} && shift ;;
    --gates) gates=1 ;;
    --mutants) mutants=1 ;;
    --kernel-mutants) kernel_mutants=1 ;;
    --bench) kernels=0 ;;
    --stalls) kernels=0 stalls=(--stalls) ;;
    --rows) kernels=0 rows=(--only "${2:?--rows needs a part of the name of a row}") && shift ;;
    *)
      echo "usage: ./dev cosim [--clocks N] [--seed N] [--rounds N] [--gates] [--mutants] [--kernel-mutants] [--bench] [--rows TEXT] [--stalls] [--nightly]" >&2
      exit 2
      ;;
  esac
  shift
done
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
wrong=0
[ $kernels = 0 ] || for program in "$build"/cosim/cosim_*; do
  "$program" --clocks "$clocks" --seed "$seed" || {
    wrong=1
    cp ./*.fst "$build"/rtl/ 2>/dev/null || true
  }
done
# The engine: each story from other seeds. What fails is run again with waveforms (built then).
[ $kernels = 0 ] || for story in RandomMixes HostileBytes Fuzz LegLoss HostsComeAndGo Punts RawSessions Tables Fences Overlaps BadDataDigest LegBadDigest SameAsNative LyingLegs LyingHosts Namespaces LeaseEnds WritesFail; do
  if NVTEE_ENGINE_SEED=$seed NVTEE_ENGINE_ROUNDS=$rounds "$build/cosim/engine_rtl" --gtest_filter="*.$story" >"$here/out" 2>&1; then
    printf '%-16s %s stories, seed %s: good\n' "engine $story" "$rounds" "$seed"
  else
    wrong=1
    grep -v '^\[\|^$' "$here/out" || true
    failed=$(sed -n 's/^.*: \([0-9]\{1,\}\)$/\1/p' "$here/out" | head -1)
    echo "waveforms: ninja -C $build engine_waves && NVTEE_ENGINE_WAVES=engine.fst NVTEE_ENGINE_SEED=${failed:-$seed} NVTEE_ENGINE_ROUNDS=1 $build/cosim/engine_waves --gtest_filter=*.$story"
    ninja -C "$build" engine_waves >/dev/null && NVTEE_ENGINE_WAVES=$build/rtl/engine_$story.fst NVTEE_ENGINE_SEED=${failed:-$seed} NVTEE_ENGINE_ROUNDS=1 \
      timeout 600 "$build/cosim/engine_waves" --gtest_filter="*.$story" >/dev/null 2>&1 || echo "waveforms: $build/rtl/engine_$story.fst"
  fi
done
[ $gates = 0 ] || "$(dirname "$0")/gates.sh" "$build" "$seed" || wrong=1
if [ $mutants = 1 ]; then
  echo
  echo "| kernel | planted bug | where | which | noticed |"
  echo "|---|---|---|---|---|"
  "$build/cosim/engine_mutants" "$build/rtl/engine/mutants.txt" --jobs "$(nproc)" || wrong=1
fi
if [ $kernel_mutants = 1 ]; then
  echo
  echo "| kernel | planted bug | where | noticed |"
  echo "|---|---|---|---|"
  planted=0 caught=0 kernels_table=
  for program in "$build"/cosim/mutants_*; do
    name=$(basename "$program")
    top=${name#mutants_}
    "$program" --mutants "$build/rtl/mutants/$top.txt" --clocks 300000 --seed "$seed" >"$here/out" || true
    grep '^|' "$here/out" || true
    if ! grep -q '^|' "$here/out"; then  # not even begun: it differs without a bug
      cat "$here/out"
      wrong=1
    fi
    mine=$(grep -c '^|' "$here/out" || true) noticed=$(grep '^|' "$here/out" | grep -vc 'NOT CAUGHT' || true)
    kernels_table+="| $top | $mine | $noticed |"$'\n'
    planted=$((planted + mine)) caught=$((caught + noticed))
  done
  printf '\n| kernel | planted | noticed |\n|---|---|---|\n%s\n' "$kernels_table"
  echo "$caught of $planted planted bugs noticed"
  [ "$caught" = "$planted" ] || echo "those left are listed as NOT CAUGHT: equal in what they do, or rarer than the run is long (docs/HARDWARE.md)"
fi
echo
"$build/cosim/engine_bench" --json "$build/cosim/engine_bench.json" "${stalls[@]}" "${rows[@]}" || wrong=1
[ ${#rows[@]} = 0 ] || exit $wrong
# Not counted in clocks: hlsc itself (CPU time), and what Yosys said last time it was asked.
row() { printf '| %-52s | %10s %-8s | %-10s | %-6s | %s |\n' "$@"; }
root=$(cd "$(dirname "$0")/../.." && pwd)
TIMEFORMAT=%U
hlsc=$({ time (cd "$root" && "$build/bin/hlsc" hw/kernels/engine/engine_top.cpp --top engine_top -o "$here" -I hw/include -I . >/dev/null 2>&1); } 2>&1 | tail -1)
row "hlsc, the whole engine" "$hlsc" s "<= 20" "$(awk -v s="$hlsc" 'BEGIN { print s <= 20 ? "met" : "MISSED" }')" "CPU time"
yosys() {  # KIND UNIT GOAL COMMAND-THAT-FINDS-THE-NUMBER
  local report=$build/rtl/engine/$1.txt n=
  [ ! -f "$report" ] || n=$(sed -n "$4" "$report")
  if [ -n "$n" ]; then
    row "Yosys, an open flow: $1" "$n" "$2" "<= $3" "$(awk -v n="$n" -v goal="$3" 'BEGIN { print n + 0 == n && n <= goal ? "met" : "MISSED" }')" "$report"
  else
    row "Yosys, an open flow: $1" "not" "measured" "<= $3" "" "./dev rtl --$1"
  fi
}
yosys levels levels 7 's/^worst: \([^ ]*\) levels.*/\1/p'
yosys area LUTs 85000 's/^| engine | \([0-9]*\) .*/\1/p'
exit $wrong
