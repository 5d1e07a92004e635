#!/usr/bin/env bash
# Random kernels, native against the module made of them, in lockstep:
#   fuzz.sh BIN_DIR SOURCE_DIR WORK_DIR SEED COUNT [CLOCKS]
# WORK_DIR keeps the programs of a failure.
set -euo pipefail
BIN=$1 SRC=$2 WORK=$3 SEED=$4 COUNT=$5 CLOCKS=${6:-3000}
BUDGETS=(6 3 9 2 4.5 1.5)
dir=$WORK/fuzz-$SEED
rm -rf "$dir"
mkdir -p "$dir"
"$BIN/hlsc_fuzz_gen" "$SEED" "$COUNT" "$dir"
echo '#include "kernels.hpp"' >"$dir/kernels.cpp"
args=()
while read -r top; do args+=(--top "$top"); done <"$dir/tops.txt"
stall=()
[ $((SEED % 3)) != 0 ] || stall=(--conservative all)
"$BIN/hlsc" "$dir/kernels.cpp" "${args[@]}" -o "$dir" -I "$SRC/hw/include" -I "$SRC" --trace --auto-ii --quiet \
  "${stall[@]}" --budget "${BUDGETS[SEED % ${#BUDGETS[@]}]}"
modules=()
while read -r top; do modules+=("$dir/$top.v"); done <"$dir/tops.txt"
# Both -fno: faults of Verilator 5.006 (sim/cosim/CMakeLists.txt).
verilator --cc --top-module batch -Mdir "$dir/v" -O3 -fno-const-bit-op-tree -fno-dfg --x-assign fast --x-initial fast -Wno-fatal -Wno-lint -Wno-style \
  --output-split 20000 "$dir/batch.v" "${modules[@]}" >"$dir/verilator.log" 2>&1 || { cat "$dir/verilator.log"; exit 1; }
V=$(verilator --getenv VERILATOR_ROOT)
CXX="clang++-19 -std=c++20 -O0 -w -I$SRC -I$SRC/hw/include -I$dir -I$dir/v -I$V/include -I$V/include/vltstd"
# The model as one source: most of the time would go into reading the same headers again.
for f in "$dir"/v/*.cpp; do echo "#include \"$f\""; done >"$dir/model.cpp"
objects=()
for f in model tb; do
  $CXX -c "$dir/$f.cpp" -o "$dir/$f.o"
  objects+=("$dir/$f.o")
done
for part in verilated verilated_threads; do  # the same for all seeds
  lib=$WORK/$part.o
  if [ ! -f "$lib" ]; then
    $CXX -c "$V/include/$part.cpp" -o "$lib.$$" && mv "$lib.$$" "$lib"
  fi
  objects+=("$lib")
done
clang++-19 -fuse-ld=lld "${objects[@]}" -o "$dir/tb" -pthread
if "$dir/tb" "$CLOCKS"; then
  rm -rf "$dir"
else
  echo "seed $SEED failed: see $dir"
  exit 1
fi
