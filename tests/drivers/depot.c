/* depot.c - a depot of records, with the executive's lighter locks as a driver would use them: buckets under push
 * locks, records of a lookaside list with some kept on a sequenced list, figures under a spin lock that readers share, a log
 * that a timer's DPC empties through interlocked lists, uses counted by run-down protection and by a remove lock.
 *
 * Some threads put in, look up and take out at random; in between one runs the depot down and opens it again. At the
 * end nothing is lost: records, figures, log entries, uses.
 *
 * expect: status 0
 * expect: log 1 loaded, 0 refused; 8 ok, 0 not ok, 0 skipped; 0 leaked
 * run: SMP=1
 * run: SMP=2 ACCEL=parallel
 * run: SMP=8
 * run: SMP=2 ACCEL=parallel APPEND=verifier=off */
#include <ntifs.h>

/* Of later kits. */
typedef volatile LONG EX_SPIN_LOCK, *PEX_SPIN_LOCK;
NTKERNELAPI VOID FASTCALL ExfAcquirePushLockExclusive(PEX_PUSH_LOCK PushLock);
NTKERNELAPI VOID FASTCALL ExfAcquirePushLockShared(PEX_PUSH_LOCK PushLock);
NTKERNELAPI VOID FASTCALL ExfReleasePushLockExclusive(PEX_PUSH_LOCK PushLock);
NTKERNELAPI VOID FASTCALL ExfReleasePushLockShared(PEX_PUSH_LOCK PushLock);
NTKERNELAPI KIRQL NTAPI ExAcquireSpinLockExclusive(PEX_SPIN_LOCK SpinLock);
NTKERNELAPI VOID NTAPI ExReleaseSpinLockExclusive(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql);
NTKERNELAPI KIRQL NTAPI ExAcquireSpinLockShared(PEX_SPIN_LOCK SpinLock);
NTKERNELAPI VOID NTAPI ExReleaseSpinLockShared(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql);
NTKERNELAPI LOGICAL NTAPI ExTryConvertSharedSpinLockExclusive(PEX_SPIN_LOCK SpinLock);

enum { WORKERS = 4, OPERATIONS = 8000, BUCKETS = 8, KEYS = 64, KEPT = 16, CLOSINGS = 20, TAG = 'toPD' };

typedef struct _RECORD {
    SLIST_ENTRY Link;           /* while it is kept */
    LIST_ENTRY Entry;           /* while it is in a bucket */
    ULONG Key, Value, Check;
} RECORD;

typedef struct _BUCKET { EX_PUSH_LOCK Lock; LIST_ENTRY Head; } BUCKET;
typedef struct _LINE { LIST_ENTRY Entry; ULONG Number; } LINE;

static BUCKET Buckets[BUCKETS];
static NPAGED_LOOKASIDE_LIST Records;
static LOOKASIDE_LIST_EX Lines;
static SLIST_HEADER Kept;
static EX_SPIN_LOCK FiguresLock;
static LONG PutIn, TakenOut, InStock;           /* FiguresLock */
static LIST_ENTRY Log;
static KSPIN_LOCK LogLock;                      /* of ExInterlocked...List only */
static LARGE_INTEGER Logged, Read;
static KSPIN_LOCK CountLock;
static KTIMER Reader;
static KDPC ReaderDpc;
static EX_RUNDOWN_REF Open;
static IO_REMOVE_LOCK Device;
static PEX_RUNDOWN_REF_CACHE_AWARE Visits;
static volatile LONG Working, Broken, Refused, Closed, Visitors, LinesAllocated;

static BOOLEAN IsSound(const RECORD *Record) { return Record->Check == (Record->Key ^ ~Record->Value); }

/* ---- The log ---- */

static PVOID NTAPI AllocateLine(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag, PLOOKASIDE_LIST_EX List)
{
    if (List != &Lines)
        InterlockedIncrement(&Broken);
    InterlockedIncrement(&LinesAllocated);
    return ExAllocatePoolWithTag(PoolType, NumberOfBytes, Tag);
}

