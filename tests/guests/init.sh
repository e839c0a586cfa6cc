#!/bin/sh
# /init of the busybox ramdisk: a shell on the console, again after each exit.
# `poweroff -f` and `reboot -f` call reboot(2) themselves, so no init is needed.
export PATH=/bin HOME=/root PS1='g86# ' TERM=linux
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
# Warnings of the kernel would land in the middle of the session.
dmesg -n 1
cd /root
echo "g86: $(uname -srm), $(nproc) CPU"
echo "g86: shell ready"
while :; do
	setsid cttyhack sh
done
