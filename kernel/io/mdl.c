/* mdl.c - memory descriptor lists.
 *
 * Memory is always resident, and the kernel's is always mapped, so a description is hardly ever mapped anew: the
 * buffer's own address serves, and the frames behind the list are what the page tables say. */
#include "iop.h"

#include <ex/pool.h>
#include <ke/bugcheck.h>
#include <ke/exception.h>
#include <mm/mm.h>

enum { SIZE_MOST = 0x7FF8 };            /* an MDL of that size may be larger: Size is a SHORT */

#define LENGTH_MOST (0x100000000ull - PAGE_SIZE)

static ULONG PagesOf(ULONG64 Address, ULONG64 Length)
{
    return (ULONG)((Address % PAGE_SIZE + Length + PAGE_SIZE - 1) >> PAGE_SHIFT);
}

static PPFN_NUMBER FramesOf(PMDL Mdl) { return (PPFN_NUMBER)(Mdl + 1); }

/* ---- Public: IoAllocateMdl, IoFreeMdl, IoBuildPartialMdl, MmBuildMdlForNonPagedPool ---- */

/* IoAllocateMdl - a list with room for the frames of Length bytes at VirtualAddress; which frames, is for
 * MmBuildMdlForNonPagedPool to say. Irp: NULL, or it becomes the IRP's; SecondaryBuffer: at the end of its chain.
 * IRQL: <= DISPATCH_LEVEL. Returns: NULL when memory is out, or Length is more than 4 GiB less a page.
 * Source: WDK nf-wdm-ioallocatemdl. */
PMDL IoAllocateMdl(PVOID VirtualAddress, ULONG Length, BOOLEAN SecondaryBuffer, BOOLEAN ChargeQuota, PIRP Irp)
{
    SIZE_T Size = sizeof(MDL) + sizeof(PFN_NUMBER) * (SIZE_T)PagesOf((ULONG64)VirtualAddress, Length);
    PMDL Mdl, *Place;

    UNREFERENCED_PARAMETER(ChargeQuota);
    if (Length > LENGTH_MOST)
        return NULL;
    Mdl = ExAllocatePoolWithTag(NonPagedPoolNx, Size, MDL_TAG);
    if (Mdl == NULL)
        return NULL;
    *Mdl = (MDL){ .Size = (CSHORT)(Size < SIZE_MOST ? Size : SIZE_MOST),
                  .StartVa = (PVOID)((ULONG64)VirtualAddress & ~(ULONG64)(PAGE_SIZE - 1)),
                  .ByteCount = Length, .ByteOffset = (ULONG)((ULONG64)VirtualAddress % PAGE_SIZE) };
    if (Irp == NULL)
        return Mdl;
    Place = &Irp->MdlAddress;
    while (SecondaryBuffer && *Place != NULL)
        Place = &(*Place)->Next;
    *Place = Mdl;
    return Mdl;
}

/* IoFreeMdl - give a list back; what it describes stays. IRQL: <= DISPATCH_LEVEL. Source: WDK nf-wdm-iofreemdl. */
VOID IoFreeMdl(PMDL Mdl) { ExFreePoolWithTag(Mdl, MDL_TAG); }

/* IoBuildPartialMdl - TargetMdl, which has room for it, describes Length bytes at VirtualAddress within what SourceMdl
 * describes; 0: all from there to its end. IRQL: <= DISPATCH_LEVEL. Errors: a range that is not within it, or no room:
 * NT corrupts memory, Kedge stops. Source: WDK nf-wdm-iobuildpartialmdl. */
