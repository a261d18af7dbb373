/* interlocked.c - routines that take the driver's spin lock for one change: may it be taken here? */
#include "vfp.h"
#include <vf/interlocked.h>

#define INTERLOCKED(Type, Routine, Parameters, Arguments) \
    Type Vf##Routine Parameters \
    { \
        VfpCheckCall(); \
        VfpAcquiring(Lock, VfpSpinLock, VFP_CALLER); \
        return Routine Arguments; \
    }

VF_INTERLOCKED(INTERLOCKED)
