/* clock.h - time: interrupt time since boot, system time since 1601, the performance counter. */
#pragma once

#include <rtl/ntdef.h>

typedef struct _KSYSTEM_TIME { ULONG LowPart; LONG High1Time; LONG High2Time; } KSYSTEM_TIME;

/* The page at KI_USER_SHARED_DATA, the fields that drivers' inlines load. */
typedef struct _KUSER_SHARED_DATA {
    ULONG TickCountLowDeprecated;
    ULONG TickCountMultiplier;
    volatile KSYSTEM_TIME InterruptTime;
    volatile KSYSTEM_TIME SystemTime;
    volatile KSYSTEM_TIME TimeZoneBias;
    UCHAR Reserved02C[0x260 - 0x2C];
    ULONG NtBuildNumber;
    UCHAR Reserved264[0x26C - 0x264];
    ULONG NtMajorVersion, NtMinorVersion;
    UCHAR Reserved274[0x320 - 0x274];
    volatile KSYSTEM_TIME TickCount;
} KUSER_SHARED_DATA;

C_ASSERT(offsetof(KUSER_SHARED_DATA, InterruptTime) == 8 && offsetof(KUSER_SHARED_DATA, SystemTime) == 0x14);
C_ASSERT(offsetof(KUSER_SHARED_DATA, TimeZoneBias) == 0x20 && offsetof(KUSER_SHARED_DATA, TickCount) == 0x320);

#define KI_USER_SHARED_DATA 0xFFFFF78000000000ull
#define SharedUserData ((KUSER_SHARED_DATA *)KI_USER_SHARED_DATA)

/* 100 ns between the ticks of a processor that runs a thread: from KE_SHORTEST_INTERVAL to KeQueryTimeIncrement. Set:
 * < IPI_LEVEL, one caller at a time. */
enum { KE_SHORTEST_INTERVAL = 10000 };
void KeSetClockInterval(ULONG Interval);
ULONG KeQueryClockInterval(void);

ULONG KeQueryTimeIncrement(VOID);
LARGE_INTEGER KeQueryPerformanceCounter(PLARGE_INTEGER PerformanceFrequency);
VOID KeStallExecutionProcessor(ULONG Microseconds);
ULONGLONG KeQueryInterruptTime(VOID);
ULONGLONG KeQueryUnbiasedInterruptTime(VOID);
ULONGLONG KeQueryInterruptTimePrecise(PULONG64 QpcTimeStamp);
VOID KeQuerySystemTime(PLARGE_INTEGER CurrentTime);
VOID KeQuerySystemTimePrecise(PLARGE_INTEGER CurrentTime);
VOID KeQueryTickCount(PLARGE_INTEGER TickCount);
VOID KeSetSystemTime(PLARGE_INTEGER NewTime, PLARGE_INTEGER OldTime);
