#!/bin/sh
# PID 1 of the guest: mounts, network, then /test.sh (a second initramfs archive brings it); prints its status and powers off.
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for m in virtio_pci virtio_net configfs nvme-tcp; do modprobe "$m" 2>/dev/null; done
mount -t configfs config /sys/kernel/config 2>/dev/null
ip link set lo up
for i in $(seq 50); do [ -e /sys/class/net/eth0 ] && break; sleep 0.1; done
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
echo "GUEST-UP $(cut -d' ' -f1 /proc/uptime)"
if sh /test.sh; then echo "GUEST-RESULT pass"; else echo "GUEST-RESULT fail"; dmesg | tail -40; fi
sync
poweroff -f
