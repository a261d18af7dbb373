/* mdl.h - memory descriptor lists: which frames a buffer lies in. */
#pragma once

#include <rtl/ntdef.h>

struct _IRP;

enum { MDL_MAPPED_TO_SYSTEM_VA = 1, MDL_PAGES_LOCKED = 2, MDL_SOURCE_IS_NONPAGED_POOL = 4,
       MDL_ALLOCATED_FIXED_SIZE = 8, MDL_PARTIAL = 0x10, MDL_PARTIAL_HAS_BEEN_MAPPED = 0x20, MDL_WRITE_OPERATION = 0x80,
       MDL_FREE_EXTRA_PTES = 0x200 };

typedef ULONG64 PFN_NUMBER, *PPFN_NUMBER;

typedef struct _MDL {
    struct _MDL *Next;
    CSHORT Size;
    CSHORT MdlFlags;
    PVOID Process;
    PVOID MappedSystemVa;
    PVOID StartVa;              /* of the page that the buffer begins in */
    ULONG ByteCount;
    ULONG ByteOffset;
} MDL, *PMDL;                   /* a PFN_NUMBER for each page follows */

C_ASSERT(sizeof(MDL) == 0x30 && offsetof(MDL, MdlFlags) == 0x0A && offsetof(MDL, MappedSystemVa) == 0x18);
C_ASSERT(offsetof(MDL, StartVa) == 0x20 && offsetof(MDL, ByteCount) == 0x28 && offsetof(MDL, ByteOffset) == 0x2C);

typedef enum _LOCK_OPERATION { IoReadAccess, IoWriteAccess, IoModifyAccess } LOCK_OPERATION;
typedef enum _MEMORY_CACHING_TYPE { MmNonCachedType, MmCachedType, MmWriteCombinedType } MEMORY_CACHING_TYPE;

PMDL IoAllocateMdl(PVOID VirtualAddress, ULONG Length, BOOLEAN SecondaryBuffer, BOOLEAN ChargeQuota, struct _IRP *Irp);
VOID IoFreeMdl(PMDL Mdl);
VOID IoBuildPartialMdl(PMDL SourceMdl, PMDL TargetMdl, PVOID VirtualAddress, ULONG Length);
VOID MmBuildMdlForNonPagedPool(PMDL MemoryDescriptorList);
VOID MmProbeAndLockPages(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode, LOCK_OPERATION Operation);
PVOID MmMapLockedPagesSpecifyCache(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode, MEMORY_CACHING_TYPE CacheType,
                                   PVOID RequestedAddress, ULONG BugCheckOnFailure, ULONG Priority);
VOID MmUnmapLockedPages(PVOID BaseAddress, PMDL MemoryDescriptorList);
VOID MmUnlockPages(PMDL MemoryDescriptorList);
