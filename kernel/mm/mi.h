/* mi.h - what the files of mm share. Nobody else includes it. */
#pragma once

#include <mm/mm.h>
#include <rtl/debug.h>

enum { MI_MAX_ORDER = 18 };     /* 1 GiB */

/* What boot/entry.S maps, identically and at MMU_DIRECT_MAP, until MmuActivate. */
#define MI_PROVISIONAL_TOP 0x100000000ull

/* Kernel stacks: slots of guard and stack. */
#define MI_STACK_ARENA 0xFFFFC00000000000ull
#define MI_STACK_ARENA_END 0xFFFFC08000000000ull
enum { MI_STACK_SLOT = 0x8000, MI_STACK_GUARD = 0x2000 };

extern char KernelImageStart[], KernelImageEnd[];      /* linker.ld */

FORCEINLINE ULONG MiLog2(ULONG64 Value) { return 63 - (ULONG)__builtin_clzll(Value); }

FORCEINLINE ULONG64 MiPages(SIZE_T Length) { return (Length >> PAGE_SHIFT) + ((Length & (PAGE_SIZE - 1)) != 0); }

/* frames.c */
void MiInitializeFrames(const BOOT_INFO *Info);
void MiAddMemory(const BOOT_INFO *Info, ULONG64 Low, ULONG64 High);

/* range.c: a stretch of kernel addresses and the frames behind it. */
typedef enum _MI_KIND { MiPagesRange, MiDeviceRange, MiStackRange } MI_KIND;

typedef struct _MI_RUN {        /* up to three blocks of frames: physical address | order; 0: unused */
    struct _MI_RUN *Next;
    ULONG64 Block[3];
} MI_RUN;

typedef struct _MI_RANGE {
    struct _MI_RANGE *Next;     /* in the live table, a slot list, or a list of retired ranges */
    ULONG64 Base;               /* of the data; the page before it and the page after it are never mapped */
    MI_RUN *Runs;
    ULONG Pages;                /* of data, without guards */
    UCHAR Kind;                 /* MI_KIND */
    UCHAR Class;                /* which slot list it goes back to */
} MI_RANGE;

C_ASSERT(sizeof(MI_RUN) == 32 && sizeof(MI_RANGE) == 32);

MI_RANGE *MiReserveRange(MI_KIND Kind, ULONG64 Pages);
MI_RANGE *MiFindRange(MI_KIND Kind, ULONG64 Base, ULONG64 Pages);
MI_RANGE *MiTakeRange(MI_KIND Kind, ULONG64 Base, ULONG64 Pages);
void MiReleaseRange(MI_RANGE *Range);
BOOLEAN MiFillRange(MI_RANGE *Range);

/* map.c */
KIRQL MiLockTables(void);
void MiUnlockTables(KIRQL Irql);
BOOLEAN MiMapRange(MI_RANGE *Range);
BOOLEAN MiMapPhysical(MI_RANGE *Range, ULONG64 Physical, ULONG Rights);
void MiUnmapRange(MI_RANGE *Range);
void MiProtect(ULONG64 Base, ULONG64 Length, ULONG Rights);

/* pages.c */
MI_RANGE *MiMakeRange(MI_KIND Kind, ULONG64 Pages);

/* stack.c */
void MiInitializeStacks(void);

/* retire.c */
void MiInitializeRetirement(void);
void MiRetireRange(MI_RANGE *Range);
void MiFlushEverywhere(void);
BOOLEAN MiReclaimRetired(void);
