# Shell functions of the image builds, sourced by each recipe's build.sh, which mmdebstrap runs as a customize hook
# with the new root's path. The root's own /proc and /sys are mounted meanwhile, so file systems are made from a
# non-recursive bind mount of it.

set -eu

kernel_version() { # ROOT
	for folder in "$1"/lib/modules/*; do basename "$folder"; done | sort -V | tail -n 1
}

# Print the module files that the named modules need, dependencies first, each once.
module_files() { # ROOT VERSION MODULE...
	local root=$1 version=$2 module
	shift 2
	[ -e "$root/lib/modules/$version/modules.dep" ] || chroot "$root" /sbin/depmod "$version"
	for module in "$@"; do
		chroot "$root" /sbin/modprobe --set-version "$version" --show-depends "$module"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

# Copy a program and the shared libraries it needs.
copy_program() { # ROOT DESTINATION PROGRAM
	chroot "$1" ldd "$3" | grep -o '/[^ ]*' | cat - <(echo "$3") | while read -r file; do
		install -D "$1$file" "$2$file"
	done
}

# Write an uncompressed initramfs that loads the modules and hands over to the real root. With `grow`, it also makes
# the root file system as large as its disk.
make_initramfs() { # ROOT RECIPE OUT GROW MODULE...
	local root=$1 recipe=$2 out=$3 grow=$4 version tree
	shift 4
	version=$(kernel_version "$root")
	tree=$(mktemp -d)
	mkdir -p "$tree"/{bin,dev,proc,sys,newroot,lib/modules}
	install -m 755 "$root/bin/busybox" "$tree/bin/busybox"
	ln -s busybox "$tree/bin/sh"
	install -m 755 "$recipe/shared/init" "$tree/init"
	module_files "$root" "$version" "$@" | while read -r file; do
		cp "$root$file" "$tree/lib/modules/"
		basename "$file" >>"$tree/modules"
	done
	if [ "$grow" = grow ]; then copy_program "$root" "$tree" /sbin/resize2fs; fi
	find "$tree" -exec touch --no-dereference --date=@0 {} +
	(cd "$tree" && find . -print0 | sort -z | cpio --quiet -0 --create --format=newc --owner=0:0 --reproducible >"$out")
	rm -rf "$tree"
}

# Make an ext4 file system of the tree. The same tree gives the same bytes.
make_ext4() { # TREE OUT SIZE [MKE2FS OPTION...]
	local tree=$1 out=$2 size=$3
	shift 3
	E2FSPROGS_FAKE_TIME=1 mke2fs -q -t ext4 -b 4096 -L root -m 0 \
		-U 7e160000-0000-4000-8000-000000000001 -E hash_seed=7e160000-0000-4000-8000-000000000002,root_owner=0:0 \
		"$@" -d "$tree" "$out" "$size"
}

# Forget what belongs to the build and not to the image.
forget_build() { # ROOT
	rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/var/cache/apt/archives/*.deb "$1"/var/log/*.log \
		"$1"/var/log/apt "$1"/etc/resolv.conf "$1"/usr/sbin/policy-rc.d "$1"/recipe
	: >"$1/etc/machine-id"
}

# Take the guest kernel as it is packed: Xen's tools unpack it at every start, which is quick (LZ4), while the unpacked
# one is four times as much to send to every host.
pack_guest() { # ROOT OUT
	cp "$1/boot/vmlinuz-$(kernel_version "$1")" "$2/kernel"
	gzip -n "$2/initrd"
	mv "$2/initrd.gz" "$2/initrd"
	stat --format=%s "$2/root.img" >"$2/raw_size"
	gzip -n "$2/root.img"
}
