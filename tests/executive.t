#!/bin/bash
# Misuse of the executive's objects stops the machine with NT's code, and the stop names the object.
. "${0%/*}/relay.sh"

stops() # name pattern
{
    boot_status "negative.$1: status 2" 2 "$2" SMP=1 APPEND="selftest test=negative.$1"
}

stops resource_release_unowned 'STOP 0x000000E3 RESOURCE_NOT_OWNED'
stops resource_release_of_another_sharer 'STOP 0x000000E3 RESOURCE_NOT_OWNED'
stops resource_release_of_another_sharer 'resource .*: 0 shared and 0 exclusive waiters'
stops resource_release_of_another_owner 'exclusive owner .*, 1 level'
stops resource_owner_pointer_invalid 'STOP 0x00000132 RESOURCE_OWNER_POINTER_INVALID'
stops resource_owner_pointer_unowned 'STOP 0x000000E3 RESOURCE_NOT_OWNED'
stops resource_delete_twice 'has been deleted before'
stops work_queued_twice 'STOP 0x000000E4 WORKER_INVALID'
stops work_of_no_type 'there is no queue type 7'
stops work_of_a_custom_priority_too_high 'there is no queue type 64'
stops work_without_routine 'has no routine'
stops work_returns_at_raised_irql 'STOP 0x000000E1 WORKER_THREAD_RETURNED_AT_BAD_IRQL'
stops work_returns_in_critical_region 'STOP 0x00000001 APC_INDEX_MISMATCH'
stops work_ends_its_thread 'STOP 0x000000E9 ACTIVE_EX_WORKER_THREAD_TERMINATION'
stops work_overwritten_while_queued 'STOP 0x00000096 INVALID_WORK_QUEUE_ITEM'
stops pushlock_release_of_a_free_one 'STOP 0x00000162 KERNEL_AUTO_BOOST_INVALID_LOCK_RELEASE'
stops pushlock_release_of_a_share_that_is_none 'push lock .* \(1\) is released, and nobody owns it for shared access'
stops pushlock_exclusive_release_of_a_share 'push lock .* \(11\) is released, and nobody owns it exclusively'
stops pushlock_shared_release_with_waiters 'nobody owns it for shared access, but somebody exclusively'
stops pushlock_exclusive_release_with_waiters 'nobody owns it exclusively, but others share it'
stops pushlock_flags 'STOP 0x00000152 INVALID_PUSH_LOCK_FLAGS'
stops rwspinlock_exclusive_release_of_a_share 'STOP 0x00000010 SPIN_LOCK_NOT_OWNED'
stops rwspinlock_shared_release_of_a_free_one 'STOP 0x00000010 SPIN_LOCK_NOT_OWNED'
stops rwspinlock_acquired_twice 'STOP 0x0000000F SPIN_LOCK_ALREADY_OWNED'
stops rundown_released_once_too_often 'STOP 0x00000018 REFERENCE_BY_POINTER'
stops rundown_released_once_too_often '3 uses end, and there are 2'
stops rundown_released_after_the_end '1 uses end, and there are 0'
stops rundown_released_too_often_while_awaited '2 uses end, and there are 1'
stops lookaside_deleted_twice 'STOP 0x00000139 KERNEL_SECURITY_CHECK_FAILURE'
stops slist_header_not_aligned '80000002'
stops slist_entry_that_is_not_there 'ArchPopSlist'
finish
