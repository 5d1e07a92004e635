#!/usr/bin/env bash
# Makes what a guest needs in OUT: for each Debian kernel, vmlinuz-NAME and initrd-NAME (busybox, nvme-cli, fio, mkfs.ext4 and the
# modules of NVMe/TCP host and target). Kernels are fetched as packages and unpacked, never installed.
#   usage: make_guest.sh OUT
# Exit 77: something that a machine may lack is missing; the reason is printed.
set -euo pipefail

out=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$out"
out=$(cd "$out" && pwd)

skip() {
  echo "SKIP: $*"
  exit 77
}
for tool in qemu-system-x86_64 nvme fio mkfs.ext4 busybox depmod cpio; do
  command -v "$tool" >/dev/null || PATH=$PATH:/sbin:/usr/sbin command -v "$tool" >/dev/null || skip "$tool is not installed (./dev deps installs it)"
done
export PATH=$PATH:/sbin:/usr/sbin

# name -> meta package whose dependency names the present kernel
declare -A meta=([6.1]=linux-image-cloud-amd64 [6.12]=linux-image-6.12-cloud-amd64)
modules=(nvme-tcp nvme-fabrics nvme-core nvmet nvmet-tcp null_blk virtio_net virtio_pci virtio_console configfs crc32c-intel libcrc32c
  crc32c_generic qemu_fw_cfg)

copy_program() {  # copy_program ROOT PROGRAM: with its libraries
  local root=$1 program
  program=$(command -v "$2")
  install -D "$program" "$root/usr/bin/$2"
  ldd "$program" 2>/dev/null | grep -o '/[^ ]*' | while read -r lib; do
    [ -e "$root$lib" ] || install -D "$(readlink -f "$lib")" "$root$lib"
  done
}

make_initrd() {  # make_initrd NAME KERNEL_TREE
  local name=$1 tree=$2 version root
  version=$(ls "$tree/lib/modules")
  root=$out/root-$name
  rm -rf "$root"
  mkdir -p "$root"/{bin,sbin,dev,proc,sys,tmp,mnt,etc,usr/bin,lib/modules}
  install "$(command -v busybox)" "$root/bin/busybox"
  for applet in sh mount umount modprobe insmod ip cat ls sleep sync poweroff mkdir md5sum dd cmp seq grep head tail date dmesg ln rmdir cut tr \
    wc udhcpc route ifconfig kill cp rm awk sed nc test true false timeout basename readlink; do
    ln -sf busybox "$root/bin/$applet"
  done
  ln -sf ../bin/busybox "$root/sbin/modprobe"
  for p in nvme fio mkfs.ext4; do copy_program "$root" "$p"; done
  # nvme-cli writes its host identity nowhere: the test passes it.
  mkdir -p "$root/etc/nvme"
  local base=$tree/lib/modules/$version m f
  mkdir -p "$root/lib/modules/$version"
  depmod -b "$tree" "$version" 2>/dev/null
  cp "$base"/modules.{builtin,order} "$root/lib/modules/$version/" 2>/dev/null || true
  for m in "${modules[@]}"; do
    { grep -E "(^|/)${m//[_-]/[_-]}\.ko[^:]*:" "$base/modules.dep" || true; } | tr ':' ' ' | tr ' ' '\n' | sed '/^$/d' | while read -r f; do
      install -D -m644 "$base/$f" "$root/lib/modules/$version/$f"
    done
  done
  find "$root/lib/modules" -name '*.ko.xz' -exec xz -d {} +
  depmod -b "$root" "$version" 2>/dev/null
  install -m755 "$here/guest_init.sh" "$root/init"
  (cd "$root" && find . | cpio -o -H newc --quiet) | gzip -1 >"$out/initrd-$name.tmp"
  mv "$out/initrd-$name.tmp" "$out/initrd-$name"
  rm -rf "$root"
}

for name in "${!meta[@]}"; do
  [ "$out/initrd-$name" -nt "$here/guest_init.sh" ] && [ "$out/initrd-$name" -nt "$here/make_guest.sh" ] && continue
  package=$(apt-cache depends "${meta[$name]}" 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[^ ]*\)/\1/p' | head -n1)
  [ -n "$package" ] || skip "the package archive knows no ${meta[$name]} (apt-get update?)"
  tree=$out/tree-$name
  rm -rf "$tree"
  mkdir -p "$tree/deb"
  (cd "$tree/deb" && apt-get download -q "$package" >/dev/null 2>&1) || skip "cannot download $package"
  dpkg -x "$tree"/deb/*.deb "$tree"
  cp "$tree"/boot/vmlinuz-* "$out/vmlinuz-$name"
  make_initrd "$name" "$tree"
  rm -rf "$tree"
  echo "guest $name: $package"
done
