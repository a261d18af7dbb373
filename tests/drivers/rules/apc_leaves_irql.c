/* apc_leaves_irql.c - the kernel routine of its APC returns at another IRQL.
 *
 * fault: stop 0x000000C8 IRQL_UNEXPECTED_VALUE
 * log: apc_leaves_irql */
#include "rule.h"

#include <ntifs.h>

/* In the import library, and in no header. */
NTKERNELAPI VOID NTAPI KeInitializeApc(PKAPC Apc, PKTHREAD Thread, ULONG Environment, PVOID KernelRoutine,
                                       PVOID RundownRoutine, PVOID NormalRoutine, KPROCESSOR_MODE Mode, PVOID Context);
NTKERNELAPI BOOLEAN NTAPI KeInsertQueueApc(PKAPC Apc, PVOID Argument1, PVOID Argument2, KPRIORITY Increment);

static KAPC Apc;

static VOID NTAPI KernelRoutine(PKAPC A, PVOID *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(A);
    UNREFERENCED_PARAMETER(Normal);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
#ifdef FAULT
    KfRaiseIrql(DISPATCH_LEVEL);
#endif
}

static VOID Run(VOID)
{
    KeInitializeApc(&Apc, KeGetCurrentThread(), 0, KernelRoutine, NULL, NULL, KernelMode, NULL);
    KeInsertQueueApc(&Apc, NULL, NULL, 0);
}
