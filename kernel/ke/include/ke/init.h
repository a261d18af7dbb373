/* init.h - bring-up of ke and of each processor, called by the roof. */
#pragma once

#include <ke/thread.h>

struct _KPCR;

/* The system process. It is an object like any other, so ob's header has its place before it, and what ps adds to
 * ke's part behind it. */
extern struct _KI_PROCESS_IMAGE { ULONG64 ObjectHeader[8]; KPROCESS Process; ULONG64 Executive[16]; } KiSystemImage;
#define KiInitialProcess (KiSystemImage.Process)

SIZE_T KePcrSize(void);
void KeInitializeProcessor(struct _KPCR *Pcr, PKTHREAD IdleThread, PVOID IdleStackTop, SIZE_T IdleStackSize,
                           PVOID DispatchStackTop);
void KeInitialize(void); /* once, on the boot processor, after its KeInitializeProcessor */
DECLSPEC_NORETURN void KeIdleLoop(void);                /* the calling code becomes this processor's idle thread */
void KeSetIdleLook(ULONG64 Units);
void KeProcessorOnline(void);                           /* this processor may be given threads from now on */
