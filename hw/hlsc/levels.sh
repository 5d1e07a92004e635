#!/usr/bin/env bash
# LUT6 levels of the longest path between registers or tables of a module, as Yosys sees it (an estimate of an
# open flow: adders in LUTs as parallel-prefix trees, no carry chains, no routing; ABC maps for depth, since its
# usual script turns adders into ripple chains of LUTs, which no vendor's flow does):  levels.sh MODULE FILE.v...
set -euo pipefail
if [ $# -lt 2 ]; then
  echo "usage: levels.sh MODULE FILE.v..." >&2
  exit 2
fi
top=$1
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT
yosys -q -l "$log" -p "read_verilog $*; hierarchy -top $top; proc; flatten; opt -full; memory -nomap -nordff; opt;
  techmap; opt; simplemap; abc -lut 6 -script +strash;dch;if,-K,6;mfs2; opt_clean; tee -a $log ltp -noff; tee -a $log stat" >/dev/null
levels=$(grep -o 'length=[0-9]*' "$log" | tail -1 | cut -d= -f2)
luts=$(grep -E '\$lut' "$log" | tail -1 | awk '{print $2}')
echo "$top: ${levels:-?} LUT levels, ${luts:-?} LUTs"
[ "${VERBOSE:-0}" = 0 ] || grep -A200 'Longest topological path' "$log" | head -80