static VOID NTAPI FreeLine(PVOID Buffer, PLOOKASIDE_LIST_EX List)
{
    if (List != &Lines)
        InterlockedIncrement(&Broken);
    InterlockedDecrement(&LinesAllocated);
    ExFreePoolWithTag(Buffer, TAG);
}

static VOID Note(ULONG Number)
{
    LINE *Line = ExAllocateFromLookasideListEx(&Lines);
    LARGE_INTEGER One;

    if (Line == NULL)
        return;
    One.QuadPart = 1;
    Line->Number = Number;
    ExInterlockedAddLargeInteger(&Logged, One, &CountLock);
    ExInterlockedInsertTailList(&Log, &Line->Entry, &LogLock);
}

static VOID NTAPI ReadLog(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    LARGE_INTEGER One;
    PLIST_ENTRY Entry;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    One.QuadPart = 1;
    while ((Entry = ExInterlockedRemoveHeadList(&Log, &LogLock)) != NULL) {
        LINE *Line = CONTAINING_RECORD(Entry, LINE, Entry);

        if (Line->Number >= KEYS)
            InterlockedIncrement(&Broken);
        ExInterlockedAddLargeInteger(&Read, One, &CountLock);
        ExFreeToLookasideListEx(&Lines, Line);
    }
}

/* ---- Records ---- */

static RECORD *NewRecord(ULONG Key, ULONG Value)
{
    PSLIST_ENTRY Link = ExInterlockedPopEntrySList(&Kept, NULL);
    RECORD *Record = Link != NULL ? CONTAINING_RECORD(Link, RECORD, Link) : ExAllocateFromNPagedLookasideList(&Records);

    if (Record != NULL) {
        Record->Key = Key;
        Record->Value = Value;
        Record->Check = Key ^ ~Value;
    }
    return Record;
}

static VOID DropRecord(RECORD *Record)
{
    Record->Check = 0;
    if (ExQueryDepthSList(&Kept) < KEPT)
        ExInterlockedPushEntrySList(&Kept, &Record->Link, NULL);
    else
        ExFreeToNPagedLookasideList(&Records, Record);
}

static VOID FreeChain(PSLIST_ENTRY Link)
{
    while (Link != NULL) {
        PSLIST_ENTRY Next = Link->Next;

        ExFreeToNPagedLookasideList(&Records, CONTAINING_RECORD(Link, RECORD, Link));
        Link = Next;
    }
}

static VOID CountUp(LONG In, LONG Out)
{
    KIRQL OldIrql = ExAcquireSpinLockExclusive(&FiguresLock);

    PutIn += In;
    TakenOut += Out;
    InStock += In - Out;
    ExReleaseSpinLockExclusive(&FiguresLock, OldIrql);
}

/* Half the time a reader becomes the writer, if it can. */
static VOID CheckFigures(BOOLEAN Convert)
{
    KIRQL OldIrql = ExAcquireSpinLockShared(&FiguresLock);

    if (PutIn - TakenOut != InStock)
        InterlockedIncrement(&Broken);
    if (Convert && ExTryConvertSharedSpinLockExclusive(&FiguresLock)) {
        PutIn++;
        TakenOut++;
        ExReleaseSpinLockExclusive(&FiguresLock, OldIrql);
        return;
    }
    ExReleaseSpinLockShared(&FiguresLock, OldIrql);
}

static RECORD *Find(BUCKET *Bucket, ULONG Key)
{
    PLIST_ENTRY Entry;

    for (Entry = Bucket->Head.Flink; Entry != &Bucket->Head; Entry = Entry->Flink) {
        RECORD *Record = CONTAINING_RECORD(Entry, RECORD, Entry);

        if (!IsSound(Record))
            InterlockedIncrement(&Broken);
        if (Record->Key == Key)
            return Record;
    }
    return NULL;
}

static VOID Put(ULONG Key, ULONG Value)
{
    RECORD *Record = NewRecord(Key, Value);
    BUCKET *Bucket = &Buckets[Key % BUCKETS];

    if (Record == NULL)
        return;
    KeEnterCriticalRegion();
    ExfAcquirePushLockExclusive(&Bucket->Lock);
    InsertTailList(&Bucket->Head, &Record->Entry);
    ExfReleasePushLockExclusive(&Bucket->Lock);
    KeLeaveCriticalRegion();
    CountUp(1, 0);
    Note(Key);
}

