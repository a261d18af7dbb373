/* remove_lock_watermark.c - compiled with DBG: uses a remove lock more often at once than it is initialised for.
 *
 * fault: 0xED15 REMOVE_LOCK_LIMIT
 * log: remove lock .* has 3 uses at once, and is initialised for 2 */
#define DBG 1
#include "rule.h"

static IO_REMOVE_LOCK Lock;

static VOID Run(VOID)
{
    IoInitializeRemoveLock(&Lock, 'kcoL', 0, 2);
    IoAcquireRemoveLock(&Lock, NULL);
    IoAcquireRemoveLock(&Lock, NULL);
#ifdef FAULT
    IoAcquireRemoveLock(&Lock, NULL);
    IoReleaseRemoveLock(&Lock, NULL);
#endif
    IoReleaseRemoveLock(&Lock, NULL);
    IoReleaseRemoveLockAndWait(&Lock, NULL);
}
