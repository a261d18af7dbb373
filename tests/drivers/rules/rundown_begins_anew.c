/* rundown_begins_anew.c - uses run-down protection for a new object while the old one may be used.
 *
 * fault: 0xED12 RUNDOWN_NOT_COMPLETED
 * log: run-down protection .* holds 2: it has not been run down */
#include "rule.h"

static EX_RUNDOWN_REF Ref;

static VOID Run(VOID)
{
    ExInitializeRundownProtection(&Ref);
    if (!ExAcquireRundownProtection(&Ref))
        return;
#ifdef FAULT
    ExReInitializeRundownProtection(&Ref);
#endif
    ExReleaseRundownProtection(&Ref);
    ExWaitForRundownProtectionRelease(&Ref);
    ExRundownCompleted(&Ref);
    ExReInitializeRundownProtection(&Ref);
}