static VOID Take(ULONG Key)
{
    BUCKET *Bucket = &Buckets[Key % BUCKETS];
    RECORD *Record;

    KeEnterCriticalRegion();
    ExfAcquirePushLockExclusive(&Bucket->Lock);
    Record = Find(Bucket, Key);
    if (Record != NULL)
        RemoveEntryList(&Record->Entry);
    ExfReleasePushLockExclusive(&Bucket->Lock);
    KeLeaveCriticalRegion();
    if (Record == NULL)
        return;
    DropRecord(Record);
    CountUp(0, 1);
    Note(Key);
}

static VOID LookUp(ULONG Key)
{
    BUCKET *Bucket = &Buckets[Key % BUCKETS];

    KeEnterCriticalRegion();
    ExfAcquirePushLockShared(&Bucket->Lock);
    Find(Bucket, Key);
    ExfReleasePushLockShared(&Bucket->Lock);
    KeLeaveCriticalRegion();
}

/* ---- Workers ---- */

static VOID Operate(ULONG Seed)
{
    ULONG Key = (Seed >> 8) % KEYS;

    InterlockedIncrement(&Visitors);
    if (Closed)
        InterlockedIncrement(&Broken);
    switch (Seed % 8) {
    case 0:
    case 1:
        Put(Key, Seed);
        break;
    case 2:
    case 3:
        Take(Key);
        break;
    case 4:
        CheckFigures((Seed >> 16) % 2);
        break;
    case 5:
        if ((Seed >> 16) % 64 == 0)
            FreeChain(ExInterlockedFlushSList(&Kept));
        break;
    default:
        LookUp(Key);
        break;
    }
    InterlockedDecrement(&Visitors);
}

/* Runs the depot down and opens it again: meanwhile nobody is inside. */
static VOID CloseForAMoment(VOID)
{
    LARGE_INTEGER Interval;

    Interval.QuadPart = -200;
    ExWaitForRundownProtectionRelease(&Open);
    Closed = TRUE;
    if (Visitors != 0)
        InterlockedIncrement(&Broken);
    KeDelayExecutionThread(KernelMode, FALSE, &Interval);
    Closed = FALSE;
    ExRundownCompleted(&Open);
    ExReInitializeRundownProtection(&Open);
}

static VOID Result(ULONG Number, BOOLEAN Good, PCSTR Text)
{
    DbgPrint("%s %lu - %s\n", Good ? "ok" : "not ok", Number, Text);
}

static ULONG CountStock(VOID)
{
    ULONG Count = 0, i;
    PLIST_ENTRY Entry;

    for (i = 0; i < BUCKETS; i++)
        for (Entry = Buckets[i].Head.Flink; Entry != &Buckets[i].Head; Entry = Entry->Flink)
            Count++;
    return Count;
}

static VOID Judge(VOID)
{
    BOOLEAN LocksAreFree = TRUE;
    ULONG i;

    KeCancelTimer(&Reader);
    KeFlushQueuedDpcs();
    ReadLog(NULL, NULL, NULL, NULL);
    for (i = 0; i < BUCKETS; i++)
        LocksAreFree &= Buckets[i].Lock == 0;
    Result(1, Broken == 0, "no record was seen half done, nobody was inside while the depot was closed");
    Result(2, LocksAreFree && FiguresLock == 0 && LogLock == 0, "all locks are free");
    Result(3, (ULONG)InStock == CountStock() && PutIn - TakenOut == InStock,
           "stock is what was put in and not taken out");
    Result(4, Logged.QuadPart == Read.QuadPart && IsListEmpty(&Log), "every line of the log was read once");
    Result(5, PutIn > OPERATIONS / 4 && TakenOut > 0, "there was work");
    Result(6, Refused > 0, "some came while the depot was closed");
    ExWaitForRundownProtectionReleaseCacheAware(Visits);
    Result(7, !ExAcquireRundownProtectionCacheAware(Visits), "visits are over");
    IoReleaseRemoveLockAndWait(&Device, &Device);
    Result(8, IoAcquireRemoveLock(&Device, NULL) == STATUS_DELETE_PENDING, "the device is removed");
}

