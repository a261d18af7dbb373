#!/bin/bash
# Misuse of the dispatcher's routines stops the machine with a code and a line that says what is wrong: it neither hangs nor
# resets the processor. The verifier is off, which would see most of it earlier.
. "${0%/*}/relay.sh"

stops() # name pattern [variable=value...]
{
    boot_status "negative.$1: status 2${3:+ ($3)}" 2 "$2" SMP=1 TIMEOUT=60 APPEND="selftest test=negative.$1" "${@:3}"
}

# Each call that takes an object, with something that is none (tests/ke/ke_negative_test.c says what the words mean).
misuse() # call object pattern [variable=value...]
{
    boot_status "$1 with $2: status 2${4:+ ($4)}" 2 "$3" SMP=1 TIMEOUT=60 \
        APPEND="selftest test=negative.misuse call=$1 object=$2" "${@:4}"
}

stops queued_spin_lock_taken_twice 'STOP 0x0000000F SPIN_LOCK_ALREADY_OWNED'
stops queued_spin_lock_taken_twice 'queued spin lock .* is held by this processor itself' SMP=2

misuse KeSetEvent null 'address .*: a null pointer'
misuse KeSetEvent zero 'address .*: a null pointer'
misuse KePulseEvent ones 'STOP 0x000000'
misuse KeResetEvent code 'the page forbids it'
misuse KeReadStateEvent unmapped 'STOP 0x00000050 PAGE_FAULT_IN_NONPAGED_AREA'
misuse KeReleaseMutex zero '0xC0000046'
misuse KeReleaseMutex freed 'STOP 0x000000'
misuse KeReleaseSemaphore poison 'STOP 0x000000'
misuse KeReleaseSemaphore event '0xC0000047'
misuse KeSetTimer unmapped 'address .*: nothing is there'
misuse KeSetTimer poison 'STOP 0x000000'
misuse KeSetTimerEx semaphore 'STOP 0x000000C7 TIMER_OR_DPC_INVALID'
misuse KeInsertQueue zero 'address .*: a null pointer'
misuse KeRemoveQueue poison 'has type 85: not an object that this wait knows'
misuse KeRundownQueue zero 'address .*: a null pointer'
misuse KeWaitForSingleObject poison 'STOP 0x000000C4 .*VIOLATION'
misuse KeWaitForSingleObject dpc 'has type 19: not an object that this wait knows, or never initialised'
misuse KeWaitForSingleObject zero 'address .*: a null pointer'
misuse KeWaitForSingleObject queue 'is a KQUEUE: it is waited for by KeRemoveQueue'
misuse KeWaitForSingleObject noaddress 'general protection'
misuse KeWaitForSingleObject.timeout null 'address 0000000000000000 was read: a null pointer'
misuse KeWaitForMultipleObjects.any poison 'has type 85'
misuse KeWaitForMultipleObjects.all ones 'not an object that this wait knows'
misuse KeWaitForMultipleObjects.blocks code 'the page forbids it'
misuse KeWaitForMultipleObjects.array zero 'address .*: a null pointer'
misuse KeWaitForMultipleObjects.array low 'STOP 0x000000'
misuse KeInsertQueueDpc zero 'was executed: a null pointer'
misuse KeInsertQueueDpc unmapped 'address .*: nothing is there'
misuse KeInsertQueueApc zero 'address .*: a null pointer'
misuse KeInitializeApc low 'STOP 0x000000'
misuse KeSetPriorityThread null 'address .*: a null pointer'
misuse KeAlertThread unmapped 'address .*: nothing is there'
misuse KeAcquireSpinLock poison 'STOP 0x0000000F SPIN_LOCK_ALREADY_OWNED'
misuse KeAcquireSpinLock poison 'STOP 0x0000000F SPIN_LOCK_ALREADY_OWNED' SMP=2
misuse KeReleaseSpinLock zero 'STOP 0x00000010 SPIN_LOCK_NOT_OWNED'
misuse KeAcquireInStackQueuedSpinLock poison 'STOP 0x000000' SMP=2
misuse KeReleaseInStackQueuedSpinLock zero 'STOP 0x000000' SMP=2
misuse KeInsertDeviceQueue zero 'has type 0: not a device queue, or never initialised'
for Object in zero poison ones event semaphore queue thread; do
    misuse KeStackAttachProcess "$Object" 'STOP 0x00000005 INVALID_PROCESS_ATTACH_ATTEMPT'
done
misuse KeStackAttachProcess event 'which is no process: its type is 0'
misuse KeUnstackDetachProcess poison 'STOP 0x00000006 INVALID_PROCESS_DETACH_ATTEMPT'
misuse KeUnstackDetachProcess.attached poison 'general protection'
misuse KeUnstackDetachProcess.attached thread 'STOP 0x000000'
finish
