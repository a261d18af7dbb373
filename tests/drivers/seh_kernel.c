/* seh_kernel.c - what the kernel raises, and what the processor does, is caught where a driver expects it; afterwards the
 * IRQL is as it was and the objects work. Without the verifier, which stops at the first mutex released by a stranger.
 * covers KeWaitForSingleObject.7, KeWaitForMultipleObjects.11, KeReleaseMutex.2, KeReleaseMutex.3, KeReleaseSemaphore.2,
 * KeReleaseSemaphore.3, ExAllocatePoolWithTag.1, ExRaiseStatus.1, trap 16, trap 17, trap 20
 *
 * expect: status 0
 * expect: log 49 ok, 0 not ok
 * run: SMP=1 APPEND=verifier=off
 * run: SMP=2 ACCEL=parallel APPEND=verifier=off */
#include "seh.h"

DRIVER_INITIALIZE DriverEntry;
static KDEFERRED_ROUTINE DpcRoutine;
static KSTART_ROUTINE Owner;

NTKERNELAPI VOID NTAPI ExRaiseAccessViolation(VOID);
NTKERNELAPI VOID NTAPI ExRaiseDatatypeMisalignment(VOID);

#define MUTANT_LIMIT  ((NTSTATUS)0xC0000191)
#define DIVIDE        ((NTSTATUS)0xC0000094)
#define ILLEGAL       ((NTSTATUS)0xC000001D)
#define BREAKPOINT    ((NTSTATUS)0x80000003)

static KSEMAPHORE Semaphore;
static KMUTEX Mutex;
static ULONG Code, Information[2];
static PVOID Address;

static APART LONG Note(PEXCEPTION_POINTERS Pointers)
{
    Code = (ULONG)Pointers->ExceptionRecord->ExceptionCode;
    Information[0] = (ULONG)Pointers->ExceptionRecord->ExceptionInformation[0];
    Information[1] = (ULONG)Pointers->ExceptionRecord->ExceptionInformation[1];
    Address = Pointers->ExceptionRecord->ExceptionAddress;
    return EXCEPTION_EXECUTE_HANDLER;
}

/* What Routine raises, 0: nothing. */
static APART NTSTATUS Caught(void (*Routine)(ULONG_PTR), ULONG_PTR Argument)
{
    KIRQL Irql = KeGetCurrentIrql();
    volatile NTSTATUS Status = 0;

    __try {
        Routine(Argument);
    } __except (Note(GetExceptionInformation())) {
        Status = GetExceptionCode();
    }
    if (KeGetCurrentIrql() != Irql)
        DbgPrint("not ok - the IRQL was %u and is %u\n", Irql, KeGetCurrentIrql());
    return Status;
}

/* ---- What the kernel raises ---- */

static void Release(ULONG_PTR Adjustment) { KeReleaseSemaphore(&Semaphore, 0, (LONG)Adjustment, FALSE); }

static void TestSemaphore(void)
{
    LARGE_INTEGER AtOnce = { .QuadPart = 0 };

    KeInitializeSemaphore(&Semaphore, 2, 3);
    Result(Caught(Release, 2) == STATUS_SEMAPHORE_LIMIT_EXCEEDED, "", "a semaphore over its limit");
    Result(KeReadStateSemaphore(&Semaphore) == 2, "", "its count is as it was");
    Result(Caught(Release, MAXLONG) == STATUS_SEMAPHORE_LIMIT_EXCEEDED, "", "an adjustment that overflows");
    Result(Caught(Release, (ULONG)-1) == STATUS_SEMAPHORE_LIMIT_EXCEEDED, "", "a negative adjustment");
    Result(Caught(Release, 1) == 0 && KeReadStateSemaphore(&Semaphore) == 3, "", "a release within the limit still works");
    Result(KeWaitForSingleObject(&Semaphore, Executive, KernelMode, FALSE, &AtOnce) == STATUS_SUCCESS, "",
           "and so does a wait");
}

static void ReleaseMutex(ULONG_PTR Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    KeReleaseMutex(&Mutex, FALSE);
}

static void Acquire(ULONG_PTR Timeout)
{
    LARGE_INTEGER Due = { .QuadPart = (LONGLONG)Timeout };

    KeWaitForSingleObject(&Mutex, Executive, KernelMode, FALSE, &Due);
}

static void AcquireAsOne(ULONG_PTR Timeout)
{
    LARGE_INTEGER Due = { .QuadPart = (LONGLONG)Timeout };
    PVOID Objects[] = { &Mutex };

    KeWaitForMultipleObjects(1, Objects, WaitAny, Executive, KernelMode, FALSE, &Due, NULL);
}

/* With a semaphore beside it, which is there, and an event, which is not. */
static KEVENT Missing;

static void AcquireWithOthers(ULONG_PTR Type)
{
    LARGE_INTEGER AtOnce = { .QuadPart = 0 };
    PVOID Objects[] = { &Missing, &Mutex, &Semaphore };

    KeWaitForMultipleObjects(Type == WaitAll ? 2 : 3, Type == WaitAll ? Objects + 1 : Objects, (WAIT_TYPE)Type,
                             Executive, KernelMode, FALSE, &AtOnce, NULL);
}

