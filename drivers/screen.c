/* screen.c - the ends of a run: the verdict, the stop, and the keys that lead out of them.
 *
 * It stands on the console and asks keyboard and serial line for keys; it owns no device. The self-test's
 * view (selftest_view.c) uses the verdict's band. */
#include "display.h"
#include <drivers/drivers.h>
#include <drivers/screen.h>
#include <ke/clock.h>
#include <ke/dispatch.h>
#include <rtl/string.h>

enum { KEY_R = 0x13, KEY_P = 0x19, POLL_MILLISECONDS = 20, STALL_MICROSECONDS = 1000 };
enum { BAND_MARGIN = 1, LOW_SCREEN = 30, STOP_ROWS = 40 };      /* columns beside the letters; rows */

static const CONSOLE_STYLE StopHead = { ColourWhite, ColourBlue, TRUE }, StopBody = { ColourSilver, ColourBlue, FALSE };
static const CONSOLE_STYLE StopOther = { ColourSky, ColourBlue, FALSE };
static const CONSOLE_STYLE StopTitle = { ColourWhite, ColourRed, TRUE };
static const CONSOLE_STYLE LogStyle = { ColourSilver, ColourBlack, FALSE };
static const CONSOLE_STYLE KeyCap = { ColourBlack, ColourSilver, TRUE };

static volatile BOOLEAN Stopped;

/* The letters take a third of the screen's height at most. */
static LETTERS BandLetters(const char *Word)
{
    return LettersFit(Word, ConsoleColumns() - 2 * BAND_MARGIN, (ConsoleRows() + 2) / 3);
}

/* A blank row, the letters, a blank row, the detail, and a blank row where there is room. */
static ULONG BandRows(void)
{
    return BandLetters("PASSED").Rows + (ConsoleRows() < LOW_SCREEN ? 3 : 4);
}

static void DrawCentred(ULONG Row, CONSOLE_STYLE Style, const char *Text)
{
    ULONG Length = (ULONG)strlen(Text), Columns = ConsoleColumns();

    ConsoleText(Row, Length < Columns ? (Columns - Length) / 2 : 0, Columns, Style, Text);
}

static ULONG DrawKey(ULONG Row, ULONG Column, CONSOLE_STYLE Style, const char *Cap, const char *Meaning)
{
    Column += ConsoleText(Row, Column, ConsoleColumns(), KeyCap, Cap) + 1;
    return Column + ConsoleText(Row, Column, ConsoleColumns(), Style, Meaning) + 4;
}

static void DrawKeys(void)
{
    CONSOLE_STYLE Style = Stopped ? StopBody : LogStyle;
    ULONG Row = ConsoleRows() - 1, Column = 2;

    ConsoleFill(Row, 0, 1, ConsoleColumns(), Style);
    Column = DrawKey(Row, Column, Style, " R ", "restart");
    Column = DrawKey(Row, Column, Style, " P ", "power off");
    if (!KeyboardPresent())
        ConsoleText(Row, Column, ConsoleColumns() - Column, Style, "(no keyboard here: on serial port 1)");
    ConsoleFlush();
}

/* A stopped machine has no clock interrupt and nobody to give the processor to. */
static void Rest(void)
{
    LARGE_INTEGER Interval = { .QuadPart = -10000ll * POLL_MILLISECONDS };

    if (Stopped)
        KeStallExecutionProcessor(STALL_MICROSECONDS);
    else
        KeDelayExecutionThread(KernelMode, FALSE, &Interval);
}

/* ---- Within the screen ---- */

ULONG ScreenBandTop(void)
{
    ULONG Rows = ConsoleRows(), Below = BandRows() + 1;

    return Rows > Below ? Rows - Below : 0;
}

