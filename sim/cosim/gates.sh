#!/usr/bin/env bash
# gates.sh BUILD [SEED [STORY...]]: the engine's model where kernels that wait stand still beside the one where they do not
# (engine_rtl, engine_other): the same stories, and in each clock the same at every port.
set -euo pipefail
build=$1 seed=${2:-1}
stories=("${@:3}")
[ ${#stories[@]} -gt 0 ] || stories=(RandomMixes Fuzz LegLoss Punts RawSessions Fences BadDataDigest)
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
wrong=0
for story in "${stories[@]}"; do
  for model in engine_rtl engine_other; do
    NVTEE_ENGINE_TRACE=$here/$model NVTEE_ENGINE_SEED=$seed NVTEE_ENGINE_ROUNDS=1 "$build/cosim/$model" --gtest_filter="*.$story" >"$here/out" 2>&1 || {
      cat "$here/out"
      wrong=1
    }
  done
  clocks=$(($(stat -c %s "$here/engine_other") / 8))
  if differs=$(cmp "$here/engine_rtl" "$here/engine_other" 2>&1) && [ "$clocks" -gt 1000 ]; then
    printf '%-16s %s clocks, seed %s: the same at all ports with gates and without\n' "gates $story" "$clocks" "$seed"
  else
    printf '%-16s %s clocks, seed %s: NOT the same with gates and without: %s\n' "gates $story" "$clocks" "$seed" "$differs"
    wrong=1
  fi
  rm -f "$here/engine_rtl" "$here/engine_other"
done
exit $wrong