/* At its limit a mutex ends a wait for any and a wait for all before anything is taken, at IRQL; the locks are free
 * again, or what comes next would hang. */
static void TestLimitAmongOthers(KIRQL Irql, const char *Where)
{
    LONG Limit = Mutex.Header.SignalState;
    KIRQL Before;

    KeInitializeSemaphore(&Semaphore, 1, 1);
    KeInitializeEvent(&Missing, SynchronizationEvent, FALSE);
    DbgPrint("# %s\n", Where);
    KeRaiseIrql(Irql, &Before);
    Result(Caught(AcquireWithOthers, WaitAny) == MUTANT_LIMIT, "", "a level too many by a wait for any");
    Result(Caught(AcquireWithOthers, WaitAll) == MUTANT_LIMIT, "", "and by a wait for all");
    Result(KeReadStateSemaphore(&Semaphore) == 1 && Mutex.Header.SignalState == Limit, "", "nothing was taken");
    KeSetEvent(&Missing, 0, FALSE);
    Result(Caught(AcquireWithOthers, WaitAny) == 0 && KeReadStateEvent(&Missing) == 0, "", "an event before it is");
    KeLowerIrql(Before);
}

static KEVENT Owned, LetGo;

static VOID NTAPI Owner(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeWaitForSingleObject(&Mutex, Executive, KernelMode, FALSE, NULL);
    KeSetEvent(&Owned, 0, FALSE);
    KeWaitForSingleObject(&LetGo, Executive, KernelMode, FALSE, NULL);
    KeReleaseMutex(&Mutex, FALSE);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void TestStranger(void)
{
    HANDLE Handle;
    PVOID Thread;

    KeInitializeEvent(&Owned, SynchronizationEvent, FALSE);
    KeInitializeEvent(&LetGo, SynchronizationEvent, FALSE);
    PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Owner, NULL);
    ObReferenceObjectByHandle(Handle, THREAD_ALL_ACCESS, NULL, KernelMode, &Thread, NULL);
    ZwClose(Handle);
    KeWaitForSingleObject(&Owned, Executive, KernelMode, FALSE, NULL);
    Result(Caught(ReleaseMutex, 0) == STATUS_MUTANT_NOT_OWNED, "", "a stranger releases a mutex");
    Result(KeReadStateMutex(&Mutex) == 0, "", "it is owned as before");
    KeSetEvent(&LetGo, 0, FALSE);
    KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(Thread);
    Result(KeReadStateMutex(&Mutex) == 1, "", "and its owner can release it");
}

static void TestMutex(void)
{
    KeInitializeMutex(&Mutex, 0);
    Result(Caught(ReleaseMutex, 0) == STATUS_MUTANT_NOT_OWNED, "", "a free mutex is released");
    TestStranger();
    Result(Caught(Acquire, 0) == 0 && KeReadStateMutex(&Mutex) == 0 && KeAreApcsDisabled(), "", "it can be had");
    Mutex.Header.SignalState = (LONG)0x80000001;
    Result(Caught(Acquire, 0) == 0 && Mutex.Header.SignalState == (LONG)0x80000000, "", "the last level of a mutex");
    Result(Caught(Acquire, 0) == MUTANT_LIMIT, "", "a level more");
    Result(Mutex.Header.SignalState == (LONG)0x80000000, "", "its state is as it was");
    Result(Caught(AcquireAsOne, 0) == MUTANT_LIMIT, "", "the same by a wait for several");
    TestLimitAmongOthers(PASSIVE_LEVEL, "at PASSIVE_LEVEL");
    TestLimitAmongOthers(APC_LEVEL, "at APC_LEVEL");
    TestLimitAmongOthers(DISPATCH_LEVEL, "at DISPATCH_LEVEL");
    Mutex.Header.SignalState = 0;
    Result(Caught(ReleaseMutex, 0) == 0 && KeReadStateMutex(&Mutex) == 1 && !KeAreApcsDisabled(), "", "and it is free again");
}

static void AllocateTooMuch(ULONG_PTR Size)
{
    PVOID Block = ExAllocatePoolWithTag((POOL_TYPE)(NonPagedPool | POOL_RAISE_IF_ALLOCATION_FAILURE), Size, 'hesT');

    DbgPrint("# got %p\n", Block);
}

static void RaiseIt(ULONG_PTR Status) { ExRaiseStatus((NTSTATUS)Status); }
static void RaiseViolation(ULONG_PTR Argument) { (void)Argument; ExRaiseAccessViolation(); }
static void RaiseMisalignment(ULONG_PTR Argument) { (void)Argument; ExRaiseDatatypeMisalignment(); }

