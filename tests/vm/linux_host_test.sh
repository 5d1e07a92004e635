#!/usr/bin/env bash
# A stock Linux kernel as host: discover, connect, ext4 with checksums, fio with verify while a leg is killed and returns; then
# the legs are compared byte by byte.   usage: linux_host_test.sh BIN GUESTS KERNEL
set -euo pipefail
BIN=$1 GUESTS=$2 KERNEL=$3
here=$(dirname "${BASH_SOURCE[0]}")
"$here/make_guest.sh" "$GUESTS"
. "$here/common.sh"

start_target a 256M
start_target b 256M
start_node "a=$target_a_port=nqn.2026-01.io.nvtee:a" "b=$target_b_port=nqn.2026-01.io.nvtee:b"

cat >"$work/guest.sh" <<EOF
set -e
host="--hostnqn=nqn.2014-08.org.nvmexpress:uuid:11111111-2222-3333-4444-555555555555 --hostid=11111111-2222-3333-4444-555555555555"
nvme discover -t tcp -a 10.0.2.2 -s $node_port \$host | tee /tmp/discover
grep -q "$SUBNQN" /tmp/discover
nvme connect -t tcp -a 10.0.2.2 -s $node_port -n $SUBNQN -k 20 \$host
for i in \$(seq 100); do [ -e /dev/nvme0n1 ] && break; sleep 0.1; done
nvme list-subsys /dev/nvme0n1 || nvme list-subsys
nvme id-ctrl /dev/nvme0 | head -20
nvme id-ns /dev/nvme0n1 | head -12
nvme ana-log /dev/nvme0 | head -12
nvme smart-log /dev/nvme0 | head -6
nvme error-log /dev/nvme0 -e 1 | head -8
echo "MARK connected"
mkfs.ext4 -q -F /dev/nvme0n1
mount -t ext4 /dev/nvme0n1 /mnt
for i in \$(seq 20); do dd if=/dev/urandom of=/mnt/f\$i bs=64k count=16 2>/dev/null; done
md5sum /mnt/f* >/tmp/sums
umount /mnt
mount -t ext4 /dev/nvme0n1 /mnt
md5sum -c /tmp/sums >/dev/null
echo "MARK ext4"
fio --name=v --filename=/mnt/fio --size=64M --rw=randwrite --bs=4k --iodepth=16 --ioengine=libaio --direct=1 --verify=crc32c --do_verify=1 \
  --verify_fatal=1 --randrepeat=0 --io_size=48M --rate=2m --status-interval=30 >/tmp/fio 2>&1 &
fio=\$!
sleep 2
echo "MARK fio"
wait \$fio || { cat /tmp/fio; exit 1; }
grep -E "err=|IOPS" /tmp/fio | head -6
md5sum -c /tmp/sums >/dev/null
umount /mnt
if dmesg | grep -iE "I/O error|I/O .*timeout|resetting controller"; then echo "the host saw errors"; exit 1; fi
nvme disconnect -n $SUBNQN
echo "MARK done"
EOF
run_guest "$KERNEL" "$work/guest.sh"
wait_mark 180 "MARK connected"
wait_mark 120 "MARK fio"
echo "killing leg b under fio"
kill -9 "$target_b_pid"
wait_for 30 "the loss is seen" sh -c "! '$BIN/nvtee' status"
"$BIN/nvtee" status || true
start_target b 256M
wait_for 60 "leg b is in sync again" "$BIN/nvtee" status
wait "$guest_pid" || die "the guest's test failed"
cat "$work/console"
"$BIN/nvtee" events -o json | grep -o '"name":"[^"]*"' | sort | uniq -c
kill -TERM "$node_pid"
wait "$node_pid" || die "nvteed did not drain cleanly"
cmp "$work/a.img" "$work/b.img" || die "the legs differ"
echo "PASS: Linux $KERNEL: both legs are byte-identical"
