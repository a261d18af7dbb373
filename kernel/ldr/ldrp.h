/* ldrp.h - what the sources of ldr share and nobody else sees. */
#pragma once

#include <io/driver.h>
#include <ke/thread.h>
#include <ldr/image.h>

enum { LDR_TAG = 0x4C72644B };          /* 'KdrL' in a dump: the loader's own blocks */

/* pe.c */
/* Write "FILE refused: ..." into Refusal. Always FALSE, so that a check can end with it. */
BOOLEAN LdrpRefuse(PE_REFUSAL *Refusal, const PE_FILE *File, const char *Format, ...);

/* exports.c; the rows are in exports_ke.c, exports_ex.c, exports_rtl.c */
typedef struct _LDR_EXPORT {
    const char *Name;
    PVOID Address;
    PVOID Verifier;             /* what a driver is bound to instead with the verifier on; NULL: the same */
} LDR_EXPORT;

typedef struct _LDR_EXPORTS {
    const LDR_EXPORT *Rows;
    ULONG Count;
} LDR_EXPORTS;

#define EXPORT(Routine)              { #Routine, (PVOID)Routine, NULL }
#define EXPORT_CHECKED(Routine)      { #Routine, (PVOID)Routine, (PVOID)Vf##Routine }
#define EXPORT_DATA(Variable)        { #Variable, (PVOID)&Variable, NULL }

extern const LDR_EXPORTS LdrpKeExports, LdrpExecutiveExports, LdrpRtlExports;

void LdrpInitializeExports(void);
/* The routine or variable of this name, or NULL. Module NULL: whichever. */
PVOID LdrpFindExport(const char *Module, const char *Name);

/* unresolved.c */
void LdrpInitializeStops(void);
/* What the slot of an import that Kedge does not have is bound to, a routine's or a variable's. */
PVOID LdrpBindStop(const LDR_IMAGE *Image, const char *Module, const char *Name);

/* tap.c */
typedef struct _LDR_TAP {
    ULONG Passed, Failed, Skipped;      /* "ok", "not ok", and either with # SKIP */
    ULONG Expected;                     /* "not ok", but marked as yet to be done: no failure */
    ULONG Plan;                         /* the sum of all "1..N" */
    ULONG Lines;                        /* of any kind */
    BOOLEAN HasPlan, BailedOut;
} LDR_TAP;

void LdrpInitializeTap(void);           /* from now on the results that drivers print are counted */
const LDR_TAP *LdrpTap(void);
void LdrpEndTap(void);                  /* a last line without an end counts too */
ULONG LdrpTapResults(void);             /* seen so far, of any kind */

/* driver.c */
typedef struct _LDR_DRIVER {
    LDR_IMAGE *Image;
    PDRIVER_OBJECT Object;
    NTSTATUS EntryStatus;
    BOOLEAN Returned;                       /* the last call of it came back */
} LDR_DRIVER;

LDR_DRIVER *LdrpCreateDriver(LDR_IMAGE *Image);     /* NULL: no memory */
void LdrpDestroyDriver(LDR_DRIVER *Driver);
/* Begin DriverEntry or DriverUnload in a thread of its own; the thread, referenced, or NULL: no memory. */
PKTHREAD LdrpStartEntry(LDR_DRIVER *Driver);
PKTHREAD LdrpStartReinitialization(LDR_DRIVER *Driver);
PKTHREAD LdrpStartUnload(LDR_DRIVER *Driver);
/* Whether the thread begun last waits, with nothing but another thread of a driver that could wake it. */
BOOLEAN LdrpCallIsBlocked(void);

/* rest.c */
typedef struct _LDR_TIMES {
    BOOLEAN Virtual;                        /* time jumps when idle: waiting costs nothing */
    BOOLEAN HasSettle;
    ULONG64 Settle;                         /* 100 ns */
} LDR_TIMES;

typedef enum _LDR_REST { LdrAtRest, LdrSteady, LdrCutOff } LDR_REST;

/* Wait until Images do nothing any more, or only what repeats. */
LDR_REST LdrpWaitForRest(LDR_IMAGE *const *Images, ULONG Count, const LDR_TIMES *Times);
/* Wait until Thread has ended; FALSE: it never will. */
BOOLEAN LdrpWaitForThread(PKTHREAD Thread, LDR_IMAGE *const *Images, ULONG Count, const LDR_TIMES *Times);

/* leaks.c */
enum { LDR_PLACE_SIZE = 160 };

typedef struct _LDR_LEAKS {
    const LDR_DRIVER *Driver;
    ULONG64 Start, End;                     /* of its image */
    ULONG Count;                            /* of one kind, up to now */
} LDR_LEAKS;

typedef struct _LDR_LEAK_KIND {
    const char *Things;
    void (*Report)(LDR_LEAKS *Leaks);
} LDR_LEAK_KIND;

ULONG LdrpReportLeaks(const LDR_DRIVER *Driver);    /* one line each; their number */
/* Threads, timers, DPCs, work items or devices are left: the image's memory must stay. */
BOOLEAN LdrpIsActive(const LDR_DRIVER *Driver);
void LdrpNoteLeak(LDR_LEAKS *Leaks, const char *Format, ...);   /* counted, and told unless there are too many */
const char *LdrpPlace(PVOID Address, char Text[LDR_PLACE_SIZE]);
/* Text, as far as it can be printed. */
const char *LdrpPrintable(PCUNICODE_STRING String, char Text[LDR_PLACE_SIZE]);
/* " (PATH)", or nothing for an object without one. */
const char *LdrpPathOf(PVOID Object, char Text[LDR_PLACE_SIZE]);

/* leaks_io.c */
enum { LDR_IO_KINDS = 5 };
extern const LDR_LEAK_KIND LdrpIoLeaks[LDR_IO_KINDS];
