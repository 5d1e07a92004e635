#!/bin/sh
# ports.sh card_top.v > nvtee_card_ports.vh: the ports of card_top but those that nvtee_card joins to its clock.
set -eu
sed -n '/^module card_top/,/^);/p' "$1" | sed '1d;$d' | grep -v -w -e clock_step_din -e clock_step_full_n -e clock_step_resv \
  -e clock_step_write -e now -e base -e build | sed '$s/,$//'
