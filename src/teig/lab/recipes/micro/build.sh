#!/bin/bash
# Make the micro guest's kernel, initramfs and root file system. Arguments: the root, whose packages were unpacked but
# never configured: it only serves as a quarry.

. "$1/recipe/shared/build.sh"

root=$1 out=$1.out
mkdir "$out"
make_initramfs "$root" "$root/recipe" "$out/initrd" grow xen-blkfront xen-netfront crc32c_generic ext4

tree=$(mktemp -d)
mkdir -p "$tree"/{bin,dev,etc,proc,root,run,sbin,srv,sys,tmp,var/log}
cp -r --no-preserve=ownership "$root/recipe/micro/files/." "$tree/"
install -m 755 "$root/bin/busybox" "$tree/bin/busybox"
for applet in $(chroot "$root" /bin/busybox --list); do
	[ -e "$tree/bin/$applet" ] || [ -e "$tree/sbin/$applet" ] || ln -s /bin/busybox "$tree/bin/$applet"
done
ln -s /bin/busybox "$tree/sbin/init"
chmod 1777 "$tree/tmp"
find "$tree" -exec touch --no-dereference --date=@0 {} +
make_ext4 "$tree" "$out/root.img" 16M -N 4096
rm -rf "$tree"
pack_guest "$root" "$out"
mv "$out" "$root/out"
