#!/bin/bash
# boot.sh - boots the kernel in QEMU and exits with its verdict.
#
# `make run` calls this with the variables below; it can be called directly as well, from anywhere.
#
#   DRIVER=a.sys,b.sys   drivers to load, in order; a comma inside a name is written twice
#   SMP=2                processors, 1 to 64
#   MEM=256              memory in MiB
#   CPU=max              QEMU's processor model
#   FIRMWARE=direct      direct: QEMU loads the kernel itself. bios, uefi: from the ISO, through GRUB
#   HEADLESS=1           no window; the default where there is no display. The log is on stdout either way
#   ACCEL=virtual        counted instructions and virtual time: the same run every time (default with DRIVER, not for uefi)
#        =parallel       one host thread per processor and real time (default without)
#        =kvm            the host's processor
#   APPEND="a=b c"       more kernel options
#   TIMEOUT=120          seconds of the host's time until the run is given up; 0: never
#   GDB_WAIT=1           wait for gdb on port 1234 before the first instruction, and as long as it takes
#   TAP=file             where serial port 2, the test results, goes
#   QEMU=program BUILD=directory      what to run, and where the kernel is
#
# Exit status: 0 all is well. 1 a test or a driver failed, or something leaked. 2 bugcheck (or the machine
# reset itself). 3 no verdict: the time was up, the window was closed, or QEMU broke. 4 something was refused.
#
# The kernel leaves through isa-debug-exit by writing 0x10 + status, which makes QEMU exit with
# 0x21 + 2 * status: numbers that QEMU never uses for itself.
# shellcheck disable=SC2015,SC2054,SC2317
set -u
Home=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 4

EXIT_VERDICT=33
Bold='' Red='' Green='' Plain=''
if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ]; then
    Bold=$'\e[1m' Red=$'\e[31m' Green=$'\e[32m' Plain=$'\e[0m'
fi

say() { printf '%sboot.sh: %s%s\n' "$Bold" "$*" "$Plain" >&2; }

refuse() { say "$*"; exit 4; }

# ---- What was asked for ----

need_number() # name value low high what
{
    [[ $2 =~ ^[0-9]{1,9}$ ]] && ((10#$2 >= $3 && 10#$2 <= $4)) || refuse "$1=$2: not $5 from $3 to $4"
}

read_variables()
{
    Driver=${DRIVER:-} Smp=${SMP:-2} Mem=${MEM:-256} Cpu=${CPU:-max} Firmware=${FIRMWARE:-direct}
    Append=${APPEND:-} Timeout=${TIMEOUT:-120} Qemu=${QEMU:-qemu-system-x86_64} Build=${BUILD:-$Home/build}
    Accel=${ACCEL:-} Headless=${HEADLESS:-}

    need_number SMP "$Smp" 1 64 'a number of processors'
    need_number MEM "$Mem" 16 524288 'a number of MiB'
    need_number TIMEOUT "$Timeout" 0 999999 'a number of seconds'
    [[ $Cpu =~ ^[A-Za-z0-9._+=,:-]+$ ]] || refuse "CPU=$Cpu: not a processor model"
    case $Firmware in direct | bios | uefi) ;; *) refuse "FIRMWARE=$Firmware: not direct, bios or uefi" ;; esac
    if [ -z "$Accel" ]; then
        # UEFI firmware polls the clock: under counted instructions it takes minutes.
        if [ -n "$Driver" ] && [ "$Firmware" != uefi ]; then Accel=virtual; else Accel=parallel; fi
    fi
    case $Accel in
    virtual | parallel) ;;
    kvm) [[ -r /dev/kvm && -w /dev/kvm ]] || refuse 'ACCEL=kvm: /dev/kvm is not there or not ours to use' ;;
    *) refuse "ACCEL=$Accel: not virtual, parallel or kvm" ;;
    esac
    [[ $Append != *$'\n'* ]] || refuse 'APPEND: has a line break in it'

    case ${GDB_WAIT:-0} in
    0) ;;
    1) Timeout=0 GdbPort=1234 ;;
    [1-9][0-9][0-9][0-9] | [1-6][0-9][0-9][0-9][0-9]) Timeout=0 GdbPort=$GDB_WAIT ;;
    *) refuse "GDB_WAIT=$GDB_WAIT: not 0, 1 or a port" ;;
    esac

    command -v "$Qemu" >/dev/null || refuse "$Qemu is not installed (tests/install.sh installs it)"
    if [ -z "$Headless" ]; then
        if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then Headless=0; else Headless=1; fi
    fi
    case $Headless in 0 | 1) ;; *) refuse "HEADLESS=$Headless: not 0 or 1" ;; esac
    if [ "$Headless" = 0 ] && ! "$Qemu" -display help | grep -qE '^(gtk|sdl|cocoa)'; then
        say "this QEMU has no window to offer (package qemu-system-gui): going on without"
        Headless=1
    fi
}

