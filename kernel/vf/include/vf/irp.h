/* irp.h - what drivers are bound to with the verifier on: IRPs and devices. */
#pragma once

#include <io/irp.h>
#include <io/timer.h>

NTSTATUS VfIofCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp);
VOID VfIofCompleteRequest(PIRP Irp, CCHAR PriorityBoost);
NTSTATUS VfIoCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp);
VOID VfIoCompleteRequest(PIRP Irp, CCHAR PriorityBoost);
VOID VfIoFreeIrp(PIRP Irp);
VOID VfIoInitializeIrp(PIRP Irp, USHORT PacketSize, CCHAR StackSize);
NTSTATUS VfIoInitializeTimer(PDEVICE_OBJECT DeviceObject, PIO_TIMER_ROUTINE TimerRoutine, PVOID Context);
VOID VfIoDetachDevice(PDEVICE_OBJECT TargetDevice);
VOID VfIoDeleteDevice(PDEVICE_OBJECT DeviceObject);
