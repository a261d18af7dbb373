/* scroll.c - text that flows into the log's region of a grid.
 *
 * Long lines wrap and go on below their own indent. When the region is full it jumps by a quarter of its
 * height instead of by one line: at 1280 x 800 one jump draws as much as a dozen lines, so that a boot of
 * a hundred lines draws the screen eight times and not a hundred, and still each line is shown at once,
 * which a machine that is about to die may not get to do later.
 * A Fixed region never scrolls (the stop screen: its first lines matter most): it says in its last row
 * that there was more. A region without rows swallows its text.
 * Bytes are UTF-8; what is not shows as U+FFFD does. Escape sequences for terminals are left out, other
 * control characters are ignored. */
#include "display.h"

enum { TAB_WIDTH = 8, WRAP_INDENT = 2, REPLACEMENT = 0xFFFD };
enum { EscapeNone, EscapeStart, EscapeSequence };

static ULONG LineWidth(const SCROLL *S)
{
    ULONG Columns = S->Grid->Columns, Both = 2 * S->Look.Margin;

    return Columns > Both ? Columns - Both : 1;
}

static void ShowCursor(SCROLL *S, BOOLEAN On)
{
    CONSOLE_STYLE Style = S->Look.Body;
    CELL Cell;

    if (!S->Look.Cursor || S->Row >= S->Look.Rows || S->Column >= LineWidth(S))
        return;
    Cell = GridCell(Style, On ? 0x2588 : ' ');
    GridPut(S->Grid, S->Look.Top + S->Row, S->Look.Margin + S->Column, Cell);
}

static void PutText(SCROLL *S, ULONG Row, const char *Text)
{
    GridFill(S->Grid, S->Look.Top + Row, 0, 1, S->Grid->Columns, S->Look.Body);
    for (ULONG I = 0; Text[I] && I < LineWidth(S); I++)
        GridPut(S->Grid, S->Look.Top + Row, S->Look.Margin + I, GridCell(S->Look.Body, (UCHAR)Text[I]));
}

/* The rows from First on become blank. */
static void Wipe(SCROLL *S, ULONG First)
{
    GridFill(S->Grid, S->Look.Top + First, 0, S->Look.Rows - First, S->Grid->Columns, S->Look.Body);
}

static void MakeRoom(SCROLL *S)
{
    ULONG Jump = S->Look.Rows / 4 + 1;

    if (S->Row < S->Look.Rows)
        return;
    if (S->Look.Rows == 0) {
        S->Full = TRUE;
        return;
    }
    if (S->Look.Fixed) {
        S->Full = TRUE;
        PutText(S, S->Look.Rows - 1, "(there is more; serial port 1 has all of it)");
        return;
    }
    GridMoveRows(S->Grid, S->Look.Top, S->Look.Top + Jump, S->Look.Rows - Jump);
    S->Row = S->Look.Rows - Jump;
    Wipe(S, S->Row);
}

static void NewLine(SCROLL *S)
{
    S->Row++;
    S->Column = 0;
}

static void BeginLine(SCROLL *S)
{
    S->Indent = 0;
    S->InIndent = TRUE;
    S->Style = S->Look.Head;
}

/* A fixed region has no row to spare for a blank line at its top, a dense one for none at all. */
static void EndLine(SCROLL *S)
{
    if (S->Column == 0 && S->Look.Dense)
        S->OddParagraph = !S->OddParagraph;
    else if (S->Column != 0 || S->Row != 0 || !S->Look.Fixed)
        NewLine(S);
    BeginLine(S);
}

static CELL *CellAt(const SCROLL *S, ULONG Row, ULONG Column)
{
    return &S->Grid->Wanted[S->Look.Top + Row][S->Look.Margin + Column];
}

/* Where the word begins that ends at the full row's edge; the width if it is too long to be moved. */
static ULONG LastWord(const SCROLL *S, ULONG Width)
{
    ULONG Start = Width;

    while (Start > Width / 2 && CellAt(S, S->Row, Start - 1)->Character != ' ')
        Start--;
    return Start > Width / 2 ? Start : Width;
}

/* Go on in the next row, below the line's own indent, and take an unfinished word along. */
static void Wrap(SCROLL *S, ULONG Width, ULONG Next)
{
    ULONG Start = Next == ' ' || S->Row >= S->Look.Rows ? Width : LastWord(S, Width);

    NewLine(S);
    S->Column = S->Indent + WRAP_INDENT < Width / 2 ? S->Indent + WRAP_INDENT : 0;
    MakeRoom(S);
    for (ULONG From = Start; From < Width && !S->Full; From++) {
        GridPut(S->Grid, S->Look.Top + S->Row, S->Look.Margin + S->Column++, *CellAt(S, S->Row - 1, From));
        GridPut(S->Grid, S->Look.Top + S->Row - 1, S->Look.Margin + From, GridCell(S->Style, ' '));
    }
}

