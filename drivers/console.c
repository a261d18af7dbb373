/* console.c - the one text screen: picks its display and lends its rows to the log and to the views.
 *
 * A framebuffer whose mode is sound comes first, VGA text second; without either the machine has no
 * screen and everything here does nothing. All memory is static: after ConsoleInitialize nothing is
 * allocated, and no wait is unbounded, so that a stop can use the screen of a machine that is half dead.
 * Locks: none of its own. Whoever has the log's sinks writes the log's rows; the sinks are also taken to
 * change which rows those are. Views draw their rows without them. */
#include "display.h"

static FRAMEBUFFER Framebuffer;
static VGA_TEXT Vga;
static GRID Grid;
static SCROLL Scroll;                   /* by who has the log's sinks */
static BOOLEAN Ready;                   /* there is a screen; fixed after ConsoleInitialize */

static const CONSOLE_LOG BootLog = { .Top = 0, .Rows = GRID_ROWS, .Margin = 1, .Cursor = TRUE,
                                     .Head = { ColourSilver, ColourBlack, FALSE },
                                     .Body = { ColourSilver, ColourBlack, FALSE } };

static void WriteLog(LOG_SINK *Sink, const char *Text, SIZE_T Length)
{
    UNREFERENCED_PARAMETER(Sink);
    if (Ready)
        ScrollWrite(&Scroll, Text, Length);
}

static LOG_SINK Sink = { .Write = WriteLog };

static DISPLAY *ChooseDisplay(const BOOT_INFO *Info, PVOID FramebufferMapping, PVOID VgaMapping)
{
    if (FramebufferMapping && !FramebufferRefusal(&Info->Framebuffer)) {
        FramebufferInitialize(&Framebuffer, &Info->Framebuffer, FramebufferMapping);
        return &Framebuffer.Display;
    }
    if (VgaMapping && Info->VgaText) {
        VgaInitialize(&Vga, VgaMapping);
        VgaSetUpRegisters();
        return &Vga.Display;
    }
    return NULL;
}

/* ---- Public: bring-up ---- */

/* ConsoleFramebufferLength - how many bytes from the framebuffer's Base the roof is to map, write-combined,
 * for ConsoleInitialize. 0: there is none, or its mode is refused, which the log then says. */
SIZE_T ConsoleFramebufferLength(const BOOT_INFO *Info)
{
    const BOOT_FRAMEBUFFER *Mode = &Info->Framebuffer;
    const char *Refusal;

    if (Mode->Base == 0)
        return 0;
    Refusal = FramebufferRefusal(Mode);
    if (Refusal) {
        LogPrint("screen: framebuffer at %#I64x, %u x %u, %u bits, pitch %u, is refused: %s\n", Mode->Base, Mode->Width,
                 Mode->Height, Mode->BitsPerPixel, Mode->Pitch, Refusal);
        return 0;
    }
    return FramebufferLength(Mode);
}

/* ConsoleInitialize - take the screen. FramebufferMapping: ConsoleFramebufferLength bytes, or NULL;
 * VgaMapping: the page at 0xB8000, or NULL. Once, on the boot processor, before the log sink registers. */
void ConsoleInitialize(const BOOT_INFO *Info, PVOID FramebufferMapping, PVOID VgaMapping)
{
    DISPLAY *Display;

    FontInitialize();
    Display = ChooseDisplay(Info, FramebufferMapping, VgaMapping);
    if (!Display || Display->Columns == 0 || Display->Rows == 0)
        return;
    GridInitialize(&Grid, Display);
    GridClear(&Grid, BootLog.Body);
    ScrollInitialize(&Scroll, &Grid, &BootLog);
    Ready = TRUE;
}

/* ConsoleLogSink - the screen as a log sink.  IRQL: any, as the log. */
LOG_SINK *ConsoleLogSink(void)
{
    return &Sink;
}

/* ---- Public: rows outside the log's region ---- */

/* ConsoleColumns - the screen's width in cells, 0 without a screen. */
ULONG ConsoleColumns(void)
{
    return Ready ? Grid.Columns : 0;
}

/* ConsoleRows - the screen's height in cells, 0 without a screen. */
ULONG ConsoleRows(void)
{
    return Ready ? Grid.Rows : 0;
}

/* ConsoleFill - blanks in Style's paper, clipped.  IRQL: any; one caller at a time, as all drawing. */
void ConsoleFill(ULONG Row, ULONG Column, ULONG Rows, ULONG Columns, CONSOLE_STYLE Style)
{
    GridFill(&Grid, Row, Column, Rows, Columns, Style);
}

/* ConsoleText - Text (UTF-8) in Style, cut off with an ellipsis where it is wider than Width.
 * Returns: the columns it took. */
ULONG ConsoleText(ULONG Row, ULONG Column, ULONG Width, CONSOLE_STYLE Style, const char *Text)
{
    UTF8_STATE State = { 0, 0 };
    ULONG Used = 0, Character;

    for (; *Text; Text++) {
        if (!Utf8Feed(&State, (UCHAR)*Text, &Character))
            continue;
        if (Used == Width) {
            if (Width)
                GridPut(&Grid, Row, Column + Width - 1, GridCell(Style, 0x2026));
            return Width;
        }
        GridPut(&Grid, Row, Column + Used++, GridCell(Style, Character));
    }
    return Used;
}

/* ConsolePut - one character. */
void ConsolePut(ULONG Row, ULONG Column, CONSOLE_STYLE Style, USHORT Character)
{
    GridPut(&Grid, Row, Column, GridCell(Style, Character));
}

/* ConsoleFlush - show what was drawn outside the log's region. */
void ConsoleFlush(void)
{
    ULONG End = Scroll.Look.Top + Scroll.Look.Rows;

    GridFlush(&Grid, 0, Scroll.Look.Top);
    if (End < Grid.Rows)
        GridFlush(&Grid, End, Grid.Rows - End);
}

/* ---- Public: the log's region ---- */

/* ConsoleSetLog - give the log the rows that Log says; the newest lines that fit move there. The rows it
 * leaves are the caller's from now on, with the old text still in them.
 * IRQL: <= DISPATCH_LEVEL. */
void ConsoleSetLog(const CONSOLE_LOG *Log)
{
    ULONG_PTR Cookie = LogEnter();

    if (Ready)
        ScrollMove(&Scroll, Log);
    LogLeave(Cookie);
}

/* ConsoleEnterStop - wipe the screen in Log's paper and start the log's region afresh. Takes no lock and
 * trusts nothing that an interrupted writer may have left behind.  IRQL: any, other processors stopped. */
void ConsoleEnterStop(const CONSOLE_LOG *Log)
{
    if (!Ready)
        return;
    GridClear(&Grid, Log->Body);
    ScrollInitialize(&Scroll, &Grid, Log);
}
