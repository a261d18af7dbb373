/* cache.c - a cache that many read and few change: an ERESOURCE guards it, changes are made by work items, whose records
 * come from a list under a fast mutex, and a shutdown waits until the last of them is through.
 *
 * expect: status 0
 * expect: log ^ok 1 - no reader saw half a change
 * expect: log ^ok 2 - every change that was posted was made
 * expect: log ^ok 3 - every record came back
 * expect: log ^ok 4 - the cache holds the sum of the changes
 * expect: log ^ok 5 - after the shutdown nothing is posted
 * expect: log drivers: at rest
 * expect: log 5 ok, 0 not ok
 * expect: log 0 leaked
 * run: SMP=1
 * run: SMP=4
 * run: SMP=2 ACCEL=parallel
 * run: APPEND=verifier=off */
#include <ntddk.h>

#define READERS   4
#ifndef LOOKUPS
#define LOOKUPS    3000                 /* of each reader; about one in four posts a change */
#define REST_EVERY 64                   /* changes, and one takes its time */
#endif
#define ENTRIES   32
#define RECORDS   24
#define TAG       'ehcC'

typedef struct _ENTRY { ULONG64 Value, Complement; } ENTRY;     /* changed one after the other: torn unless locked */

typedef struct _CHANGE {
    WORK_QUEUE_ITEM Item;
    struct _CHANGE *Next;
    ULONG Entry, Amount;
} CHANGE;

typedef struct _CACHE {
    ERESOURCE Resource;
    ENTRY Entries[ENTRIES];
    FAST_MUTEX RecordsLock;
    CHANGE *FreeRecords;
    ULONG RecordCount;
    volatile LONG Posted, Made, Torn, Reading, Refused;
    volatile LONG64 Amounts;
    volatile LONG Pending;              /* changes on their way, and one for being open */
    KEVENT Drained;
    BOOLEAN Closed;                     /* under the resource */
} CACHE;

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD CacheUnload;
static KSTART_ROUTINE Reader;
static WORKER_THREAD_ROUTINE MakeChange;

static CACHE Cache;
static PVOID Threads[READERS];

static CHANGE *TakeRecord(VOID)
{
    CHANGE *Change;

    ExAcquireFastMutex(&Cache.RecordsLock);
    Change = Cache.FreeRecords;
    if (Change != NULL) {
        Cache.FreeRecords = Change->Next;
        Cache.RecordCount--;
    }
    ExReleaseFastMutex(&Cache.RecordsLock);
    return Change;
}

static VOID GiveRecord(CHANGE *Change)
{
    ExAcquireFastMutex(&Cache.RecordsLock);
    Change->Next = Cache.FreeRecords;
    Cache.FreeRecords = Change;
    Cache.RecordCount++;
    ExReleaseFastMutex(&Cache.RecordsLock);
}

static VOID Unpend(VOID)
{
    if (InterlockedDecrement(&Cache.Pending) == 0)
        KeSetEvent(&Cache.Drained, IO_NO_INCREMENT, FALSE);
}

static VOID CheckEntry(ULONG At)
{
    if (Cache.Entries[At].Value != ~Cache.Entries[At].Complement)
        InterlockedIncrement(&Cache.Torn);
}

static VOID Rest(VOID)
{
    LARGE_INTEGER Moment;

    Moment.QuadPart = -10;
    KeDelayExecutionThread(KernelMode, FALSE, &Moment);
}

/* In a worker thread, which is inside a critical region; a driver enters its own all the same. */
static VOID NTAPI MakeChange(PVOID Parameter)
{
    CHANGE *Change = Parameter;
    ENTRY *Entry = &Cache.Entries[Change->Entry];

    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&Cache.Resource, TRUE);
    Entry->Value += Change->Amount;
    if (Cache.Made % REST_EVERY == 0)   /* let others run into it */
        Rest();
    Entry->Complement = ~Entry->Value;
    InterlockedIncrement(&Cache.Made);
    ExConvertExclusiveToSharedLite(&Cache.Resource);
    CheckEntry(Change->Entry);
    ExReleaseResourceLite(&Cache.Resource);
    KeLeaveCriticalRegion();
    GiveRecord(Change);
    Unpend();
}

/* Resource held, shared. Returns FALSE if the cache is closed or no record is free. */
static BOOLEAN Post(ULONG Entry, ULONG Amount)
{
    static const WORK_QUEUE_TYPE Types[] = { DelayedWorkQueue, CriticalWorkQueue, HyperCriticalWorkQueue };
    CHANGE *Change;

    if (Cache.Closed)
        return FALSE;
    Change = TakeRecord();
    if (Change == NULL)
        return FALSE;
    Change->Entry = Entry;
    Change->Amount = Amount;
    InterlockedIncrement(&Cache.Pending);
    InterlockedIncrement(&Cache.Posted);
    InterlockedExchangeAdd64(&Cache.Amounts, Amount);
    ExInitializeWorkItem(&Change->Item, MakeChange, Change);
    ExQueueWorkItem(&Change->Item, Types[Amount % RTL_NUMBER_OF(Types)]);
    return TRUE;
}

