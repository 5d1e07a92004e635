#!/usr/bin/env bash
# gates_test.sh HLSC GATE VERILATOR CXX SOURCE-ROOT FLAGS...: see gates_test.cpp.
set -euo pipefail
hlsc=$1 gate=$2 verilator=$3 cxx=$4 root=$5
shift 5
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$root"
fifo=$root/hw/hlsc/rtl/hlsc_fifo.v
"$hlsc" hw/hlsc/tests/golden/dataflow.cpp --top dataflow -o "$here/rtl" -I hw/include -I . --quiet
"$gate" "$here/rtl/dataflow.f" "$here/gated" "$fifo"
flags=(--cc "$@" --top-module dataflow --Mdir "$here/obj")
"$verilator" "${flags[@]}" --prefix Vgated -f "$here/gated/gated.f" >"$here/log" 2>&1 || { cat "$here/log" && exit 1; }
(cd "$here/rtl" && "$verilator" "${flags[@]}" --prefix Vplain -f dataflow.f "$fifo") >"$here/log" 2>&1 || { cat "$here/log" && exit 1; }
include=$("$verilator" --getenv VERILATOR_ROOT)/include
"$cxx" -std=c++20 -O0 -w -I"$here/obj" -I"$include" -I"$include/vltstd" sim/cosim/gates_test.cpp "$here"/obj/V*.cpp \
  "$include/verilated.cpp" "$include/verilated_threads.cpp" -pthread -o "$here/test"
"$here/test"
