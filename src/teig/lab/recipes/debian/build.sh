#!/bin/bash
# Make the debian guest's kernel, initramfs and root file system from a fresh root. Arguments: the root.

. "$1/recipe/shared/build.sh"

root=$1 out=$1.out
mkdir "$out"
cp -r --no-preserve=ownership "$root/recipe/debian/files/." "$root/"
make_initramfs "$root" "$root/recipe" "$out/initrd" grow xen-blkfront xen-netfront crc32c_generic ext4

chroot "$root" systemctl --quiet enable systemd-networkd ssh
chroot "$root" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap \
	fstrim.timer dpkg-db-backup.timer man-db.timer systemd-pstore getty@tty1 cloud-init-hotplugd.socket
rm -f "$root"/etc/ssh/ssh_host_* "$root"/boot/System.map-* "$root"/boot/config-*
printf '/dev/xvda / ext4 noatime 0 0\n' >"$root/etc/fstab"
printf 'debian\n' >"$root/etc/hostname"

forget_build "$root"
mkdir "$root.tree"
mount --bind "$root" "$root.tree"
mount -t tmpfs none "$root.tree/boot"
make_ext4 "$root.tree" "$out/root.img" 900M
umount "$root.tree/boot" "$root.tree"
rmdir "$root.tree"
pack_guest "$root" "$out"
mv "$out" "$root/out"
