/* rundown_released_twice.c - ends a use that it has ended before. Seen without the verifier, too.
 *
 * fault: stop 0x00000018 REFERENCE_BY_POINTER
 * log: run-down protection .*: 1 uses end, and there are 0
 * run: APPEND=verifier=off */
#include "rule.h"

static EX_RUNDOWN_REF Ref;

static VOID Run(VOID)
{
    ExInitializeRundownProtection(&Ref);
    if (!ExAcquireRundownProtection(&Ref))
        return;
    ExReleaseRundownProtection(&Ref);
#ifdef FAULT
    ExReleaseRundownProtection(&Ref);
#endif
}
