/* msvc_names.c - what the DDK's headers turn into inlines and macros, imported by name as other compilers and older
 * headers do: compiled for Microsoft's target with nothing but the declarations below.
 * covers KeWaitForMutexObject.1, PsGetCurrentProcess.1, ExGetCurrentResourceThread.1,
 * ExTryToAcquireResourceExclusiveLite.1
 *
 * expect: status 0
 * expect: log loaded at .*, 0 unresolved
 * expect: log ^ok 9 - 
 * expect: log 9 ok, 0 not ok
 * run: SMP=2
 * run: SMP=2 APPEND=verifier=off */
#define IMPORT __declspec(dllimport)

typedef unsigned char UCHAR;
typedef unsigned long ULONG;
typedef unsigned long long ULONG64;
typedef long LONG;
typedef void *PVOID;
typedef struct _UNICODE_STRING { unsigned short Length, MaximumLength; const unsigned short *Buffer; } UNICODE_STRING;

/* Opaque, but for their sizes. */
typedef struct _KMUTEX { ULONG64 Room[7]; } KMUTEX;
typedef struct _ERESOURCE { ULONG64 Room[13]; } ERESOURCE;
typedef struct _KDPC { ULONG64 Room[8]; } KDPC;

IMPORT ULONG DbgPrint(const char *Format, ...);
IMPORT UCHAR KeGetCurrentIrql(void);
IMPORT UCHAR KfRaiseIrql(UCHAR NewIrql);
IMPORT UCHAR KeRaiseIrqlToDpcLevel(void);
IMPORT void KeLowerIrql(UCHAR NewIrql);
IMPORT PVOID KeGetCurrentThread(void);
IMPORT PVOID PsGetCurrentThread(void);
IMPORT PVOID PsGetCurrentProcess(void);
IMPORT PVOID IoGetCurrentProcess(void);
IMPORT void KeInitializeMutex(KMUTEX *Mutex, ULONG Level);
IMPORT LONG KeWaitForMutexObject(KMUTEX *Mutex, int Reason, char Mode, UCHAR Alertable, ULONG64 *Timeout);
IMPORT LONG KeReadStateMutex(KMUTEX *Mutex);
IMPORT LONG KeReleaseMutex(KMUTEX *Mutex, UCHAR Wait);
IMPORT void KeInitializeDpc(KDPC *Dpc, void (*Routine)(KDPC *, PVOID, PVOID, PVOID), PVOID Context);
IMPORT UCHAR KeInsertQueueDpc(KDPC *Dpc, PVOID Argument1, PVOID Argument2);
IMPORT void KeEnterCriticalRegion(void);
IMPORT void KeLeaveCriticalRegion(void);
IMPORT LONG ExInitializeResourceLite(ERESOURCE *Resource);
IMPORT LONG ExDeleteResourceLite(ERESOURCE *Resource);
IMPORT void ExReleaseResourceForThreadLite(ERESOURCE *Resource, ULONG64 Thread);
IMPORT UCHAR ExIsResourceAcquiredExclusiveLite(ERESOURCE *Resource);
IMPORT long long ObfReferenceObject(PVOID Object);
IMPORT long long ObDereferenceObject(PVOID Object);
IMPORT PVOID MmGetSystemRoutineAddress(UNICODE_STRING *Name);

static ULONG Number;

static void Result(int Ok, const char *What) { DbgPrint("%s %u - %s\n", Ok ? "ok" : "not ok", ++Number, What); }

/* ---- IRQL and what waits for it to fall ---- */

static volatile LONG Ran;

static void CountCall(KDPC *Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    (void)Dpc, (void)Context, (void)Argument1, (void)Argument2;
    Ran++;
}

static void TryIrql(void)
{
    UCHAR Old = KfRaiseIrql(1), Raised = KeGetCurrentIrql(), Between = KeRaiseIrqlToDpcLevel();
    KDPC Dpc;

    Result(Old == 0 && Raised == 1 && Between == 1 && KeGetCurrentIrql() == 2, "the IRQL goes up by calls");
    KeInitializeDpc(&Dpc, CountCall, 0);
    KeInsertQueueDpc(&Dpc, 0, 0);
    Result(Ran == 0, "a DPC waits at DISPATCH_LEVEL");
    KeLowerIrql(Old);
    Result(Ran == 1 && KeGetCurrentIrql() == 0, "and has run when KeLowerIrql returns");
}

/* ---- Who and where ---- */

static void TryCurrent(void)
{
    PVOID Thread;

    __asm__ volatile("movq %%gs:0x188, %0" : "=r"(Thread));     /* what the inline reads */
    Result(KeGetCurrentThread() == Thread && PsGetCurrentThread() == Thread, "the current thread");
    Result(PsGetCurrentProcess() != 0 && PsGetCurrentProcess() == IoGetCurrentProcess(), "the current process");
    ObfReferenceObject(Thread);
    Result(ObDereferenceObject(Thread) > 0, "a reference and back");
}

/* ---- The mutex, and the resource whose try is in no import library ---- */

static void TryMutex(void)
{
    ULONG64 AtOnce = 0;
    KMUTEX Mutex;

    KeInitializeMutex(&Mutex, 0);
    Result(KeWaitForMutexObject(&Mutex, 0, 0, 0, &AtOnce) == 0 && KeWaitForMutexObject(&Mutex, 0, 0, 0, 0) == 0 &&
               KeReadStateMutex(&Mutex) == -1, "a mutex by its own wait, twice");
    Result(KeReleaseMutex(&Mutex, 0) == -1 && KeReleaseMutex(&Mutex, 0) == 0, "and released twice");
}

static void TryResource(void)
{
    static const unsigned short Letters[] = L"ExTryToAcquireResourceExclusiveLite";
    UNICODE_STRING Name = { sizeof Letters - 2, sizeof Letters, Letters };
    UCHAR (*TryToAcquire)(ERESOURCE *) = (UCHAR(*)(ERESOURCE *))MmGetSystemRoutineAddress(&Name);
    ERESOURCE Resource;
    int Sound = 0;

    ExInitializeResourceLite(&Resource);
    KeEnterCriticalRegion();
    if (TryToAcquire != 0 && TryToAcquire(&Resource)) {
        Sound = ExIsResourceAcquiredExclusiveLite(&Resource);
        ExReleaseResourceForThreadLite(&Resource, (ULONG64)KeGetCurrentThread());
        Sound = Sound && !ExIsResourceAcquiredExclusiveLite(&Resource);
    }
    KeLeaveCriticalRegion();
    ExDeleteResourceLite(&Resource);
    Result(Sound, "a resource tried for, and released by the id of its thread");
}

LONG DriverEntry(PVOID Driver, UNICODE_STRING *RegistryPath)
{
    (void)Driver, (void)RegistryPath;
    DbgPrint("1..9\n");
    TryIrql();
    TryCurrent();
    TryMutex();
    TryResource();
    return 0;
}
