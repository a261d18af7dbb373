/* region.h - what drivers are bound to with the verifier on: critical and guarded regions. */
#pragma once

#include <rtl/ntdef.h>

VOID VfKeEnterCriticalRegion(VOID);
VOID VfKeLeaveCriticalRegion(VOID);
VOID VfKeEnterGuardedRegion(VOID);
VOID VfKeLeaveGuardedRegion(VOID);
