#!/usr/bin/env bash
# What Yosys makes of kernels, as a table:  measure.sh levels|area DIR [MODULE...]
#   levels  LUT6 levels of the longest path between registers or tables (levels.sh)
#   area    LUTs, flip-flops, block RAM and UltraRAM after `synth_xilinx -family xcup`, and of every engine in DIR the
#           sum over its kernels and the buffers between them
# DIR holds what hlsc made (MODULE.v, and NAME.parts of netlists). Estimates of an open flow: nothing is placed or routed.
# NVTEE_JOBS modules at a time; a module that is not done in 40 minutes is told of. What was measured is kept in DIR/measured:
# only what has changed is measured again, so an interrupted run goes on.
set -euo pipefail
usage() {
  sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
  exit 2
}
[ $# -ge 2 ] || usage
kind=$1 dir=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
modules=("$@")
if [ ${#modules[@]} -eq 0 ]; then
  exec > >(tee "$dir/$kind.txt")  # of all kernels: ./dev cosim --bench shows it too
  for f in "$dir"/*_top.txt; do modules+=("$(basename "$f" .txt)"); done  # netlists have no .txt
fi
kept=$dir/measured/$kind
abc=${NVTEE_ABC:-abc9}
[ "$kind" = levels ] || kept=$kept-$abc
mkdir -p "$kept"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export here dir work kept abc

# once NAME COMMAND...: COMMAND leaves $work/NAME.row; not asked again while the files that the row depends on are the same.
once() {
  local name=$1 key file=$dir/$1.v
  shift
  [ -f "$file" ] || file=$here/rtl/hlsc_fifo.v
  key=$({ cat "$file" "$here/levels.sh" && declare -f synth levels; } | sha256sum | cut -c1-32)
  if [ "$(head -1 "$kept/$name" 2>/dev/null)" = "$key" ]; then
    tail -n +2 "$kept/$name" >"$work/$name.row"
    return
  fi
  "$@"
  # Neither what failed nor what was ended half way.
  if [ "$(wc -w <"$work/$name.row")" -gt 2 ] && ! grep -q '?' "$work/$name.row"; then
    { echo "$key" && cat "$work/$name.row"; } >"$kept/$name.new" && mv "$kept/$name.new" "$kept/$name"
  fi
}
levels_of() { once "$1" levels "$1"; }
levels() {
  timeout 2400 "$here/levels.sh" "$1" "$dir/$1.v" 2>/dev/null | sed 's/: / /; s/ LUT levels, / /; s/ LUTs//' >"$work/$1.row" ||
    echo "$1 ? ?" >"$work/$1.row"
}
# Mapped by ABC9 (NVTEE_ABC=abc: by the older ABC, which needs a third to a half more LUTs), without wide LUTs: for MUXF7
# Yosys 0.23 spends LUTs that only pass a signal on (773 in rx_move).
# NAME, then Yosys commands that read the module.
synth() {
  timeout 2400 yosys -q -p "$2; synth_xilinx -family xcup -flatten -uram -nowidelut -noiopad -noclkbuf $([ "$abc" = abc9 ] && echo -abc9) -top $3; tee -o $work/$1.stat stat" \
    >/dev/null 2>&1 || true
  awk -v name="$1" '
    BEGIN { ram["RAM32M"]=4; ram["RAM32M16"]=8; ram["RAM64M"]=4; ram["RAM64M8"]=8; ram["RAM32X1D"]=2; ram["RAM64X1D"]=2
            ram["RAM128X1D"]=4; ram["RAM256X1D"]=8; ram["RAM64X1S"]=1; ram["RAM32X1S"]=1; ram["RAM128X1S"]=2; ram["RAM256X1S"]=4 }
    /^ *LUT[1-6] / { lut += $2 } /^ *SRL/ { lut += $2; store += $2 }
    ($1 in ram) { lut += ram[$1] * $2; store += ram[$1] * $2 }
    /^ *FD/ { ff += $2 } /^ *RAMB36/ { bram += $2 } /^ *RAMB18/ { bram += $2 / 2 } /^ *URAM/ { uram += $2 }
    END { if (NR == 0) print name, "?", "?", "?", "?", "?"; else print name, lut + 0, store + 0, ff + 0, bram + 0, uram + 0 }
  ' "$work/$1.stat" >"$work/$1.row" 2>/dev/null || echo "$1 ? ? ? ? ?" >"$work/$1.row"
}
area_of() { once "$1" synth "$1" "read_verilog $dir/$1.v" "$1"; }
buffer_of() { once "$1" buffer "$1"; }
buffer() {  # fifo_WIDTH_DEPTH_HEAD
  local w d h
  IFS=_ read -r _ w d h <<<"$1"
  synth "$1" "read_verilog $here/rtl/hlsc_fifo.v; chparam -set WIDTH $w -set DEPTH $d -set HEAD $h hlsc_fifo" hlsc_fifo
}
export -f once levels_of levels area_of buffer_of buffer synth

each() { printf '%s\n' "${@:2}" | xargs -P "${NVTEE_JOBS:-2}" -I{} bash -c "$1 {}"; }

case $kind in
  levels)
    each levels_of "${modules[@]}"
    echo "| kernel | LUT6 levels | LUTs of that mapping |"
    echo "|---|---|---|"
    for m in "${modules[@]}"; do awk '{ printf "| %s | %s | %s |\n", $1, $2, $3 }' "$work/$m.row"; done | sort -t'|' -k3,3nr -s
    worst=$(cat "$work"/*.row | awk '$2 == "?" { bad = 1 } $2 > m { m = $2 } END { print bad ? "?" : m + 0 }')
    echo "worst: $worst levels (goal 7)"
    [ "$worst" != "?" ] && [ "$worst" -le 7 ]
    ;;
  area)
    each area_of "${modules[@]}"
    echo "| kernel | LUT | of them memory | FF | block RAM (36 Kb) | UltraRAM |"
    echo "|---|---|---|---|---|---|"
    for m in "${modules[@]}"; do awk '{ printf "| %s | %s | %s | %s | %s | %s |\n", $1, $2, $3, $4, $5, $6 }' "$work/$m.row"; done
    [ -f "$dir/engine_top.parts" ] || exit 0
    cp "$dir/engine_top.parts" "$work/parts"
    mapfile -t buffers < <(awk '$1 ~ /^fifo_/ { print $1 }' "$work/parts" | sort -u)
    each buffer_of "${buffers[@]}"
    cat "$work"/*.row | awk '
      FNR == NR { lut[$1] = $2; store[$1] = $3; ff[$1] = $4; bram[$1] = $5; uram[$1] = $6; next }
      { k = $1 ~ /^fifo_/ ? "buffers" : "kernels"; if (!($1 in lut) || lut[$1] == "?") missing = missing " " $1
        n[k] += $2; l[k] += $2 * lut[$1]; s[k] += $2 * store[$1]; f[k] += $2 * ff[$1]; b[k] += $2 * bram[$1]; u[k] += $2 * uram[$1] }
      END { for (i = 1; i <= 2; ++i) { k = i == 1 ? "kernels" : "buffers"
              printf "| engine: %d %s | %d | %d | %d | %g | %d |\n", n[k], k, l[k], s[k], f[k], b[k], u[k] }
            printf "| engine | %d | %d | %d | %g | %d |\n", l["kernels"] + l["buffers"], s["kernels"] + s["buffers"], f["kernels"] + f["buffers"], b["kernels"] + b["buffers"], u["kernels"] + u["buffers"]
            if (missing) print "without:" missing }
    ' - "$work/parts"
    ;;
  *) usage ;;
esac
