#!/usr/bin/env bash
# The traces of the same seeds have the same hashes whatever compiled the simulator:  same_hash.sh [SEEDS [BASE]]
# Builds compared: the usual one twice, one without optimisation, one with address and undefined-behaviour
# sanitizers, and, where another clang is installed (NVTEE_OTHER_CXX=clang++-16), that one. Debian 12's g++ cannot
# compile the kernels: it has no _BitInt in C++.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seeds=${1:-2000} base=${2:-1} jobs=${NVTEE_JOBS:-$(nproc)}
hashes() { # NAME CMAKE_ARGUMENTS...
  local dir=build/sim-$1
  shift
  [ -f "$dir/build.ninja" ] || cmake --preset release -B "$dir" "$@" >/dev/null
  nice -n 15 ninja -C "$dir" -j "$jobs" cluster_sim >/dev/null
  nice -n 15 "$dir/bin/cluster_sim" --hashes "$seeds" --base "$base" >"$dir/hashes"
}
hashes usual
cp build/sim-usual/hashes build/sim-usual/hashes.first
hashes usual
hashes plain -DCMAKE_BUILD_TYPE=Debug
hashes asan -DNVTEE_SANITIZE=address,undefined
others=(usual plain asan)
if [ -n "${NVTEE_OTHER_CXX:-}" ]; then
  hashes other -DCMAKE_CXX_COMPILER="$NVTEE_OTHER_CXX"
  others+=(other)
fi
for b in "${others[@]}"; do
  cmp "build/sim-usual/hashes.first" "build/sim-$b/hashes"
  echo "$seeds seeds from $base on: $b build, equal hashes"
done
