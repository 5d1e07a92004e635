#!/usr/bin/env bash
# The traces of the same seeds have the same hashes whatever compiled the simulator:  same_hash.sh [SEEDS [BASE]]
# Builds compared: the usual one twice, one without optimisation, one with address and undefined-behaviour
# sanitizers, and one of every other compiler that is there. Those must know _BitInt and std::expected in C++23: clang
# from 19 on does with Debian 12's libstdc++, g++ 12 and clang 14 do not. NVTEE_OTHER_CXX=/path/clang++ names one.
# NVTEE_SLOW_SEEDS (a fifth) is how many of the seeds the slow builds run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seeds=${1:-2000} base=${2:-1} jobs=${NVTEE_JOBS:-$(nproc)}
slow=${NVTEE_SLOW_SEEDS:-$(((seeds + 4) / 5))}
out=build/sim-hashes
mkdir -p $out
compile() { # DIR CMAKE_ARGUMENTS...
  local dir=build/$1
  shift
  [ -f "$dir/build.ninja" ] || cmake --preset release -B "$dir" "$@" >/dev/null
  nice -n 15 ninja -C "$dir" -j "$jobs" cluster_sim >"$dir.log" || { tail -n 40 "$dir.log" >&2 && return 1; }
}
hashes() { # NAME DIR SEEDS
  nice -n 15 "build/$2/bin/cluster_sim" --hashes "$3" --base "$base" >"$out/$1"
  cmp <(head -n "$3" "$out/usual") "$out/$1"
  echo "$3 seeds from $base on: $1: equal hashes"
}
compile release
nice -n 15 build/release/bin/cluster_sim --hashes "$seeds" --base "$base" >$out/usual
hashes "the same build again" release "$seeds"
compile sim-o0 -DCMAKE_BUILD_TYPE=Debug
hashes "no optimisation (-O0)" sim-o0 "$slow"
compile sim-o3 -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-O3
hashes "-O3" sim-o3 "$seeds"
compile asan -DNVTEE_SANITIZE=address,undefined
hashes "address and undefined-behaviour sanitizers" asan "$slow"
for other in ${NVTEE_OTHER_CXX:-clang++-20 clang++-21 clang++-22 clang++-23}; do
  other=$(command -v "$other") || continue
  version=$("$other" --version | sed -n '1s/.*version \([0-9]*\).*/\1/p')
  # Warnings that only this one knows are none here.
  compile "sim-clang-$version" -DCMAKE_CXX_COMPILER="$other" -DCMAKE_C_COMPILER="${other/clang++/clang}" \
    -DCMAKE_CXX_FLAGS=-w
  hashes "clang $version" "sim-clang-$version" "$seeds"
done
