/* irql_inline.h - the way to DISPATCH_LEVEL and back as drivers' own inlines go it, for the floors above
 * whose short way is shorter than two calls. The IRQL must not be above DISPATCH_LEVEL; the caller checks
 * what KxRaiseIrqlToDpcLevel returns. */
#pragma once

#include <arch/ops.h>

FORCEINLINE KIRQL KxRaiseIrqlToDpcLevel(void)
{
    KIRQL OldIrql = ArchReadIrql();

    ArchWriteIrql(DISPATCH_LEVEL);
    return OldIrql;
}

FORCEINLINE void KxLowerIrql(KIRQL NewIrql) { ArchWriteIrql(NewIrql); }
