/* timer.h - a device's timer: a routine that is called once a second. */
#pragma once

#include <io/device.h>

typedef VOID (*PIO_TIMER_ROUTINE)(PDEVICE_OBJECT DeviceObject, PVOID Context);

NTSTATUS IoInitializeTimer(PDEVICE_OBJECT DeviceObject, PIO_TIMER_ROUTINE TimerRoutine, PVOID Context);
VOID IoStartTimer(PDEVICE_OBJECT DeviceObject);
VOID IoStopTimer(PDEVICE_OBJECT DeviceObject);

ULONG IoCountTimersOf(ULONG64 Start, ULONG64 End);      /* started ones whose routine lies in [Start, End) */
