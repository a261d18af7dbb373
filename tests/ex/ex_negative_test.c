/* ex_negative_test.c - misuse of the executive's objects that stops the machine, for tests/executive.t. */
#include <ktest.h>

#include <ex/lookaside.h>
#include <ex/pushlock.h>
#include <ex/resource.h>
#include <ex/rundown.h>
#include <ex/rwspinlock.h>
#include <ex/work.h>
#include <ke/apc.h>
#include <ke/event.h>
#include <ke/irql.h>
#include <ps/system_thread.h>
#include <rtl/string.h>

static ERESOURCE Resource;
static WORK_QUEUE_ITEM Item;

/* ---- Resources ---- */

/* covers ExReleaseResourceForThreadLite.3, trap 38 */
TEST(negative, resource_release_unowned)
{
    ExInitializeResourceLite(&Resource);
    ExReleaseResourceLite(&Resource);
}

static void Share(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&Resource, TRUE);
    KeLeaveCriticalRegion();
}

/* covers ExReleaseResourceForThreadLite.3, trap 38 */
TEST(negative, resource_release_of_another_sharer)
{
    ExInitializeResourceLite(&Resource);
    KtestJoin(KtestThread(Share, NULL, 8));
    ExReleaseResourceLite(&Resource);
}

/* covers ExReleaseResourceForThreadLite.3 */
TEST(negative, resource_release_of_another_owner)
{
    ExInitializeResourceLite(&Resource);
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&Resource, TRUE);
    ExReleaseResourceForThreadLite(&Resource, (ERESOURCE_THREAD)0xFFFF8EAD00000003ull);
}

/* covers ExSetResourceOwnerPointer.2 */
TEST(negative, resource_owner_pointer_invalid)
{
    ExInitializeResourceLite(&Resource);
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&Resource, TRUE);
    ExSetResourceOwnerPointer(&Resource, &Resource);
}

/* covers ExSetResourceOwnerPointer.2 */
TEST(negative, resource_owner_pointer_unowned)
{
    ExInitializeResourceLite(&Resource);
    ExSetResourceOwnerPointer(&Resource, (PVOID)((ULONG_PTR)&Resource | 3));
}

/* covers ExDeleteResourceLite.2 */
TEST(negative, resource_delete_twice)
{
    ExInitializeResourceLite(&Resource);
    ExDeleteResourceLite(&Resource);
    ExDeleteResourceLite(&Resource);
}

/* ---- Work items ---- */

static VOID DoNothing(PVOID Parameter) { UNREFERENCED_PARAMETER(Parameter); }

/* covers ExQueueWorkItem.7 */
TEST(negative, work_queued_twice)
{
    ExInitializeWorkItem(&Item, DoNothing, NULL);
    KfRaiseIrql(DISPATCH_LEVEL);
    ExQueueWorkItem(&Item, BackgroundWorkQueue);
    ExQueueWorkItem(&Item, BackgroundWorkQueue);
}

/* covers ExQueueWorkItem.8 */
TEST(negative, work_of_no_type)
{
    ExInitializeWorkItem(&Item, DoNothing, NULL);
    ExQueueWorkItem(&Item, MaximumWorkQueue);
}

/* covers ExQueueWorkItem.8 */
TEST(negative, work_of_a_custom_priority_too_high)
{
    ExInitializeWorkItem(&Item, DoNothing, NULL);
    ExQueueWorkItem(&Item, CustomPriorityWorkQueue + 32);
}

/* covers ExQueueWorkItem.8 */
TEST(negative, work_without_routine)
{
    ExInitializeWorkItem(&Item, NULL, NULL);
    ExQueueWorkItem(&Item, DelayedWorkQueue);
}

static void RunItem(PWORKER_THREAD_ROUTINE Routine)
{
    KEVENT Never;

    KeInitializeEvent(&Never, NotificationEvent, FALSE);
    ExInitializeWorkItem(&Item, Routine, NULL);
    ExQueueWorkItem(&Item, DelayedWorkQueue);
    KeWaitForSingleObject(&Never, Executive, KernelMode, FALSE, NULL);
}

static VOID ReturnRaised(PVOID Parameter)
{
    UNREFERENCED_PARAMETER(Parameter);
    KfRaiseIrql(DISPATCH_LEVEL);
}

static VOID ReturnInRegion(PVOID Parameter)
{
    UNREFERENCED_PARAMETER(Parameter);
    KeEnterCriticalRegion();
}

static VOID EndThread(PVOID Parameter)
{
    UNREFERENCED_PARAMETER(Parameter);
    PsTerminateSystemThread(0);
}