static VOID NTAPI Work(PVOID Context)
{
    ULONG Number = (ULONG)(ULONG_PTR)Context, i;
    ULONGLONG Seed = Number * 1000003ull + 1;

    KeLeaveCriticalRegion();
    for (i = 0; i < OPERATIONS; i++) {
        Seed = Seed * 6364136223846793005ull + 1442695040888963407ull;
        if (Number == 0 && i % (OPERATIONS / CLOSINGS) == 0)
            CloseForAMoment();
        if (!ExAcquireRundownProtectionCacheAware(Visits) || !NT_SUCCESS(IoAcquireRemoveLock(&Device, Context))) {
            InterlockedIncrement(&Broken);
            continue;
        }
        if (ExAcquireRundownProtection(&Open)) {
            Operate((ULONG)(Seed >> 32));
            ExReleaseRundownProtection(&Open);
        } else {
            InterlockedIncrement(&Refused);
        }
        IoReleaseRemoveLock(&Device, Context);
        ExReleaseRundownProtectionCacheAware(Visits);
    }
    if (InterlockedDecrement(&Working) == 0)
        Judge();
    KeEnterCriticalRegion();
}

/* ---- Beginning and end ---- */

static DRIVER_UNLOAD Unload;

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject)
{
    ULONG i;

    UNREFERENCED_PARAMETER(DriverObject);
    for (i = 0; i < BUCKETS; i++)
        while (!IsListEmpty(&Buckets[i].Head))
            ExFreeToNPagedLookasideList(&Records, CONTAINING_RECORD(RemoveHeadList(&Buckets[i].Head), RECORD, Entry));
    FreeChain(ExInterlockedFlushSList(&Kept));
    ExDeleteNPagedLookasideList(&Records);
    ExFlushLookasideListEx(&Lines);
    if (LinesAllocated != 0)
        DbgPrint("not ok - %ld lines are left\n", LinesAllocated);
    ExDeleteLookasideListEx(&Lines);
    ExFreeCacheAwareRundownProtection(Visits);
}

static NTSTATUS StartWorker(ULONG Number)
{
    HANDLE Handle;
    PVOID Context = (PVOID)(ULONG_PTR)Number;
    NTSTATUS Status = PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Work, Context);

    if (NT_SUCCESS(Status))
        ZwClose(Handle);
    return Status;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    LARGE_INTEGER Soon;
    NTSTATUS Status;
    ULONG i;

    UNREFERENCED_PARAMETER(RegistryPath);
    DbgPrint("1..8\n");
    Visits = ExAllocateCacheAwareRundownProtection(NonPagedPool, TAG);
    if (Visits == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    for (i = 0; i < BUCKETS; i++) {
        ExInitializePushLock(&Buckets[i].Lock);
        InitializeListHead(&Buckets[i].Head);
    }
    ExInitializeNPagedLookasideList(&Records, NULL, NULL, 0, sizeof(RECORD), TAG, 0);
    Status = ExInitializeLookasideListEx(&Lines, AllocateLine, FreeLine, NonPagedPool, 0, sizeof(LINE), TAG, 0);
    if (!NT_SUCCESS(Status))
        return Status;
    InitializeSListHead(&Kept);
    InitializeListHead(&Log);
    KeInitializeSpinLock(&LogLock);
    KeInitializeSpinLock(&CountLock);
    ExInitializeRundownProtection(&Open);
    IoInitializeRemoveLock(&Device, TAG, 0, 0);
    IoAcquireRemoveLock(&Device, &Device);
    KeInitializeTimer(&Reader);
    KeInitializeDpc(&ReaderDpc, ReadLog, NULL);
    Soon.QuadPart = -10000;
    KeSetTimerEx(&Reader, Soon, 1, &ReaderDpc);
    DriverObject->DriverUnload = Unload;
    Working = WORKERS;
    for (i = 0; i < WORKERS && NT_SUCCESS(Status); i++)
        Status = StartWorker(i);
    return Status;
}
