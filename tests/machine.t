#!/bin/bash
# Machines that lack what the usual one has: other chipset, no HPET, no ACPI tables. The port's tests pass on each,
# and the log says what was made of it.
. "${0%/*}/relay.sh"

Ordinary=${QEMU:-qemu-system-x86_64}

# As boot.sh starts it, but for the machine: QEMU lets the last word count.
on_machine() # machine name pattern variable=value...
{
    local Machine=$1 Name=$2 Pattern=$3

    shift 3
    # shellcheck disable=SC2016
    printf '#!/bin/sh\nexec %s "$@" -machine %s\n' "$Ordinary" "$Machine" >"$Scratch/qemu"
    chmod +x "$Scratch/qemu"
    boot_status "$Name" 0 "$Pattern" QEMU="$Scratch/qemu" APPEND='test=arch.*' "$@"
}

on_machine pc 'a PC of 1996 counts its processors' '^acpi: 4 processors, 1 IOAPICs' SMP=4
on_machine q35,hpet=off 'without HPET the PM timer is the measure' '^clock: counter 1000000000 Hz by PM timer'
on_machine pc,acpi=off,hpet=off 'without ACPI and HPET the PIT is the measure' '^clock: counter 1000000000 Hz by PIT' SMP=4
on_machine pc,acpi=off 'without ACPI there is one processor' '^acpi: no tables; one processor' SMP=4
finish
