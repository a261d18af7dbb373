/* thread_ends_with_mutant.c - its thread ends and still owns a mutant, which in NT is only abandoned.
 *
 * fault: 0x100A THREAD_ENDS_WITH_LOCK
 * log: ends and holds mutex */
#include "rule.h"

#include <ntifs.h>

static KMUTANT Mutant;

static VOID NTAPI Keeper(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeWaitForSingleObject(&Mutant, Executive, KernelMode, FALSE, NULL);
#ifndef FAULT
    KeReleaseMutant(&Mutant, 0, FALSE, FALSE);
#endif
}

static VOID Run(VOID)
{
    KeInitializeMutant(&Mutant, FALSE);
    InThread(Keeper, NULL);
}
