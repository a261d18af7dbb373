/* grid.c - the cells of a screen: what is wanted and what is shown.
 *
 * Writers change wanted cells; GridFlush compares them with a copy of what the display shows and draws
 * the difference. So display memory is never read, text that is written again as it was costs nothing,
 * and a region that scrolls draws only the cells whose character changed.
 * Each row notes the span that may differ, so a flush looks at nothing else. A row and its span belong to
 * one writer at a time (console.h says to whom); rows share no state, so writers of different rows need
 * no lock. Every index is checked here: a stop may find the state of an interrupted writer. */
#include "display.h"
#include <rtl/string.h>

/* Softened VGA colours: the same roles, kinder to the eye, and dark enough as paper for white ink. */
const UCHAR DisplayPalette[16][3] = {
    [ColourBlack] = { 0x0D, 0x11, 0x17 }, [ColourBlue] = { 0x12, 0x2B, 0x4F }, [ColourGreen] = { 0x1A, 0x7A, 0x3C },
    [ColourCyan] = { 0x1B, 0x6B, 0x77 }, [ColourRed] = { 0xB0, 0x24, 0x2C }, [ColourMagenta] = { 0x6E, 0x40, 0x8C },
    [ColourBrown] = { 0x8A, 0x5A, 0x14 }, [ColourSilver] = { 0xC3, 0xCB, 0xD4 }, [ColourGrey] = { 0x74, 0x80, 0x90 },
    [ColourSky] = { 0x6C, 0xB0, 0xFF }, [ColourLime] = { 0x4C, 0xC9, 0x6B }, [ColourAqua] = { 0x5F, 0xD7, 0xD7 },
    [ColourRose] = { 0xFF, 0x6B, 0x66 }, [ColourPink] = { 0xD8, 0xA0, 0xFF }, [ColourAmber] = { 0xF0, 0xBE, 0x4E },
    [ColourWhite] = { 0xFA, 0xFC, 0xFF }
};

static void NoteChange(GRID *Grid, ULONG Row, ULONG First, ULONG End)
{
    if (Grid->Changed[Row].End == 0) {
        Grid->Changed[Row].First = (USHORT)First;
        Grid->Changed[Row].End = (USHORT)End;
        return;
    }
    if (First < Grid->Changed[Row].First)
        Grid->Changed[Row].First = (USHORT)First;
    if (End > Grid->Changed[Row].End)
        Grid->Changed[Row].End = (USHORT)End;
}

static void FlushRow(GRID *Grid, ULONG Row)
{
    ULONG Column = Grid->Changed[Row].First, End = Grid->Changed[Row].End;
    CELL *Wanted = Grid->Wanted[Row], *Shown = Grid->Shown[Row];

    Grid->Changed[Row].End = 0;
    while (Column < End) {
        ULONG First = Column;

        while (Column < End && Wanted[Column].Whole != Shown[Column].Whole) {
            Shown[Column] = Wanted[Column];
            Column++;
        }
        if (Column != First)
            Grid->Display->Draw(Grid->Display, Row, First, &Shown[First], Column - First);
        Column++;
    }
}

/* ---- Within the screen ---- */

/* GridCell - Character in Style, as a cell. A character beyond U+FFFF has no picture in any font. */
CELL GridCell(CONSOLE_STYLE Style, ULONG Character)
{
    return (CELL){ { .Character = (USHORT)(Character > 0xFFFF ? 0xFFFD : Character),
                     .Colours = (UCHAR)(Style.Paper << 4 | Style.Ink), .Bold = Style.Bold } };
}

/* GridInitialize - a grid as large as Display; nothing is drawn before GridClear. */
void GridInitialize(GRID *Grid, DISPLAY *Display)
{
    Grid->Display = Display;
    Grid->Columns = Display->Columns;
    Grid->Rows = Display->Rows;
}

/* GridClear - wipe the whole display with Style's paper at once, whatever it shows now. */
void GridClear(GRID *Grid, CONSOLE_STYLE Style)
{
    CELL Blank = GridCell(Style, ' ');

    Grid->Display->Clear(Grid->Display, Style.Paper);
    for (ULONG Row = 0; Row < Grid->Rows; Row++) {
        Grid->Changed[Row].End = 0;
        for (ULONG Column = 0; Column < Grid->Columns; Column++)
            Grid->Wanted[Row][Column] = Grid->Shown[Row][Column] = Blank;
    }
}

/* GridPut - want Cell at Row, Column; outside the grid it is clipped. */
void GridPut(GRID *Grid, ULONG Row, ULONG Column, CELL Cell)
{
    if (Row >= Grid->Rows || Column >= Grid->Columns || Grid->Wanted[Row][Column].Whole == Cell.Whole)
        return;
    Grid->Wanted[Row][Column] = Cell;
    NoteChange(Grid, Row, Column, Column + 1);
}

/* GridFill - want blanks in a rectangle, clipped to the grid. */
void GridFill(GRID *Grid, ULONG Row, ULONG Column, ULONG Rows, ULONG Columns, CONSOLE_STYLE Style)
{
    CELL Blank = GridCell(Style, ' ');

    for (ULONG Y = Row; Y < Grid->Rows && Y - Row < Rows; Y++)
        for (ULONG X = Column; X < Grid->Columns && X - Column < Columns; X++)
            GridPut(Grid, Y, X, Blank);
}

/* GridMoveRows - want rows To... to be what rows From... are wanted to be now; they may overlap. */
void GridMoveRows(GRID *Grid, ULONG To, ULONG From, ULONG Rows)
{
    if (To >= Grid->Rows || From >= Grid->Rows || Rows > Grid->Rows - To || Rows > Grid->Rows - From || To == From)
        return;
    memmove(Grid->Wanted[To], Grid->Wanted[From], (SIZE_T)Rows * sizeof(Grid->Wanted[0]));
    for (ULONG Row = To; Row < To + Rows; Row++)
        NoteChange(Grid, Row, 0, Grid->Columns);
}

/* GridFlush - make the display show what is wanted in Rows rows from Top. */
void GridFlush(GRID *Grid, ULONG Top, ULONG Rows)
{
    for (ULONG Row = Top; Row < Grid->Rows && Row - Top < Rows; Row++)
        FlushRow(Grid, Row);
}
