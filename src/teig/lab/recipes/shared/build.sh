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

# Unpack the guest kernel from its bzImage: unpacking it in Dom0 again at every start of every guest costs seconds.
# Where the payload lies is said in the setup header (Linux, Documentation/x86/boot.rst: 1f1 setup_sects,
# 248 payload_offset, 24c payload_length).
extract_kernel() { # ROOT OUT
	local image start length unpack
	image="$1/boot/vmlinuz-$(kernel_version "$1")"
	start=$((($(number "$image" $((0x1f1)) 1) + 1) * 512 + $(number "$image" $((0x248)) 4)))
	length=$(number "$image" $((0x24c)) 4)
	case $(number "$image" $start 4) in
	1484404733) unpack="xz --decompress --stdout --single-stream" ;;
	407642370) unpack="lz4 -d -c" ;;
	4247762216) unpack="zstd --decompress --stdout" ;;
	*) echo "The kernel is packed in an unknown way." >&2; return 1 ;;
	esac
	# What follows the stream (its unpacked length, added by the kernel's build) makes the programs complain at the end.
	tail -c +$((start + 1)) "$image" | head -c "$length" | $unpack >"$2" 2>/dev/null || true
	[ "$(number "$2" 0 4)" = 1179403647 ] || { echo "The kernel could not be unpacked." >&2; return 1; }
}

number() { # FILE OFFSET BYTES, little-endian
	od --address-radix=n --endian=little --format=u"$3" --skip-bytes="$2" --read-bytes="$3" "$1" | tr -d ' '
}

compress_root() { # OUT
	stat --format=%s "$1/root.img" >"$1/raw_size"
	gzip -n -6 "$1/root.img"
}
