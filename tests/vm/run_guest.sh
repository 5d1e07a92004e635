#!/usr/bin/env bash
# Boots a guest under software emulation (TCG works everywhere), runs a script in it, and prints its console.
#   usage: run_guest.sh GUEST_DIR NAME SCRIPT CONSOLE_FILE [QEMU_NET_OPTION]
# NVTEE_VM_PROGRAMS: programs (paths) that the guest finds in /, with their libraries.
# Exit 0 when the script passed. The console file grows while the guest runs. Bounded by NVTEE_VM_TIMEOUT (s, default 400).
set -euo pipefail
dir=$1 name=$2 script=$3 console=$4 net=${5:-user,id=n0}
work=$(mktemp -d)
pid=
cleanup() {
  [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
mkdir "$work/root"
cp "$script" "$work/root/test.sh"
for program in ${NVTEE_VM_PROGRAMS:-}; do
  cp "$program" "$work/root/"
  ldd "$program" | grep -o '/[^ ]*' | while read -r lib; do install -D "$(readlink -f "$lib")" "$work/root$lib"; done
done
(cd "$work/root" && find . -mindepth 1 | cpio -o -H newc --quiet) | gzip -1 >"$work/extra"
# The kernel takes several archives one after the other; each starts at a multiple of 4.
cat "$dir/initrd-$name" >"$work/initrd"
truncate -s %4 "$work/initrd"
cat "$work/extra" >>"$work/initrd"
: >"$console"
timeout -k 5 "${NVTEE_VM_TIMEOUT:-400}" qemu-system-x86_64 -M q35 -accel tcg,thread=multi -cpu max,la57=off -smp 2 -m 1536 \
  -nodefaults -no-hpet -display none -no-reboot -kernel "$dir/vmlinuz-$name" -initrd "$work/initrd" \
  -append "console=ttyS0 quiet panic=-1 nokaslr mitigations=off random.trust_cpu=on tsc=reliable" \
  -serial "file:$console" -netdev "$net" -device virtio-net-pci,netdev=n0,romfile= </dev/null &
pid=$!
wait "$pid" || true
pid=
grep -q '^GUEST-RESULT pass' "$console"
