/* selftest_view.c - the self-test as one watches it.
 *
 *   header      name of the run, processors, elapsed time
 *   bar         one stretch per test, in the order they end; a stretch with a failure stays red
 *   counts      passed, failed, how many of how many; below them the test that ended last
 *   suites      one field each: what it is called, how many of its tests passed
 *   failures    file, line, what was expected; they stay
 *   log         the kernel's newest lines; at the end the verdict takes this place
 *
 * The picture is a function of the counts below: each redraw paints all of it into cells, of which
 * grid.c draws those that differ. Redraws come at most FRAMES_PER_SECOND times a second of the kernel's
 * clock, so that watching costs the tests next to nothing. The runner's thread is the only caller, and
 * the log's rows are not touched, so there is no lock. */
#include "display.h"
#include <drivers/screen.h>
#include <ke/clock.h>
#include <ke/init.h>
#include <rtl/print.h>
#include <rtl/string.h>

enum { MAX_SUITES = 128, SUITE_NAME = 28, TEST_NAME = 100, MAX_FAILURES = 64, FAILURE_TEXT = 200, PLACE_TEXT = 100 };
enum { TEXT_INDENT = 2, FRAMES_PER_SECOND = 20 };
enum { ROW_HEADER = 0, ROW_BAR = 2, ROW_COUNTS = 4, ROW_TEST = 5, ROW_LISTS = 7 };
enum { FIELD_NARROW = 19, FIELD_WIDE = 25, FIELD_COUNT = 7 };
enum { SQUARE = 0x25A0, LINE = 0x2500, BLOCK = 0x2588 };

typedef struct _SUITE { char Name[SUITE_NAME]; ULONG Passed, Failed; } SUITE;
typedef struct _FAILURE { const char *File; int Line; char Text[FAILURE_TEXT]; } FAILURE;

static const CONSOLE_STYLE Plain = { ColourSilver, ColourBlack, FALSE }, Dim = { ColourGrey, ColourBlack, FALSE };
static const CONSOLE_STYLE Bright = { ColourWhite, ColourBlack, TRUE }, Good = { ColourLime, ColourBlack, TRUE };
static const CONSOLE_STYLE Bad = { ColourRose, ColourBlack, TRUE }, Odd = { ColourAmber, ColourBlack, FALSE };
static const CONSOLE_STYLE Busy = { ColourSky, ColourBlack, TRUE };
static const CONSOLE_STYLE Title = { ColourWhite, ColourBlue, TRUE }, TitleRest = { ColourSilver, ColourBlue, FALSE };

/* All below belongs to the runner's thread. */
static ULONG Columns, Rows, Margin, Width;      /* of the screen; Width is between the margins */
static ULONG Done, Total, Passes, Failures, Skips;
static BOOLEAN Ended;
static SUITE Suites[MAX_SUITES];
static ULONG SuiteCount;
static FAILURE Failed[MAX_FAILURES];
static ULONG FailedCount;                       /* recorded; more may have come */
static BOOLEAN BarFailed[GRID_COLUMNS];         /* columns of the bar with a failed test in them */
static char TestName[TEST_NAME];
static ULONG64 Started, Drawn, Frequency;       /* performance counter */
static ULONG64 EndMilliseconds;

static ULONG64 Now(void)
{
    return (ULONG64)KeQueryPerformanceCounter(NULL).QuadPart;
}

static ULONG64 Elapsed(void)
{
    return Ended ? EndMilliseconds : (Now() - Started) * 1000 / Frequency;
}

/* ---- Painting, top to bottom ---- */

static void PaintHeader(void)
{
    char Time[32], Text[64];
    ULONG Processors = KeQueryActiveProcessorCount(NULL), Length;

    ScreenFormatTime(Time, sizeof(Time), Elapsed());
    Length = (ULONG)RtlFormat(Text, sizeof(Text), "%u processor%s    %s", Processors, Processors == 1 ? "" : "s", Time);
    ConsoleFill(ROW_HEADER, 0, 1, Columns, Title);
    ConsoleText(ROW_HEADER, Margin, Width, Title, "Kedge");
    ConsoleText(ROW_HEADER, Margin + 7, Width, TitleRest, "self-test");
    if (Length < Width)
        ConsoleText(ROW_HEADER, Margin + Width - Length, Length, TitleRest, Text);
}

