/* ldrp.h - what the sources of ldr share and nobody else sees. */
#pragma once

#include <ldr/image.h>

/* pe.c */
/* Write "FILE refused: ..." into Refusal. Always FALSE, so that a check can end with it. */
BOOLEAN LdrpRefuse(PE_REFUSAL *Refusal, const PE_FILE *File, const char *Format, ...);
