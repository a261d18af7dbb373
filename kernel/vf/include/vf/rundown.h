/* rundown.h - what drivers are bound to with the verifier on: run-down protection. */
#pragma once

#include <ex/rundown.h>

BOOLEAN VfExAcquireRundownProtection(PEX_RUNDOWN_REF RunRef);
BOOLEAN VfExAcquireRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count);
VOID VfExReleaseRundownProtection(PEX_RUNDOWN_REF RunRef);
VOID VfExReleaseRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count);
VOID VfExReInitializeRundownProtection(PEX_RUNDOWN_REF RunRef);
VOID VfExWaitForRundownProtectionRelease(PEX_RUNDOWN_REF RunRef);
VOID VfExWaitForRundownProtectionReleaseCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware);
