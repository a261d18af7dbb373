#!/bin/bash
# The self-test from the ISO, through a PC's BIOS and GRUB.
. "${0%/*}/relay.sh"
boot_tests 'BIOS' FIRMWARE=bios
finish
