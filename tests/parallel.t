#!/bin/bash
# The self-test with two processors that really run at once, in real time.
. "${0%/*}/relay.sh"
boot_tests 'parallel' SMP=2 ACCEL=parallel
finish
