/* remove_lock_not_held.c - ends a use of a remove lock twice.
 *
 * fault: 0x1007 NOT_HELD
 * log: remove lock .* is released with tag .* and has no use */
#include "rule.h"

static IO_REMOVE_LOCK Lock;

static VOID Run(VOID)
{
    IoInitializeRemoveLock(&Lock, 'kcoL', 0, 0);
    if (!NT_SUCCESS(IoAcquireRemoveLock(&Lock, &Lock)))
        return;
    IoReleaseRemoveLock(&Lock, &Lock);
#ifdef FAULT
    IoReleaseRemoveLock(&Lock, &Lock);
#endif
}
