/* lowers_with_lock.c - lowers the IRQL inline while it holds a spin lock; the next call into the kernel sees it.
 *
 * fault: 0x30 RAISE_TO_LOWER
 * log: the IRQL was changed to 0 while spin lock .* is held, taken at lowers_with_lock.*Run
 * log: held: spin lock */
#include "rule.h"

static KSPIN_LOCK Lock;
static KEVENT Event;

static VOID Run(VOID)
{
    KIRQL OldIrql;

    KeInitializeSpinLock(&Lock);
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    KeAcquireSpinLock(&Lock, &OldIrql);
#ifdef FAULT
    KeLowerIrql(OldIrql);
#endif
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    KeReleaseSpinLock(&Lock, OldIrql);
}