static VOID Close(VOID)
{
    ExEnterCriticalRegionAndAcquireResourceExclusive(&Cache.Resource);
    Cache.Closed = TRUE;
    ExReleaseResourceAndLeaveCriticalRegion(&Cache.Resource);
    Unpend();
    KeWaitForSingleObject(&Cache.Drained, Executive, KernelMode, FALSE, NULL);
}

static VOID Report(VOID)
{
    ULONG64 Sum = 0;
    LONG Before = Cache.Posted;
    ULONG i;

    for (i = 0; i < ENTRIES; i++)
        Sum += Cache.Entries[i].Value;
    DbgPrint("%s 1 - no reader saw half a change (%d did)\n", Cache.Torn == 0 ? "ok" : "not ok", Cache.Torn);
    DbgPrint("%s 2 - every change that was posted was made (%d of %d)\n",
             Cache.Made == Cache.Posted && Cache.Made > RECORDS ? "ok" : "not ok", Cache.Made, Cache.Posted);
    DbgPrint("%s 3 - every record came back (%u of %u)\n", Cache.RecordCount == RECORDS ? "ok" : "not ok",
             Cache.RecordCount, RECORDS);
    DbgPrint("%s 4 - the cache holds the sum of the changes (%I64u of %I64d)\n",
             Sum == (ULONG64)Cache.Amounts ? "ok" : "not ok", Sum, Cache.Amounts);
    DbgPrint("%s 5 - after the shutdown nothing is posted\n", !Post(0, 1) && Cache.Posted == Before ? "ok" : "not ok");
}

/* When no record is free, the workers are behind: from time to time they are given the moment that they need. */
static VOID NTAPI Reader(PVOID Context)
{
    ULONG Seed = (ULONG)(ULONG_PTR)Context * 9973 + 1, i;

    for (i = 0; i < LOOKUPS; i++) {
        BOOLEAN Posted = TRUE;

        Seed = Seed * 1664525 + 1013904223;
        if ((Seed >> 29) == 0)
            ExEnterCriticalRegionAndAcquireSharedWaitForExclusive(&Cache.Resource);
        else
            ExEnterCriticalRegionAndAcquireResourceShared(&Cache.Resource);
        CheckEntry((Seed >> 8) % ENTRIES);
        if ((Seed >> 20) % 4 == 0)
            Posted = Post((Seed >> 8) % ENTRIES, (Seed >> 14) % 1000);
        CheckEntry((Seed >> 8) % ENTRIES);
        ExReleaseResourceAndLeaveCriticalRegion(&Cache.Resource);
        if (!Posted && InterlockedIncrement(&Cache.Refused) % REST_EVERY == 1)
            Rest();
    }
    if (InterlockedDecrement(&Cache.Reading) == 0) {
        Close();
        Report();
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID FreeAll(VOID)
{
    CHANGE *Change;

    while ((Change = TakeRecord()) != NULL)
        ExFreePoolWithTag(Change, TAG);
    ExDeleteResourceLite(&Cache.Resource);
}

static VOID NTAPI CacheUnload(PDRIVER_OBJECT DriverObject)
{
    ULONG i;

    UNREFERENCED_PARAMETER(DriverObject);
    for (i = 0; i < READERS; i++) {
        KeWaitForSingleObject(Threads[i], Executive, KernelMode, FALSE, NULL);
        ObDereferenceObject(Threads[i]);
    }
    FreeAll();
}

static NTSTATUS Start(ULONG Slot)
{
    HANDLE Handle;
    NTSTATUS Status = PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Reader, (PVOID)(ULONG_PTR)Slot);

    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(Handle, SYNCHRONIZE, *PsThreadType, KernelMode, &Threads[Slot], NULL);
    ZwClose(Handle);
    return Status;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status = STATUS_SUCCESS;
    ULONG i;

    UNREFERENCED_PARAMETER(RegistryPath);
    DbgPrint("1..5\n");
    ExInitializeResourceLite(&Cache.Resource);
    ExInitializeFastMutex(&Cache.RecordsLock);
    KeInitializeEvent(&Cache.Drained, NotificationEvent, FALSE);
    Cache.Pending = 1;
    Cache.Reading = READERS;
    for (i = 0; i < ENTRIES; i++)
        Cache.Entries[i].Complement = ~Cache.Entries[i].Value;
    for (i = 0; i < RECORDS; i++) {
        CHANGE *Change = ExAllocatePoolWithTag(NonPagedPool, sizeof *Change, TAG);

        if (Change == NULL) {
            FreeAll();
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        GiveRecord(Change);
    }
    DriverObject->DriverUnload = CacheUnload;
    for (i = 0; i < READERS && NT_SUCCESS(Status); i++)
        Status = Start(i);
    return Status;
}