/* Partial blocks let the bar grow by an eighth of a cell. */
static void PaintBar(void)
{
    ULONG Eighths = Total ? (ULONG)((ULONG64)Done * Width * 8 / Total) : 0;

    for (ULONG X = 0; X < Width; X++) {
        CONSOLE_STYLE Style = { BarFailed[X] ? ColourRose : ColourLime, ColourBlue, FALSE };
        ULONG Filled = Eighths <= X * 8 ? 0 : Eighths - X * 8;

        ConsolePut(ROW_BAR, Margin + X, Style, Filled == 0 ? ' ' : Filled >= 8 ? BLOCK : (USHORT)(0x2590 - Filled));
    }
}

static ULONG PaintCount(ULONG Column, CONSOLE_STYLE Style, ULONG Count, const char *What)
{
    char Text[48];

    RtlFormat(Text, sizeof(Text), "%u %s", Count, What);
    return Column + ConsoleText(ROW_COUNTS, Column, Width, Style, Text) + 3;
}

static void PaintCounts(void)
{
    ULONG Column = Margin, Length;
    char Text[64];

    ConsoleFill(ROW_COUNTS, 0, 2, Columns, Plain);
    Column = PaintCount(Column, Passes ? Good : Dim, Passes, "passed");
    Column = PaintCount(Column, Failures ? Bad : Dim, Failures, "failed");
    if (Skips)
        Column = PaintCount(Column, Odd, Skips, "skipped");
    PaintCount(Column, Dim, SuiteCount, SuiteCount == 1 ? "suite" : "suites");
    Length = (ULONG)RtlFormat(Text, sizeof(Text), "%u of %u", Done, Total);
    ConsoleText(ROW_COUNTS, Margin + Width - Length, Length, Plain, Text);
    if (!Ended && SuiteCount) {
        Column = Margin + ConsoleText(ROW_TEST, Margin, Width, Dim, Suites[SuiteCount - 1].Name) + 1;
        ConsoleText(ROW_TEST, Column, Margin + Width - Column, Dim, TestName);
    }
}

static void PaintSuite(ULONG Row, ULONG Column, ULONG Field, const SUITE *Suite)
{
    BOOLEAN Running = !Ended && Suite == &Suites[SuiteCount - 1];
    CONSOLE_STYLE Mark = Suite->Failed ? Bad : Running ? Busy : Good;
    char Count[24];
    ULONG Length, Tests = Suite->Passed + Suite->Failed;

    Length = (ULONG)RtlFormat(Count, sizeof(Count), Suite->Failed ? "%u/%u" : "%u", Suite->Passed, Tests);
    ConsolePut(Row, Column, Mark, SQUARE);
    ConsoleText(Row, Column + 2, Field - FIELD_COUNT, Running ? Bright : Suite->Failed ? Bad : Plain, Suite->Name);
    ConsoleText(Row, Column + Field - 2 - Length, Length, Suite->Failed ? Bad : Dim, Count);
}

static ULONG SuiteLines(ULONG Field)
{
    ULONG PerRow = Width / Field;

    return (SuiteCount + PerRow - 1) / PerRow;
}

/* Names in full if all suites then fit. If they do not fit in any way, the newest are shown; the count
 * above says how many there are. */
static void PaintSuites(ULONG Top, ULONG Lines)
{
    ULONG Field = SuiteLines(FIELD_WIDE) <= Lines ? FIELD_WIDE : FIELD_NARROW, PerRow = Width / Field;
    ULONG First = SuiteCount > Lines * PerRow ? SuiteCount - Lines * PerRow : 0;

    for (ULONG I = First; I < SuiteCount; I++)
        PaintSuite(Top + (I - First) / PerRow, Margin + (I - First) % PerRow * Field, Field, &Suites[I]);
}

static ULONG FormatPlace(char *Buffer, SIZE_T Size, const FAILURE *Failure)
{
    return (ULONG)RtlFormat(Buffer, Size, "%s:%d", Failure->File, Failure->Line);
}

