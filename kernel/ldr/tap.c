/* tap.c - reads test results from a driver's own output.
 *
 * A driver that tests something prints TAP lines with DbgPrint, and they count like our own:
 *   "ok ..." passes, "not ok ..." fails, with "# SKIP" neither, "not ok ... # TODO" is a known failure;
 *   "1..N" says how many results there must be; "Bail out!" is a failure.
 * Only lines that start in column one count: indented ones are subtests, whose sum their parent line reports.
 * A line may come in several calls, so each image collects its own. Printing is allowed at any IRQL, hence the
 * lock at HIGH_LEVEL. */
#include "ldrp.h"
#include <ke/irql.h>
#include <ke/spinlock.h>
#include <rtl/dbg.h>
#include <rtl/string.h>

static KSPIN_LOCK ResultLock;           /* each image's Tap */

static BOOLEAN IsBlank(char C) { return C == ' ' || C == '\t' || C == 0; }

/* Does Line start with Word, as a whole word? */
static BOOLEAN StartsWith(const char *Line, const char *Word)
{
    SIZE_T Length = strlen(Word);

    return strncmp(Line, Word, Length) == 0 && IsBlank(Line[Length]);
}

/* Is Line a result with the directive Word ("TODO", "SKIP"), in any case? */
static BOOLEAN HasDirective(const char *Line, const char *Word)
{
    const char *At = strchr(Line, '#');

    if (At == NULL)
        return FALSE;
    do
        At++;
    while (*At == ' ' || *At == '\t');
    for (; *Word != 0; Word++, At++)
        if ((*At & ~0x20) != *Word)
            return FALSE;
    return TRUE;
}

static void TakePlan(LDR_TAP *Tap, const char *Line)
{
    ULONG Count = 0;
    ULONG Digits = 0;

    for (const char *At = Line + 3; *At >= '0' && *At <= '9' && Digits < 9; At++, Digits++)
        Count = Count * 10 + (ULONG)(*At - '0');
    if (Digits == 0)
        return;
    Tap->HasPlan = TRUE;
    Tap->Plan += Count;
}

static void TakeLine(LDR_TAP *Tap)
{
    const char *Line = Tap->Line;
    BOOLEAN Ok = StartsWith(Line, "ok"), NotOk = StartsWith(Line, "not ok");

    if (Ok || NotOk) {
        if (HasDirective(Line, "SKIP"))
            Tap->Skipped++;
        else if (Ok)
            Tap->Passed++;
        else if (HasDirective(Line, "TODO"))
            Tap->Expected++;
        else
            Tap->Failed++;
    } else if (strncmp(Line, "1..", 3) == 0) {
        TakePlan(Tap, Line);
    } else if (strncmp(Line, "Bail out!", 9) == 0) {
        Tap->BailedOut = TRUE;
    }
}

static void CountResults(PVOID Caller, const char *Text, SIZE_T Length)
{
    LDR_IMAGE *Image = LdrFindImage((ULONG64)(ULONG_PTR)Caller);
    KIRQL OldIrql;

    if (Image == NULL)
        return;
    KeRaiseIrql(HIGH_LEVEL, &OldIrql);
    KeAcquireSpinLockAtDpcLevel(&ResultLock);
    LdrTapFeed(&Image->Tap, Text, Length);
    KeReleaseSpinLockFromDpcLevel(&ResultLock);
    KeLowerIrql(OldIrql);
}

/* ---- Shared: LdrpInitializeTap ---- */

void LdrpInitializeTap(void) { RtlSetDbgPrintHook(CountResults); }

/* ---- Public: LdrTapFeed, LdrTapEnd, LdrTapResults ---- */

void LdrTapFeed(LDR_TAP *Tap, const char *Text, SIZE_T Length)
{
    for (SIZE_T i = 0; i < Length; i++) {
        if (Text[i] == '\r')
            continue;
        if (Text[i] == '\n')
            LdrTapEnd(Tap);
        else if (Tap->Length < LDR_TAP_LINE - 1)
            Tap->Line[Tap->Length++] = Text[i];
    }
}

void LdrTapEnd(LDR_TAP *Tap)
{
    Tap->Line[Tap->Length] = 0;
    Tap->Length = 0;
    TakeLine(Tap);
}

ULONG LdrTapResults(const LDR_TAP *Tap)
{
    return Tap->Passed + Tap->Failed + Tap->Skipped + Tap->Expected;
}
