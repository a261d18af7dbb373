/* fast_mutex_released_by_another.c - releases a fast mutex that another thread holds.
 *
 * fault: 0x1004 RELEASED_BY_ANOTHER
 * log: fast mutex .* is released by a thread that does not hold it
 * log: it was taken by thread .*Holder */
#include "rule.h"

static FAST_MUTEX Mutex;
static KEVENT Held, Done;

static VOID NTAPI Holder(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    ExAcquireFastMutex(&Mutex);
    KeSetEvent(&Held, 0, FALSE);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    ExReleaseFastMutex(&Mutex);
}

static VOID NTAPI Stranger(PVOID Context)
{
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(Context);
    KeWaitForSingleObject(&Held, Executive, KernelMode, FALSE, NULL);
    KeRaiseIrql(APC_LEVEL, &OldIrql);
#ifdef FAULT
    ExReleaseFastMutex(&Mutex);
#endif
    KeLowerIrql(OldIrql);
    KeSetEvent(&Done, 0, FALSE);
}

static VOID Run(VOID)
{
    HANDLE Handle;

    ExInitializeFastMutex(&Mutex);
    KeInitializeEvent(&Held, NotificationEvent, FALSE);
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    if (NT_SUCCESS(PsCreateSystemThread(&Handle, 0, NULL, NULL, NULL, Stranger, NULL)))
        ZwClose(Handle);
    InThread(Holder, NULL);
}
