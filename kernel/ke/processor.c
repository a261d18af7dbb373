/* processor.c - what drivers ask about processors, and choose among them.
 *
 * NT numbers processors in groups of up to 64. Kedge runs at most 64, so there is one group, 0, and a processor's index
 * over all groups is its number. Which are active is settled before a driver runs; none is added later.
 * A thread's affinity is the user's (which belongs to it) or the system's: the second stands in for the first until it
 * is reverted, and setting it again replaces only itself. */
#include "ki.h"

enum { GROUP = 0 };

volatile CCHAR KeNumberProcessors;

static KSPIN_LOCK AffinityLock;         /* one change at a time, with the placement it causes */

static BOOLEAN IsGroup(USHORT Group) { return Group == GROUP || Group == ALL_PROCESSOR_GROUPS; }

static BOOLEAN IsActive(ULONG Number) { return Number < ARCH_MAX_CPUS && (KiActiveProcessors >> Number & 1); }

/* Thread's user affinity becomes Affinity, if that has an active processor; it moves there now, or with the way back
 * from its system affinity. Returns: the user affinity before. */
static KAFFINITY ChangeAffinity(PKTHREAD Thread, KAFFINITY Affinity)
{
    ULONG64 Flags = ArchDisableInterrupts();
    KAFFINITY Previous;

    KiAcquireRawLock(&AffinityLock);
    Previous = Thread->SystemAffinity ? Thread->UserAffinity : Thread->Affinity;
    if ((Affinity & KiActiveProcessors) == 0)
        ;
    else if (Thread->SystemAffinity)
        Thread->UserAffinity = Affinity;
    else
        KiSetAffinity(Thread, Affinity);
    KiReleaseRawLock(&AffinityLock);
    KiLeave(Flags);
    return Previous;
}

/* The current thread's system affinity from now on; nothing for a mask without an active processor. Returns: the system
 * affinity before, 0 if it had none. */
static KAFFINITY SetSystemAffinity(KAFFINITY Affinity)
{
    PKTHREAD Thread = KiCurrentThread();
    ULONG64 Flags = ArchDisableInterrupts();
    KAFFINITY Previous;

    KiAcquireRawLock(&AffinityLock);
    Previous = Thread->SystemAffinity ? Thread->Affinity : 0;
    if ((Affinity & KiActiveProcessors) != 0) {
        if (!Thread->SystemAffinity)
            Thread->UserAffinity = Thread->Affinity;
        Thread->SystemAffinity = TRUE;
        KiSetAffinity(Thread, Affinity);
    }
    KiReleaseRawLock(&AffinityLock);
    KiLeave(Flags);
    return Previous;
}

/* ---- For sched.c ---- */

void KiCountProcessor(void) { __atomic_fetch_add(&KeNumberProcessors, 1, __ATOMIC_SEQ_CST); }

/* ---- Public: which processors there are ---- */

/* KeQueryActiveProcessors - a bit per active processor. IRQL: any. */
KAFFINITY KeQueryActiveProcessors(VOID) { return KiActiveProcessors; }

/* KeQueryActiveProcessorCount - how many are active; their mask goes to ActiveProcessors if not NULL. IRQL: any.
 * Source: WDK nf-ntddk-kequeryactiveprocessorcount. */
ULONG KeQueryActiveProcessorCount(PKAFFINITY ActiveProcessors)
{
    KAFFINITY Active = KiActiveProcessors;

    if (ActiveProcessors != NULL)
        *ActiveProcessors = Active;
    return RtlCountBits(Active);
}

/* KeQueryActiveProcessorCountEx - how many are active in a group, or in ALL_PROCESSOR_GROUPS. IRQL: any. Returns: 0 for
 * a group that is not there. Source: WDK nf-wdm-kequeryactiveprocessorcountex. */
ULONG KeQueryActiveProcessorCountEx(USHORT GroupNumber)
{
    return IsGroup(GroupNumber) ? RtlCountBits(KiActiveProcessors) : 0;
}

/* KeQueryMaximumProcessorCount - how many there can ever be: those the machine came up with, since none is added while
 * it runs. IRQL: any. Source: WDK nf-wdm-kequerymaximumprocessorcount. */
