/* generic_call.c - a DPC routine on every processor at the same time.
 *
 * The caller's processor runs the routine in the calling thread at DISPATCH_LEVEL; the others get a DPC of the highest
 * importance, and so are interrupted whatever they do. If the routine synchronizes, each is at DISPATCH_LEVEL until
 * the last has come. The caller spins until each has said that it is done: it cannot sleep, because nothing else may
 * run on its processor meanwhile either.
 * Callers take turns at a gate that is passed at APC_LEVEL: an APC that came in between and called again would wait
 * for its own thread. The DPC objects are free again when their routines have started, so before the gate opens.
 * Caller's duty: no lock that another processor may be spinning for at DISPATCH_LEVEL. */
#include "ki.h"

/* What SystemArgument2 points to: processors gather here, again and again. */
typedef struct _GATHERING {
    LONG Expected;
    volatile LONG Arrived;              /* in this round */
    volatile LONG Round;
} GATHERING;

static KEVENT Gate;                     /* signalled: nobody is calling */
static KDPC Dpcs[ARCH_MAX_CPUS];        /* the caller's, by processor */

void KiInitializeGenericCall(void) { KeInitializeEvent(&Gate, SynchronizationEvent, TRUE); }

static void SendTo(KAFFINITY Processors, PKDEFERRED_ROUTINE Routine, PVOID Context, volatile LONG *Pending,
                   GATHERING *Gathering)
{
    for (; Processors != 0; Processors &= Processors - 1) {
        ULONG Number = (ULONG)__builtin_ctzll(Processors);
        PKDPC Dpc = &Dpcs[Number];

        KeInitializeDpc(Dpc, Routine, Context);
        KeSetImportanceDpc(Dpc, HighImportance);
        KeSetTargetProcessorDpc(Dpc, (CCHAR)Number);
        RtlRequire(KeInsertQueueDpc(Dpc, (PVOID)Pending, Gathering));
    }
}

/* ---- Public: KeGenericCallDpc, KeSignalCallDpcSynchronize, KeSignalCallDpcDone ---- */

/* KeGenericCallDpc - call Routine(Dpc, Context, SystemArgument1, SystemArgument2) at DISPATCH_LEVEL on every active
 * processor and return when each has passed SystemArgument1 to KeSignalCallDpcDone, which Routine must do last.
 * IRQL: <= APC_LEVEL. Exported by ntoskrnl, undocumented. */
VOID KeGenericCallDpc(PKDEFERRED_ROUTINE Routine, PVOID Context)
{
    KIRQL OldIrql = ArchReadIrql();
    volatile LONG Pending;
    GATHERING Gathering;
    ULONG Self;

    if (OldIrql < APC_LEVEL)
        ArchWriteIrql(APC_LEVEL);
    KeWaitForSingleObject(&Gate, Executive, KernelMode, FALSE, NULL);
    ArchWriteIrql(DISPATCH_LEVEL);
    Self = ARCH_THIS_CPU->Number;
    Pending = (LONG)RtlCountBits(KiActiveProcessors);
    Gathering = (GATHERING){ .Expected = Pending };
    SendTo(KiActiveProcessors & ~(1ull << Self), Routine, Context, &Pending, &Gathering);
    KeInitializeDpc(&Dpcs[Self], Routine, Context);
    Routine(&Dpcs[Self], Context, (PVOID)&Pending, &Gathering);
    while (__atomic_load_n(&Pending, __ATOMIC_ACQUIRE) != 0)
        ArchPause();
    ArchWriteIrql(APC_LEVEL);
    KeSetEvent(&Gate, 0, FALSE);
    ArchWriteIrql(OldIrql);
}

/* KeSignalCallDpcSynchronize - in a routine of KeGenericCallDpc, with its SystemArgument2: return when all processors
 * have called as often. IRQL: DISPATCH_LEVEL. Returns: TRUE on exactly one of them. Undocumented. */
LOGICAL KeSignalCallDpcSynchronize(PVOID SystemArgument2)
{
    GATHERING *Gathering = SystemArgument2;
    LONG Round = __atomic_load_n(&Gathering->Round, __ATOMIC_ACQUIRE);

    if (__atomic_add_fetch(&Gathering->Arrived, 1, __ATOMIC_ACQ_REL) == Gathering->Expected) {
        __atomic_store_n(&Gathering->Arrived, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&Gathering->Round, Round + 1, __ATOMIC_RELEASE);
        return TRUE;
    }
    while (__atomic_load_n(&Gathering->Round, __ATOMIC_ACQUIRE) == Round)
        ArchPause();
    return FALSE;
}

/* KeSignalCallDpcDone - in a routine of KeGenericCallDpc, with its SystemArgument1: this processor is done; nothing
 * that belongs to the caller may be touched afterwards. IRQL: DISPATCH_LEVEL. Undocumented. */
VOID KeSignalCallDpcDone(PVOID SystemArgument1)
{
    __atomic_sub_fetch((volatile LONG *)SystemArgument1, 1, __ATOMIC_RELEASE);
}
