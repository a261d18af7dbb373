#!/bin/bash
# What goes wrong comes out: each exit status of the interface, and each way in which a test can fail.
. "${0%/*}/relay.sh"

# Run with SMP=2, so that one processor can be lost and the other still tell.
negative() # name status pattern [variable=value...]
{
    boot_status "negative.$1: status $2" "$2" "$3" SMP=2 APPEND="selftest test=negative.$1" "${@:4}"
}

Refused=$Scratch/driver.sys
echo 'this is not a PE image' >"$Refused"

# What the kernel says.
negative passes 0 '^1 passed, 0 failed'
negative is_skipped 0 '^0 passed, 0 failed'
negative fails 1 'negative_test\.c:[0-9]+: .*negative\.fails: Value == 7: left -2 .*right 7 '
negative stops_at_require 1 '^0 passed, 1 failed'
negative ends_at_raised_irql 1 'IRQL at the test.s end.*left 2 '
negative ends_in_critical_region 1 'APC-disable.*left -?[0-9]+ '
negative waits_for_ever 1 'negative\.waits_for_ever does not end'
negative leaves_a_thread 1 'a helper thread still runs'
negative bugchecks 2 'MANUALLY_INITIATED_CRASH'
negative semaphore_beyond_its_limit 2 '0xC0000047'
negative semaphore_beyond_the_largest_count 2 '0xC0000047'
negative mutant_of_another 2 '0xC0000046'
negative faults 2 'PAGE_FAULT_IN_NONPAGED_AREA|IRQL_NOT_LESS_OR_EQUAL'
boot_status 'a selection that matches nothing: status 1' 1 'no test matches no\.such' APPEND='selftest test=no.such'
boot_status 'a hang at raised IRQL: status 3, and the test is named' 3 'negative\.spins_in_a_dpc' SMP=1 TIMEOUT=4 \
    APPEND='selftest test=negative.spins_in_a_dpc'
boot_status 'a file that is no driver: status 4' 4 'driver\.sys' DRIVER="$Refused"

# What the launcher says by itself.
boot_status 'SMP=0 is refused' 4 'SMP=0: not' SMP=0
boot_status 'SMP=65 is refused' 4 'SMP=65: not' SMP=65
boot_status 'SMP=two is refused' 4 'SMP=two: not' SMP=two
boot_status 'MEM=1 is refused' 4 'MEM=1: not' MEM=1
boot_status 'MEM=1G is refused' 4 'MEM=1G: not' MEM=1G
boot_status 'CPU=none-such is refused' 4 "none-such" CPU=none-such
boot_status 'FIRMWARE=acme is refused' 4 'FIRMWARE=acme: not' FIRMWARE=acme
boot_status 'ACCEL=warp is refused' 4 'ACCEL=warp: not' ACCEL=warp
boot_status 'a driver that is not there is refused by name' 4 '/no/such\.sys does not exist' DRIVER=/no/such.sys
boot_status 'a comma that parts a name is suspected' 4 '/no/a does not exist .a comma' DRIVER='/no/a,b.sys'
boot_status 'a directory is no driver' 4 '/ is not a file' DRIVER=/
boot_status 'an empty name in DRIVER is refused' 4 'empty name' DRIVER=",$Refused"
boot_status 'a missing emulator is named' 4 'no-such-qemu' QEMU=no-such-qemu
finish
