/* timer.h - the timer object. */
#pragma once

#include <ke/dispatch.h>
#include <ke/dpc.h>

typedef enum _TIMER_TYPE { NotificationTimer, SynchronizationTimer } TIMER_TYPE;

/* What a timer queue links: the tail of a KTIMER, and by itself a sleeping thread's timeout. */
typedef struct _KTIMER_ENTRY {
    ULONGLONG DueTime;          /* interrupt time, 100 ns */
    LIST_ENTRY TimerListEntry;  /* its queue's lock */
    PKDPC Dpc;
    ULONG Processor;            /* whose queue it is in, and the marks below */
    ULONG Period;               /* ms, 0: one shot */
} KTIMER_ENTRY;

enum { TIMER_ENTRY_TIMEOUT = 0x80000000, TIMER_ENTRY_ABSOLUTE = 0x40000000, TIMER_ENTRY_PROCESSOR = 0xFFFF };

typedef struct _KTIMER {
    DISPATCHER_HEADER Header;
    ULONGLONG DueTime;          /* interrupt time, 100 ns */
    LIST_ENTRY TimerListEntry;
    PKDPC Dpc;
    ULONG Processor;            /* whose timer queue it is in */
    ULONG Period;               /* ms, 0: one shot */
} KTIMER, *PKTIMER, *PRKTIMER;

C_ASSERT(sizeof(KTIMER) - offsetof(KTIMER, DueTime) == sizeof(KTIMER_ENTRY));
C_ASSERT(sizeof(KTIMER) == 0x40 && offsetof(KTIMER, DueTime) == 0x18 && offsetof(KTIMER, TimerListEntry) == 0x20);
C_ASSERT(offsetof(KTIMER, Dpc) == 0x30 && offsetof(KTIMER, Processor) == 0x38 && offsetof(KTIMER, Period) == 0x3C);

VOID KeInitializeTimer(PKTIMER Timer);
VOID KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type);
BOOLEAN KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc);
BOOLEAN KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc);
BOOLEAN KeSetCoalescableTimer(PKTIMER Timer, LARGE_INTEGER DueTime, ULONG Period, ULONG TolerableDelay, PKDPC Dpc);
BOOLEAN KeCancelTimer(PKTIMER Timer);
BOOLEAN KeReadStateTimer(PKTIMER Timer);
