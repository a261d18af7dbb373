/* storm.c - many short threads at once: each is made with a handle, found by it, referenced and closed, works a
 * little with pool and lock, and ends by returning or by PsTerminateSystemThread in turn.
 *
 * expect: status 0
 * expect: log ^ok 1 - 200 threads ran
 * expect: log ^ok 2 - all of them found their handles
 * expect: log 2 ok, 0 not ok
 * run: SMP=1
 * run: SMP=8
 * run: SMP=2 ACCEL=parallel */
#include <ntddk.h>

#define WAVES    8
#define THREADS  25
#define TAG      'mrtS'

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD StormUnload;
static KSTART_ROUTINE Gust;

static KSPIN_LOCK Lock;
static LIST_ENTRY Leaves;
static volatile LONG Ran;

/* Hang a block of its own into the shared list, rest a moment, take any block out again. */
static VOID NTAPI Gust(PVOID Context)
{
    ULONG_PTR Number = (ULONG_PTR)Context;
    PLIST_ENTRY Leaf = ExAllocatePoolWithTag(NonPagedPool, sizeof *Leaf + Number * 24, TAG);
    LARGE_INTEGER Rest;
    KIRQL Irql;

    Rest.QuadPart = -1000LL * (LONGLONG)(Number % 7);
    if (Leaf != NULL) {
        KeAcquireSpinLock(&Lock, &Irql);
        InsertTailList(&Leaves, Leaf);
        KeReleaseSpinLock(&Lock, Irql);
        KeDelayExecutionThread(KernelMode, FALSE, &Rest);
        KeAcquireSpinLock(&Lock, &Irql);
        Leaf = RemoveHeadList(&Leaves);
        KeReleaseSpinLock(&Lock, Irql);
        ExFreePoolWithTag(Leaf, TAG);
        InterlockedIncrement(&Ran);
    }
    if (Number % 2 != 0)
        PsTerminateSystemThread(STATUS_SUCCESS);
}

static ULONG Wave(VOID)
{
    PVOID Threads[THREADS];
    ULONG i, Started = 0;

    for (i = 0; i < THREADS; i++) {
        HANDLE Handle;

        if (!NT_SUCCESS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Gust, (PVOID)(ULONG_PTR)i)))
            continue;
        if (NT_SUCCESS(ObReferenceObjectByHandle(Handle, SYNCHRONIZE, *PsThreadType, KernelMode, &Threads[Started], NULL)))
            Started++;
        ZwClose(Handle);
    }
    for (i = 0; i < Started; i++) {
        KeWaitForSingleObject(Threads[i], Executive, KernelMode, FALSE, NULL);
        ObDereferenceObject(Threads[i]);
    }
    return Started;
}

static VOID NTAPI StormUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    DbgPrint("storm: over\n");
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    ULONG i, Found = 0;

    UNREFERENCED_PARAMETER(RegistryPath);
    KeInitializeSpinLock(&Lock);
    InitializeListHead(&Leaves);
    for (i = 0; i < WAVES; i++)
        Found += Wave();
    DbgPrint("%s 1 - %d threads ran\n", Ran == WAVES * THREADS ? "ok" : "not ok", Ran);
    DbgPrint("%s 2 - all of them found their handles\n", Found == WAVES * THREADS ? "ok" : "not ok");
    DbgPrint("1..2\n");
    DriverObject->DriverUnload = StormUnload;
    return STATUS_SUCCESS;
}
