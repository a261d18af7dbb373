#!/bin/bash
# Misuse of IRPs and devices stops the machine with NT's code, and the stop names the object.
. "${0%/*}/relay.sh"

stops() # name pattern
{
    boot_status "negative.$1: status 2" 2 "$2" SMP=1 APPEND="selftest test=negative.$1"
}

stops irp_completed_twice 'STOP 0x00000044 MULTIPLE_IRP_COMPLETE_REQUESTS'
stops irp_completed_when_freed 'IoCompleteRequest was given .* completed or freed before'
stops irp_freed_twice 'STOP 0x00000044 MULTIPLE_IRP_COMPLETE_REQUESTS'
stops irp_completed_with_cancel_routine 'STOP 0x00000048 CANCEL_STATE_IN_COMPLETED_IRP'
stops irp_cancelled_after_completion 'STOP 0x00000048 CANCEL_STATE_IN_COMPLETED_IRP'
stops irp_without_a_location_left 'STOP 0x00000035 NO_MORE_IRP_STACK_LOCATIONS'
stops irp_that_nobody_keeps 'has no thread, and no completion routine has kept it'
stops irp_of_nobody_freed 'STOP 0x0000002A INCONSISTENT_IRP'
stops irp_of_a_thread_freed 'the thread it was built for still waits'
stops irp_reads_more_than_there_is_room '5 bytes were read into a buffer of 4'
stops irp_of_a_process_that_was_left 'was built while its thread was attached to a process'
stops partial_mdl_begins_before_its_source '32 bytes at .* are not within MDL'
stops device_deleted_twice 'deleted a second time'
stops io_work_item_queued_twice 'STOP 0x000000E4 WORKER_INVALID'
stops io_work_item_freed_while_queued 'given up while it is queued'
stops thread_ends_on_expanded_stack 'STOP 0x00000094 KERNEL_STACK_LOCKED_AT_EXIT'
finish
