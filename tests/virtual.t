#!/bin/bash
# The self-test on one and on two processors, in virtual time.
. "${0%/*}/relay.sh"
boot_tests 'SMP=1' SMP=1
boot_tests 'SMP=2' SMP=2
finish
