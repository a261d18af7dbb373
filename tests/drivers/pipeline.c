/* pipeline.c - producer and consumer threads around a ring: a spin lock guards it, one event says that there is
 * something in it, another that there is room. Every number produced must be consumed exactly once.
 *
 * expect: status 0
 * expect: log ^ok 1 - all numbers came through
 * expect: log ^ok 2 - each of them once
 * expect: log drivers: at rest
 * expect: log 2 ok, 0 not ok
 * run: SMP=1
 * run: SMP=4
 * run: SMP=2 ACCEL=parallel
 * run: APPEND=verifier=off */
#include <ntddk.h>

#define PRODUCERS 3
#define CONSUMERS 3
#define NUMBERS   2000                  /* of each producer */
#define RING      16
#define LAST      MAXULONG              /* tells a consumer to go home */

typedef struct _PIPELINE {
    KSPIN_LOCK Lock;
    KEVENT NotEmpty, NotFull;           /* synchronization events; re-set by whoever leaves work behind */
    ULONG Items[RING];
    ULONG Head, Count;
    LONG Seen[PRODUCERS * NUMBERS];
    LONG Producing, Consuming;
    volatile LONG Next;
} PIPELINE;

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD PipelineUnload;
static KSTART_ROUTINE Producer, Consumer;

static PIPELINE Pipeline;
static PVOID Threads[PRODUCERS + CONSUMERS];

static BOOLEAN TryPut(ULONG Item)
{
    BOOLEAN Done = FALSE, Room = FALSE;
    KIRQL Irql;

    KeAcquireSpinLock(&Pipeline.Lock, &Irql);
    if (Pipeline.Count < RING) {
        Pipeline.Items[(Pipeline.Head + Pipeline.Count++) % RING] = Item;
        Done = TRUE;
        Room = Pipeline.Count < RING;
    }
    KeReleaseSpinLock(&Pipeline.Lock, Irql);
    if (Done)
        KeSetEvent(&Pipeline.NotEmpty, EVENT_INCREMENT, FALSE);
    if (Room)
        KeSetEvent(&Pipeline.NotFull, IO_NO_INCREMENT, FALSE);
    return Done;
}

static BOOLEAN TryGet(ULONG *Item)
{
    BOOLEAN Done = FALSE, More = FALSE;
    KIRQL Irql;

    KeAcquireSpinLock(&Pipeline.Lock, &Irql);
    if (Pipeline.Count > 0) {
        *Item = Pipeline.Items[Pipeline.Head];
        Pipeline.Head = (Pipeline.Head + 1) % RING;
        Done = TRUE;
        More = --Pipeline.Count > 0;
    }
    KeReleaseSpinLock(&Pipeline.Lock, Irql);
    if (Done)
        KeSetEvent(&Pipeline.NotFull, EVENT_INCREMENT, FALSE);
    if (More)
        KeSetEvent(&Pipeline.NotEmpty, IO_NO_INCREMENT, FALSE);
    return Done;
}

static VOID Put(ULONG Item)
{
    while (!TryPut(Item))
        KeWaitForSingleObject(&Pipeline.NotFull, Executive, KernelMode, FALSE, NULL);
}

static ULONG Get(VOID)
{
    ULONG Item;

    while (!TryGet(&Item))
        KeWaitForSingleObject(&Pipeline.NotEmpty, Executive, KernelMode, FALSE, NULL);
    return Item;
}

static VOID Report(VOID)
{
    LONG i, Missing = 0, Twice = 0;

    for (i = 0; i < PRODUCERS * NUMBERS; i++) {
        Missing += Pipeline.Seen[i] == 0;
        Twice += Pipeline.Seen[i] > 1;
    }
    DbgPrint("%s 1 - all numbers came through (%d missing)\n", Missing == 0 ? "ok" : "not ok", Missing);
    DbgPrint("%s 2 - each of them once (%d came twice)\n", Twice == 0 ? "ok" : "not ok", Twice);
}

static VOID NTAPI Producer(PVOID Context)
{
    ULONG First = (ULONG)(ULONG_PTR)Context * NUMBERS, i;

    for (i = 0; i < NUMBERS; i++)
        Put(First + i);
    if (InterlockedDecrement(&Pipeline.Producing) == 0)
        for (i = 0; i < CONSUMERS; i++)
            Put(LAST);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI Consumer(PVOID Context)
{
    ULONG Item;

    UNREFERENCED_PARAMETER(Context);
    while ((Item = Get()) != LAST)
        InterlockedIncrement(&Pipeline.Seen[Item]);
    if (InterlockedDecrement(&Pipeline.Consuming) == 0)
        Report();
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static NTSTATUS Start(ULONG Slot, PKSTART_ROUTINE Routine, PVOID Context)
{
    HANDLE Handle;
    NTSTATUS Status = PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Routine, Context);

    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(Handle, SYNCHRONIZE, *PsThreadType, KernelMode, &Threads[Slot], NULL);
    ZwClose(Handle);
    return Status;
}

static VOID NTAPI PipelineUnload(PDRIVER_OBJECT DriverObject)
{
    ULONG i;

    UNREFERENCED_PARAMETER(DriverObject);
    for (i = 0; i < PRODUCERS + CONSUMERS; i++) {
        KeWaitForSingleObject(Threads[i], Executive, KernelMode, FALSE, NULL);
        ObDereferenceObject(Threads[i]);
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status = STATUS_SUCCESS;
    ULONG i;

    UNREFERENCED_PARAMETER(RegistryPath);
    DbgPrint("1..2\n");
    KeInitializeSpinLock(&Pipeline.Lock);
    KeInitializeEvent(&Pipeline.NotEmpty, SynchronizationEvent, FALSE);
    KeInitializeEvent(&Pipeline.NotFull, SynchronizationEvent, FALSE);
    Pipeline.Producing = PRODUCERS;
    Pipeline.Consuming = CONSUMERS;
    DriverObject->DriverUnload = PipelineUnload;
    for (i = 0; i < CONSUMERS && NT_SUCCESS(Status); i++)
        Status = Start(i, Consumer, NULL);
    for (i = 0; i < PRODUCERS && NT_SUCCESS(Status); i++)
        Status = Start(CONSUMERS + i, Producer, (PVOID)(ULONG_PTR)i);
    return Status;
}
