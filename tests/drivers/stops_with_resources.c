/* stops_with_resources.c - stops the machine while resources are owned and waited for, and the stop screen tells by whom.
 *
 * expect: status 2
 * expect: log STOP 0x000000E2 MANUALLY_INITIATED_CRASH
 * expect: log resource [0-9A-F]+ of stops_with_resources\.sys.*: 2 shared and 1 exclusive waiters, contended 3 times$
 * expect: log ^    exclusive owner [0-9A-F]+, 2 levels$
 * expect: log ^    exclusive waiter [0-9A-F]+$
 * expect: log ^    shared waiter [0-9A-F]+$
 * expect: log resource [0-9A-F]+ of stops_with_resources\.sys.*: 0 shared and 0 exclusive waiters, contended 0 times$
 * expect: log ^    shared owner [0-9A-F]+, 1 level$
 * expect: log ^    shared owner [0-9A-F]+, 3 levels$
 * expect: log ^    and 11 shared owners more$
 * expect: log ^    shared owner [0-9A-F]+3, 1 level$
 * expect: log ^  held: resource [0-9A-F]+ .*, taken by thread [0-9A-F]+ on processor [0-9], at stops_with_resources
 * expect: log ^  held: and 6 more$
 * expect: no log not mapped */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

enum { SHARERS = 20 };

static ERESOURCE Busy, Shared, Given, Free;
static KEVENT Never;
static volatile LONG Sharing;
static ULONG64 Storage;

static VOID Start(PKSTART_ROUTINE Routine, PVOID Context)
{
    HANDLE Handle;

    if (NT_SUCCESS(PsCreateSystemThread(&Handle, 0, NULL, NULL, NULL, Routine, Context)))
        ZwClose(Handle);
}

static VOID NTAPI WantExclusive(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    ExAcquireResourceExclusiveLite(&Busy, TRUE);
}

static VOID NTAPI WantShared(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    ExAcquireResourceSharedLite(&Busy, TRUE);
}

static VOID NTAPI Share(PVOID Levels)
{
    for (LONG_PTR Level = 0; Level < (LONG_PTR)Levels; Level++)
        ExAcquireResourceSharedLite(&Shared, TRUE);
    InterlockedIncrement(&Sharing);
    KeWaitForSingleObject(&Never, Executive, KernelMode, FALSE, NULL);
}

static VOID Sleep(VOID)
{
    LARGE_INTEGER Moment = { .QuadPart = -10000 };

    KeDelayExecutionThread(KernelMode, FALSE, &Moment);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    KeInitializeEvent(&Never, NotificationEvent, FALSE);
    ExInitializeResourceLite(&Busy);
    ExInitializeResourceLite(&Free);
    ExInitializeResourceLite(&Shared);
    ExInitializeResourceLite(&Given);
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&Busy, TRUE);
    ExAcquireResourceExclusiveLite(&Busy, TRUE);
    ExAcquireResourceSharedLite(&Given, TRUE);
    ExSetResourceOwnerPointer(&Given, (PVOID)((ULONG_PTR)&Storage | 3));
    Start(WantExclusive, NULL);
    Start(WantShared, NULL);
    Start(WantShared, NULL);
    Start(Share, (PVOID)1);
    while (Sharing == 0)
        Sleep();
    for (ULONG At = 1; At < SHARERS; At++)
        Start(Share, (PVOID)3);
    while (Sharing < SHARERS || ExGetSharedWaiterCount(&Busy) < 2 || ExGetExclusiveWaiterCount(&Busy) < 1)
        Sleep();
    KeBugCheckEx(0xE2, (ULONG_PTR)&Busy, (ULONG_PTR)&Shared, 0, 0);
}
