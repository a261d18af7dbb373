/* handle.c - handle tables.
 *
 * Each process has a table; that of the system process is also where kernel handles are. A handle is an index times 4,
 * and a kernel handle has the high half set besides, as NT's: so a kernel handle means the same in every process and
 * nothing to user mode, any other means something in one process alone. The low two bits are nobody's.
 * Entries lie in chunks that are added and never moved or freed while the table lives; a chunk's address is stored
 * before the count that lets anybody look there. So a look-up finds its entry without a lock. Free entries are linked
 * by index, first in first out: a stale handle stays invalid for as long as it can.
 *
 * Locks: FreeLock, a spin lock per table, over the row of free entries and the growth; taken to make and to close a
 * handle, not to look one up. Bit 0 of an entry's Value locks that entry, with interrupts off, for a few loads and
 * stores; two look-ups meet there only if they are for the same handle. Nothing is deleted under either.
 *
 *   look-up                                close
 *   lock the entry                         spins
 *   references the object, which the       .
 *   entry still holds                      .
 *   unlock                                 lock; takes the object out: Value is 0, free and unlocked
 *   goes on with its own reference         gives the entry's reference back
 * The other way round the look-up finds Value 0 and fails. In between there is nothing: the entry's reference is not
 * given back before the object has left it.
 * Rejected: a count of references kept in the entry, which NT has since version 6.2. A look-up then writes one line
 * instead of two, but PointerCount says no more how many references there are, and a dereference too many is found
 * when the handle is closed, if ever; this kernel is here to find those.
 * Each entry remembers who asked for it, so that what a driver leaves open is named. */
#include "obp.h"

#include <ex/pool.h>
#include <ex/work.h>
#include <ke/init.h>
#include <arch/ops.h>
#include <ob/owner.h>
#include <rtl/debug.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { CHUNK_ENTRIES = 512, CHUNKS = 1024, HANDLE_TAG = 'hbOK' };

#define HANDLE_MARK  0xFFFFFFFF80000000ull
#define ENTRY_LOCKED 1ull

typedef struct _HANDLE_ENTRY {
    volatile ULONG64 Value;             /* the object's address; bit 0: locked; 0: free */
    PVOID Caller;                       /* (bit 0) until here: whoever owns the entry */
    ACCESS_MASK GrantedAccess;          /* (bit 0) */
    ULONG Attributes;                   /* (bit 0) */
    ULONG NextFree;                     /* (FreeLock) index; 0: the last */
} HANDLE_ENTRY;

typedef struct _HANDLE_TABLE {
    LIST_ENTRY Link;                    /* (TablesLock) */
    KSPIN_LOCK FreeLock;
    ULONG FirstFree, LastFree;          /* (FreeLock) index; 0: none */
    BOOLEAN Closed;                     /* (FreeLock) no new handles: its process has ended */
    BOOLEAN Orphaned;                   /* (i) once set: its process is gone, free it after closing all */
    volatile ULONG ChunkCount;          /* (FreeLock) to write; read after Chunks' store is seen */
    HANDLE_ENTRY *Chunks[CHUNKS];       /* (FreeLock) to write, below ChunkCount (i) */
    PKPROCESS Process;                  /* (i) referenced while CloseItem is queued */
    WORK_QUEUE_ITEM CloseItem;
} HANDLE_TABLE;

static HANDLE_TABLE SystemTable;
static LIST_ENTRY Tables = { &Tables, &Tables };        /* (TablesLock) */
static KSPIN_LOCK TablesLock;

/* ---- Entries ---- */

static HANDLE_ENTRY *EntryAt(HANDLE_TABLE *Table, ULONG Index)
{
    return &Table->Chunks[Index / CHUNK_ENTRIES][Index % CHUNK_ENTRIES];
}

static ULONG EntryCount(HANDLE_TABLE *Table)
{
    return __atomic_load_n(&Table->ChunkCount, __ATOMIC_ACQUIRE) * CHUNK_ENTRIES;
}

