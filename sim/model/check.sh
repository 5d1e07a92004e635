#!/usr/bin/env bash
# Explores the model completely and prints its states; then every planted bug must be found. WORKDIR/steps.txt: what the
# node can do, from shape to shape (cluster_model_test).
# usage: check.sh MODEL.pml WORKDIR
set -euo pipefail
model=$1 work=$2
command -v spin >/dev/null || {
  echo "skipped: spin is not installed (./dev deps installs it)"
  exit 77
}
compiler=$(command -v clang-19 || command -v cc)
bugs=$(grep -o 'BUG [!=]= [0-9]*' "$model" | grep -o '[0-9]*$' | sort -nu | tr '\n' ' ')
mkdir -p "$work"
cd "$work"

explore() { # explore BUG: prints pan's report
  rm -rf "b$1" && mkdir "b$1" && cd "b$1"
  spin -a -DBUG="$1" "$model" >/dev/null
  "$compiler" -O2 -w -DSAFETY -DCOLLAPSE -DMEMLIM=8000 -o pan pan.c
  timeout 600 ./pan -m400000 -n
  cd ..
}

report=$(explore 0)
states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' <<<"$report")
if ! grep -q 'errors: 0' <<<"$report" || grep -q 'not completed\|max search depth too small' <<<"$report"; then
  echo "$report"
  echo "FAILED: the model is wrong, or was not explored completely"
  exit 1
fi
grep "^STEP " <<<"$report" >"$work/steps.txt"
echo "model: $states states, complete, no error; $(wc -l <"$work/steps.txt") steps between shapes"

missed=0
for bug in $bugs; do
  [ "$bug" != 0 ] || continue
  if explore "$bug" | grep -v "^STEP" | grep -q 'errors: 1'; then
    echo "planted bug $bug: found"
  else
    echo "planted bug $bug: NOT FOUND"
    missed=1
  fi
done
rm -rf "$work"/b*
exit $missed