/* The rows that Text takes below its place, indented; 0 if it fits behind the place. */
static ULONG RowsBelow(ULONG PlaceLength, const char *Text)
{
    ULONG Length = (ULONG)strlen(Text), Line = Width - TEXT_INDENT;

    return PlaceLength + TEXT_INDENT + Length <= Width ? 0 : (Length + Line - 1) / Line;
}

static ULONG FailureLines(const FAILURE *Failure)
{
    char Place[PLACE_TEXT];

    return 1 + RowsBelow(FormatPlace(Place, sizeof(Place), Failure), Failure->Text);
}

static void PaintFailure(ULONG Row, const FAILURE *Failure)
{
    ULONG Line = Width - TEXT_INDENT, Length, Below;
    const char *Text = Failure->Text;
    char Place[PLACE_TEXT], Part[GRID_COLUMNS];

    Length = FormatPlace(Place, sizeof(Place), Failure);
    Below = RowsBelow(Length, Text);
    ConsoleText(Row, Margin, Width, Bad, Place);
    if (Below == 0)
        ConsoleText(Row, Margin + Length + TEXT_INDENT, Width, Plain, Text);
    for (ULONG I = 0; I < Below; I++) {
        RtlFormat(Part, sizeof(Part), "%.*s", (int)Line, Text + I * Line);
        ConsoleText(Row + 1 + I, Margin + TEXT_INDENT, Line, Plain, Part);
    }
}

static ULONG AllFailureLines(void)
{
    ULONG Lines = FailedCount == MAX_FAILURES;

    for (ULONG I = 0; I < FailedCount; I++)
        Lines += FailureLines(&Failed[I]);
    return Lines;
}

/* The first ones come first: later failures often follow from them. */
static void PaintFailures(ULONG Top, ULONG Lines)
{
    ULONG End = AllFailureLines() > Lines ? Lines - 1 : Lines, Used = 0;

    for (ULONG I = 0; I < FailedCount && Used + FailureLines(&Failed[I]) <= End; I++) {
        PaintFailure(Top + Used, &Failed[I]);
        Used += FailureLines(&Failed[I]);
    }
    if (AllFailureLines() > Lines || FailedCount == MAX_FAILURES)
        ConsoleText(Top + Used, Margin, Width, Odd, "and more: all of them are in the log");
}

/* Of Space rows, how many the suites get. Failures come before them; where these leave little room, a
 * third of a large space and nothing of a small one. */
static ULONG ShareOfSuites(ULONG Space)
{
    ULONG ForFailures = FailedCount ? AllFailureLines() + 1 : 0, Least = Space < 9 ? 0 : Space / 3;
    ULONG Share = ForFailures + Least <= Space ? Space - ForFailures : Least, Wanted = SuiteLines(FIELD_WIDE);

    return Share < Wanted ? Share : Wanted;
}

/* Rows from Top to End: suites, a blank row, failures. */
static void PaintLists(ULONG Top, ULONG End)
{
    ULONG Space = End > Top ? End - Top : 0, ForSuites = ShareOfSuites(Space);
    ULONG Gap = ForSuites != 0;

    ConsoleFill(Top, 0, Space, Columns, Plain);
    PaintSuites(Top, ForSuites);
    if (FailedCount && ForSuites + Gap < Space)
        PaintFailures(Top + ForSuites + Gap, Space - ForSuites - Gap);
}

/* ---- Where the log is ---- */

static ULONG LogTop(void)
{
    return Rows - (Rows < 30 ? 5 : Rows / 4);
}

static void PaintRule(void)
{
    for (ULONG X = 0; X < Width; X++)
        ConsolePut(LogTop() - 1, Margin + X, Dim, LINE);
}

static void MoveLog(ULONG Top, ULONG LogRows)
{
    CONSOLE_LOG Log = { .Top = Top, .Rows = LogRows, .Margin = Margin, .Head = Dim, .Body = Dim };

    ConsoleSetLog(&Log);
}

static void Paint(void)
{
    PaintHeader();
    PaintBar();
    PaintCounts();
    PaintLists(ROW_LISTS, LogTop() - 1);
    PaintRule();
    ConsoleFlush();
    Drawn = Now();
}

