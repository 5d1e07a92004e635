#!/usr/bin/env bash
# How many branches of the control machines (runtime/core) the simulator takes:  branches.sh [SEEDS [BASE]]
# Counted are both ways of every condition that the compiler does not fold, by llvm-cov. Left out by rule: the
# conditions of NVTEE_CHECK (their other way is the end of the process) and transition.hpp's check of a table,
# for the same reason. The ways not taken are listed. Its own build: build/sim-branches.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seeds=${1:-20000} base=${2:-1}
dir=build/sim-branches jobs=${NVTEE_JOBS:-$(nproc)}
[ -f $dir/build.ninja ] || cmake --preset release -B $dir \
  -DCMAKE_CXX_FLAGS="-fprofile-instr-generate -fcoverage-mapping" >/dev/null
nice -n 15 ninja -C $dir -j "$jobs" cluster_sim >/dev/null
rm -f $dir/*.profraw
share=$(((seeds + jobs - 1) / jobs))
for ((i = 0; i < jobs; i++)); do
  LLVM_PROFILE_FILE=$dir/$i.profraw nice -n 15 $dir/bin/cluster_sim --hashes $share --base $((base + i * share)) >/dev/null &
done
wait
llvm-profdata-19 merge -o $dir/all.profdata $dir/*.profraw
mapfile -t sources < <(ls runtime/core/*.cpp runtime/core/*.hpp | grep -vE '_test|sim_|transition.hpp|planted.hpp')
llvm-cov-19 show $dir/bin/cluster_sim -instr-profile=$dir/all.profdata -show-branches=count -show-expansions=0 \
  -show-instantiations=0 "${sources[@]}" | awk -v seeds="$((share * jobs))" '
  /^[^ |].*:$/ { file = $0; sub(/:$/, "", file); sub(/.*\/runtime/, "runtime", file); next }
  /^ *[0-9]+\|/ {
    text = $0; sub(/^ *[0-9]+\| *[^|]*\|/, "", text); line = $1; sub(/\|.*/, "", line)
    if (text ~ /NVTEE_CHECK\(/) check = 1
    skip = check
    if (check && text ~ /\); *$/) check = 0
    source[file ":" line] = text
  }
  /Branch \(/ && !skip {
    where = $0; sub(/.*Branch \(/, "", where); sub(/\).*/, "", where)
    if ($0 ~ /Folded/) next
    yes = $0; sub(/.*True: */, "", yes); sub(/,.*/, "", yes)
    no = $0; sub(/.*False: */, "", no); sub(/\].*/, "", no)
    all += 2; taken += (yes != "0") + (no != "0")
    split(where, at, ":")
    if (yes == "0" || no == "0") {
      missed = missed sprintf("  %s:%s never %s:%s\n", file, where, yes == "0" ? (no == "0" ? "reached" : "true") : "false", source[file ":" at[1]])
    }
  }
  END {
    printf "%d of %d branches of runtime/core taken by %d seeds: %.1f %%\nnot taken:\n%s", taken, all, seeds, 100 * taken / all, missed
  }'
