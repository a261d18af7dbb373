/* random.h - NT's pseudo-random numbers: the state is the caller's. */
#pragma once

#include <rtl/ntdef.h>

ULONG RtlRandom(PULONG Seed);
ULONG RtlRandomEx(PULONG Seed);
