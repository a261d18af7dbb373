/* mm.h - physical frames, kernel address ranges, stacks. All sizes in bytes unless named otherwise. */
#pragma once

#include <arch/port.h>
#include <rtl/ntdef.h>
#include <rtl/boot_info.h>

void MmInitialize(const BOOT_INFO *Info);       /* frames and final page tables; boot processor only */

/* 2^Order contiguous, naturally aligned frames; physical address, 0 when memory is out. <= DISPATCH_LEVEL. */
ULONG64 MmAllocateFrames(ULONG Order);
void MmFreeFrames(ULONG64 Physical, ULONG Order);
ULONG64 MmAllocateFrameRun(ULONG64 Count);      /* any number of contiguous frames, at most 1 GiB */
void MmFreeFrameRun(ULONG64 Physical, ULONG64 Count);
ULONG64 MmAllocateLowPage(void);                /* below 1 MiB, for starting processors; 0: none left */
ULONG64 MmFreeFrameCount(void);                 /* frames of 4 KiB */
ULONG64 MmTotalFrameCount(void);
ULONG64 MmTopOfMemory(void);                    /* physical; usable memory ends here */

PVOID MmPhysicalToVirtual(ULONG64 Physical);    /* through the direct map */
ULONG64 MmVirtualToPhysical(const void *Virtual); /* any mapped kernel address; ~0 when not mapped */

typedef enum _MM_CACHE { MmUncached, MmCached, MmWriteCombined } MM_CACHE;
PVOID MmMapDevice(ULONG64 Physical, SIZE_T Length, MM_CACHE Cache);     /* NULL when address space is out */
void MmUnmapDevice(PVOID Virtual, SIZE_T Length);

/* Memory of its own pages: zeroed, read-write, no-execute, an unmapped page on both sides. <= DISPATCH_LEVEL. */
PVOID MmAllocatePages(SIZE_T Length);
void MmFreePages(PVOID Base, SIZE_T Length);
enum { MM_READ = 0, MM_WRITE = 1, MM_EXECUTE = 2 };
/* Page aligned; FALSE when refused: W and X together, or not mapped. Waits for the other processors: PASSIVE_LEVEL. */
BOOLEAN MmProtectPages(PVOID Base, SIZE_T Length, ULONG Rights);

/* Kernel stacks with a guard page below. Freed stacks are kept and reused. */
enum { MM_STACK_SIZE = 0x6000 };
PVOID MmAllocateStack(void);                    /* its top, 16-byte aligned; NULL when memory is out */
void MmFreeStack(PVOID Top);                    /* <= DISPATCH_LEVEL */
BOOLEAN MmIsStackGuard(ULONG64 Address);        /* a fault here is a stack overflow */
BOOLEAN MmIsStack(ULONG64 Address);             /* on a kernel stack, or the guard of one */

/* Address spaces of processes: what is below the kernel half. */
ARCH_SPACE MmCreateSpace(void);                 /* 0: memory is out */
void MmDeleteSpace(ARCH_SPACE Space);           /* and its memory; no processor may be in it */
BOOLEAN MmCommitInSpace(ARCH_SPACE Space, ULONG64 Base, SIZE_T Length, ULONG Rights);
PVOID MmLookInSpace(ARCH_SPACE Space, ULONG64 Address);     /* the same byte in the direct map; NULL: not mapped */
