/* print.c - the kernel's log: formatted text to every sink, and a memory of what came before.
 *
 * Promise: text reaches every registered sink in the order it was written, and has reached it when the
 * writer returns; only one who may not wait (above DISPATCH_LEVEL, or interrupts off) can return before,
 * if he came in the middle of another's text: that one shows his, too. A sink that registers late first
 * gets what the ring still holds. A write of up to LINE_LONGEST bytes is never mixed with another
 * processor's; a longer LogPrint may be, between its pieces.
 * Method: text is formatted before anything is locked, as formatting reads caller's memory and may fault;
 * a fault under the guard would leave the stop screen waiting for it. It goes into the ring under the
 * guard, interrupts off for as long as that takes; then it is shown, a piece at a time, by whoever has the
 * sinks, at DISPATCH_LEVEL with interrupts on, however slow a sink is.
 *
 *   A, who has the sinks                      B, who may not wait
 *   shows up to his own end                   text into the ring; the sinks are taken
 *   gives the sinks back                      Owed := his end
 *   Owed is not shown: takes them again       the sinks are still taken: returns
 * Either sees the other: B asks for the sinks once more after he has written Owed, A reads Owed after he
 * gave them back.
 * What has not been shown stays in the ring: those who wait have at most a line each in it. Only who never
 * waits can run over it; then the log says what is missing.
 * A stop takes the sinks from a processor that is frozen with them, and shows its piece again from the
 * beginning; that is why a piece is a line at most.
 * Sinks do not log. */
#include "rtlp.h"
#include <rtl/debug.h>
#include <rtl/print.h>
#include <rtl/string.h>

enum { RING_SIZE = 64 * 1024, LINE_LONGEST = 512, PIECE_LONGEST = 128 };

/* (g) under the guard, (s) by who has the sinks */
static LOG_SINK *Sinks;                 /* (s) in the order they registered */
static char Ring[RING_SIZE];            /* (g) */
static ULONG64 Written;                 /* (g) bytes ever written; the ring holds the last RING_SIZE */
static volatile ULONG64 Shown;          /* (s) of those, what all sinks have had */
static ULONG64 Owed;                    /* (g) the end of the last text whose writer could not stay */
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

static BOOLEAN TakeSinks(const LOG_GUARD *With, ULONG_PTR *Cookie)
{
    *Cookie = 0;
    return With ? With->Take(Cookie) : TRUE;
}

static void GiveSinks(const LOG_GUARD *With, ULONG_PTR Cookie)
{
    if (With)
        With->Give(Cookie);
}

/* ---- The ring ---- */

/* Returns: the end of the text, in bytes ever written. */
static ULONG64 Remember(const LOG_GUARD *With, const char *Text, SIZE_T Length)
{
    ULONG_PTR Cookie = EnterGuard(With);
    SIZE_T Start = Written % RING_SIZE, First = Length < RING_SIZE - Start ? Length : RING_SIZE - Start;
    ULONG64 End = Written + Length;

    memcpy(Ring + Start, Text, First);
    memcpy(Ring, Text + First, Length - First);
    Written = End;
    LeaveGuard(With, Cookie);
    return End;
}

/* The rest of a line between *At and End, or the beginning of it. What was overwritten is passed over, and a line of
 * which only the end is left with it: Lost says so. Returns: its length, 0 at End. */
static SIZE_T Fetch(const LOG_GUARD *With, ULONG64 *At, ULONG64 End, char *Piece, BOOLEAN *Lost)
{
    ULONG_PTR Cookie = EnterGuard(With);
    ULONG64 From = *At, Most;
    SIZE_T Length = 0;

    *Lost = Written - From > RING_SIZE;
    if (*Lost) {
        From = Written - RING_SIZE;
        for (SIZE_T Passed = 0; Passed < PIECE_LONGEST && Ring[From++ % RING_SIZE] != '\n'; Passed++)
            ;
    }
    Most = From < End ? End - From : 0;
    Most = Most < PIECE_LONGEST ? Most : PIECE_LONGEST;
    while (Length < Most) {
        char Byte = Ring[(From + Length) % RING_SIZE];

        Piece[Length++] = Byte;
        if (Byte == '\n')
            break;
    }
    LeaveGuard(With, Cookie);
    *At = From;
    return Length;
}

/* ---- The sinks, which the caller has ---- */

static void Send(LOG_SINK *First, const char *Text, SIZE_T Length)
{
    for (LOG_SINK *Sink = First; Sink; Sink = Sink->Next)
        Sink->Write(Sink, Text, Length);
}

