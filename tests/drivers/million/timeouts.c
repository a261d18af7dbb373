/* million/timeouts.c - requests with a time limit: each arms a timer whose DPC fails it, unless it is finished
 * before. The two meet in every way there is: the timer is cancelled, it has fired and its DPC waits, the DPC runs
 * meanwhile. A request is used again only when its finisher and its timer have both let go of it.
 *
 * expect: status 0
 * expect: log ^ok 1 - every request was finished or timed out
 * expect: log ^ok 2 - every timer was cancelled or fired
 * expect: log ^ok 3 - both happened
 * expect: log ^ok 4 - no reference is left
 * expect: log 4 ok, 0 not ok
 * expect: log 0 leaked
 * run: SMP=2
 * run: SMP=2 ACCEL=parallel */
#include <ntddk.h>

#include "crew.h"

#define WORKERS  2
#define SLOTS    16
#define REQUESTS 500000                 /* of each worker */

typedef enum _STATE { Idle, Pending, Finished, TimedOut } STATE;

typedef struct _WORKER WORKER;

typedef struct _REQUEST {
    KTIMER Timer;
    KDPC Dpc;
    KSPIN_LOCK Lock;
    STATE State;                        /* under Lock */
    volatile LONG References;           /* of the worker and of the armed timer */
    WORKER *Worker;
} REQUEST;

struct _WORKER {
    REQUEST Requests[SLOTS];
    KSEMAPHORE Idle;
    ULONG Seed;
};

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD Unload;
static KSTART_ROUTINE Worker;
static KDEFERRED_ROUTINE TimeOut;

static WORKER Workers[WORKERS];
static volatile LONG Armed, Done, Late, Disarmed, Fired, Working = WORKERS;

static VOID Drop(REQUEST *Request)
{
    if (InterlockedDecrement(&Request->References) == 0)
        KeReleaseSemaphore(&Request->Worker->Idle, IO_NO_INCREMENT, 1, FALSE);
}

/* Pending to State, once: FALSE for who comes second. */
static BOOLEAN Decide(REQUEST *Request, STATE State)
{
    BOOLEAN First;
    KIRQL Irql;

    KeAcquireSpinLock(&Request->Lock, &Irql);
    First = Request->State == Pending;
    if (First)
        Request->State = State;
    KeReleaseSpinLock(&Request->Lock, Irql);
    return First;
}

static VOID NTAPI TimeOut(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    REQUEST *Request = Context;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    InterlockedIncrement(&Fired);
    if (Decide(Request, TimedOut))
        InterlockedIncrement(&Late);
    Drop(Request);
}

static VOID Arm(REQUEST *Request, LONGLONG Limit)
{
    LARGE_INTEGER Due;

    Due.QuadPart = -Limit;
    Request->References = 2;
    Request->State = Pending;
    InterlockedIncrement(&Armed);
    KeSetTimer(&Request->Timer, Due, &Request->Dpc);
}

static VOID Finish(REQUEST *Request)
{
    if (Decide(Request, Finished)) {
        InterlockedIncrement(&Done);
        if (KeCancelTimer(&Request->Timer)) {
            InterlockedIncrement(&Disarmed);
            Drop(Request);
        }
    }
    Drop(Request);
}

static VOID Report(VOID)
{
    LONG Left = 0;
    ULONG i, k;

    for (i = 0; i < WORKERS; i++)
        for (k = 0; k < SLOTS; k++)
            Left += Workers[i].Requests[k].References;
    Result(1, Done + Late == WORKERS * REQUESTS, "every request was finished or timed out", Done + Late,
           WORKERS * REQUESTS);
    Result(2, Disarmed + Fired == Armed, "every timer was cancelled or fired", Disarmed + Fired, Armed);
    Result(3, Disarmed > 1000 && Late > 1000, "both happened", Late, Armed);
    Result(4, Left == 0, "no reference is left", Left, 0);
}

/* Each request is finished when its turn comes again, or at once; what its timer makes of it is the timer's affair. */
static VOID NTAPI Worker(PVOID Context)
{
    WORKER *Self = Context;
    REQUEST *Open = NULL;
    ULONG Sent, At = 0, i;

    for (Sent = 0; Sent < REQUESTS; Sent++) {
        REQUEST *Request;
        ULONG Chance = Random(&Self->Seed);

        KeWaitForSingleObject(&Self->Idle, Executive, KernelMode, FALSE, NULL);
        while (Self->Requests[At].References != 0)
            At = (At + 1) % SLOTS;
        Request = &Self->Requests[At];
        Arm(Request, Chance % 8 == 0 ? 0 : 20 + Chance % 100);
        if (Open != NULL)
            Finish(Open);
        Open = Request;
    }
    Finish(Open);
    for (i = 0; i < SLOTS; i++)
        KeWaitForSingleObject(&Self->Idle, Executive, KernelMode, FALSE, NULL);
    if (InterlockedDecrement(&Working) == 0)
        Report();
}

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    Dismiss();
    KeFlushQueuedDpcs();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status = STATUS_SUCCESS;
    ULONG i, k;

    UNREFERENCED_PARAMETER(RegistryPath);
    DbgPrint("1..4\n");
    DriverObject->DriverUnload = Unload;
    for (i = 0; i < WORKERS; i++) {
        KeInitializeSemaphore(&Workers[i].Idle, SLOTS, SLOTS);
        Workers[i].Seed = 77 * i + 5;
        for (k = 0; k < SLOTS; k++) {
            REQUEST *Request = &Workers[i].Requests[k];

            KeInitializeTimer(&Request->Timer);
            KeInitializeDpc(&Request->Dpc, TimeOut, Request);
            KeInitializeSpinLock(&Request->Lock);
            Request->Worker = &Workers[i];
        }
    }
    for (i = 0; i < WORKERS && NT_SUCCESS(Status); i++)
        Status = Enlist(Worker, &Workers[i]);
    return Status;
}