static void TestRaises(void)
{
    Result(Caught(AllocateTooMuch, 1ull << 40) == STATUS_INSUFFICIENT_RESOURCES, "", "pool that is not there");
    Result(Caught(RaiseIt, (ULONG)STATUS_NO_MEMORY) == STATUS_NO_MEMORY, "", "ExRaiseStatus");
    Result(Caught(RaiseViolation, 0) == STATUS_ACCESS_VIOLATION, "", "ExRaiseAccessViolation");
    Result(Caught(RaiseMisalignment, 0) == STATUS_DATATYPE_MISALIGNMENT, "", "ExRaiseDatatypeMisalignment");
}

/* ---- What the processor raises ---- */

static void Read(ULONG_PTR At) { Step(*(volatile char *)At ? 'x' : 'y'); }
static void Write(ULONG_PTR At) { *(volatile char *)At = 1; }
static void CallAt(ULONG_PTR At) { ((void (*)(void))At)(); Step('x'); }
static void Copy(ULONG_PTR From) { RtlCopyMemory(Steps, (PVOID)From, 40); Step('x'); }
static void Divide(ULONG_PTR By) { Step((char)(100 / (LONG)By)); }
static void Undefined(ULONG_PTR A) { (void)A; __asm__ volatile("ud2"); }
static void Break(ULONG_PTR A) { (void)A; __asm__ volatile("int3"); }

static void TestFaults(void)
{
    Result(Caught(Read, 0) == STATUS_ACCESS_VIOLATION && Information[0] == 0 && Information[1] == 0, "", "a null pointer read");
    Result(Caught(Read, 0x123450) == STATUS_ACCESS_VIOLATION && Information[1] == 0x123450, "", "a user's address read");
    Result(Caught(Write, 16) == STATUS_ACCESS_VIOLATION && Information[0] == 1 && Information[1] == 16, "", "written");
    Result(Caught(CallAt, 0) == STATUS_ACCESS_VIOLATION && Information[0] == 8 && Address == NULL, "", "called");
    Result(Caught(Copy, 0x40) == STATUS_ACCESS_VIOLATION && Information[1] >= 0x40 && Information[1] < 0x68, "",
           "read by a routine of the kernel");
    Result(Caught(Read, 0x8000000000000000) == STATUS_ACCESS_VIOLATION, "", "an address that is none");
    Result(Caught(Divide, 0) == DIVIDE, "", "a division by zero");
    Result(Caught(Undefined, 0) == ILLEGAL && *(USHORT *)Address == 0x0B0F, "", "an undefined instruction");
    Result(Caught(Break, 0) == BREAKPOINT && *(UCHAR *)Address == 0xCC, "", "a breakpoint");
}

static int Good = 42;

static APART int ReadThrough(int *Pointer)
{
    int Value;

    /* One register and one instruction, so that a filter can repair what this reads. */
    __asm__ volatile("movl (%1), %0" : "=r"(Value) : "c"(Pointer));
    return Value;
}

static APART LONG Repair(PEXCEPTION_POINTERS Pointers)
{
    Step('r');
    Pointers->ContextRecord->Rcx = (ULONG_PTR)&Good;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static APART LONG SkipBreakpoint(PEXCEPTION_POINTERS Pointers)
{
    Pointers->ContextRecord->Rip++;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static void TestRepair(void)
{
    volatile int Value = 0;

    __try {
        Value = ReadThrough(NULL);
        Step('b');
    } __except (Repair(GetExceptionInformation())) {
        Step('x');
    }
    Result(Value == 42, "rb", "a fault repaired by a filter goes on at the instruction");
    __try {
        Break(0);
        Step('b');
    } __except (SkipBreakpoint(GetExceptionInformation())) {
        Step('x');
    }
    Result(TRUE, "b", "a breakpoint stepped over");
}

/* ---- At DISPATCH_LEVEL, and in a DPC ---- */

static void TestRaised(const char *Where)
{
    KeInitializeSemaphore(&Semaphore, 1, 1);
    KeInitializeMutex(&Mutex, 0);
    DbgPrint("# %s\n", Where);
    Result(Caught(Release, 1) == STATUS_SEMAPHORE_LIMIT_EXCEEDED, "", "a semaphore over its limit");
    Result(Caught(ReleaseMutex, 0) == STATUS_MUTANT_NOT_OWNED, "", "a mutex that is not owned");
    Result(Caught(Divide, 0) == DIVIDE && KeGetCurrentIrql() == DISPATCH_LEVEL, "", "a division by zero");
}

static VOID NTAPI DpcRoutine(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    TestRaised("in a DPC");
    KeSetEvent((PKEVENT)Context, 0, FALSE);
}

static void TestDpc(void)
{
    KEVENT Done;
    KDPC Dpc;

    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    KeInitializeDpc(&Dpc, DpcRoutine, &Done);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    KeFlushQueuedDpcs();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    KIRQL Irql;

    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    TestSemaphore();
    TestMutex();
    TestRaises();
    TestFaults();
    TestRepair();
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    TestRaised("at DISPATCH_LEVEL");
    KeLowerIrql(Irql);
    TestDpc();
    return STATUS_SUCCESS;
}