VOID IoBuildPartialMdl(PMDL SourceMdl, PMDL TargetMdl, PVOID VirtualAddress, ULONG Length)
{
    ULONG64 Start = (ULONG64)SourceMdl->StartVa + SourceMdl->ByteOffset, Offset = (ULONG64)VirtualAddress - Start;
    ULONG First = (ULONG)(((ULONG64)VirtualAddress - (ULONG64)SourceMdl->StartVa) >> PAGE_SHIFT), Pages;

    if (Length == 0 && Offset <= SourceMdl->ByteCount)
        Length = SourceMdl->ByteCount - (ULONG)Offset;
    Pages = PagesOf((ULONG64)VirtualAddress, Length);
    if (Offset > SourceMdl->ByteCount || Length > SourceMdl->ByteCount - Offset ||
        (sizeof(MDL) + Pages * sizeof(PFN_NUMBER) > (SIZE_T)TargetMdl->Size && TargetMdl->Size != SIZE_MOST))
        KeBugCheckWith(INCONSISTENT_IRP, (ULONG_PTR)SourceMdl, (ULONG_PTR)TargetMdl, (ULONG_PTR)VirtualAddress, Length,
                       "IoBuildPartialMdl: %u bytes at %p are not within MDL %p, or too much for MDL %p", Length,
                       VirtualAddress, SourceMdl, TargetMdl);
    TargetMdl->Process = SourceMdl->Process;
    TargetMdl->StartVa = (PVOID)((ULONG64)VirtualAddress & ~(ULONG64)(PAGE_SIZE - 1));
    TargetMdl->ByteCount = Length;
    TargetMdl->ByteOffset = (ULONG)((ULONG64)VirtualAddress % PAGE_SIZE);
    TargetMdl->MdlFlags = (CSHORT)(MDL_PARTIAL | (SourceMdl->MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA |
                                                                         MDL_SOURCE_IS_NONPAGED_POOL)));
    TargetMdl->MappedSystemVa = (PUCHAR)SourceMdl->MappedSystemVa + Offset;
    for (ULONG i = 0; i < Pages; i++)
        FramesOf(TargetMdl)[i] = FramesOf(SourceMdl)[First + i];
}

/* MmBuildMdlForNonPagedPool - fill in the frames of a buffer in resident kernel memory, whose address is also its
 * system address. IRQL: <= DISPATCH_LEVEL. Errors: memory that is not mapped: NT corrupts memory, Kedge stops.
 * Source: WDK nf-wdm-mmbuildmdlfornonpagedpool. */
VOID MmBuildMdlForNonPagedPool(PMDL MemoryDescriptorList)
{
    PMDL Mdl = MemoryDescriptorList;
    ULONG64 Start = (ULONG64)Mdl->StartVa;

    for (ULONG i = 0; i < PagesOf(Start + Mdl->ByteOffset, Mdl->ByteCount); i++) {
        ULONG64 Physical = MmVirtualToPhysical((PVOID)(Start + (ULONG64)i * PAGE_SIZE));

        if (Physical == ~0ull)
            KeBugCheckWith(PAGE_FAULT_IN_NONPAGED_AREA, Start + (ULONG64)i * PAGE_SIZE, 0, (ULONG_PTR)Mdl, 0,
                           "MDL %p describes memory that is not there", Mdl);
        FramesOf(Mdl)[i] = Physical >> PAGE_SHIFT;
    }
    Mdl->MdlFlags |= MDL_SOURCE_IS_NONPAGED_POOL;
    Mdl->MappedSystemVa = (PVOID)(Start + Mdl->ByteOffset);
}

/* ---- Public: MmProbeAndLockPages, MmMapLockedPagesSpecifyCache, MmUnmapLockedPages, MmUnlockPages ---- */

/* The frame behind a page of Process or of the kernel; ~0: there is none. */
static ULONG64 PhysicalOf(PKPROCESS Process, ULONG64 Address)
{
    PVOID Direct;

    if (Address >> 47 != 0)
        return MmVirtualToPhysical((PVOID)Address);
    Direct = Process->Space != 0 ? MmLookInSpace(Process->Space, Address) : NULL;
    return Direct != NULL ? MmVirtualToPhysical(Direct) : ~0ull;
}

/* MmProbeAndLockPages - fill in the frames of a buffer of the current process or the kernel; nothing is paged out here,
 * so they stay. IRQL: <= APC_LEVEL; DISPATCH_LEVEL for resident kernel memory. Errors: memory that is not there, or a
 * kernel address for UserMode, raises STATUS_ACCESS_VIOLATION. Source: WDK nf-wdm-mmprobeandlockpages. */
