#!/bin/sh
# make.sh - writes the medium: one image for CD and USB stick, for BIOS and 64-bit UEFI.
#
#   iso/make.sh IMAGE KERNEL GRUB_CFG [DRIVER.sys ...]
#
# grub-mkrescue makes it bootable in all four ways. Left to itself it installs every module, font,
# theme and translation there is; the list below is what iso/grub.cfg uses.
set -eu

Image=$1 Kernel=$2 Config=$3
shift 3

Modules="normal multiboot2 all_video iso9660 fat search test regexp serial terminal"

# Not ours: grub-mkrescue's own start-up for EFI asks for every partition scheme and complains of each that is
# missing.
Modules="$Modules part_msdos part_gpt part_acorn part_amiga part_apple part_bsd part_dfly part_dvh part_plan"
Modules="$Modules part_sun part_sunpc"

for Tool in grub-mkrescue xorriso mformat; do
    command -v $Tool >/dev/null || { echo "make.sh: $Tool is missing (Debian: grub-common, xorriso, mtools)" >&2; exit 1; }
done

# The log stays out of the tree: a file that grows while it is being written to the medium is an error. GRUB's
# own scratch files go into our directory too, so that nothing is left behind when it fails.
Work=$(mktemp -d "${TMPDIR:-/tmp}/kedge-iso.XXXXXX")
trap 'rm -rf "$Work"' EXIT
Tree=$Work/tree
mkdir -p "$Tree/boot/grub" "$Tree/drivers" "$Work/scratch"
cp "$Kernel" "$Tree/boot/kedge.elf"
cp "$Config" "$Tree/boot/grub/grub.cfg"
for Driver; do cp "$Driver" "$Tree/drivers/"; done

TMPDIR=$Work/scratch grub-mkrescue --output="$Work/image" --install-modules="$Modules" --fonts= --locales= --themes= \
    "$Tree" -- -volid KEDGE >"$Work/log" 2>&1 || { cat "$Work/log" >&2; exit 1; }
mv "$Work/image" "$Image"
