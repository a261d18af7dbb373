/* handle.c - the kernel handle table.
 *
 * A handle is an index times 4 with the high half set, as NT's kernel handles are, so a user-mode value or a
 * pointer is never one by accident. Entries lie in chunks that are added and never moved or freed; free entries
 * are linked by index.
 * Lock: one spin lock over the table; it is held for a few loads and stores, never while an object is deleted.
 * Each entry remembers who asked for it, so that what a driver leaves open is named. */
#include <ex/pool.h>
#include <ke/spinlock.h>
#include <ke/thread.h>
#include <ob/create.h>
#include <ob/owner.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { CHUNK_ENTRIES = 256, CHUNKS = 1024, HANDLE_TAG = 'lbOK' };

#define HANDLE_MARK    0xFFFFFFFF80000000ull
#define CURRENT_PROCESS ((HANDLE)-1ll)
#define CURRENT_THREAD  ((HANDLE)-2ll)

typedef struct _HANDLE_ENTRY {
    PVOID Object;                       /* NULL: free */
    PVOID Caller;
    ACCESS_MASK GrantedAccess;
    ULONG NextFree;                     /* index + 1 */
} HANDLE_ENTRY;

static KSPIN_LOCK TableLock;
static HANDLE_ENTRY *Chunks[CHUNKS];
static ULONG ChunkCount;
static ULONG FirstFree;                 /* index + 1; 0: none */

static HANDLE_ENTRY *EntryAt(ULONG Index) { return &Chunks[Index / CHUNK_ENTRIES][Index % CHUNK_ENTRIES]; }

/* The entry that Handle names, in use or not; NULL if it names none. Lock held. */
static HANDLE_ENTRY *FindEntry(HANDLE Handle)
{
    ULONG64 Value = (ULONG64)Handle, Index = (Value & ~HANDLE_MARK) / 4;

    if ((Value & HANDLE_MARK) != HANDLE_MARK || Value % 4 != 0 || Index >= (ULONG64)ChunkCount * CHUNK_ENTRIES)
        return NULL;
    return EntryAt((ULONG)Index);
}

/* Lock held. Chunk is taken over, or left if another thread was faster. */
static BOOLEAN AddChunk(HANDLE_ENTRY *Chunk)
{
    if (FirstFree != 0 || ChunkCount == CHUNKS)
        return FALSE;
    Chunks[ChunkCount] = Chunk;
    for (ULONG At = CHUNK_ENTRIES; At-- > 0;) {
        ULONG Index = ChunkCount * CHUNK_ENTRIES + At;

        if (Index == 0)
            continue;                   /* so that no handle has the value of the bare mark */
        Chunk[At].NextFree = FirstFree;
        FirstFree = Index + 1;
    }
    ChunkCount++;
    return TRUE;
}

/* Lock held. */
static BOOLEAN Take(PVOID Object, ACCESS_MASK GrantedAccess, PVOID Caller, PHANDLE Handle)
{
    HANDLE_ENTRY *Entry;
    ULONG Index = FirstFree - 1;

    if (FirstFree == 0)
        return FALSE;
    Entry = EntryAt(Index);
    FirstFree = Entry->NextFree;
    *Entry = (HANDLE_ENTRY){ .Object = Object, .Caller = Caller, .GrantedAccess = GrantedAccess };
    *Handle = (HANDLE)(HANDLE_MARK | (ULONG64)Index * 4);
    return TRUE;
}

NTSTATUS ObCreateHandle(PVOID Object, ACCESS_MASK GrantedAccess, PVOID Caller, PHANDLE Handle)
{
    HANDLE_ENTRY *Chunk = NULL;
    BOOLEAN Done, Used = FALSE;
    KIRQL OldIrql;

    OldIrql = KeAcquireSpinLockRaiseToDpc(&TableLock);
    Done = Take(Object, GrantedAccess, Caller, Handle);
    KeReleaseSpinLock(&TableLock, OldIrql);
    if (!Done) {
        Chunk = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(HANDLE_ENTRY) * CHUNK_ENTRIES, HANDLE_TAG);
        if (Chunk == NULL)
            return STATUS_INSUFFICIENT_RESOURCES;
        memset(Chunk, 0, sizeof(HANDLE_ENTRY) * CHUNK_ENTRIES);
        OldIrql = KeAcquireSpinLockRaiseToDpc(&TableLock);
        Used = AddChunk(Chunk);
        Done = Take(Object, GrantedAccess, Caller, Handle);
        KeReleaseSpinLock(&TableLock, OldIrql);
        if (!Used)
            ExFreePoolWithTag(Chunk, HANDLE_TAG);
    }
    if (!Done)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (__atomic_add_fetch(&OBJECT_TO_HEADER(Object)->HandleCount, 1, __ATOMIC_ACQ_REL) == 1)
        ObfReferenceObject(Object);
    return STATUS_SUCCESS;
}

