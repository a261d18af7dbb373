/* million/pool.c - a pool of worker threads on a KQUEUE: clients give it a million jobs, from threads and from DPCs;
 * some jobs block, and the queue lets another worker go meanwhile. It is shut down with jobs still in it: those that
 * ran and those that came back are all of them.
 *
 * expect: status 0
 * expect: log ^ok 1 - each job ran or came back
 * expect: log ^ok 2 - no job did twice
 * expect: log ^ok 3 - the workers went
 * expect: log 3 ok, 0 not ok
 * expect: log 0 leaked
 * run: SMP=2
 * run: SMP=2 ACCEL=parallel */
#include <ntifs.h>

#include "crew.h"

#define WORKERS 4
#define CLIENTS 2
#define BOUND   2
#define JOBS    64                      /* of each client */
#define ROUNDS  500000                  /* of each client */
#define TAG     'looP'

typedef struct _CLIENT CLIENT;

typedef struct _JOB {
    LIST_ENTRY Entry;
    CLIENT *Client;
    volatile LONG Busy;
} JOB;

struct _CLIENT {
    JOB *Jobs;
    KSEMAPHORE Room;
    KDPC Dpc;
    KEVENT Given;
    ULONG Seed;
};

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD Unload;
static KSTART_ROUTINE Client, Worker;
static KDEFERRED_ROUTINE GiveFromDpc;

static KQUEUE Queue;
static FAST_MUTEX Door;                 /* some jobs go through it and block there */
static CLIENT Clients[CLIENTS];
static volatile LONG Given, Ran, Returned, Twice, Clienting = CLIENTS, Gone;

static VOID Done(JOB *Job)
{
    if (InterlockedExchange(&Job->Busy, 0) != 1)
        InterlockedIncrement(&Twice);
    KeReleaseSemaphore(&Job->Client->Room, IO_NO_INCREMENT, 1, FALSE);
}

static VOID Run(JOB *Job, ULONG Chance)
{
    LARGE_INTEGER Moment;

    if (Chance % 16 == 0) {
        ExAcquireFastMutex(&Door);
        Moment.QuadPart = -20;
        if (Chance % 4096 == 0)
            KeDelayExecutionThread(KernelMode, FALSE, &Moment);
        ExReleaseFastMutex(&Door);
    }
    InterlockedIncrement(&Ran);
    Done(Job);
}

static VOID NTAPI Worker(PVOID Context)
{
    ULONG Seed = (ULONG)(ULONG_PTR)Context;

    for (;;) {
        PLIST_ENTRY Entry = KeRemoveQueue(&Queue, KernelMode, NULL);

        if ((NTSTATUS)(ULONG_PTR)Entry == STATUS_ABANDONED)
            break;
        Run(CONTAINING_RECORD(Entry, JOB, Entry), Random(&Seed));
    }
    InterlockedIncrement(&Gone);
}

static VOID NTAPI GiveFromDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    JOB *Job = Argument1;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument2);
    KeInsertQueue(&Queue, &Job->Entry);
    KeSetEvent(&((CLIENT *)Context)->Given, IO_NO_INCREMENT, FALSE);
}

static VOID Give(CLIENT *Self, JOB *Job, ULONG Chance)
{
    Job->Busy = 1;
    InterlockedIncrement(&Given);
    if (Chance % 8 == 0) {
        KeInsertQueueDpc(&Self->Dpc, Job, NULL);
        KeWaitForSingleObject(&Self->Given, Executive, KernelMode, FALSE, NULL);
    } else if (Chance % 8 == 1) {
        KeInsertHeadQueue(&Queue, &Job->Entry);
    } else {
        KeInsertQueue(&Queue, &Job->Entry);
    }
}

/* The last client shuts the pool down, without waiting for it to be empty. */
static VOID ShutDown(VOID)
{
    PLIST_ENTRY First, Entry;

    First = KeRundownQueue(&Queue);
    for (Entry = First; Entry != NULL;) {
        JOB *Job = CONTAINING_RECORD(Entry, JOB, Entry);

        Entry = Entry->Flink == First ? NULL : Entry->Flink;
        Returned++;
        Done(Job);
    }
}

static VOID Report(VOID)
{
    Result(1, Ran + Returned == Given && Given == CLIENTS * ROUNDS, "each job ran or came back", Ran + Returned, Given);
    Result(2, Twice == 0, "no job did twice", Twice, 0);
    Result(3, Gone == WORKERS, "the workers went", Gone, WORKERS);
}

static VOID NTAPI Client(PVOID Context)
{
    CLIENT *Self = Context;
    ULONG Round, At = 0, i;

    for (Round = 0; Round < ROUNDS; Round++) {
        KeWaitForSingleObject(&Self->Room, Executive, KernelMode, FALSE, NULL);
        while (Self->Jobs[At].Busy)
            At = (At + 1) % JOBS;
        Give(Self, &Self->Jobs[At], Random(&Self->Seed));
    }
    if (InterlockedDecrement(&Clienting) != 0)
        return;
    ShutDown();
    for (i = 0; i < WORKERS; i++)
        KeWaitForSingleObject(Crew[i], Executive, KernelMode, FALSE, NULL);
    Report();
}

static VOID FreeJobs(VOID)
{
    ULONG i;

    for (i = 0; i < CLIENTS && Clients[i].Jobs != NULL; i++)
        ExFreePoolWithTag(Clients[i].Jobs, TAG);
}

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    Dismiss();
    FreeJobs();
}

static BOOLEAN Open(CLIENT *Self, ULONG Seed)
{
    ULONG i;

    Self->Jobs = ExAllocatePoolWithTag(NonPagedPool, JOBS * sizeof *Self->Jobs, TAG);
    if (Self->Jobs == NULL)
        return FALSE;
    RtlZeroMemory(Self->Jobs, JOBS * sizeof *Self->Jobs);
    for (i = 0; i < JOBS; i++)
        Self->Jobs[i].Client = Self;
    KeInitializeSemaphore(&Self->Room, JOBS, JOBS);
    KeInitializeDpc(&Self->Dpc, GiveFromDpc, Self);
    KeInitializeEvent(&Self->Given, SynchronizationEvent, FALSE);
    Self->Seed = Seed;
    return TRUE;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status = STATUS_SUCCESS;
    ULONG i;

    UNREFERENCED_PARAMETER(RegistryPath);
    DbgPrint("1..3\n");
    KeInitializeQueue(&Queue, BOUND);
    ExInitializeFastMutex(&Door);
    for (i = 0; i < CLIENTS; i++)
        if (!Open(&Clients[i], i * 31 + 7)) {
            FreeJobs();
            return STATUS_INSUFFICIENT_RESOURCES;
        }
    DriverObject->DriverUnload = Unload;
    for (i = 0; i < WORKERS && NT_SUCCESS(Status); i++)
        Status = Enlist(Worker, (PVOID)(ULONG_PTR)(i + 1));
    for (i = 0; i < CLIENTS && NT_SUCCESS(Status); i++)
        Status = Enlist(Client, &Clients[i]);
    return Status;
}
