#!/usr/bin/env bash
# Kernel nvmet (in a guest) as one leg and nvtee-target as the other: verified load, loss of the connection to nvmet, return, and a
# comparison of the legs by nvtee itself.   usage: nvmet_leg_test.sh BIN GUESTS KERNEL
set -euo pipefail
BIN=$1 GUESTS=$2 KERNEL=$3
here=$(dirname "${BASH_SOURCE[0]}")
"$here/make_guest.sh" "$GUESTS"
. "$here/common.sh"

cat >"$work/guest.sh" <<'EOF'
set -e
modprobe nvmet
modprobe nvmet-tcp
modprobe null_blk nr_devices=0
mount -t configfs config /sys/kernel/config 2>/dev/null || true
n=/sys/kernel/config/nullb/nullb0
mkdir $n
echo 4096 >$n/blocksize
echo 128 >$n/size
echo 1 >$n/memory_backed
echo 1 >$n/power
c=/sys/kernel/config/nvmet
s=$c/subsystems/nqn.2026-01.io.nvtee:nvmet
mkdir $s
echo 1 >$s/attr_allow_any_host
mkdir $s/namespaces/1
echo /dev/nullb0 >$s/namespaces/1/device_path
echo 1 >$s/namespaces/1/enable
p=$c/ports/1
mkdir $p
echo tcp >$p/addr_trtype
echo ipv4 >$p/addr_adrfam
echo 0.0.0.0 >$p/addr_traddr
echo 4420 >$p/addr_trsvcid
ln -s $s $p/subsystems/x
echo "MARK nvmet"
# The port goes away and comes back when the host's side asks by connecting to 4421 (each connection = one step).
nc -l -p 4421 </dev/null >/dev/null
rm $p/subsystems/x
echo "MARK removed"
nc -l -p 4421 </dev/null >/dev/null
ln -s $s $p/subsystems/x
echo "MARK returned"
nc -l -p 4421 </dev/null >/dev/null
EOF
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
nvmet_port=$(free_port)
step_port=$(free_port)
step() { exec 9<>"/dev/tcp/127.0.0.1/$step_port" && exec 9>&-; }

run_guest "$KERNEL" "$work/guest.sh" "user,id=n0,hostfwd=tcp:127.0.0.1:$nvmet_port-:4420,hostfwd=tcp:127.0.0.1:$step_port-:4421"
wait_mark 120 "MARK nvmet"
start_target a 128M
start_node "a=$target_a_port=nqn.2026-01.io.nvtee:a" "nvmet=$nvmet_port=nqn.2026-01.io.nvtee:nvmet"
"$BIN/nvtee" peer list

"$BIN/nvtee-host" load --addr "127.0.0.1:$node_port" --subnqn "$SUBNQN" --nsid 1 --verify --rw randrw --bs 4k-64k --depth 8 --range 0:64M \
  --time 25 --rate 200 >"$work/load.log" 2>&1 &
load=$!
pids+=("$load")
sleep 5
step
wait_mark 30 "MARK removed"
wait_for 30 "the loss is seen" sh -c "! '$BIN/nvtee' status"
step
wait_mark 30 "MARK returned"
wait "$load" || die "the load saw errors or a mismatch"
cat "$work/load.log"
wait_for 120 "the nvmet leg is in sync again" "$BIN/nvtee" status
"$BIN/nvtee" verify start vol
wait_for 120 "verify is done" sh -c "'$BIN/nvtee' verify show vol -o json | grep -q '\"finished\": *true'"
"$BIN/nvtee" verify show vol
"$BIN/nvtee" verify show vol -o json | grep -q '"mismatched_blocks": *0' || die "the legs differ"
echo "PASS: nvmet of Linux $KERNEL as a leg"
