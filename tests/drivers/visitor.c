/* visitor.c - what file systems and filters do: a process of its own with a thread in it, visits to it, APCs for where
 * a thread belongs and for where it is, requests through a device queue, work through a KQUEUE, all processors at once.
 *
 * expect: status 0
 * expect: log visitor\.sys: DriverEntry returned 0x00000000
 * expect: log ^ok 12 - 
 * expect: log 12 ok, 0 not ok
 * run: SMP=1
 * run: SMP=4
 * run: SMP=2 ACCEL=parallel
 * run: APPEND=verifier=off */
#include <ntifs.h>

/* In the import library, but in no header. */
typedef enum _KAPC_ENVIRONMENT { OriginalApcEnvironment, AttachedApcEnvironment } KAPC_ENVIRONMENT;
typedef VOID(NTAPI *APC_KERNEL_ROUTINE)(PKAPC, PVOID *, PVOID *, PVOID *, PVOID *);
NTKERNELAPI VOID NTAPI KeInitializeApc(PKAPC, PKTHREAD, KAPC_ENVIRONMENT, APC_KERNEL_ROUTINE, PVOID, PVOID,
                                       KPROCESSOR_MODE, PVOID);
NTKERNELAPI BOOLEAN NTAPI KeInsertQueueApc(PKAPC, PVOID, PVOID, KPRIORITY);
NTKERNELAPI NTSTATUS NTAPI PsCreateSystemProcess(PHANDLE, ULONG, POBJECT_ATTRIBUTES);
NTKERNELAPI VOID NTAPI KeGenericCallDpc(PKDEFERRED_ROUTINE, PVOID);
NTKERNELAPI VOID NTAPI KeSignalCallDpcDone(PVOID);
NTKERNELAPI LOGICAL NTAPI KeSignalCallDpcSynchronize(PVOID);

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD VisitorUnload;
static KSTART_ROUTINE Resident, Server;

static PEPROCESS Host;
static ULONG Number;

static VOID Check(BOOLEAN Condition, const char *What)
{
    Number++;
    DbgPrint("%s %u - %s\n", Condition ? "ok" : "not ok", Number, What);
}

/* ---- A process with a thread ---- */

static PEPROCESS ResidentSaw;
static HANDLE ResidentId;

static VOID NTAPI Resident(PVOID Context)
{
    ResidentSaw = PsGetCurrentProcess();
    ResidentId = PsGetCurrentProcessId();
    KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
}

static NTSTATUS MakeHost(VOID)
{
    HANDLE Process, Thread;
    PEPROCESS Found = NULL;
    CLIENT_ID Id;
    KEVENT Ran;
    NTSTATUS Status = PsCreateSystemProcess(&Process, PROCESS_ALL_ACCESS, NULL);

    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(Process, 0, *PsProcessType, KernelMode, (PVOID *)&Host, NULL);
    KeInitializeEvent(&Ran, NotificationEvent, FALSE);
    if (NT_SUCCESS(Status))
        Status = PsCreateSystemThread(&Thread, THREAD_ALL_ACCESS, NULL, Process, &Id, Resident, &Ran);
    ZwClose(Process);
    if (!NT_SUCCESS(Status))
        return Status;
    ZwClose(Thread);
    KeWaitForSingleObject(&Ran, Executive, KernelMode, FALSE, NULL);
    Check(ResidentSaw == Host && ResidentId == Id.UniqueProcess, "a thread of another process is in it");
    Check(NT_SUCCESS(PsLookupProcessByProcessId(Id.UniqueProcess, &Found)) && Found == Host &&
              PsGetProcessId(Host) == Id.UniqueProcess, "the process is found by its id");
    if (Found != NULL)
        ObDereferenceObject(Found);
    KeWaitForSingleObject(Host, Executive, KernelMode, FALSE, NULL);
    Check(Host != PsInitialSystemProcess, "the process ends with its last thread");
    return STATUS_SUCCESS;
}

/* ---- Visits and APCs ---- */

static PEPROCESS ApcSaw[2];
static KIRQL ApcIrql;

static VOID NTAPI ApcRoutine(PKAPC Apc, PVOID *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(Normal);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument2);
    ApcSaw[(ULONG_PTR)*Argument1] = PsGetCurrentProcess();
    ApcIrql = KeGetCurrentIrql();
}

static VOID Visit(VOID)
{
    KAPC_STATE Outer, Inner;
    KAPC Home, Abroad;

    KeStackAttachProcess((PKPROCESS)Host, &Outer);
    Check(PsGetCurrentProcess() == Host && IoGetCurrentProcess() == Host, "attached, the host is current");
    KeStackAttachProcess((PKPROCESS)PsInitialSystemProcess, &Inner);
    Check(PsGetCurrentProcess() == PsInitialSystemProcess, "a visit from a visit");
    KeUnstackDetachProcess(&Inner);
    KeInitializeApc(&Home, KeGetCurrentThread(), OriginalApcEnvironment, ApcRoutine, NULL, NULL, KernelMode, NULL);
    KeInitializeApc(&Abroad, KeGetCurrentThread(), AttachedApcEnvironment, ApcRoutine, NULL, NULL, KernelMode, NULL);
    KeInsertQueueApc(&Home, (PVOID)0, NULL, IO_NO_INCREMENT);
    KeInsertQueueApc(&Abroad, (PVOID)1, NULL, IO_NO_INCREMENT);
    Check(ApcSaw[0] == NULL && ApcSaw[1] == Host && ApcIrql == APC_LEVEL, "only the APC for the host runs there");
    KeUnstackDetachProcess(&Outer);
    Check(ApcSaw[0] == PsInitialSystemProcess && PsGetCurrentProcess() == PsInitialSystemProcess,
          "the other one runs on the return");
}

