/* bugcheck.h - the fatal stop. */
#pragma once

#include <rtl/ntdef.h>

DECLSPEC_NORETURN VOID KeBugCheck(ULONG Code);
DECLSPEC_NORETURN VOID KeBugCheckEx(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4);

/* The same with a line of our own that says what was wrong with what: printed below NT's line. */
DECLSPEC_NORETURN void KeBugCheckWith(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4,
                                      const char *Format, ...);

/* The same for a caller that has raised the IRQL for its own locks: Irql is what the stop shows. */
DECLSPEC_NORETURN void KeBugCheckAtIrql(KIRQL Irql, ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4,
                                        const char *Detail);

/* Lines that other floors add to the stop screen (the driver's images, the locks). */
typedef struct _BUGCHECK_SECTION {
    struct _BUGCHECK_SECTION *Next;
    void (*Print)(void);
} BUGCHECK_SECTION;

void KeRegisterBugCheckSection(BUGCHECK_SECTION *Section);

/* Called before a stop prints, set by the roof: the screen changes its looks. */
void KeSetBugCheckEnter(void (*Enter)(ULONG Code, const char *Name));

/* The last act of a stop, set by the roof: leave the emulator, or wait for a key and reset. */
void KeSetBugCheckExit(void (*Exit)(ULONG Code));

/* Floors above ke that know what an unmapped address was meant for; asked when a page fault stops the machine,
 * without locks. Name fills Text and returns TRUE, or says nothing of it. */
typedef struct _KE_ADDRESS_NAMER {
    struct _KE_ADDRESS_NAMER *Next;
    BOOLEAN (*Name)(ULONG64 Address, char *Text, SIZE_T Size);
    ULONG Code;                         /* of the stop; 0: what the access calls for */
} KE_ADDRESS_NAMER;

void KeRegisterAddressNamer(KE_ADDRESS_NAMER *Namer);
