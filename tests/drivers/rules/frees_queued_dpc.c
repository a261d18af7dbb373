/* frees_queued_dpc.c - frees the memory that holds a DPC which is queued.
 *
 * fault: stop 0x000000C7 TIMER_OR_DPC_INVALID
 * log: DPC .* of routine frees_queued_dpc.*Routine.* is queued and lies in the .* bytes
 * log: P1 0*1  */
#include "rule.h"

typedef struct _EXTENSION { ULONG Size; KDPC Dpc; } EXTENSION;

static VOID NTAPI Routine(PKDPC D, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(D);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
}

static VOID Run(VOID)
{
    EXTENSION *Extension = ExAllocatePoolWithTag(NonPagedPool, sizeof *Extension, 'txEK');
    KIRQL OldIrql;

    if (Extension == NULL)
        return;
    KeInitializeDpc(&Extension->Dpc, Routine, NULL);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    KeInsertQueueDpc(&Extension->Dpc, NULL, NULL);
#ifndef FAULT
    KeRemoveQueueDpc(&Extension->Dpc);
#endif
    ExFreePoolWithTag(Extension, 'txEK');
    KeLowerIrql(OldIrql);
}
