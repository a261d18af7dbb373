/* image.h - the driver images in memory. */
#pragma once

#include <ldr/pe.h>

enum { LDR_MAX_IMAGES = 32, LDR_NAME_SIZE = 64 };

typedef struct _LDR_IMAGE {
    char Name[LDR_NAME_SIZE];   /* the file's, printable */
    UCHAR *Base;
    PE_FILE File;
    PE_LAYOUT Layout;
    ULONG Imports, Unresolved;
    ULONG NotOk;                /* "not ok" lines known to be its own; tap.c */
} LDR_IMAGE;

void LdrInitialize(BOOLEAN Verifier);   /* Verifier: imports are bound to checking routines where there are any */
BOOLEAN LdrVerifierIsOn(void);

/* Load a driver's file. NULL: Refusal says why. What it imports and Kedge has not is logged and bound to stops
 * that name themselves. File's bytes must stay. PASSIVE_LEVEL. */
LDR_IMAGE *LdrLoadImage(const char *Name, const void *Bytes, ULONG64 Length, PE_REFUSAL *Refusal);
void LdrUnloadImage(LDR_IMAGE *Image);  /* nothing of it may run any more */

/* The image that holds Address, or NULL. Takes no lock; any IRQL, also with all else stopped. */
LDR_IMAGE *LdrFindImage(ULONG64 Address);
