#!/bin/bash
# The self-test on as many processors as Kedge has room for, in virtual time.
. "${0%/*}/relay.sh"
boot_tests 'SMP=64' SMP=64 TIMEOUT=250
finish
