/* rules.h - the rules that the verifier checks: parameter 1 of stop 0xC4, a name, and what was done.
 *
 * The numbers are Microsoft's where there is one; 0xED.. are Kedge's own. README's table is checked against
 * this one. */
#pragma once

#include <rtl/ntdef.h>

#define VF_RULES(X)                                                                                                   \
    X(0x15, ARMED_TIMER_FREED, "Pool memory is freed while a timer in it is armed.")                                  \
    X(0x30, RAISE_TO_LOWER, "The IRQL was raised to a lower level, or taken below what the code runs at.")            \
    X(0x31, LOWER_TO_HIGHER, "The IRQL was lowered to a higher level, or left above what it was.")                    \
    X(0x32, RELEASE_NOT_AT_DISPATCH, "KeReleaseSpinLock is called at another IRQL than DISPATCH_LEVEL.")              \
    X(0x33, FAST_MUTEX_ABOVE_APC, "A fast or guarded mutex is acquired above APC_LEVEL.")                             \
    X(0x34, FAST_MUTEX_RELEASE_IRQL, "A fast mutex is released at another IRQL than APC_LEVEL.")                      \
    X(0x35, QUEUED_RELEASE_IRQL, "A queued spin lock is released at another IRQL than DISPATCH_LEVEL.")               \
    X(0x37, RESOURCE_WITH_APCS, "A resource is acquired while normal kernel APCs are enabled.")                       \
    X(0x39, UNSAFE_ACQUIRE_WITH_APCS, "A mutex is acquired by an unsafe routine while APCs are enabled.")             \
    X(0x3A, UNSAFE_RELEASE_WITH_APCS, "A mutex is released by an unsafe routine while APCs are enabled.")             \
    X(0x3B, WAIT_AT_WRONG_IRQL, "A wait routine is called at an IRQL where it may not be called at all.")             \
    X(0x3D, RESOURCE_NOT_ALIGNED, "A resource does not lie at a multiple of 8.")                                      \
    X(0x3E, LEAVE_WITHOUT_ENTER, "A critical or guarded region is left that was not entered.")                        \
    X(0x40, ACQUIRE_BELOW_DISPATCH, "A spin lock is acquired below DISPATCH_LEVEL by a routine that does not raise.") \
    X(0x41, RELEASE_BELOW_DISPATCH, "A spin lock is released below DISPATCH_LEVEL by a routine that does not lower.") \
    X(0x42, ACQUIRE_ABOVE_DISPATCH, "A spin lock is acquired above DISPATCH_LEVEL by a routine that raises to it.")   \
    X(0xD0, RESOURCE_INITIALIZED_TWICE, "A resource is initialised again before it is deleted.")                      \
    X(0xD1, RESOURCE_NOT_INITIALIZED, "A resource is deleted that is not initialised, or has been deleted before.")   \
    X(0xD2, RESOURCE_FREED, "Memory is freed while a resource in it is not deleted, or one in freed memory is used.") \
    X(0x11A, ENTER_REGION_IRQL, "A critical or guarded region is entered above APC_LEVEL.")                           \
    X(0x11B, LEAVE_REGION_IRQL, "A critical or guarded region is left above APC_LEVEL.")                              \
    X(0x120, BLOCK_ABOVE_DISPATCH, "A wait that may block is called above DISPATCH_LEVEL.")                           \
    X(0x121, BLOCK_AT_DISPATCH, "A wait without a timeout is called at DISPATCH_LEVEL.")                              \
    X(0x122, TIMED_WAIT_AT_DISPATCH, "A wait with a timeout other than zero is called at DISPATCH_LEVEL.")            \
    X(0x123, USER_WAIT_ON_STACK, "A UserMode wait uses memory on a kernel stack, which may be paged out meanwhile.")  \
    X(0x130, WORK_ITEM_LINK, "A work item is queued whose link was never initialised.")                               \
    X(0x131, WORK_ITEM_ROUTINE, "A work item is queued whose routine was never initialised: no code lies there.")     \
    X(0xED02, DUPLICATE_IN_WAIT, "A wait for all of several objects names one of them twice.")                        \
    X(0xED10, PUSH_LOCK_IRQL, "A push lock is acquired or released above APC_LEVEL.")                                 \
    X(0xED11, PUSH_LOCK_WITH_APCS, "A push lock is acquired while normal kernel APCs are enabled.")                   \
    X(0xED12, RUNDOWN_NOT_COMPLETED, "Run-down protection begins anew before its object is run down.")                \
    X(0xED13, LOOKASIDE_NOT_DELETED, "A lookaside list is initialised, or its memory freed, before it is deleted.")   \
    X(0xED14, REMOVE_LOCK_TAG, "A remove lock is released with a tag that no use of it has.")                         \
    X(0xED15, REMOVE_LOCK_LIMIT, "A remove lock is used by more at once, or for longer, than its driver has allowed.")\
    X(0x1000, SELF_DEADLOCK, "A lock is acquired again by who holds it, and will never come free.")                   \
    X(0x1001, LOCK_ORDER, "Locks are acquired in one order here and in another elsewhere: they can deadlock.")        \
    X(0x1002, UNINITIALIZED, "A lock or object is used that was never initialised.")                                  \
    X(0x1004, RELEASED_BY_ANOTHER, "A lock is released by somebody who does not hold it, while another does.")        \
    X(0x1005, INITIALIZED_WHILE_HELD, "A lock is initialised again while it is held.")                                \
    X(0x1007, NOT_HELD, "A lock is released that nobody holds.")                                                      \
    X(0x1009, OTHER_FORM, "A lock is acquired in one form (safe, unsafe, exclusive, shared) and released in another.") \
    X(0x100A, THREAD_ENDS_WITH_LOCK, "A thread ends and still holds a lock.")                                         \
    X(0x100B, FREED_WHILE_HELD, "Memory is freed while a lock in it is held, or a resource is deleted that is.")      \
    X(0x2001D, CALLBACK_IRQL, "DriverEntry or DriverUnload returned at another IRQL than it was called at.")          \
    X(0x40003, CALLBACK_REGION, "DriverEntry or DriverUnload returned with a changed APC-disable count.")

#define VF_RULE_CONSTANT(Value, Name, Text) VF_##Name = Value,
enum { VF_RULES(VF_RULE_CONSTANT) };
#undef VF_RULE_CONSTANT

/* Stop with 0xC4: the rule's name and text, and below it what the caller formats: object, owner, place. */
DECLSPEC_NORETURN void VfStop(ULONG Rule, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4, const char *Format, ...);
