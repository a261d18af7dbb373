/* call.h - what drivers are bound to with the verifier on: routines that only look at the IRQL first. */
#pragma once

#include <ke/apc.h>
#include <ke/dpc.h>
#include <ke/event.h>
#include <ke/queue.h>
#include <ke/semaphore.h>
#include <ke/thread.h>
#include <ke/timer.h>

#define VF_CALLS(X)                                                                                           \
    X(LONG, KeSetEvent, (PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait), (Event, Increment, Wait))        \
    X(VOID, KeClearEvent, (PRKEVENT Event), (Event))                                                          \
    X(LONG, KeResetEvent, (PRKEVENT Event), (Event))                                                          \
    X(LONG, KePulseEvent, (PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait), (Event, Increment, Wait))      \
    X(LONG, KeReleaseSemaphore, (PRKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment, BOOLEAN Wait), \
      (Semaphore, Increment, Adjustment, Wait))                                                               \
    X(LONG, KeInsertQueue, (PRKQUEUE Queue, PLIST_ENTRY Entry), (Queue, Entry))                               \
    X(LONG, KeInsertHeadQueue, (PRKQUEUE Queue, PLIST_ENTRY Entry), (Queue, Entry))                           \
    X(BOOLEAN, KeSetTimer, (PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc), (Timer, DueTime, Dpc))          \
    X(BOOLEAN, KeSetTimerEx, (PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc),                  \
      (Timer, DueTime, Period, Dpc))                                                                          \
    X(BOOLEAN, KeSetCoalescableTimer,                                                                         \
      (PKTIMER Timer, LARGE_INTEGER DueTime, ULONG Period, ULONG TolerableDelay, PKDPC Dpc),                  \
      (Timer, DueTime, Period, TolerableDelay, Dpc))                                                          \
    X(BOOLEAN, KeCancelTimer, (PKTIMER Timer), (Timer))                                                       \
    X(BOOLEAN, KeInsertQueueDpc, (PRKDPC Dpc, PVOID Argument1, PVOID Argument2), (Dpc, Argument1, Argument2)) \
    X(BOOLEAN, KeRemoveQueueDpc, (PRKDPC Dpc), (Dpc))                                                         \
    X(BOOLEAN, KeInsertQueueApc, (PRKAPC Apc, PVOID Argument1, PVOID Argument2, KPRIORITY Increment),         \
      (Apc, Argument1, Argument2, Increment))                                                                 \
    X(BOOLEAN, KeAlertThread, (PKTHREAD Thread, KPROCESSOR_MODE AlertMode), (Thread, AlertMode))              \
    X(KPRIORITY, KeSetPriorityThread, (PKTHREAD Thread, KPRIORITY Priority), (Thread, Priority))

#define VF_CALL_PROTOTYPE(Type, Routine, Parameters, Arguments) Type Vf##Routine Parameters;
VF_CALLS(VF_CALL_PROTOTYPE)
#undef VF_CALL_PROTOTYPE