/* Lock Entry if it is in use. Returns: its object, interrupts are off; or NULL: free and not locked. */
FORCEINLINE PVOID LockEntry(HANDLE_ENTRY *Entry, ULONG64 *Flags)
{
    *Flags = ArchDisableInterrupts();
    for (;;) {
        ULONG64 Value = __atomic_load_n(&Entry->Value, __ATOMIC_RELAXED);

        if (Value == 0) {
            ArchRestoreInterrupts(*Flags);
            return NULL;
        }
        if ((Value & ENTRY_LOCKED) == 0 &&
            __atomic_compare_exchange_n(&Entry->Value, &Value, Value | ENTRY_LOCKED, FALSE, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return (PVOID)Value;
        ArchPause();
    }
}

/* Object: what the entry is to hold from now on. */
FORCEINLINE void UnlockEntry(HANDLE_ENTRY *Entry, PVOID Object, ULONG64 Flags)
{
    __atomic_store_n(&Entry->Value, (ULONG64)Object, __ATOMIC_RELEASE);
    ArchRestoreInterrupts(Flags);
}

/* The entry that Handle names to somebody in Process, in use or not; NULL if it names none. */
FORCEINLINE HANDLE_ENTRY *FindEntry(PKPROCESS Process, HANDLE Handle, KPROCESSOR_MODE Mode, HANDLE_TABLE **Table,
                                    ULONG *Index)
{
    ULONG64 Value = (ULONG64)Handle;

    *Table = Process->ObjectTable;
    if ((Value & HANDLE_MARK) == HANDLE_MARK && Mode == KernelMode) {
        *Table = &SystemTable;
        Value &= ~HANDLE_MARK;
    }
    Value /= 4;
    if (*Table == NULL || Value == 0 || Value >= EntryCount(*Table))
        return NULL;
    *Index = (ULONG)Value;
    return EntryAt(*Table, *Index);
}

/* ---- The row of free entries; FreeLock held ---- */

static void PutFree(HANDLE_TABLE *Table, ULONG Index)
{
    EntryAt(Table, Index)->NextFree = 0;
    if (Table->FirstFree == 0)
        Table->FirstFree = Index;
    else
        EntryAt(Table, Table->LastFree)->NextFree = Index;
    Table->LastFree = Index;
}

static ULONG TakeFree(HANDLE_TABLE *Table)
{
    ULONG Index = Table->FirstFree;

    if (Index != 0)
        Table->FirstFree = EntryAt(Table, Index)->NextFree;
    return Index;
}

/* Chunk is taken over, or left if another thread was faster. */
static BOOLEAN AddChunk(HANDLE_TABLE *Table, HANDLE_ENTRY *Chunk)
{
    ULONG First = Table->ChunkCount * CHUNK_ENTRIES;

    if (Table->FirstFree != 0 || Table->ChunkCount == CHUNKS)
        return FALSE;
    Table->Chunks[Table->ChunkCount] = Chunk;
    __atomic_store_n(&Table->ChunkCount, Table->ChunkCount + 1, __ATOMIC_RELEASE);
    for (ULONG At = First == 0 ? 1 : 0; At < CHUNK_ENTRIES; At++)      /* none has the value of the bare mark */
        PutFree(Table, First + At);
    return TRUE;
}

/* ---- Tables ---- */

static void Introduce(HANDLE_TABLE *Table, PKPROCESS Process)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&TablesLock);

    Table->Process = Process;
    InsertTailList(&Tables, &Table->Link);
    KeReleaseSpinLock(&TablesLock, OldIrql);
}

static void FreeTable(HANDLE_TABLE *Table)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&TablesLock);

    RemoveEntryList(&Table->Link);
    KeReleaseSpinLock(&TablesLock, OldIrql);
    for (ULONG At = 0; At < Table->ChunkCount; At++)
        ExFreePoolWithTag(Table->Chunks[At], HANDLE_TAG);
    ExFreePoolWithTag(Table, HANDLE_TAG);
}

/* The table of Process, made at its first handle. NULL: memory is out. */
static HANDLE_TABLE *TableOf(PKPROCESS Process)
{
    HANDLE_TABLE *Table = Process->ObjectTable, *None = NULL;

    if (Table != NULL)
        return Table;
    Table = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Table, HANDLE_TAG);
    if (Table == NULL)
        return NULL;
    memset(Table, 0, sizeof *Table);
    Introduce(Table, Process);
    if (__atomic_compare_exchange_n(&Process->ObjectTable, &None, Table, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return Table;
    FreeTable(Table);                   /* another thread was faster */
    return None;
}

/* One handle more. Returns: STATUS_INSUFFICIENT_RESOURCES if Table has no free entry. */
static NTSTATUS Fill(HANDLE_TABLE *Table, const OBP_HANDLE *Content, HANDLE_ENTRY *Chunk, BOOLEAN *ChunkUsed,
                     ULONG *Index)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&Table->FreeLock);
    NTSTATUS Status = STATUS_PROCESS_IS_TERMINATING;
    HANDLE_ENTRY *Entry;

    *ChunkUsed = FALSE;
    if (!Table->Closed) {
        *ChunkUsed = Chunk != NULL && AddChunk(Table, Chunk);
        *Index = TakeFree(Table);
        Status = *Index != 0 ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
    }
    if (NT_SUCCESS(Status)) {
        Entry = EntryAt(Table, *Index);
        Entry->Caller = Content->Caller;
        Entry->GrantedAccess = Content->GrantedAccess;
        Entry->Attributes = Content->Attributes & (OBJ_INHERIT | OBJ_PROTECT_CLOSE);
        __atomic_store_n(&Entry->Value, (ULONG64)Content->Object, __ATOMIC_RELEASE);
    }
    KeReleaseSpinLock(&Table->FreeLock, OldIrql);
    return Status;
}