/* ---- A device that serves one request at a time, nearest block first ---- */

typedef struct _REQUEST { KDEVICE_QUEUE_ENTRY Entry; ULONG Block; } REQUEST;

static VOID UseDevice(VOID)
{
    static const ULONG Blocks[] = { 50, 20, 80, 60, 10 }, Order[] = { 50, 60, 80, 10, 20 };
    REQUEST Requests[RTL_NUMBER_OF(Blocks)];
    KDEVICE_QUEUE Queue;
    ULONG i, Right = 0, At = 0;
    PKDEVICE_QUEUE_ENTRY Entry;
    KIRQL Irql;

    KeInitializeDeviceQueue(&Queue);
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    for (i = 0; i < RTL_NUMBER_OF(Blocks); i++) {
        Requests[i].Block = Blocks[i];
        Right += KeInsertByKeyDeviceQueue(&Queue, &Requests[i].Entry, Blocks[i]) == (i != 0);
    }
    for (Entry = &Requests[0].Entry; Entry != NULL; Entry = KeRemoveByKeyDeviceQueue(&Queue, At)) {
        At = CONTAINING_RECORD(Entry, REQUEST, Entry)->Block;
        Right += At == Order[Right - RTL_NUMBER_OF(Blocks)];
    }
    KeLowerIrql(Irql);
    Check(Right == 2 * RTL_NUMBER_OF(Blocks) && !Queue.Busy, "a device queue sweeps up and starts over");
}

/* ---- A KQUEUE with a server ---- */

static KQUEUE Work;
static volatile LONG Served;

static VOID NTAPI Server(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    while (KeRemoveQueue(&Work, KernelMode, NULL) != (PLIST_ENTRY)(ULONG_PTR)STATUS_ABANDONED)
        Served++;
}

static VOID UseQueue(VOID)
{
    LARGE_INTEGER Moment;
    LIST_ENTRY Entries[20];
    PVOID Thread = NULL;
    HANDLE Handle;
    ULONG i;

    Moment.QuadPart = -10000;
    KeInitializeQueue(&Work, 0);
    if (NT_SUCCESS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Server, NULL))) {
        ObReferenceObjectByHandle(Handle, 0, *PsThreadType, KernelMode, &Thread, NULL);
        ZwClose(Handle);
    }
    for (i = 0; Thread != NULL && i < RTL_NUMBER_OF(Entries); i++)
        KeInsertQueue(&Work, &Entries[i]);
    while (Thread != NULL && Served != RTL_NUMBER_OF(Entries))
        KeDelayExecutionThread(KernelMode, FALSE, &Moment);
    Check(KeRundownQueue(&Work) == NULL, "a KQUEUE served all its entries");
    if (Thread != NULL) {
        KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
        ObDereferenceObject(Thread);
    }
    Check(Served == RTL_NUMBER_OF(Entries), "its server went when it was run down");
}

/* ---- All processors ---- */

static volatile LONG Came, Leaders, Missing;

static VOID NTAPI Gather(PKDPC Dpc, PVOID Context, PVOID Done, PVOID Together)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    InterlockedIncrement(&Came);
    if (KeSignalCallDpcSynchronize(Together))
        InterlockedIncrement(&Leaders);
    if (Came != KeNumberProcessors)
        InterlockedIncrement(&Missing);
    KeSignalCallDpcDone(Done);
}

static VOID UseProcessors(VOID)
{
    KAFFINITY Before = KeQueryActiveProcessors();
    PROCESSOR_NUMBER Last;
    ULONG Count = KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS);
    GROUP_AFFINITY Wish, Old;

    KeGenericCallDpc(Gather, NULL);
    Check(Came == (LONG)Count && Leaders == 1 && Missing == 0, "all processors met, and one led");
    RtlZeroMemory(&Wish, sizeof Wish);
    KeGetProcessorNumberFromIndex(Count - 1, &Last);
    Wish.Mask = (KAFFINITY)1 << Last.Number;
    KeSetSystemGroupAffinityThread(&Wish, &Old);
    Check(KeGetCurrentProcessorNumberEx(NULL) == Count - 1 && (Before & Wish.Mask) != 0, "the last one is where it said");
    KeRevertToUserGroupAffinityThread(&Old);
}

static VOID NTAPI VisitorUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    ObDereferenceObject(Host);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status = MakeHost();

    UNREFERENCED_PARAMETER(RegistryPath);
    if (!NT_SUCCESS(Status))
        return Status;
    Visit();
    UseDevice();
    UseQueue();
    UseProcessors();
    DbgPrint("1..%u\n", Number);
    DriverObject->DriverUnload = VisitorUnload;
    return STATUS_SUCCESS;
}
