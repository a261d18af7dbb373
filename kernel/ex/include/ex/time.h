/* time.h - system time and the time of the time zone; how often the clock ticks. */
#pragma once

#include <rtl/ntdef.h>

VOID ExSystemTimeToLocalTime(PLARGE_INTEGER SystemTime, PLARGE_INTEGER LocalTime);
VOID ExLocalTimeToSystemTime(PLARGE_INTEGER LocalTime, PLARGE_INTEGER SystemTime);
ULONG ExSetTimerResolution(ULONG DesiredTime, BOOLEAN SetResolution);
VOID ExQueryTimerResolution(PULONG MaximumTime, PULONG MinimumTime, PULONG CurrentTime);
