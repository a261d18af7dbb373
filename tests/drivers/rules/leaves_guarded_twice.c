/* leaves_guarded_twice.c - leaves a guarded region that it is not in.
 *
 * fault: 0x3E LEAVE_WITHOUT_ENTER
 * log: is in no guarded region */
#include "rule.h"

static VOID Run(VOID)
{
    KeEnterGuardedRegion();
    KeLeaveGuardedRegion();
#ifdef FAULT
    KeLeaveGuardedRegion();
#endif
}