static void PaintIfDue(void)
{
    if (Columns && !ScreenStopped() && Now() - Drawn >= Frequency / FRAMES_PER_SECOND)
        Paint();
}

/* ---- The calls of the runner ---- */

static void Begin(ULONG Tests)
{
    LARGE_INTEGER PerSecond;

    KeQueryPerformanceCounter(&PerSecond);
    Frequency = (ULONG64)PerSecond.QuadPart;
    Started = Now();
    Columns = ConsoleColumns();
    Rows = ConsoleRows();
    Total = Tests;
    if (Columns < 40 || Rows < 20 || ScreenStopped()) {
        Columns = 0;
        return;
    }
    Margin = Columns < 120 ? 2 : 4;
    Width = Columns - 2 * Margin;
    MoveLog(LogTop(), Rows - LogTop());
    ConsoleFill(0, 0, LogTop(), Columns, Plain);
    Paint();
}

static void SuiteStart(const char *Name)
{
    if (SuiteCount < MAX_SUITES)
        RtlFormat(Suites[SuiteCount++].Name, SUITE_NAME, "%s", Name);
    TestName[0] = '\0';
    PaintIfDue();
}

static void MarkBar(void)
{
    if (Total && Width)
        BarFailed[(ULONG)((ULONG64)(Done ? Done - 1 : 0) * Width / Total) % GRID_COLUMNS] = TRUE;
}

static void TestEnd(const char *Suite, const char *Name, BOOLEAN Passed, ULONG TestsDone, ULONG Tests, ULONG Good,
                    ULONG Bad)
{
    UNREFERENCED_PARAMETER(Suite);
    Skips = TestsDone > Good + Bad ? TestsDone - Good - Bad : 0;
    if (SuiteCount && Passed && Good != Passes)
        Suites[SuiteCount - 1].Passed++;
    if (SuiteCount && !Passed)
        Suites[SuiteCount - 1].Failed++;
    RtlFormat(TestName, TEST_NAME, "%s", Name);
    Done = TestsDone;
    Total = Tests;
    Passes = Good;
    Failures = Bad;
    if (!Passed)
        MarkBar();
    PaintIfDue();
}

static void Failure(const char *File, int Line, const char *Text)
{
    if (FailedCount == MAX_FAILURES)
        return;
    Failed[FailedCount].File = File;
    Failed[FailedCount].Line = Line;
    RtlFormat(Failed[FailedCount].Text, FAILURE_TEXT, "%s", Text);
    FailedCount++;
}

static void FormatSummary(char *Text, SIZE_T Size)
{
    char Time[32];

    ScreenFormatTime(Time, sizeof(Time), EndMilliseconds);
    if (Failures)
        RtlFormat(Text, Size, "%u of %u tests failed in %s", Failures, Passes + Failures, Time);
    else
        RtlFormat(Text, Size, "%u test%s passed in %s", Passes, Passes == 1 ? "" : "s", Time);
}

static void End(ULONG Good, ULONG Bad, ULONG Skipped, ULONG64 Milliseconds)
{
    ULONG Top = ScreenBandTop();
    char Text[96];

    Passes = Good;
    Failures = Bad;
    Skips = Skipped;
    Ended = TRUE;
    EndMilliseconds = Milliseconds;
    if (!Columns || ScreenStopped())
        return;
    FormatSummary(Text, sizeof(Text));
    MoveLog(Rows, 0);
    PaintHeader();
    PaintBar();
    PaintCounts();
    PaintLists(ROW_TEST + 1, Top - 1);
    ConsoleFill(Top - 1, 0, Rows - Top + 1, Columns, Plain);
    ScreenDrawBand(Bad == 0, Text);
    ConsoleFlush();
}

/* ---- Public ---- */

/* ScreenSelftestView - the view, to be given to the runner. All its calls: PASSIVE_LEVEL, one thread. */
const SELFTEST_VIEW *ScreenSelftestView(void)
{
    static const SELFTEST_VIEW View = { Begin, SuiteStart, TestEnd, Failure, End };

    return &View;
}