VOID MmProbeAndLockPages(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode, LOCK_OPERATION Operation)
{
    PMDL Mdl = MemoryDescriptorList;
    PKPROCESS Process = KeGetCurrentThread()->ApcState.Process;
    ULONG64 Start = (ULONG64)Mdl->StartVa;

    for (ULONG i = 0; i < PagesOf(Start + Mdl->ByteOffset, Mdl->ByteCount); i++) {
        ULONG64 Address = Start + (ULONG64)i * PAGE_SIZE;
        ULONG64 Physical = AccessMode != KernelMode && Address >> 47 != 0 ? ~0ull : PhysicalOf(Process, Address);

        if (Physical == ~0ull)
            ExRaiseStatus(STATUS_ACCESS_VIOLATION);
        FramesOf(Mdl)[i] = Physical >> PAGE_SHIFT;
    }
    Mdl->Process = Start >> 47 == 0 ? Process : NULL;
    Mdl->MdlFlags |= MDL_PAGES_LOCKED | (Operation != IoReadAccess ? MDL_WRITE_OPERATION : 0);
}

/* An address in the kernel half by which all of Mdl's bytes can be reached: a kernel buffer's own, or the direct map's
 * where its frames follow each other. */
static PVOID SystemAddressOf(PMDL Mdl)
{
    ULONG64 Start = (ULONG64)Mdl->StartVa;

    if (Start >> 47 != 0)
        return (PVOID)(Start + Mdl->ByteOffset);
    for (ULONG i = 1; i < PagesOf(Start + Mdl->ByteOffset, Mdl->ByteCount); i++)
        if (FramesOf(Mdl)[i] != FramesOf(Mdl)[0] + i)
            return NULL;
    return (PUCHAR)MmPhysicalToVirtual(FramesOf(Mdl)[0] << PAGE_SHIFT) + Mdl->ByteOffset;
}

/* MmMapLockedPagesSpecifyCache - the system address of a locked buffer, also into MappedSystemVa. All memory is cached.
 * IRQL: <= DISPATCH_LEVEL for KernelMode. Returns: NULL if it cannot be mapped in one piece: a buffer of a process's
 * lower half whose frames lie apart; 0xA with BugCheckOnFailure. Errors: UserMode raises
 * STATUS_INSUFFICIENT_RESOURCES: nothing is mapped into lower halves. Source: WDK
 * nf-wdm-mmmaplockedpagesspecifycache. */
PVOID MmMapLockedPagesSpecifyCache(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode, MEMORY_CACHING_TYPE CacheType,
                                   PVOID RequestedAddress, ULONG BugCheckOnFailure, ULONG Priority)
{
    PVOID Address;

    UNREFERENCED_PARAMETER(CacheType), UNREFERENCED_PARAMETER(RequestedAddress), UNREFERENCED_PARAMETER(Priority);
    if (AccessMode != KernelMode)
        ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
    Address = SystemAddressOf(MemoryDescriptorList);
    if (Address == NULL && BugCheckOnFailure)
        KeBugCheckWith(IRQL_NOT_LESS_OR_EQUAL, (ULONG_PTR)MemoryDescriptorList, 0, 0, 0,
                       "MDL %p cannot be mapped in one piece", MemoryDescriptorList);
    if (Address == NULL)
        return NULL;
    MemoryDescriptorList->MappedSystemVa = Address;
    MemoryDescriptorList->MdlFlags |= MDL_MAPPED_TO_SYSTEM_VA;
    return Address;
}

/* MmUnmapLockedPages - give that address up. IRQL: <= DISPATCH_LEVEL. Source: WDK nf-wdm-mmunmaplockedpages. */
VOID MmUnmapLockedPages(PVOID BaseAddress, PMDL MemoryDescriptorList)
{
    UNREFERENCED_PARAMETER(BaseAddress);
    MemoryDescriptorList->MdlFlags &= ~MDL_MAPPED_TO_SYSTEM_VA;
}

/* MmUnlockPages - undo MmProbeAndLockPages, the I/O manager's too, and a mapping; the memory was never paged out.
 * IRQL: <= DISPATCH_LEVEL. Source: WDK nf-wdm-mmunlockpages. */
VOID MmUnlockPages(PMDL MemoryDescriptorList)
{
    MemoryDescriptorList->MdlFlags &= ~(MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA | MDL_WRITE_OPERATION);
}
