/* million/clang_machine.c - a device that is driven by events: one thread is its state machine and waits for
 * commands, for its timer and for the end, all at once; clients press its buttons and wait for the answer to each.
 * The pairs of states that it went through add up, and no command goes without an answer. Compiled by clang.
 *
 * expect: status 0
 * expect: log ^ok 1 - every command was answered
 * expect: log ^ok 2 - the timer came late only where its cancellation had failed
 * expect: log ^ok 3 - it started as often as it stopped or failed
 * expect: log ^ok 4 - each kind of step was taken
 * expect: log 4 ok, 0 not ok
 * expect: log 0 leaked
 * run: SMP=2
 * run: SMP=2 ACCEL=parallel */
#include <ntddk.h>

#include "crew.h"

#define CLIENTS  3
#define COMMANDS 60000                  /* of each client */

typedef enum _STATE { Stopped, Starting, Running, Paused, States } STATE;
typedef enum _INPUT { Start, Pause, Resume, Stop, Ready, Fail, Inputs } INPUT;

#define SAME States                     /* refused: the state stays */

/* What each input makes of each state. Ready and Fail come from the timer that starting arms. */
static const UCHAR Next[States][Inputs] = {
    /*             Start     Pause   Resume   Stop     Ready    Fail */
    [Stopped] =  { Starting, SAME,   SAME,    SAME,    SAME,    SAME },
    [Starting] = { SAME,     SAME,   SAME,    Stopped, Running, Stopped },
    [Running] =  { SAME,     Paused, SAME,    Stopped, SAME,    SAME },
    [Paused] =   { SAME,     SAME,   Running, Stopped, SAME,    SAME },
};

typedef struct _COMMAND {
    LIST_ENTRY Entry;
    INPUT Input;
    NTSTATUS Status;
    KEVENT Answered;
} COMMAND;

static struct {
    KSPIN_LOCK Lock;
    LIST_ENTRY Commands;                /* under Lock */
    KEVENT Pressed, Over;
    KTIMER Timer;
    STATE State;                        /* the machine's own, as all below */
    ULONG Seed;
    LONG Steps[States][States];
    LONG Missed, Late;                  /* cancellations that failed; expiries that came after one */
} Machine;

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD Unload;
static KSTART_ROUTINE Client, RunMachine;

static volatile LONG Accepted, Refused, Pressing = CLIENTS;

static BOOLEAN Step(INPUT Input)
{
    STATE Old = Machine.State, New = Next[Old][Input];
    LARGE_INTEGER Soon;

    if (New == SAME)
        return FALSE;
    if (Old == Starting && Input == Stop && !KeCancelTimer(&Machine.Timer))
        Machine.Missed++;               /* it is signalled, and the next wait may find it so */
    if (New == Starting) {
        Soon.QuadPart = -50;
        KeSetTimer(&Machine.Timer, Soon, NULL);
    }
    Machine.Steps[Old][New]++;
    Machine.State = New;
    return TRUE;
}

static VOID Obey(VOID)
{
    for (;;) {
        PLIST_ENTRY Entry = ExInterlockedRemoveHeadList(&Machine.Commands, &Machine.Lock);
        COMMAND *Command;

        if (Entry == NULL)
            return;
        Command = CONTAINING_RECORD(Entry, COMMAND, Entry);
        Command->Status = Step(Command->Input) ? STATUS_SUCCESS : STATUS_INVALID_DEVICE_STATE;
        KeSetEvent(&Command->Answered, IO_NO_INCREMENT, FALSE);     /* and it is the client's again */
    }
}

static VOID Report(VOID)
{
    LONG(*Steps)[States] = Machine.Steps;
    LONG Begun = Steps[Stopped][Starting], Ran = Steps[Starting][Running], Failed = Steps[Starting][Stopped];
    LONG Ended = Failed + Steps[Running][Stopped] + Steps[Paused][Stopped], Pauses = Steps[Running][Paused];
    LONG Resumed = Steps[Paused][Running], Answers = Accepted + Refused;
    BOOLEAN Balanced = Begun - Ended == (Machine.State != Stopped) &&
                       Pauses - Resumed - Steps[Paused][Stopped] == (Machine.State == Paused);

    Result(1, Answers == CLIENTS * COMMANDS, "every command was answered", Answers, CLIENTS * COMMANDS);
    Result(2, Machine.Late <= Machine.Missed, "the timer came late only where its cancellation had failed",
           Machine.Late, Machine.Missed);
    Result(3, Balanced, "it started as often as it stopped or failed", Begun, Ended);
    Result(4, Ran != 0 && Failed != 0 && Pauses != 0 && Resumed != 0, "each kind of step was taken", Ran, Begun);
}

static VOID NTAPI RunMachine(PVOID Context)
{
    PVOID Objects[3] = { &Machine.Over, &Machine.Timer, &Machine.Pressed };
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(Context);
    while ((Status = KeWaitForMultipleObjects(3, Objects, WaitAny, Executive, KernelMode, FALSE, NULL, NULL)) !=
           STATUS_WAIT_0) {
        if (Status == STATUS_WAIT_0 + 2)
            Obey();
        else if (!Step(Random(&Machine.Seed) % 4 == 0 ? Fail : Ready))
            Machine.Late++;
    }
    KeCancelTimer(&Machine.Timer);
    Report();
}

static VOID NTAPI Client(PVOID Context)
{
    ULONG Seed = (ULONG)(ULONG_PTR)Context, i;
    LARGE_INTEGER Moment;
    COMMAND Command;

    Moment.QuadPart = -100;
    KeInitializeEvent(&Command.Answered, SynchronizationEvent, FALSE);
    for (i = 0; i < COMMANDS; i++) {
        ULONG Chance = Random(&Seed);

        Command.Input = Chance % 16 == 0 ? Stop : (INPUT)(Chance / 16 % 3);
        ExInterlockedInsertTailList(&Machine.Commands, &Command.Entry, &Machine.Lock);
        KeSetEvent(&Machine.Pressed, EVENT_INCREMENT, FALSE);
        KeWaitForSingleObject(&Command.Answered, Executive, KernelMode, FALSE, NULL);
        InterlockedIncrement(Command.Status == STATUS_SUCCESS ? &Accepted : &Refused);
        if (Chance / 64 % 128 == 0)
            KeDelayExecutionThread(KernelMode, FALSE, &Moment);
    }
    if (InterlockedDecrement(&Pressing) == 0)
        KeSetEvent(&Machine.Over, IO_NO_INCREMENT, FALSE);
}

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    Dismiss();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status;
    ULONG i;

    UNREFERENCED_PARAMETER(RegistryPath);
    DbgPrint("1..4\n");
    KeInitializeSpinLock(&Machine.Lock);
    InitializeListHead(&Machine.Commands);
    KeInitializeEvent(&Machine.Pressed, SynchronizationEvent, FALSE);
    KeInitializeEvent(&Machine.Over, NotificationEvent, FALSE);
    KeInitializeTimerEx(&Machine.Timer, SynchronizationTimer);
    Machine.Seed = 4711;
    DriverObject->DriverUnload = Unload;
    Status = Enlist(RunMachine, NULL);
    for (i = 0; i < CLIENTS && NT_SUCCESS(Status); i++)
        Status = Enlist(Client, (PVOID)(ULONG_PTR)(i + 1));
    return Status;
}
