/* irql.c - the IRQL routines as functions.
 *
 * The IRQL is CR8 and nothing else. Drivers mostly read and write it inline, so these do no more than
 * those instructions: interrupts that the new level lets through are taken before they return. */
#include "ki.h"

/* KeGetCurrentIrql - this processor's IRQL. IRQL: any. */
KIRQL KeGetCurrentIrql(VOID) { return ArchReadIrql(); }

/* KfRaiseIrql - set the IRQL to NewIrql, which is not below the current one. Returns: the IRQL before. */
KIRQL KfRaiseIrql(KIRQL NewIrql)
{
    KIRQL OldIrql = ArchReadIrql();

    ArchWriteIrql(NewIrql);
    return OldIrql;
}

/* KeLowerIrql - set the IRQL to NewIrql, which is not above the current one. */
VOID KeLowerIrql(KIRQL NewIrql) { ArchWriteIrql(NewIrql); }

/* KeRaiseIrqlToDpcLevel - DISPATCH_LEVEL: no thread switch on this processor. Returns: the IRQL before. */
KIRQL KeRaiseIrqlToDpcLevel(VOID) { return KfRaiseIrql(DISPATCH_LEVEL); }

/* KeRaiseIrqlToSynchLevel - SYNCH_LEVEL (12): no device interrupt below the clock either. */
KIRQL KeRaiseIrqlToSynchLevel(VOID) { return KfRaiseIrql(SYNCH_LEVEL); }