/* ---- Closing ---- */

void ObpDropHandle(PVOID Object)
{
    POBJECT_HEADER Header = OBJECT_TO_HEADER(Object);

    __atomic_sub_fetch(&Header->Type->Handles, 1, __ATOMIC_RELAXED);
    if (__atomic_sub_fetch(&Header->HandleCount, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    if (Header->Type->LastHandleClosed != NULL)
        Header->Type->LastHandleClosed(Object);
    if (Header->Name != NULL)
        ObpUnlinkName(Object, TRUE);
}

/* Forced: protected from being closed or not. */
static NTSTATUS CloseEntry(HANDLE_TABLE *Table, HANDLE_ENTRY *Entry, ULONG Index, BOOLEAN Forced)
{
    ULONG64 Flags;
    PVOID Object = LockEntry(Entry, &Flags);
    KIRQL OldIrql;

    if (Object == NULL)
        return STATUS_INVALID_HANDLE;
    if (!Forced && (Entry->Attributes & OBJ_PROTECT_CLOSE)) {
        UnlockEntry(Entry, Object, Flags);
        return STATUS_HANDLE_NOT_CLOSABLE;
    }
    UnlockEntry(Entry, NULL, Flags);
    OldIrql = KeAcquireSpinLockRaiseToDpc(&Table->FreeLock);
    PutFree(Table, Index);
    KeReleaseSpinLock(&Table->FreeLock, OldIrql);
    ObpDropHandle(Object);
    ObfDereferenceObject(Object);
    return STATUS_SUCCESS;
}

/* The work item of a table whose process has ended or is gone. */
static VOID CloseAll(PVOID Parameter)
{
    HANDLE_TABLE *Table = Parameter;

    for (ULONG Index = 1; Index < EntryCount(Table); Index++)
        CloseEntry(Table, EntryAt(Table, Index), Index, TRUE);
    if (Table->Orphaned)
        FreeTable(Table);
    else
        ObfDereferenceObject(Table->Process);
}

static void CloseLater(HANDLE_TABLE *Table)
{
    ExInitializeWorkItem(&Table->CloseItem, CloseAll, Table);
    ExQueueWorkItem(&Table->CloseItem, CriticalWorkQueue);
}

void ObCloseAllHandles(PKPROCESS Process)
{
    HANDLE_TABLE *Table = Process->ObjectTable;
    BOOLEAN First;
    KIRQL OldIrql;

    if (Table == NULL)
        return;
    OldIrql = KeAcquireSpinLockRaiseToDpc(&Table->FreeLock);
    First = !Table->Closed;
    Table->Closed = TRUE;
    KeReleaseSpinLock(&Table->FreeLock, OldIrql);
    if (!First)
        return;
    ObfReferenceObject(Process);
    CloseLater(Table);
}

/* A process that never had a thread has handles still. */
void ObDeleteHandleTable(PKPROCESS Process)
{
    HANDLE_TABLE *Table = Process->ObjectTable;

    if (Table == NULL)
        return;
    Process->ObjectTable = NULL;
    Table->Orphaned = TRUE;
    CloseLater(Table);
}

/* ---- Shared: making, reading, closing ---- */

void ObpInitializeHandles(void)
{
    Introduce(&SystemTable, &KiInitialProcess);
    KiInitialProcess.ObjectTable = &SystemTable;
}

NTSTATUS ObpMakeHandle(PKPROCESS Process, const OBP_HANDLE *Content, PHANDLE Handle)
{
    BOOLEAN Kernel = (Content->Attributes & OBJ_KERNEL_HANDLE) != 0, ChunkUsed;
    HANDLE_TABLE *Table = Kernel ? &SystemTable : TableOf(Process);
    HANDLE_ENTRY *Chunk;
    ULONG Index = 0;
    NTSTATUS Status;

    if (Table == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = Fill(Table, Content, NULL, &ChunkUsed, &Index);
    if (Status == STATUS_INSUFFICIENT_RESOURCES) {
        Chunk = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Chunk * CHUNK_ENTRIES, HANDLE_TAG);
        if (Chunk == NULL)
            return Status;
        memset(Chunk, 0, sizeof *Chunk * CHUNK_ENTRIES);
        Status = Fill(Table, Content, Chunk, &ChunkUsed, &Index);
        if (!ChunkUsed)
            ExFreePoolWithTag(Chunk, HANDLE_TAG);
    }
    if (NT_SUCCESS(Status))
        *Handle = (HANDLE)((Kernel ? HANDLE_MARK : 0) | (ULONG64)Index * 4);
    return Status;
}

BOOLEAN ObpReadHandle(PKPROCESS Process, HANDLE Handle, KPROCESSOR_MODE Mode, OBP_HANDLE *Content)
{
    HANDLE_TABLE *Table;
    ULONG Index;
    HANDLE_ENTRY *Entry = FindEntry(Process, Handle, Mode, &Table, &Index);
    ULONG64 Flags;

    Content->Object = Entry != NULL ? LockEntry(Entry, &Flags) : NULL;
    if (Content->Object == NULL)
        return FALSE;
    ObfReferenceObject(Content->Object);
    Content->GrantedAccess = Entry->GrantedAccess;
    Content->Attributes = Entry->Attributes;
    Content->Caller = Entry->Caller;
    UnlockEntry(Entry, Content->Object, Flags);
    return TRUE;
}

BOOLEAN ObpSetHandleAttributes(PKPROCESS Process, HANDLE Handle, KPROCESSOR_MODE Mode, ULONG Attributes)
{
    HANDLE_TABLE *Table;
    ULONG Index;
    HANDLE_ENTRY *Entry = FindEntry(Process, Handle, Mode, &Table, &Index);
    ULONG64 Flags;
    PVOID Object = Entry != NULL ? LockEntry(Entry, &Flags) : NULL;

    if (Object == NULL)
        return FALSE;
    Entry->Attributes = Attributes;
    UnlockEntry(Entry, Object, Flags);
    return TRUE;
}

NTSTATUS ObpCloseHandle(PKPROCESS Process, HANDLE Handle, KPROCESSOR_MODE Mode)
{
    HANDLE_TABLE *Table;
    ULONG Index;
    HANDLE_ENTRY *Entry = FindEntry(Process, Handle, Mode, &Table, &Index);

    return Entry != NULL ? CloseEntry(Table, Entry, Index, FALSE) : STATUS_INVALID_HANDLE;
}

/* ---- Leak reports ---- */

static ULONG ReportTable(HANDLE_TABLE *Table, ULONG64 Start, ULONG64 End,
                         void (*Report)(PVOID Context, HANDLE Handle, PVOID Object, PVOID Caller), PVOID Context)
{
    ULONG64 Mark = Table == &SystemTable ? HANDLE_MARK : 0;
    ULONG Found = 0;

    for (ULONG Index = 1; Index < EntryCount(Table); Index++) {
        HANDLE_ENTRY *Entry = EntryAt(Table, Index);
        ULONG64 Flags;
        PVOID Caller, Object = LockEntry(Entry, &Flags);

        if (Object == NULL)
            continue;
        Caller = Entry->Caller;
        UnlockEntry(Entry, Object, Flags);
        if ((ULONG64)Caller < Start || (ULONG64)Caller >= End)
            continue;
        Found++;
        Report(Context, (HANDLE)(Mark | (ULONG64)Index * 4), Object, Caller);
    }
    return Found;
}

/* The lock is held while Report prints: tables come and go with processes, and leaks are few. */
ULONG ObForEachHandleOf(ULONG64 Start, ULONG64 End,
                        void (*Report)(PVOID Context, HANDLE Handle, PVOID Object, PVOID Caller), PVOID Context)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&TablesLock);
    ULONG Found = 0;

    for (PLIST_ENTRY At = Tables.Flink; At != &Tables; At = At->Flink)
        Found += ReportTable(CONTAINING_RECORD(At, HANDLE_TABLE, Link), Start, End, Report, Context);
    KeReleaseSpinLock(&TablesLock, OldIrql);
    return Found;
}
