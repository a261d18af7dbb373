/* mdl.c - memory descriptor lists.
 *
 * Kernel memory is always resident and mapped, so a description is never locked or mapped anew: the buffer's own address
 * serves, and the frames behind the list are what the page tables say. */
#include "iop.h"

#include <ex/pool.h>
#include <ke/bugcheck.h>
#include <mm/mm.h>

static ULONG PagesOf(ULONG64 Address, ULONG64 Length)
{
    return (ULONG)((Address % PAGE_SIZE + Length + PAGE_SIZE - 1) >> PAGE_SHIFT);
}

static PPFN_NUMBER FramesOf(PMDL Mdl) { return (PPFN_NUMBER)(Mdl + 1); }

/* ---- Public: IoAllocateMdl, IoFreeMdl, IoBuildPartialMdl, MmBuildMdlForNonPagedPool, MmUnlockPages ---- */

/* IoAllocateMdl - a list with room for the frames of Length bytes at VirtualAddress; which frames, is for
 * MmBuildMdlForNonPagedPool to say. Irp: NULL, or it becomes the IRP's; SecondaryBuffer: at the end of its chain.
 * IRQL: <= DISPATCH_LEVEL. Returns: NULL when memory is out, or the list would be larger than its own size tells.
 * Source: WDK nf-wdm-ioallocatemdl. */
PMDL IoAllocateMdl(PVOID VirtualAddress, ULONG Length, BOOLEAN SecondaryBuffer, BOOLEAN ChargeQuota, PIRP Irp)
{
    SIZE_T Size = sizeof(MDL) + sizeof(PFN_NUMBER) * (SIZE_T)PagesOf((ULONG64)VirtualAddress, Length);
    PMDL Mdl, *Place;

    UNREFERENCED_PARAMETER(ChargeQuota);
    if (Size > 0x7FFF)
        return NULL;
    Mdl = ExAllocatePoolWithTag(NonPagedPoolNx, Size, MDL_TAG);
    if (Mdl == NULL)
        return NULL;
    *Mdl = (MDL){ .Size = (CSHORT)Size, .StartVa = (PVOID)((ULONG64)VirtualAddress & ~(ULONG64)(PAGE_SIZE - 1)),
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
    if (Offset + Length > SourceMdl->ByteCount || sizeof(MDL) + Pages * sizeof(PFN_NUMBER) > (SIZE_T)TargetMdl->Size)
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

/* MmUnlockPages - undo what the I/O manager did for an MDL that came with a request; the memory was never paged out.
 * IRQL: <= DISPATCH_LEVEL. Source: WDK nf-wdm-mmunlockpages. */
VOID MmUnlockPages(PMDL MemoryDescriptorList) { MemoryDescriptorList->MdlFlags &= ~MDL_PAGES_LOCKED; }
