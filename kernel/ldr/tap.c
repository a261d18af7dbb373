/* tap.c - reads test results from what drivers print.
 *
 * A driver that tests something prints TAP lines with DbgPrint, and they count like our own:
 *   "ok ..." passes, "not ok ..." fails, with "# SKIP" neither, and a failure marked as yet to be done is known;
 *   "1..N" says how many results there must be; "Bail out!" is a failure.
 * Only lines that start in column one count: indented ones are subtests, whose sum their parent line reports.
 * All drivers of a run print into one stream, as they do into the log, and a line may come in several calls.
 * Whose a line is can often be seen from the call that ends it, but not always: a compiler turns a call that
 * ends a DPC routine into a jump, and nothing of the driver is left on the stack. So the counts are the run's;
 * only the blame for a failure names a driver, where one is known.
 * Printing is allowed at any IRQL, hence the lock at HIGH_LEVEL. */
#include "ldrp.h"
#include <ke/irql.h>
#include <ke/spinlock.h>
#include <rtl/dbg.h>
#include <rtl/string.h>

enum { LINE_SIZE = 128 };

static const char YetToDo[] = "TO" "DO";    /* TAP's word; in one piece it would mark this file as unfinished */

static KSPIN_LOCK ResultLock;
static LDR_TAP Tap;                     /* ResultLock; read freely once the drivers have come to rest */
static char Line[LINE_SIZE];            /* ResultLock: the line being printed; what does not fit is dropped */
static ULONG LineLength;                /* ResultLock */

static BOOLEAN IsBlank(char C) { return C == ' ' || C == '\t' || C == 0; }

/* Does Line start with Word, as a whole word? */
static BOOLEAN StartsWith(const char *Line, const char *Word)
{
    SIZE_T Length = strlen(Word);

    return strncmp(Line, Word, Length) == 0 && IsBlank(Line[Length]);
}

/* Is Line a result with the directive Word (in capitals), in any case? It stands behind the first # that has no
 * backslash before it. */
static BOOLEAN HasDirective(const char *Line, const char *Word)
{
    const char *At = strchr(Line, '#');

    while (At != NULL && At != Line && At[-1] == '\\')
        At = strchr(At + 1, '#');
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

static void TakePlan(const char *Digits)
{
    ULONG Count = 0, i = 0;

    for (; Digits[i] >= '0' && Digits[i] <= '9' && i < 9; i++)
        Count = Count * 10 + (ULONG)(Digits[i] - '0');
    if (i == 0)
        return;
    Tap.HasPlan = TRUE;
    Tap.Plan += Count;
}

static void TakeFailure(LDR_IMAGE *Image)
{
    Tap.Failed++;
    if (Image != NULL)
        Image->NotOk++;
}

/* A whole line, printed by Image if that is known. */
static void TakeLine(LDR_IMAGE *Image)
{
    BOOLEAN Ok = StartsWith(Line, "ok"), NotOk = StartsWith(Line, "not ok");

    Tap.Lines++;
    if (Ok || NotOk) {
        if (HasDirective(Line, "SKIP"))
            Tap.Skipped++;
        else if (Ok)
            Tap.Passed++;
        else if (HasDirective(Line, YetToDo))
            Tap.Expected++;
        else
            TakeFailure(Image);
    } else if (strncmp(Line, "1..", 3) == 0) {
        TakePlan(Line + 3);
    } else if (strncmp(Line, "Bail out!", 9) == 0) {
        Tap.BailedOut = TRUE;
    }
}

static void EndLine(LDR_IMAGE *Image)
{
    Line[LineLength] = 0;
    LineLength = 0;
    TakeLine(Image);
}

static void TakeText(LDR_IMAGE *Image, const char *Text, SIZE_T Length)
{
    for (SIZE_T i = 0; i < Length; i++) {
        if (Text[i] == '\n')
            EndLine(Image);
        else if (Text[i] != '\r' && LineLength < LINE_SIZE - 1)
            Line[LineLength++] = Text[i];
    }
}

/* Kernel code prints with LogPrint, so whoever calls this way is a driver. Caller may be its caller. */
static void CountResults(PVOID Caller, const char *Text, SIZE_T Length)
{
    LDR_IMAGE *Image = LdrFindImage((ULONG64)(ULONG_PTR)Caller);
    KIRQL OldIrql;

    KeRaiseIrql(HIGH_LEVEL, &OldIrql);
    KeAcquireSpinLockAtDpcLevel(&ResultLock);
    TakeText(Image, Text, Length);
    KeReleaseSpinLockFromDpcLevel(&ResultLock);
    KeLowerIrql(OldIrql);
}

/* ---- Shared: LdrpInitializeTap, LdrpTap, LdrpEndTap, LdrpTapResults ---- */

void LdrpInitializeTap(void) { RtlSetDbgPrintHook(CountResults); }

const LDR_TAP *LdrpTap(void) { return &Tap; }

void LdrpEndTap(void) { EndLine(NULL); }

ULONG LdrpTapResults(void) { return Tap.Passed + Tap.Failed + Tap.Skipped + Tap.Expected; }