ULONG KeQueryMaximumProcessorCount(VOID) { return KiProcessorCount; }

/* KeQueryMaximumProcessorCountEx - the same in a group, or in ALL_PROCESSOR_GROUPS. IRQL: any. Returns: 0 for a group
 * that is not there. Source: WDK nf-wdm-kequerymaximumprocessorcountex. */
ULONG KeQueryMaximumProcessorCountEx(USHORT GroupNumber) { return IsGroup(GroupNumber) ? KiProcessorCount : 0; }

/* KeQueryActiveGroupCount - how many groups there are. IRQL: any. Source: WDK nf-wdm-kequeryactivegroupcount. */
USHORT KeQueryActiveGroupCount(VOID) { return 1; }

/* KeQueryMaximumGroupCount - and can be. IRQL: any. Source: WDK nf-wdm-kequerymaximumgroupcount. */
USHORT KeQueryMaximumGroupCount(VOID) { return 1; }

/* KeQueryGroupAffinity - a bit per active processor of a group. IRQL: any. Returns: 0 for a group that is not there.
 * Source: WDK nf-wdm-kequerygroupaffinity. */
KAFFINITY KeQueryGroupAffinity(USHORT GroupNumber) { return GroupNumber == GROUP ? KiActiveProcessors : 0; }

/* KeGetCurrentProcessorNumber - the processor this runs on; stays true only at IRQL >= DISPATCH_LEVEL. IRQL: any. */
ULONG KeGetCurrentProcessorNumber(VOID) { return ARCH_THIS_CPU->Number; }

/* KeGetCurrentProcessorNumberEx - its index; group and number go to ProcNumber if not NULL. IRQL: as
 * KeGetCurrentProcessorNumber. Source: WDK nf-wdm-kegetcurrentprocessornumberex. */
ULONG KeGetCurrentProcessorNumberEx(PPROCESSOR_NUMBER ProcNumber)
{
    ULONG Number = ARCH_THIS_CPU->Number;

    if (ProcNumber != NULL)
        *ProcNumber = (PROCESSOR_NUMBER){ .Group = GROUP, .Number = (UCHAR)Number };
    return Number;
}

/* KeGetProcessorNumberFromIndex - group and number of the processor of that index. IRQL: any. Returns: STATUS_SUCCESS,
 * STATUS_INVALID_PARAMETER if there is none. Source: WDK nf-wdm-kegetprocessornumberfromindex. */
NTSTATUS KeGetProcessorNumberFromIndex(ULONG ProcIndex, PPROCESSOR_NUMBER ProcNumber)
{
    if (!IsActive(ProcIndex))
        return STATUS_INVALID_PARAMETER;
    *ProcNumber = (PROCESSOR_NUMBER){ .Group = GROUP, .Number = (UCHAR)ProcIndex };
    return STATUS_SUCCESS;
}

/* KeGetProcessorIndexFromNumber - the index of the processor of that group and number. IRQL: any.
 * Returns: INVALID_PROCESSOR_INDEX if there is none. Source: WDK nf-wdm-kegetprocessorindexfromnumber. */
ULONG KeGetProcessorIndexFromNumber(PPROCESSOR_NUMBER ProcNumber)
{
    BOOLEAN Valid = ProcNumber->Group == GROUP && ProcNumber->Reserved == 0 && IsActive(ProcNumber->Number);

    return Valid ? ProcNumber->Number : INVALID_PROCESSOR_INDEX;
}

/* ---- Public: which ones a thread runs on ---- */

/* KeSetAffinityThread - Thread runs only on the processors in Affinity from now on; it leaves a forbidden one at once,
 * under a system affinity when that is reverted. A mask without an active processor changes nothing.
 * IRQL: <= DISPATCH_LEVEL. Returns: the mask before. */
KAFFINITY KeSetAffinityThread(PKTHREAD Thread, KAFFINITY Affinity) { return ChangeAffinity(Thread, Affinity); }

