/* bugcheck.h - the fatal stop. */
#pragma once

#include <rtl/ntdef.h>

DECLSPEC_NORETURN VOID KeBugCheck(ULONG Code);
DECLSPEC_NORETURN VOID KeBugCheckEx(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4);

/* The same with a line of our own that says what was wrong with what: printed below NT's line. */
DECLSPEC_NORETURN void KeBugCheckWith(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4,
                                      const char *Format, ...);

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
