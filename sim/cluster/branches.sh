#!/usr/bin/env bash
# How many branches of the control machines (runtime/core) the simulator takes:  branches.sh [SEEDS [BASE]]
# Counted are both ways of every condition that the compiler does not fold, by llvm-cov. Left out by rule, since no run
# can take them:
#   - the conditions of NVTEE_CHECK (their other way is the end of the process) and transition.hpp's check of a table;
#   - planted(...), which is the constant false in a product, and what stands behind it in the same condition;
#   - the default that a switch over all enumerators has without being written;
#   - control_records.cpp: how namespaces are made, loaded and deleted, before there is a machine (unit tests).
# The ways not taken are listed. Its own build: build/sim-branches.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seeds=${1:-10000} base=${2:-1}
dir=build/sim-branches jobs=${NVTEE_JOBS:-$(nproc)}
[ -f $dir/build.ninja ] || cmake --preset release -B $dir \
  -DCMAKE_CXX_FLAGS="-fprofile-instr-generate -fcoverage-mapping" >/dev/null
nice -n 15 ninja -C $dir -j "$jobs" cluster_sim >/dev/null
rm -f $dir/*.profraw
share=$(((seeds + jobs - 1) / jobs))
for ((i = 0; i < jobs; i++)); do
  LLVM_PROFILE_FILE=$dir/$i.profraw nice -n 15 $dir/bin/cluster_sim --hashes $share --base $((base + i * share)) >/dev/null &
done
LLVM_PROFILE_FILE=$dir/liars.profraw nice -n 15 $dir/bin/cluster_sim --hashes $((seeds / 50 + 1)) --liars --base "$base" >/dev/null
wait
llvm-profdata-19 merge -o $dir/all.profdata $dir/*.profraw
mapfile -t sources < <(ls runtime/core/*.cpp runtime/core/*.hpp | grep -vE '_test|sim_|control_records|transition.hpp|planted.hpp')
llvm-cov-19 show $dir/bin/cluster_sim -instr-profile=$dir/all.profdata -show-branches=count -show-expansions=0 \
  -show-instantiations=0 "${sources[@]}" | awk -v seeds="$((share * jobs))" '
  /^[^ |].*:$/ { file = $0; sub(/:$/, "", file); sub(/.*\/runtime/, "runtime", file); next }
  /^ *[0-9]+\|/ {
    text = $0; sub(/^ *[0-9]+\| *[^|]*\|/, "", text); line = $1; sub(/\|.*/, "", line)
    if (text ~ /NVTEE_CHECK\(/) check = 1
    skip = check
    if (check && text ~ /\); *$/) check = 0
    source[file ":" line] = text
    if (text ~ /planted\(/) planted = 1
    behind[file ":" line] = planted
    if (text ~ /; *$/ || text ~ /[{}] *$/) planted = 0
  }
  /Branch \(/ && !skip {
    where = $0; sub(/.*Branch \(/, "", where); sub(/\).*/, "", where)
    if ($0 ~ /Folded/) next
    yes = $0; sub(/.*True: */, "", yes); sub(/,.*/, "", yes)
    no = $0; sub(/.*False: */, "", no); sub(/\].*/, "", no)
    split(where, at, ":")
    code = source[file ":" at[1]]
    condition = substr(code, at[2])
    if (condition ~ /^!?planted\(/ || substr(code, 1, at[2] - 1) ~ /switch \($/) next
    if (behind[file ":" at[1]] && yes == "0" && no == "0") next
    all += 2; taken += (yes != "0") + (no != "0")
    if (yes == "0" || no == "0") {
      missed = missed sprintf("  %s:%s never %s:%s\n", file, where, yes == "0" ? (no == "0" ? "reached" : "true") : "false", code)
    }
  }
  END {
    printf "%d of %d branches of runtime/core taken by %d seeds: %.1f %%\nnot taken:\n%s", taken, all, seeds, 100 * taken / all, missed
  }'