/* ScreenDrawBand - the verdict's band across the screen, above the row for the keys. */
void ScreenDrawBand(BOOLEAN Passed, const char *Detail)
{
    CONSOLE_STYLE Style = { ColourWhite, Passed ? ColourGreen : ColourRed, TRUE };
    const char *Word = Passed ? "PASSED" : "FAILED";
    LETTERS Letters = BandLetters(Word);
    ULONG Top = ScreenBandTop();

    ConsoleFill(Top, 0, BandRows(), ConsoleColumns(), Style);
    if (Letters.Font)
        LettersDraw(&Letters, Top + 1, (ConsoleColumns() - Letters.Columns) / 2, Style, Word);
    else
        DrawCentred(Top + 1, Style, Word);
    DrawCentred(Top + BandLetters("PASSED").Rows + 2, Style, Detail);
}

BOOLEAN ScreenStopped(void)
{
    return Stopped;
}

/* ScreenFormatTime - "1.24 s", from a minute on "1:02:03". */
void ScreenFormatTime(char *Buffer, SIZE_T Size, ULONG64 Milliseconds)
{
    ULONG64 Seconds = Milliseconds / 1000;

    if (Seconds < 60)
        RtlFormat(Buffer, Size, "%u.%02u s", (ULONG)Seconds, (ULONG)(Milliseconds % 1000 / 10));
    else
        RtlFormat(Buffer, Size, "%I64u:%02u:%02u", Seconds / 3600, (ULONG)(Seconds / 60 % 60), (ULONG)(Seconds % 60));
}

/* ---- Public ---- */

/* ScreenShowLog - give the whole screen to the log, empty; after a self-test that is not the end. */
void ScreenShowLog(void)
{
    CONSOLE_LOG Log = { .Top = 0, .Rows = ConsoleRows(), .Margin = 1, .Cursor = TRUE, .Head = LogStyle,
                        .Body = LogStyle };

    if (Stopped || ConsoleRows() == 0)
        return;
    ConsoleFill(0, 0, ConsoleRows(), ConsoleColumns(), LogStyle);
    ConsoleFlush();
    ConsoleSetLog(&Log);
}

/* ScreenShowVerdict - the band, with the newest lines of the log above it. Detail: one line, copied.
 * IRQL: PASSIVE_LEVEL. */
void ScreenShowVerdict(BOOLEAN Passed, const char *Detail)
{
    ULONG Top = ScreenBandTop();
    CONSOLE_LOG Log = { .Top = 0, .Rows = Top ? Top - 1 : 0, .Margin = 1, .Head = LogStyle, .Body = LogStyle };

    if (Stopped || ConsoleRows() == 0)
        return;
    ConsoleSetLog(&Log);
    ConsoleFill(Log.Rows, 0, ConsoleRows() - Log.Rows, ConsoleColumns(), LogStyle);
    ScreenDrawBand(Passed, Detail);
    ConsoleFlush();
}

/* ScreenEnterStop - from now on the screen is the stop's: blank, a title, and below it whatever the log
 * says, of which the beginning stays. Takes no lock.  IRQL: any; the other processors are stopped. */
void ScreenEnterStop(void)
{
    ULONG Rows = ConsoleRows();
    CONSOLE_LOG Log = { .Top = 2, .Rows = Rows - 4, .Margin = 2, .Head = StopHead, .Body = StopBody, .Other = StopOther,
                        .Fixed = TRUE, .Dense = Rows < STOP_ROWS };

    Stopped = TRUE;
    if (Rows == 0)
        return;
    ConsoleEnterStop(&Log);
    ConsoleFill(0, 0, 1, ConsoleColumns(), StopTitle);
    ConsoleText(0, 2, ConsoleColumns(), StopTitle, "Kedge has stopped");
    ConsoleFlush();
}

/* ScreenWaitForKey - say what the keys do, and wait until one of them is pressed, here or on serial port 1.
 * IRQL: PASSIVE_LEVEL; any after ScreenEnterStop. */
SCREEN_KEY ScreenWaitForKey(void)
{
    if (ConsoleRows() != 0)
        DrawKeys();
    for (;;) {
        int Key = KeyboardPoll(), Byte = SerialRead(1);

        if (Key == KEY_R || Byte == 'r' || Byte == 'R')
            return ScreenKeyRestart;
        if (Key == KEY_P || Byte == 'p' || Byte == 'P')
            return ScreenKeyPowerOff;
        Rest();
    }
}
