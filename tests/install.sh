#!/bin/bash
# install.sh - sees to it that the programs that the build and the tests need are there.
#
# Looks for the programs and files themselves, so it costs nothing and says nothing when all are there. What is
# missing is installed with apt (through sudo when not root); where there is no apt, it is listed.
# With the argument `lint` or `models`, also what make lint or make models needs.
set -u

Missing=()

have() { command -v "$1" >/dev/null 2>&1; }

need() # package command-or-file
{
    case $2 in
    /*) [ -e "$2" ] || Missing+=("$1") ;;
    *) have "$2" || Missing+=("$1") ;;
    esac
}

need_compiler()
{
    if [ -n "${CROSS_COMPILE:-}" ]; then
        have "${CROSS_COMPILE}gcc" || Missing+=("the compiler ${CROSS_COMPILE}gcc")
    elif have x86_64-elf-gcc; then
        :
    elif [ "$Machine" = x86_64 ]; then
        need gcc gcc
        need binutils ld
    else
        need gcc-x86-64-linux-gnu x86_64-linux-gnu-gcc
        need binutils-x86-64-linux-gnu x86_64-linux-gnu-ld
    fi
}

find_missing() # what
{
    Machine=$(uname -m)
    Missing=()
    need_compiler
    need qemu-system-x86 qemu-system-x86_64
    need perl prove
    need xorriso xorriso
    need mtools mformat
    need gcc-mingw-w64-x86-64 x86_64-w64-mingw32-gcc
    need clang clang
    need console-setup-linux "${FONT_DIR:-/usr/share/consolefonts}/Lat15-Terminus16.psf.gz"
    need grub-common grub-mkrescue
    # GRUB's own code for a PC is packaged for PCs only; elsewhere the kernel is booted directly.
    if [ "$Machine" = x86_64 ]; then
        [ -d /usr/lib/grub/i386-pc ] || Missing+=(grub-pc-bin)
        [ -d /usr/lib/grub/x86_64-efi ] || Missing+=(grub-efi-amd64-bin)
    fi
    if [ ! -d /usr/share/OVMF ] && [ ! -d /usr/share/edk2 ] && [ ! -d /usr/share/edk2-ovmf ]; then
        Missing+=(ovmf)
    fi
    if [ "${1:-}" = models ]; then
        need spin spin
        need gcc gcc
    fi
    if [ "${1:-}" = lint ]; then
        need clang-format clang-format
        need shellcheck shellcheck
    fi
}

apt()
{
    "${Sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@" 2>&1
}

# One line for each of the packages as it comes: an installation takes a minute or two.
install_packages()
{
    local Log

    Log=$(mktemp) || return 1
    apt install -y --no-install-recommends "${Missing[@]}" | tee "$Log" |
        while read -r Setting Up Package _; do
            [[ "$Setting $Up" != 'Setting up' || " ${Missing[*]} " != *" ${Package%:*} "* ]] || echo "    ${Package%:*}"
        done
    if [ "${PIPESTATUS[0]}" = 0 ]; then
        rm -f "$Log"
        return 0
    fi
    tail -n 15 "$Log" >&2
    rm -f "$Log"
    return 1
}

by_apt()
{
    Sudo=()
    if [ "$(id -u)" != 0 ]; then
        have sudo || { echo "Kedge needs these packages; as root: apt-get install ${Missing[*]}" >&2; return 1; }
        Sudo=(sudo)
    fi
    echo "Kedge needs these packages, which are now installed with ${Sudo[*]:+sudo }apt-get: ${Missing[*]}"
    # A fresh machine has no package lists, an old one has lists that name what is no longer there.
    if [ -z "$(find /var/lib/apt/lists -name '*_Packages*' -mtime -7 2>/dev/null | head -n 1)" ]; then
        apt update >/dev/null || { echo 'apt-get update failed' >&2; return 1; }
        install_packages
    else
        install_packages || { apt update >/dev/null && install_packages; }
    fi
}

find_missing "${1:-}"
[ ${#Missing[@]} != 0 ] || exit 0
if have apt-get; then
    by_apt || exit 1
    find_missing "${1:-}"
    [ ${#Missing[@]} = 0 ] || { echo "still not there after the installation: ${Missing[*]}" >&2; exit 1; }
else
    echo "Kedge needs what these packages of Debian contain; please install them: ${Missing[*]}" >&2
    exit 1
fi