/* covers ExQueueWorkItem.10 */
TEST(negative, work_returns_at_raised_irql) { RunItem(ReturnRaised); }
/* covers ExQueueWorkItem.11 */
TEST(negative, work_returns_in_critical_region) { RunItem(ReturnInRegion); }
/* covers ExQueueWorkItem.12 */
TEST(negative, work_ends_its_thread) { RunItem(EndThread); }

/* Queued where no worker can take it yet, and wiped: the first taker finds it.
 * covers ExQueueWorkItem.9 */
TEST(negative, work_overwritten_while_queued)
{
    KIRQL Irql = KfRaiseIrql(DISPATCH_LEVEL);

    ExInitializeWorkItem(&Item, DoNothing, NULL);
    ExQueueWorkItem(&Item, BackgroundWorkQueue);
    memset(&Item, 0, sizeof Item);
    KeLowerIrql(Irql);
    RunItem(DoNothing);
}

/* ---- Push locks, shared spin locks ---- */

static EX_PUSH_LOCK PushLock;
static EX_SPIN_LOCK SpinLock;

TEST(negative, pushlock_release_of_a_free_one)
{
    KeEnterCriticalRegion();
    ExReleasePushLockExclusiveEx(&PushLock, 0);
}

TEST(negative, pushlock_release_of_a_share_that_is_none)
{
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusiveEx(&PushLock, 0);
    ExReleasePushLockSharedEx(&PushLock, 0);
}

TEST(negative, pushlock_exclusive_release_of_a_share)
{
    KeEnterCriticalRegion();
    ExAcquirePushLockSharedEx(&PushLock, 0);
    ExReleasePushLockExclusiveEx(&PushLock, 0);
}

static void WaitForPushLock(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusiveEx(&PushLock, 0);
}

TEST(negative, pushlock_shared_release_with_waiters)
{
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusiveEx(&PushLock, 0);
    KtestWaitBlocked(KtestThread(WaitForPushLock, NULL, 8), NULL);
    ExReleasePushLockSharedEx(&PushLock, 0);
}

TEST(negative, pushlock_exclusive_release_with_waiters)
{
    KeEnterCriticalRegion();
    ExAcquirePushLockSharedEx(&PushLock, 0);
    KtestWaitBlocked(KtestThread(WaitForPushLock, NULL, 8), NULL);
    ExReleasePushLockExclusiveEx(&PushLock, 0);
}

TEST(negative, pushlock_flags) { ExAcquirePushLockSharedEx(&PushLock, 4); }

TEST(negative, rwspinlock_exclusive_release_of_a_share)
{
    KIRQL Irql = ExAcquireSpinLockShared(&SpinLock);

    ExReleaseSpinLockExclusive(&SpinLock, Irql);
}

TEST(negative, rwspinlock_shared_release_of_a_free_one)
{
    KfRaiseIrql(DISPATCH_LEVEL);
    ExReleaseSpinLockSharedFromDpcLevel(&SpinLock);
}

TEST(negative, rwspinlock_acquired_twice)
{
    ExAcquireSpinLockShared(&SpinLock);
    ExAcquireSpinLockExclusiveAtDpcLevel(&SpinLock);
}

/* ---- Run-down protection ---- */

static EX_RUNDOWN_REF RunRef;

TEST(negative, rundown_released_once_too_often)
{
    ExAcquireRundownProtectionEx(&RunRef, 2);
    ExReleaseRundownProtectionEx(&RunRef, 3);
}

TEST(negative, rundown_released_after_the_end)
{
    ExWaitForRundownProtectionRelease(&RunRef);
    ExReleaseRundownProtection(&RunRef);
}

static void WaitForRundown(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    ExWaitForRundownProtectionRelease(&RunRef);
}

TEST(negative, rundown_released_too_often_while_awaited)
{
    ExAcquireRundownProtection(&RunRef);
    KtestWaitBlocked(KtestThread(WaitForRundown, NULL, 8), NULL);
    ExReleaseRundownProtectionEx(&RunRef, 2);
}

/* ---- Lists ---- */

static NPAGED_LOOKASIDE_LIST Lookaside;

TEST(negative, lookaside_deleted_twice)
{
    ExInitializeNPagedLookasideList(&Lookaside, NULL, NULL, 0, 64, 'kooL', 0);
    ExDeleteNPagedLookasideList(&Lookaside);
    ExDeleteNPagedLookasideList(&Lookaside);
}

TEST(negative, slist_header_not_aligned) { InitializeSListHead((PSLIST_HEADER)((PUCHAR)&Lookaside + 8)); }

TEST(negative, slist_entry_that_is_not_there)
{
    InitializeSListHead(&Lookaside.L.ListHead);
    Lookaside.L.ListHead.Region = 0xFFFF800000000000 - 0x1000;
    ExpInterlockedPopEntrySList(&Lookaside.L.ListHead);
}
