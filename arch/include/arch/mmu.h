/* mmu.h - what mm asks of a processor: page tables of the kernel half, and lower halves for processes. */
#pragma once

#include <arch/port.h>
#include <rtl/ntdef.h>

enum { MMU_WRITE = 1, MMU_EXECUTE = 2, MMU_UNCACHED = 4, MMU_WRITE_COMBINE = 8 };

/* All physical memory is visible from here, read-write and no-execute, cached; the image's text and
 * constants are read-only here too. */
#define MMU_DIRECT_MAP 0xFFFF800000000000ull
#define MMU_DIRECT_MAP_SIZE 0x8000000000ull         /* 512 GiB */
#define MMU_KERNEL_BASE 0xFFFFFFFF80000000ull       /* the image; physical = virtual - this */

/* A frame for a page table, below 4 GiB until MmuActivate has run; mmu.c zeroes it. 0 when memory is out. */
typedef ULONG64 (*MMU_FRAME_SOURCE)(void);

/* Build the final page tables, the image by section rights and nothing else, under the provisional ones,
 * whose direct map of the first 4 GiB reaches the new tables. MmInitialize then adds the direct map and
 * calls MmuActivate, which switches. Frames stays the source for every later call. Low memory below
 * 1 MiB is identity mapped only while a processor starts. */
BOOLEAN MmuInitialize(MMU_FRAME_SOURCE Frames);

/* Mm calls these under one lock of its own; they take none. A FALSE leaves the range partly mapped, and
 * MmuUnmap skips what is not there. */
BOOLEAN MmuMapDirect(ULONG64 Base, ULONG64 Length);
BOOLEAN MmuMap(ULONG64 Virtual, ULONG64 Physical, ULONG64 Length, ULONG Rights);    /* kernel half, page aligned */
void MmuUnmap(ULONG64 Virtual, ULONG64 Length);     /* and flush this processor's TLB */
void MmuProtect(ULONG64 Virtual, ULONG64 Length, ULONG Rights);     /* the same; not in the direct map */
ULONG64 MmuQuery(ULONG64 Virtual, ULONG *Rights);   /* physical address, or ~0 when not mapped */
void MmuActivate(void);                             /* load the kernel's tables and protections on this processor */
void MmuFlush(void);                                /* this processor forgets every cached translation */

/* Address spaces: an own lower half, up to MMU_SPACE_END, below the common kernel half. What a space maps belongs to
 * it alone. Create, Delete and Map under mm's lock. */
#define MMU_SPACE_END 0x00007F8000000000ull
ARCH_SPACE MmuCreateSpace(void);                    /* 0: out of frames */
void MmuEmptySpace(ARCH_SPACE Space, void (*FreeFrame)(ULONG64));   /* its pages and their tables; on no processor */
void MmuDeleteSpace(ARCH_SPACE Space);              /* emptied; its own frame, at that address, is the caller's now */
BOOLEAN MmuMapInSpace(ARCH_SPACE Space, ULONG64 Virtual, ULONG64 Physical, ULONG Rights);   /* one absent page */
ULONG64 MmuQueryInSpace(ARCH_SPACE Space, ULONG64 Virtual, ULONG *Rights);  /* as MmuQuery; 0: the kernel's own */
