/* shutdown.h - devices whose drivers want to know that the machine stops. */
#pragma once

#include <io/device.h>

NTSTATUS IoRegisterShutdownNotification(PDEVICE_OBJECT DeviceObject);
NTSTATUS IoRegisterLastChanceShutdownNotification(PDEVICE_OBJECT DeviceObject);
VOID IoUnregisterShutdownNotification(PDEVICE_OBJECT DeviceObject);

/* Send IRP_MJ_SHUTDOWN to all of them, the youngest registration first, the last-chance ones after the others. Once, at
 * the end of the run. PASSIVE_LEVEL. Returns: how many were told. */
ULONG IoShutdownDevices(void);
