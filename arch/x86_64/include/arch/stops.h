/* stops.h - code addresses that tell which of them was called. */
#pragma once

#include <rtl/ntdef.h>

enum { ARCH_STOPS = 1024 };

/* The address of stop Index. Calling it, from anywhere and with any arguments, runs
 * Routine(Index, the address the call returns to) on the caller's stack. */
PVOID ArchStopAddress(ULONG Index);
void ArchSetStopRoutine(DECLSPEC_NORETURN void (*Routine)(ULONG Index, PVOID Caller));