/* What Handle stands for, referenced, and what it grants; NULL if nothing. */
static PVOID LookUp(HANDLE Handle, ACCESS_MASK *GrantedAccess)
{
    HANDLE_ENTRY *Entry;
    PVOID Object = NULL;
    KIRQL OldIrql;

    *GrantedAccess = ~0u;
    if (Handle == CURRENT_THREAD || Handle == CURRENT_PROCESS) {
        PKTHREAD Thread = KeGetCurrentThread();

        Object = Handle == CURRENT_THREAD ? (PVOID)Thread : (PVOID)Thread->ApcState.Process;
        ObfReferenceObject(Object);
        return Object;
    }
    OldIrql = KeAcquireSpinLockRaiseToDpc(&TableLock);
    Entry = FindEntry(Handle);
    if (Entry != NULL && Entry->Object != NULL && ObReferenceObjectSafe(Entry->Object)) {
        Object = Entry->Object;
        *GrantedAccess = Entry->GrantedAccess;
    }
    KeReleaseSpinLock(&TableLock, OldIrql);
    return Object;
}

/* ---- Public: ObReferenceObjectByHandle, ObOpenObjectByPointer, ZwClose; leak reports ---- */

/* ObReferenceObjectByHandle - reference the object that Handle, a kernel handle or
 * NtCurrentThread/NtCurrentProcess, stands for. ObjectType NULL: any. Access is checked for UserMode only.
 * IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS, STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH,
 * STATUS_ACCESS_DENIED; *Object is NULL then.
 * Source: WDK nf-wdm-obreferenceobjectbyhandle. */
NTSTATUS ObReferenceObjectByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                   KPROCESSOR_MODE AccessMode, PVOID *Object,
                                   POBJECT_HANDLE_INFORMATION HandleInformation)
{
    ACCESS_MASK GrantedAccess;
    PVOID Found = LookUp(Handle, &GrantedAccess);
    NTSTATUS Status = STATUS_SUCCESS;

    *Object = NULL;
    if (Found == NULL)
        return STATUS_INVALID_HANDLE;
    if (ObjectType != NULL && OBJECT_TO_HEADER(Found)->Type != ObjectType)
        Status = STATUS_OBJECT_TYPE_MISMATCH;
    else if (AccessMode == UserMode && (DesiredAccess & ~GrantedAccess) != 0)
        Status = STATUS_ACCESS_DENIED;
    if (Status != STATUS_SUCCESS) {
        ObfDereferenceObject(Found);
        return Status;
    }
    if (HandleInformation != NULL)
        *HandleInformation = (OBJECT_HANDLE_INFORMATION){ .GrantedAccess = GrantedAccess };
    *Object = Found;
    return STATUS_SUCCESS;
}

/* ObOpenObjectByPointer - a handle to Object, which grants DesiredAccess. It is a kernel handle whatever
 * HandleAttributes say: there is no other table. ObjectType NULL: any, for KernelMode. Nobody is refused
 * access, so PassedAccessState is not looked at. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS,
 * STATUS_OBJECT_TYPE_MISMATCH, STATUS_INSUFFICIENT_RESOURCES; *Handle is NULL then. Source: WDK
 * nf-ntifs-obopenobjectbypointer. */
NTSTATUS ObOpenObjectByPointer(PVOID Object, ULONG HandleAttributes, struct _ACCESS_STATE *PassedAccessState,
                               ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                               PHANDLE Handle)
{
    UNREFERENCED_PARAMETER(HandleAttributes);
    UNREFERENCED_PARAMETER(PassedAccessState);
    *Handle = NULL;
    if (ObjectType == NULL ? AccessMode == UserMode : OBJECT_TO_HEADER(Object)->Type != ObjectType)
        return STATUS_OBJECT_TYPE_MISMATCH;
    return ObCreateHandle(Object, DesiredAccess, __builtin_return_address(0), Handle);
}

/* ZwClose - give Handle up; the object goes when nothing else holds it. IRQL: PASSIVE_LEVEL. Returns: STATUS_SUCCESS,
 * STATUS_INVALID_HANDLE. Source: WDK nf-ntifs-ntclose. */
NTSTATUS ZwClose(HANDLE Handle)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&TableLock);
    HANDLE_ENTRY *Entry = FindEntry(Handle);
    PVOID Object = Entry != NULL ? Entry->Object : NULL;

    if (Object != NULL) {
        Entry->Object = NULL;
        Entry->NextFree = FirstFree;
        FirstFree = (ULONG)(((ULONG64)Handle & ~HANDLE_MARK) / 4) + 1;
    }
    KeReleaseSpinLock(&TableLock, OldIrql);
    if (Object == NULL)
        return STATUS_INVALID_HANDLE;
    if (__atomic_sub_fetch(&OBJECT_TO_HEADER(Object)->HandleCount, 1, __ATOMIC_ACQ_REL) == 0)
        ObfDereferenceObject(Object);
    return STATUS_SUCCESS;
}

ULONG ObForEachHandleOf(ULONG64 Start, ULONG64 End,
                        void (*Report)(PVOID Context, HANDLE Handle, PVOID Object, PVOID Caller), PVOID Context)
{
    ULONG Found = 0;

    for (ULONG Index = 1; Index < ChunkCount * CHUNK_ENTRIES; Index++) {
        KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&TableLock);
        HANDLE_ENTRY Entry = *EntryAt(Index);

        KeReleaseSpinLock(&TableLock, OldIrql);
        if (Entry.Object == NULL || (ULONG64)Entry.Caller < Start || (ULONG64)Entry.Caller >= End)
            continue;
        Found++;
        Report(Context, (HANDLE)(HANDLE_MARK | (ULONG64)Index * 4), Entry.Object, Entry.Caller);
    }
    return Found;
}
