/* print.c - the kernel's log: formatted text to every sink, and a memory of what came before.
 *
 * Promise: text reaches every registered sink in the order it was written; a sink that registers late
 * first gets what the ring still holds. A write of up to LINE_LONGEST bytes is never mixed with another
 * processor's; a longer LogPrint may be, between its pieces.
 * Method: text is formatted before the guard is entered, as formatting reads caller's memory and may
 * fault; a fault under the guard would leave the stop screen waiting for it.
 * Sinks do not log. */
#include "rtlp.h"
#include <rtl/print.h>
#include <rtl/string.h>

enum { RING_SIZE = 32 * 1024, LINE_LONGEST = 512 };

/* (g) under the guard */
static LOG_SINK *Sinks;                 /* (g) in the order they registered */
static char Ring[RING_SIZE];            /* (g) */
static ULONG64 Written;                 /* (g) bytes ever written; the ring holds the last RING_SIZE */
static const LOG_GUARD *Guard;          /* set once, before there is a second processor */

typedef struct _LINE_OUTPUT {
    FORMAT_OUTPUT Head;
    SIZE_T Used;
    char Text[LINE_LONGEST];
} LINE_OUTPUT;

static ULONG_PTR EnterGuard(const LOG_GUARD *With)
{
    return With ? With->Enter() : 0;
}

static void LeaveGuard(const LOG_GUARD *With, ULONG_PTR Cookie)
{
    if (With)
        With->Leave(Cookie);
}

static void Remember(const char *Text, SIZE_T Length)
{
    for (SIZE_T I = 0; I < Length; I++)
        Ring[Written++ % RING_SIZE] = Text[I];
}

/* What was overwritten is said to be missing, and the replay begins with a whole line. */
static void Replay(LOG_SINK *Sink)
{
    static const char Lost[] = "(earlier lines are lost)\n";
    ULONG64 At = Written > RING_SIZE ? Written - RING_SIZE : 0;

    if (At) {
        Sink->Write(Sink, Lost, sizeof(Lost) - 1);
        while (At < Written && Ring[At++ % RING_SIZE] != '\n')
            ;
    }
    while (At < Written) {
        SIZE_T Start = At % RING_SIZE, Length = RING_SIZE - Start;

        if (Length > Written - At)
            Length = Written - At;
        Sink->Write(Sink, Ring + Start, Length);
        At += Length;
    }
}

static void FlushLine(LINE_OUTPUT *Line)
{
    LogWrite(Line->Text, Line->Used);
    Line->Used = 0;
}

static void PutIntoLine(FORMAT_OUTPUT *Output, WCHAR Unit)
{
    LINE_OUTPUT *Line = CONTAINING_RECORD(Output, LINE_OUTPUT, Head);

    if (Line->Used == LINE_LONGEST)
        FlushLine(Line);
    Line->Text[Line->Used++] = (char)Unit;
}

/* ---- Public: sinks ---- */

/* LogRegisterSink - replay the ring into Sink, then send it all that is written.  IRQL: any that the
 * guard allows.  Sink stays the caller's and in place until LogUnregisterSink. */
void LogRegisterSink(LOG_SINK *Sink)
{
    const LOG_GUARD *With = Guard;
    ULONG_PTR Cookie = EnterGuard(With);
    LOG_SINK **Link = &Sinks;

    while (*Link)
        Link = &(*Link)->Next;
    Replay(Sink);
    Sink->Next = NULL;
    *Link = Sink;
    LeaveGuard(With, Cookie);
}

/* LogUnregisterSink - send Sink nothing more; one that is not registered is ignored. */
void LogUnregisterSink(LOG_SINK *Sink)
{
    const LOG_GUARD *With = Guard;
    ULONG_PTR Cookie = EnterGuard(With);
    LOG_SINK **Link = &Sinks;

    while (*Link && *Link != Sink)
        Link = &(*Link)->Next;
    if (*Link)
        *Link = Sink->Next;
    LeaveGuard(With, Cookie);
}

/* LogSetGuard - use NewGuard from now on (NULL: none).  Called while only one processor runs. */
void LogSetGuard(const LOG_GUARD *NewGuard)
{
    Guard = NewGuard;
}

/* LogEnter - keep every writer out until LogLeave, so that what sinks read may change.  IRQL: any.
 * The time between them is a time without interrupts: keep it short, and do not log in it.
 * Returns: what LogLeave wants. */
ULONG_PTR LogEnter(void)
{
    return EnterGuard(Guard);
}

/* LogLeave - let the writers in again. */
void LogLeave(ULONG_PTR Cookie)
{
    LeaveGuard(Guard, Cookie);
}

/* ---- Public: writing ---- */

/* LogWrite - append Length bytes to the log.  IRQL: any. */
void LogWrite(const char *Text, SIZE_T Length)
{
    const LOG_GUARD *With = Guard;
    ULONG_PTR Cookie = EnterGuard(With);

    Remember(Text, Length);
    for (LOG_SINK *Sink = Sinks; Sink; Sink = Sink->Next)
        Sink->Write(Sink, Text, Length);
    LeaveGuard(With, Cookie);
}

/* LogPrintV - append formatted text (format.c) to the log, none of it cut off.  IRQL: any. */
void LogPrintV(const char *Format, va_list Arguments)
{
    LINE_OUTPUT Line;

    Line.Head = (FORMAT_OUTPUT){ PutIntoLine, FALSE };
    Line.Used = 0;
    RtlpFormat(&Line.Head, Format, Arguments);
    FlushLine(&Line);
}

/* LogPrint - as LogPrintV. */
void LogPrint(const char *Format, ...)
{
    va_list Arguments;

    va_start(Arguments, Format);
    LogPrintV(Format, Arguments);
    va_end(Arguments);
}
