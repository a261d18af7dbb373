#!/bin/bash
# The self-test from the ISO, through UEFI and GRUB.
. "${0%/*}/relay.sh"
boot_tests 'UEFI' FIRMWARE=uefi
finish
