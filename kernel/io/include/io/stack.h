/* stack.h - what a driver asks about the stack that it runs on. */
#pragma once

#include <rtl/ntdef.h>

VOID IoGetStackLimits(PULONG_PTR LowLimit, PULONG_PTR HighLimit);
LOGICAL IoWithinStackLimits(ULONG_PTR RegionStart, SIZE_T RegionSize);
PVOID IoGetInitialStack(VOID);
