/* frees_armed_timer.c - frees the memory that holds an armed timer.
 *
 * fault: 0x15 ARMED_TIMER_FREED
 * log: timer .*, with no DPC, is armed and lies in the .* bytes
 * log: which are freed at frees_armed_timer.*(Run|DriverEntry) */
#include "rule.h"

typedef struct _EXTENSION { ULONG Size; KTIMER Timer; } EXTENSION;

static VOID Run(VOID)
{
    LARGE_INTEGER Due = { .QuadPart = -10000000 };
    EXTENSION *Extension = ExAllocatePoolWithTag(NonPagedPool, sizeof *Extension, 'txEK');

    if (Extension == NULL)
        return;
    KeInitializeTimer(&Extension->Timer);
    KeSetTimer(&Extension->Timer, Due, NULL);
#ifndef FAULT
    KeCancelTimer(&Extension->Timer);
#endif
    ExFreePoolWithTag(Extension, 'txEK');
}