/* What lies between *At and End to First and those after it; *At follows. */
static void Play(const LOG_GUARD *With, volatile ULONG64 *At, ULONG64 End, LOG_SINK *First)
{
    static const char Missing[] = "(earlier lines are lost)\n";
    char Piece[PIECE_LONGEST];
    ULONG64 From = *At;
    SIZE_T Length;
    BOOLEAN Lost;

    while ((Length = Fetch(With, &From, End, Piece, &Lost)) != 0) {
        if (Lost)
            Send(First, Missing, sizeof(Missing) - 1);
        Send(First, Piece, Length);
        From += Length;
        *At = From;
    }
}

/* Returns: the end of what nobody has shown though its writer is gone; 0: there is no such text. */
static ULONG64 OwedEnd(const LOG_GUARD *With)
{
    ULONG_PTR Cookie = EnterGuard(With);
    ULONG64 End = Owed > Shown ? Owed : 0;

    LeaveGuard(With, Cookie);
    return End;
}

static void Owe(const LOG_GUARD *With, ULONG64 End)
{
    ULONG_PTR Cookie = EnterGuard(With);

    if (End > Owed)
        Owed = End;
    LeaveGuard(With, Cookie);
}

/* The caller has the sinks; they are given back, and what came in the middle is shown. */
static void Leave(const LOG_GUARD *With, ULONG_PTR Cookie)
{
    ULONG64 End;

    GiveSinks(With, Cookie);
    while ((End = OwedEnd(With)) != 0 && TakeSinks(With, &Cookie)) {
        Play(With, &Shown, End, Sinks);
        GiveSinks(With, Cookie);
    }
}

/* See to it that everything up to End is shown. */
static void Show(const LOG_GUARD *With, ULONG64 End)
{
    ULONG_PTR Cookie;

    if (!TakeSinks(With, &Cookie)) {
        Owe(With, End);
        if (!TakeSinks(With, &Cookie))
            return;
    }
    Play(With, &Shown, End, Sinks);
    Leave(With, Cookie);
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

/* LogRegisterSink - replay the ring into Sink, then send it all that is written.  IRQL: <= DISPATCH_LEVEL.
 * Sink stays the caller's and in place until LogUnregisterSink. */
void LogRegisterSink(LOG_SINK *Sink)
{
    ULONG_PTR Cookie = LogEnter();
    volatile ULONG64 At = 0;
    LOG_SINK **Link = &Sinks;

    while (*Link)
        Link = &(*Link)->Next;
    Sink->Next = NULL;
    Play(Guard, &At, Shown, Sink);
    *Link = Sink;
    LogLeave(Cookie);
}

/* LogUnregisterSink - send Sink nothing more; one that is not registered is ignored.  IRQL: <= DISPATCH_LEVEL. */
void LogUnregisterSink(LOG_SINK *Sink)
{
    ULONG_PTR Cookie = LogEnter();
    LOG_SINK **Link = &Sinks;

    while (*Link && *Link != Sink)
        Link = &(*Link)->Next;
    if (*Link)
        *Link = Sink->Next;
    LogLeave(Cookie);
}

/* LogSetGuard - use NewGuard from now on (NULL: none).  Called while only one processor runs. */
void LogSetGuard(const LOG_GUARD *NewGuard)
{
    Guard = NewGuard;
}

/* LogEnter - keep everything from the sinks until LogLeave, so that what they read may change.
 * IRQL: <= DISPATCH_LEVEL, interrupts on; DISPATCH_LEVEL until LogLeave. Do not log in it.
 * Returns: what LogLeave wants. */
ULONG_PTR LogEnter(void)
{
    ULONG_PTR Cookie;

    RtlRequire(TakeSinks(Guard, &Cookie));
    return Cookie;
}

/* LogLeave - let the sinks have their text again. */
void LogLeave(ULONG_PTR Cookie)
{
    Leave(Guard, Cookie);
}

/* ---- Public: writing ---- */

/* LogWrite - append Length bytes to the log.  IRQL: any. */
void LogWrite(const char *Text, SIZE_T Length)
{
    const LOG_GUARD *With = Guard;

    while (Length != 0) {
        SIZE_T Now = Length < LINE_LONGEST ? Length : LINE_LONGEST;

        Show(With, Remember(With, Text, Now));
        Text += Now;
        Length -= Now;
    }
}

/* LogFlush - show what a processor that is stopped left behind.  IRQL: any. */
void LogFlush(void)
{
    Show(Guard, Written);
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