static void PutCharacter(SCROLL *S, ULONG Character)
{
    ULONG Width = LineWidth(S);

    if (S->Column >= Width)
        Wrap(S, Width, Character);
    MakeRoom(S);
    if (S->Full)
        return;
    if (S->InIndent && Character == ' ') {
        S->Indent++;
        S->Style = S->OddParagraph ? S->Look.Other : S->Look.Body;
    } else {
        S->InIndent = FALSE;
    }
    GridPut(S->Grid, S->Look.Top + S->Row, S->Look.Margin + S->Column++, GridCell(S->Style, Character));
}

static void PutTab(SCROLL *S)
{
    do
        PutCharacter(S, ' ');
    while (S->Column % TAB_WIDTH != 0 && S->Column < LineWidth(S) && !S->Full);
}

/* ESC [ parameters letter, or ESC and one character. */
static BOOLEAN SkipEscape(SCROLL *S, UCHAR Byte)
{
    if (S->Escape == EscapeNone && Byte != 0x1B)
        return FALSE;
    if (S->Escape == EscapeNone)
        S->Escape = EscapeStart;
    else if (S->Escape == EscapeStart)
        S->Escape = Byte == '[' ? EscapeSequence : EscapeNone;
    else if (Byte >= 0x40)
        S->Escape = EscapeNone;
    return TRUE;
}

static void PutByte(SCROLL *S, UCHAR Byte)
{
    ULONG Character;

    if (SkipEscape(S, Byte) || !Utf8Feed(&S->Utf8, Byte, &Character))
        return;
    if (Character == '\n') {
        EndLine(S);
    } else if (Character == '\r') {
        S->Column = 0;
    } else if (Character == '\t') {
        PutTab(S);
    } else if (Character >= ' ' && Character != 0x7F) {
        PutCharacter(S, Character);
    }
}

/* The look is made to fit, so that Top + Rows lies in the grid. */
static CONSOLE_LOG Fit(const GRID *Grid, const CONSOLE_LOG *Look)
{
    CONSOLE_LOG Fitted = *Look;

    if (Fitted.Top > Grid->Rows)
        Fitted.Top = Grid->Rows;
    if (Fitted.Rows > Grid->Rows - Fitted.Top)
        Fitted.Rows = Grid->Rows - Fitted.Top;
    return Fitted;
}

/* ---- Within the screen ---- */

/* Utf8Feed - see display.h. A byte that breaks a sequence ends it, and counts as part of it. */
BOOLEAN Utf8Feed(UTF8_STATE *State, UCHAR Byte, ULONG *Character)
{
    if (State->Left != 0 && (Byte & 0xC0) == 0x80) {
        State->Character = State->Character << 6 | (Byte & 0x3F);
        *Character = State->Character;
        return --State->Left == 0;
    }
    *Character = Byte < 0x80 && State->Left == 0 ? Byte : REPLACEMENT;
    State->Left = Byte < 0xC0 || Byte >= 0xF8 ? 0 : Byte < 0xE0 ? 1 : Byte < 0xF0 ? 2 : 3;
    State->Character = Byte & (0x3F >> State->Left);
    return State->Left == 0;
}

/* ScrollInitialize - an empty region that looks like Look. */
void ScrollInitialize(SCROLL *S, GRID *Grid, const CONSOLE_LOG *Look)
{
    *S = (SCROLL){ .Grid = Grid, .Look = Fit(Grid, Look) };
    BeginLine(S);
    Wipe(S, 0);
}

/* ScrollMove - become the region that Look describes; the newest lines that fit come along. What the
 * region leaves behind elsewhere is the caller's to overwrite. */
void ScrollMove(SCROLL *S, const CONSOLE_LOG *Look)
{
    CONSOLE_LOG New = Fit(S->Grid, Look);
    ULONG Used = S->Row < S->Look.Rows && S->Column != 0 ? S->Row + 1 : S->Row;
    ULONG Kept = Used < New.Rows ? Used : New.Rows;

    ShowCursor(S, FALSE);
    GridMoveRows(S->Grid, New.Top, S->Look.Top + Used - Kept, Kept);
    S->Row = S->Full ? 0 : S->Row - (Used - Kept);
    S->Full = FALSE;
    S->Look = New;
    Wipe(S, Kept);
    GridFlush(S->Grid, New.Top, New.Rows);
}

/* ScrollWrite - append text and show it. */
void ScrollWrite(SCROLL *S, const char *Text, SIZE_T Length)
{
    ShowCursor(S, FALSE);
    for (SIZE_T I = 0; I < Length && !S->Full; I++)
        PutByte(S, (UCHAR)Text[I]);
    ShowCursor(S, TRUE);
    GridFlush(S->Grid, S->Look.Top, S->Look.Rows);
}
