#!/bin/bash
# Misuse of the dispatcher's objects stops the machine with NT's code, and the stop says what is wrong: it never hangs.
. "${0%/*}/relay.sh"

stops() # name pattern [variable=value...]
{
    boot_status "negative.$1: status 2${3:+ ($3)}" 2 "$2" SMP=1 APPEND="selftest test=negative.$1" "${@:3}"
}

stops queued_spin_lock_taken_twice 'STOP 0x0000000F SPIN_LOCK_ALREADY_OWNED'
stops queued_spin_lock_taken_twice 'queued spin lock .* is held by this processor itself' SMP=2
finish