# Splits DRIVER into Drivers[], and gives each file a name in the run's directory without blanks,
# which QEMU would take for the start of the module's arguments.
collect_drivers()
{
    local List=${Driver//,,/$'\001'} File Name Link Hint=''
    Drivers=()

    [ -n "$Driver" ] || return 0
    [[ $Driver != *,* ]] || Hint=' (a comma parts two names; one inside a name is written twice)'
    while [ -n "$List" ]; do
        File=${List%%,*}
        if [[ $List == *,* ]]; then List=${List#*,}; else List=''; fi
        File=${File//$'\001'/,}
        [ -n "$File" ] || refuse "DRIVER=$Driver: has an empty name in it"
        [ -e "$File" ] || refuse "DRIVER: $File does not exist$Hint"
        [ -f "$File" ] || refuse "DRIVER: $File is not a file"
        [ -r "$File" ] || refuse "DRIVER: $File cannot be read"
        Name=${File##*/}
        Link="$Run/${#Drivers[@]}/${Name//[[:space:]]/_}"
        mkdir "${Link%/*}" && ln -s "$(realpath "$File")" "$Link" || exit 4
        Drivers+=("$Link")
    done
}

# ---- The machine ----

kernel_options()
{
    local Options='exit=isa-debug'

    [ "$Accel" != virtual ] || Options+=' virtual'
    if [ -n "$Driver" ]; then Options+=' drivers'; else Options+=' selftest'; fi
    printf '%s' "$Options${Append:+ $Append}"
}

boot_direct()
{
    local Kernel=$Build/kedge.elf List='' File

    [ -f "$Kernel" ] || refuse "$Kernel is not there: run make first"
    for File in "${Drivers[@]}"; do List+="${List:+,}${File//,/,,}"; done
    Arguments+=(-kernel "$Kernel" -append "$(kernel_options)")
    [ -z "$List" ] || Arguments+=(-initrd "$List")
}

# The ISO of this run is made as build/kedge.iso is, with a menu of one entry, which does not wait, and the drivers.
boot_iso()
{
    local Menu=$Home/iso/grub.cfg Kernel File Word Words

    [ -f "$Build/kedge.elf" ] || refuse "$Build/kedge.elf is not there: run make first"
    Kernel=$(sed -n 's/^[[:space:]]*multiboot2[[:space:]]\+\([^[:space:]]*\).*/\1/p' "$Menu" | head -n 1)
    read -ra Words <<<"$(kernel_options)"
    {
        sed '/^menuentry/,$d' "$Menu"
        printf 'set default=0\nset timeout=0\nmenuentry run {\n    multiboot2 %s' "$Kernel"
        for Word in "${Words[@]}"; do printf " '%s'" "${Word//\'/}"; done
        printf '\n'
        for File in "${Drivers[@]}"; do printf "    module2 '/drivers/%s' '%s'\n" "${File##*/}" "${File##*/}"; done
        printf '}\n'
    } >"$Run/grub.cfg"
    [ -z "$(for File in "${Drivers[@]}"; do echo "${File##*/}"; done | sort | uniq -d)" ] ||
        refuse "DRIVER=$Driver: two files of one name cannot share an ISO"
    "$Home/iso/make.sh" "$Run/run.iso" "$Build/kedge.elf" "$Run/grub.cfg" "${Drivers[@]}" ||
        refuse "the ISO of this run cannot be made"
    Arguments+=(-cdrom "$Run/run.iso")
}

find_ovmf()
{
    local Code Vars

    for Code in /usr/share/OVMF/OVMF_CODE_4M.fd /usr/share/OVMF/OVMF_CODE.fd /usr/share/edk2/x64/OVMF_CODE.4m.fd \
        /usr/share/edk2/ovmf/OVMF_CODE.fd /usr/share/edk2-ovmf/x64/OVMF_CODE.fd; do
        Vars=${Code/CODE/VARS}
        [ -f "$Code" ] && [ -f "$Vars" ] || continue
        cp "$Vars" "$Run/vars.fd" && chmod u+w "$Run/vars.fd" || exit 4
        Arguments+=(-drive "if=pflash,format=raw,unit=0,readonly=on,file=$Code"
            -drive "if=pflash,format=raw,unit=1,file=$Run/vars.fd")
        return
    done
    refuse 'FIRMWARE=uefi: no OVMF firmware found (package ovmf; tests/install.sh installs it)'
}

# Without a disk controller the firmware does not look for disks, which under counted instructions takes three quarters
# of a short run.
machine() { if [ "$Firmware" = direct ]; then echo q35,sata=off; else echo q35; fi; }

build_arguments()
{
    Arguments=(-name kedge -machine "$(machine)" -nodefaults -no-user-config -no-reboot -vga std
        -m "$Mem" -smp "$Smp" -cpu "$Cpu"
        -device isa-debug-exit,iobase=0xf4,iosize=4
        -chardev stdio,id=log,signal=off -serial chardev:log
        -chardev "file,id=tap,path=${Tap//,/,,}" -serial chardev:tap
        -d cpu_reset -D "$Run/resets")
    [ "$Headless" = 0 ] || Arguments+=(-display none)
    [ "${GDB_WAIT:-0}" = 0 ] || Arguments+=(-S -gdb "tcp:127.0.0.1:$GdbPort")
    case $Accel in
    virtual) Arguments+=(-accel tcg,thread=single -icount shift=0,sleep=off) ;;
    parallel) Arguments+=(-accel tcg,thread=multi) ;;
    kvm) Arguments+=(-accel kvm) ;;
    esac
    case $Firmware in
    direct) boot_direct ;;
    bios) boot_iso ;;
    uefi) find_ovmf && boot_iso ;;
    esac
}

