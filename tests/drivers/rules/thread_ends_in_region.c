/* thread_ends_in_region.c - its thread ends with normal APCs disabled once more than when it began.
 *
 * fault: stop 0x00000020 KERNEL_APC_PENDING_DURING_EXIT
 * log: APC-disable counts: kernel -2 */
#include "rule.h"

static VOID NTAPI Thread(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
#ifdef FAULT
    KeEnterCriticalRegion();
#endif
}

static VOID Run(VOID) { InThread(Thread, NULL); }
