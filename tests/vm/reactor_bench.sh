#!/usr/bin/env bash
# Event loops (epoll, io_uring) on a Debian kernel in an emulated guest: which needs fewer instructions there. Not a test: read
# the CPU per exchange, not the rates.   usage: reactor_bench.sh BIN GUESTS KERNEL [MILLISECONDS_A_ROUND [ROUNDS]]
set -euo pipefail
BIN=$1 GUESTS=$2 KERNEL=$3
here=$(dirname "${BASH_SOURCE[0]}")
"$here/make_guest.sh" "$GUESTS"
. "$here/common.sh"
printf '/reactor_bench %s %s\n' "${4:-2000}" "${5:-3}" >"$work/guest.sh"
export NVTEE_VM_PROGRAMS=$BIN/reactor_bench NVTEE_VM_TIMEOUT=1200
run_guest "$KERNEL" "$work/guest.sh"
wait "$guest_pid" || die "the guest's bench failed"
sed 's/\r$//' "$work/console"