/* KeSetSystemAffinityThread - the current thread runs on Affinity until KeRevertToUserAffinityThread; on return it is
 * there. A mask without an active processor changes nothing. IRQL: <= APC_LEVEL; at DISPATCH_LEVEL it moves when the
 * IRQL falls. Source: WDK nf-wdm-kesetsystemaffinitythread. */
VOID KeSetSystemAffinityThread(KAFFINITY Affinity) { SetSystemAffinity(Affinity); }

/* KeSetSystemAffinityThreadEx - KeSetSystemAffinityThread that can be nested. Returns: the system affinity before, 0 if
 * there was none: for KeRevertToUserAffinityThreadEx. Source: WDK nf-wdm-kesetsystemaffinitythreadex. */
KAFFINITY KeSetSystemAffinityThreadEx(KAFFINITY Affinity) { return SetSystemAffinity(Affinity); }

/* KeRevertToUserAffinityThread - the current thread has the affinity back that it had before the first
 * KeSetSystemAffinityThread. IRQL: <= APC_LEVEL. Source: WDK nf-wdm-kereverttouseraffinitythread. */
VOID KeRevertToUserAffinityThread(VOID)
{
    PKTHREAD Thread = KiCurrentThread();
    ULONG64 Flags = ArchDisableInterrupts();

    KiAcquireRawLock(&AffinityLock);
    if (Thread->SystemAffinity) {
        Thread->SystemAffinity = FALSE;
        KiSetAffinity(Thread, Thread->UserAffinity);
    }
    KiReleaseRawLock(&AffinityLock);
    KiLeave(Flags);
}

/* KeRevertToUserAffinityThreadEx - undo a KeSetSystemAffinityThreadEx that returned Affinity: back to that system
 * affinity, or for 0 to the user's. IRQL: <= APC_LEVEL. Source: WDK nf-wdm-kereverttouseraffinitythreadex. */
VOID KeRevertToUserAffinityThreadEx(KAFFINITY Affinity)
{
    if (Affinity == 0)
        KeRevertToUserAffinityThread();
    else
        SetSystemAffinity(Affinity);
}

/* KeSetSystemGroupAffinityThread - KeSetSystemAffinityThreadEx by group. A group that is not there, or a mask that is 0
 * or names a processor that is not active, changes nothing. PreviousAffinity, if not NULL: the one before; all zero if
 * there was none, or nothing was changed. IRQL: <= APC_LEVEL. Source: WDK nf-wdm-kesetsystemgroupaffinitythread. */
VOID KeSetSystemGroupAffinityThread(PGROUP_AFFINITY Affinity, PGROUP_AFFINITY PreviousAffinity)
{
    BOOLEAN Valid = Affinity->Group == GROUP && Affinity->Mask != 0 && (Affinity->Mask & ~KiActiveProcessors) == 0;
    KAFFINITY Previous = Valid ? SetSystemAffinity(Affinity->Mask) : 0;

    if (PreviousAffinity != NULL)
        *PreviousAffinity = (GROUP_AFFINITY){ .Mask = Previous, .Group = GROUP };
}

/* KeRevertToUserGroupAffinityThread - undo a KeSetSystemGroupAffinityThread that gave PreviousAffinity.
 * IRQL: <= APC_LEVEL. Source: WDK nf-wdm-kereverttousergroupaffinitythread. */
VOID KeRevertToUserGroupAffinityThread(PGROUP_AFFINITY PreviousAffinity)
{
    if (PreviousAffinity->Group == GROUP)
        KeRevertToUserAffinityThreadEx(PreviousAffinity->Mask);
}

/* KeSetIdealProcessorThread - where Thread goes, whenever it becomes ready and that processor idles; a new thread's is
 * the next in turn. A number that is not active changes nothing. IRQL: <= DISPATCH_LEVEL. Returns: the one before.
 * Source: WDK nf-ntifs-kesetidealprocessorthread. */
UCHAR KeSetIdealProcessorThread(PKTHREAD Thread, UCHAR Processor)
{
    if (!IsActive(Processor))
        return (UCHAR)Thread->IdealProcessor;
    return (UCHAR)__atomic_exchange_n(&Thread->IdealProcessor, Processor, __ATOMIC_ACQ_REL);
}
