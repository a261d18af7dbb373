/* remove_lock_tag.c - compiled with DBG: ends a use of a remove lock with another tag than it began with.
 *
 * fault: 0xED14 REMOVE_LOCK_TAG
 * log: remove lock .* is released with tag .*, and no use of it has that tag */
#define DBG 1
#include "rule.h"

static IO_REMOVE_LOCK Lock;

static VOID Run(VOID)
{
    IoInitializeRemoveLock(&Lock, 'kcoL', 0, 0);
    if (!NT_SUCCESS(IoAcquireRemoveLock(&Lock, &Run)))
        return;
    if (!NT_SUCCESS(IoAcquireRemoveLock(&Lock, &Lock)))
        return;
#ifdef FAULT
    IoReleaseRemoveLock(&Lock, NULL);
#else
    IoReleaseRemoveLock(&Lock, &Run);
#endif
    IoReleaseRemoveLockAndWait(&Lock, &Lock);
}
