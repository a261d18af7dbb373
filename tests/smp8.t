#!/bin/bash
# The self-test on eight processors, in virtual time.
. "${0%/*}/relay.sh"
boot_tests 'SMP=8' SMP=8
finish
