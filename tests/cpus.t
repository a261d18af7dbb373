#!/bin/bash
# The self-test on processors of several ages: no SMEP, no x2APIC, no invariant counter, and all of them.
. "${0%/*}/relay.sh"
for Model in qemu64 Nehalem Skylake-Client EPYC max; do
    # The warnings are about features that the emulator's processor does not have; Kedge must do without.
    boot_tests "CPU=$Model" CPU="$Model"
done
finish
