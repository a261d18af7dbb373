/* init.h - bring-up of ke and of each processor, called by the roof; and what ke knows of processors. */
#pragma once

#include <ke/thread.h>

struct _KPCR;

extern KPROCESS KiInitialProcess;                       /* the system process */

SIZE_T KePcrSize(void);
void KeInitializeProcessor(struct _KPCR *Pcr, PKTHREAD IdleThread, PVOID IdleStackTop, SIZE_T IdleStackSize, PVOID DispatchStackTop);
void KeInitialize(void);                                /* once, on the boot processor, after its KeInitializeProcessor */
DECLSPEC_NORETURN void KeIdleLoop(void);                /* the calling code becomes this processor's idle thread */
void KeProcessorOnline(void);                           /* this processor may be given threads from now on */

ULONG KeQueryActiveProcessorCount(PKAFFINITY ActiveProcessors);
KAFFINITY KeQueryActiveProcessors(VOID);
ULONG KeGetCurrentProcessorNumber(VOID);
