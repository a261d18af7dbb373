/* timer.h - the timer object. */
#pragma once

#include <ke/dispatch.h>
#include <ke/dpc.h>

typedef enum _TIMER_TYPE { NotificationTimer, SynchronizationTimer } TIMER_TYPE;

typedef struct _KTIMER {
    DISPATCHER_HEADER Header;
    ULONGLONG DueTime;          /* interrupt time, 100 ns */
    LIST_ENTRY TimerListEntry;
    PKDPC Dpc;
    ULONG Processor;            /* whose timer queue it is in */
    ULONG Period;               /* ms, 0: one shot */
} KTIMER, *PKTIMER, *PRKTIMER;

C_ASSERT(sizeof(KTIMER) == 0x40 && offsetof(KTIMER, DueTime) == 0x18 && offsetof(KTIMER, TimerListEntry) == 0x20);
C_ASSERT(offsetof(KTIMER, Dpc) == 0x30 && offsetof(KTIMER, Processor) == 0x38 && offsetof(KTIMER, Period) == 0x3C);

VOID KeInitializeTimer(PKTIMER Timer);
VOID KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type);
BOOLEAN KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc);
BOOLEAN KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc);
BOOLEAN KeCancelTimer(PKTIMER Timer);
BOOLEAN KeReadStateTimer(PKTIMER Timer);
