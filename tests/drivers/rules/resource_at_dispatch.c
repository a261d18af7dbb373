/* resource_at_dispatch.c - acquires a resource at DISPATCH_LEVEL.
 *
 * fault: 0x3B WAIT_AT_WRONG_IRQL
 * log: resource .* is acquired at IRQL 2 */
#include "rule.h"

static ERESOURCE Resource;

static VOID Run(VOID)
{
    KIRQL OldIrql;

    ExInitializeResourceLite(&Resource);
#ifdef FAULT
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
#else
    KeRaiseIrql(APC_LEVEL, &OldIrql);
#endif
    ExAcquireResourceExclusiveLite(&Resource, TRUE);
    ExReleaseResourceLite(&Resource);
    KeLowerIrql(OldIrql);
    ExDeleteResourceLite(&Resource);
}
