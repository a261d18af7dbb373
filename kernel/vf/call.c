/* call.c - routines that have no rule of their own, but are where a wrong inline change of the IRQL is seen first. */
#include "vfp.h"
#include <vf/call.h>

#define CALL(Type, Routine, Parameters, Arguments) \
    Type Vf##Routine Parameters \
    { \
        VfpCheckCall(); \
        return Routine Arguments; \
    }

VF_CALLS(CALL)
