/* letters.c - a word in letters many cells high, made of the bold font's own pixels.
 *
 * Half blocks halve the cell's height, which makes the picture's dots square: 8 x 8 pixels in an 8 x 16
 * cell. So the word looks the same in VGA text and on a framebuffer, only larger or finer. What is bold
 * on paper is thin on a wall, so each dot is drawn once more to its right. */
#include "display.h"
#include <rtl/string.h>

/* X may be Width: the column that the widening adds. */
static BOOLEAN Dot(const FONT *Font, char Letter, ULONG X, ULONG Y)
{
    const UCHAR *Row = FontGlyph(Font, (UCHAR)Letter) + Y * Font->RowBytes;

    BOOLEAN Here = X < Font->Width && Row[X / 8] >> (7 - X % 8) & 1;
    BOOLEAN Left = X != 0 && Row[(X - 1) / 8] >> (7 - (X - 1) % 8) & 1;

    return Here || Left;
}

static BOOLEAN RowHasInk(const FONT *Font, const char *Word, ULONG Y)
{
    for (; *Word; Word++)
        for (ULONG X = 0; X < Font->Width; X++)
            if (Dot(Font, *Word, X, Y))
                return TRUE;
    return FALSE;
}

static LETTERS Measure(const FONT *Font, ULONG Scale, const char *Word)
{
    LETTERS L = { .Font = Font, .Scale = Scale, .First = 0, .End = Font->Height };

    while (L.First < L.End && !RowHasInk(Font, Word, L.First))
        L.First++;
    while (L.End > L.First && !RowHasInk(Font, Word, L.End - 1))
        L.End--;
    L.Columns = (ULONG)strlen(Word) * (Font->Width + 1) * Scale;
    L.Rows = ((L.End - L.First) * Scale + 1) / 2;
    return L;
}

/* Whether the half cell X, Y of the picture is inked. */
static BOOLEAN Inked(const LETTERS *L, const char *Word, ULONG X, ULONG Y)
{
    ULONG Column = X / L->Scale, Line = L->First + Y / L->Scale, Advance = L->Font->Width + 1;

    return Line < L->End && Dot(L->Font, Word[Column / Advance], Column % Advance, Line);
}

/* ---- Within the screen ---- */

/* LettersFit - the largest picture of Word that fits into Columns x Rows cells; Font is NULL if none does. */
LETTERS LettersFit(const char *Word, ULONG Columns, ULONG Rows)
{
    static const struct { ULONG Height, Scale; } Sizes[] = { { 32, 2 }, { 24, 2 }, { 32, 1 }, { 24, 1 }, { 16, 1 } };

    for (ULONG I = 0; I < RTL_NUMBER_OF(Sizes); I++) {
        const FONT *Font = FontOfHeight(Sizes[I].Height, TRUE);

        if (Font) {
            LETTERS L = Measure(Font, Sizes[I].Scale, Word);

            if (L.Columns <= Columns && L.Rows <= Rows)
                return L;
        }
    }
    return (LETTERS){ .Font = NULL };
}

/* LettersDraw - Word with its upper left cell at Row, Column. */
void LettersDraw(const LETTERS *L, ULONG Row, ULONG Column, CONSOLE_STYLE Style, const char *Word)
{
    static const USHORT Halves[] = { ' ', 0x2580, 0x2584, 0x2588 };

    for (ULONG Y = 0; Y < L->Rows; Y++)
        for (ULONG X = 0; X < L->Columns; X++)
            ConsolePut(Row + Y, Column + X, Style,
                       Halves[Inked(L, Word, X, 2 * Y) | Inked(L, Word, X, 2 * Y + 1) << 1]);
}
