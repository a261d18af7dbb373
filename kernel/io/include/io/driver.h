/* driver.h - the life of driver objects, and what drivers hang on them. */
#pragma once

#include <io/device.h>

typedef VOID (*PDRIVER_REINITIALIZE)(PDRIVER_OBJECT DriverObject, PVOID Context, ULONG Count);

/* For the loader. Service: the name of the driver's service key; the object is \Driver\Service. */
PDRIVER_OBJECT IoCreateDriverObject(const char *Service);       /* NULL: no memory, or the name is taken */
void IoDeleteDriverObject(PDRIVER_OBJECT DriverObject);         /* its name, extensions and notifications go */
/* DriverEntry has returned: its devices may be opened, what it has no dispatch routine for is refused. */
void IoReadyDevices(PDRIVER_OBJECT DriverObject);
BOOLEAN IoHasReinitializations(PDRIVER_OBJECT DriverObject);
BOOLEAN IoCallReinitializations(PDRIVER_OBJECT DriverObject);   /* those registered until now; FALSE: there were none */

NTSTATUS IoAllocateDriverObjectExtension(PDRIVER_OBJECT DriverObject, PVOID ClientIdentificationAddress,
                                         ULONG DriverObjectExtensionSize, PVOID *DriverObjectExtension);
PVOID IoGetDriverObjectExtension(PDRIVER_OBJECT DriverObject, PVOID ClientIdentificationAddress);
VOID IoRegisterDriverReinitialization(PDRIVER_OBJECT DriverObject, PDRIVER_REINITIALIZE DriverReinitializationRoutine,
                                      PVOID Context);
VOID IoRegisterBootDriverReinitialization(PDRIVER_OBJECT DriverObject,
                                          PDRIVER_REINITIALIZE DriverReinitializationRoutine, PVOID Context);
