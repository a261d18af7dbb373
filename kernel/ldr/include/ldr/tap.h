/* tap.h - test results in what a driver prints. */
#pragma once

#include <rtl/ntdef.h>

enum { LDR_TAP_LINE = 128 };

/* All fields under tap.c's lock; read freely once the driver has come to rest. */
typedef struct _LDR_TAP {
    ULONG Passed, Failed, Skipped;      /* "ok", "not ok", and either with # SKIP */
    ULONG Expected;                     /* "not ok # TODO": known, not a failure */
    ULONG Plan;                         /* "1..N" */
    BOOLEAN HasPlan, BailedOut;
    ULONG Length;                       /* the line being printed; what does not fit is dropped */
    char Line[LDR_TAP_LINE];
} LDR_TAP;

/* Take in a piece of output. A line counts when its end has come. */
void LdrTapFeed(LDR_TAP *Tap, const char *Text, SIZE_T Length);
/* The output has ended: a last line without an end counts too. */
void LdrTapEnd(LDR_TAP *Tap);
/* Results seen, of any kind. */
ULONG LdrTapResults(const LDR_TAP *Tap);
