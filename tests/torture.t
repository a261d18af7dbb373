#!/bin/bash
# The torture suite at length: with two processors that really run at once, and a million operations in virtual time,
# where any failure repeats from its seed.
. "${0%/*}/relay.sh"
boot_tests 'parallel' SMP=2 ACCEL=parallel APPEND='test=torture torture=60000'
boot_tests 'virtual' SMP=2 APPEND='test=torture torture=250000'
boot_tests 'virtual, three processors' SMP=3 APPEND='test=torture seed=114 torture=20000'
finish