# ---- The run ----

# Stdin to stdout, and into the run's log. Firmware and GRUB paint their menus over the serial lines as well, which
# would clear a person's screen. TAP words and the verdict are coloured for a person.
clean() { if [ "$Firmware" = direct ]; then cat; else sed -u $'s/\e\\[[=?0-9;]*[A-Za-z]//g'; fi; }

paint()
{
    [ -n "$Plain" ] || exec cat
    exec sed -u -e "s/^not ok\b.*/$Red&$Plain/" -e "s/^ok\b/$Green&$Plain/" \
        -e "s/^[0-9]\+ passed, 0 failed\b/$Bold$Green&$Plain/" -e "s/^[0-9]\+ passed, [1-9].*/$Bold$Red&$Plain/"
}

show() { clean | tee "$Run/log" | paint; }

stop()
{
    trap - INT TERM HUP
    [ -z "${Emulator:-}" ] || { kill -TERM "$Emulator"; wait "$Emulator"; } 2>/dev/null
    say 'stopped'
    exit $((128 + $1))
}

# Both processes are ours by number, so that Ctrl-C, or the end of this script, leaves none behind.
# timeout(1) gives QEMU a process group of its own, out of the terminal's reach.
run()
{
    mkfifo "$Run/pipe" || exit 4
    show <"$Run/pipe" &
    Shower=$!
    trap 'stop 2' INT
    trap 'stop 15' TERM
    trap 'stop 1' HUP
    timeout -k 5 "$Timeout" "$Qemu" "${Arguments[@]}" </dev/null >"$Run/pipe" 2>"$Run/errors" &
    Emulator=$!
    wait "$Emulator"
    Status=$?
    trap - INT TERM HUP
    Emulator=''
    wait "$Shower"
}

last_line() { [ -f "$1" ] && tr -d '\r\0' <"$1" | grep -v '^[[:space:]]*$' | tail -n 1; }

last_seen()
{
    local Line

    Line=$(last_line "$Run/log") && say "last line of the log: ${Line:-(none)}"
    Line=$(last_line "$Tap") && [ -n "$Line" ] && say "last line of the results: $Line"
}

verdict()
{
    case $Status in
    $((EXIT_VERDICT))) exit 0 ;;
    $((EXIT_VERDICT + 2))) say 'status 1: a test or a driver failed, or something leaked'; exit 1 ;;
    $((EXIT_VERDICT + 4))) say 'status 2: bugcheck'; exit 2 ;;
    $((EXIT_VERDICT + 6))) say 'status 3: the kernel gave up waiting'; last_seen; exit 3 ;;
    $((EXIT_VERDICT + 8))) say 'status 4: something was refused'; exit 4 ;;
    124 | 137) say "status 3: no verdict after $Timeout s"; last_seen; exit 3 ;;
    0)
        if grep -q '^Triple fault' "$Run/resets" 2>/dev/null; then
            say 'status 2: the processor reset itself: a triple fault, which left no time for a stop screen'
            last_seen
            exit 2
        fi
        say 'status 3: no verdict: the machine was switched off, or reset itself, or its window was closed'
        last_seen
        exit 3 ;;
    esac
    cat "$Run/errors" >&2
    if [ "$Status" -gt 128 ]; then
        say "status 3: QEMU died of signal $((Status - 128)) ($(kill -l $((Status - 128))))"
        last_seen
        exit 3
    fi
    refuse "status 4: QEMU did not start (its exit status is $Status)"
}

read_variables
Run=$(mktemp -d "${TMPDIR:-/tmp}/kedge.XXXXXX") || exit 4
trap 'rm -rf "$Run"' EXIT
Tap=${TAP:-$Run/tap}
collect_drivers
build_arguments
run
verdict
