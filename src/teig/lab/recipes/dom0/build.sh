#!/bin/bash
# Make the lab host's disk, kernel, initramfs and hypervisor from a fresh Debian root. Arguments: the root.

. "$1/recipe/shared/build.sh"

root=$1 out=$1.out
mkdir "$out"
cp -r --no-preserve=ownership "$root/recipe/dom0/files/." "$root/"

chroot "$root" systemctl --quiet enable systemd-networkd ssh lab-storage lab-dom0-weight lab-ready
chroot "$root" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap \
	fstrim.timer dpkg-db-backup.timer systemd-networkd-wait-online systemd-pstore getty@tty1 \
	systemd-timesyncd systemd-logind man-db.timer logrotate.timer
sed -i 's/^#\?autoballoon=.*/autoballoon="off"/' "$root/etc/xen/xl.conf"
printf 'XENCONSOLED_ARGS="--log=guest"\n' >>"$root/etc/default/xen"
mkdir -p "$root/var/log/xen/console" # where xenconsoled keeps the logs, if it is there
rm -f "$root"/etc/ssh/ssh_host_*
mkdir -p "$root/root/.ssh"
chmod 700 "$root/root/.ssh"
printf '/dev/vda / ext4 noatime 0 0\n' >"$root/etc/fstab"

make_initramfs "$root" "$root/recipe" "$out/initrd" keep virtio_pci virtio_blk crc32c_generic ext4
cp "$root/boot/vmlinuz-$(kernel_version "$root")" "$out/kernel"
zcat "$root"/boot/xen-4.17-amd64.gz >"$out/xen"

forget_build "$root"
mkdir "$root.tree"
mount --bind "$root" "$root.tree"
make_ext4 "$root.tree" "$out/root.ext4" 3G
umount "$root.tree"
rmdir "$root.tree"
qemu-img convert -O qcow2 "$out/root.ext4" "$out/root.qcow2"
rm "$out/root.ext4"
mv "$out" "$root/out"
