/* scroll_test.c - text that flows into a grid, on a display that counts what it is asked to draw. */
#include "display.h"
#include <ktest.h>
#include <mm/mm.h>
#include <rtl/string.h>

enum { COLUMNS = 20, ROWS = 8 };

static const CONSOLE_LOG Whole = { .Rows = ROWS, .Head = { ColourWhite, ColourBlack, TRUE },
                                   .Body = { ColourSilver, ColourBlack, FALSE } };

static ULONG CellsDrawn;
static USHORT Picture[ROWS][COLUMNS];
static SCROLL Scroll;
static GRID *Grid;

static void DrawPicture(DISPLAY *Display, ULONG Row, ULONG Column, const CELL *Cells, ULONG Count)
{
    UNREFERENCED_PARAMETER(Display);
    REQUIRE_TRUE(Row < ROWS && Column + Count <= COLUMNS);
    for (ULONG I = 0; I < Count; I++)
        Picture[Row][Column + I] = Cells[I].Character;
    CellsDrawn += Count;
}

static void ClearPicture(DISPLAY *Display, UCHAR Paper)
{
    UNREFERENCED_PARAMETER(Display);
    UNREFERENCED_PARAMETER(Paper);
    for (ULONG I = 0; I < ROWS * COLUMNS; I++)
        Picture[I / COLUMNS][I % COLUMNS] = ' ';
}

static DISPLAY Display = { COLUMNS, ROWS, DrawPicture, ClearPicture };

static void Open(const CONSOLE_LOG *Look)
{
    Grid = MmAllocatePages(sizeof(GRID));
    REQUIRE_TRUE(Grid != NULL);
    GridInitialize(Grid, &Display);
    GridClear(Grid, Look->Body);
    ScrollInitialize(&Scroll, Grid, Look);
    CellsDrawn = 0;
}

static void Close(void)
{
    MmFreePages(Grid, sizeof(GRID));
}

static void Write(const char *Text)
{
    ScrollWrite(&Scroll, Text, strlen(Text));
}

/* Row shows Text and blanks. */
static BOOLEAN Shows(ULONG Row, const char *Text)
{
    for (ULONG X = 0; X < COLUMNS; X++)
        if (Picture[Row][X] != (*Text ? (UCHAR)*Text++ : ' '))
            return FALSE;
    return TRUE;
}

TEST(screen_scroll, lines_follow_each_other)
{
    Open(&Whole);
    Write("one\ntwo\r\n\tthree");
    EXPECT_TRUE(Shows(0, "one"));
    EXPECT_TRUE(Shows(1, "two"));
    EXPECT_TRUE(Shows(2, "        three"));
    Close();
}

TEST(screen_scroll, draws_only_what_changes)
{
    Open(&Whole);
    Write("abc");
    EXPECT_EQ(CellsDrawn, 3);
    Write("\rabX");
    EXPECT_EQ(CellsDrawn, 4);
    Close();
}

TEST(screen_scroll, words_wrap_whole_below_their_indent)
{
    Open(&Whole);
    Write("  the quick brown foxes");
    EXPECT_TRUE(Shows(0, "  the quick brown"));
    EXPECT_TRUE(Shows(1, "    foxes"));
    Write("\naaaaaaaaaaaaaaaaaaaabbb");
    EXPECT_TRUE(Shows(2, "aaaaaaaaaaaaaaaaaaaa"));
    EXPECT_TRUE(Shows(3, "  bbb"));
    Close();
}

TEST(screen_scroll, the_last_line_is_always_seen)
{
    static const char *const Lines[] = { "0\n", "1\n", "2\n", "3\n", "4\n",  "5\n",
                                         "6\n", "7\n", "8\n", "9\n", "10\n", "11\n" };
    BOOLEAN Seen;

    Open(&Whole);
    for (ULONG I = 0; I < RTL_NUMBER_OF(Lines); I++) {
        char Line[4] = { Lines[I][0], Lines[I][1] == '\n' ? 0 : Lines[I][1], 0, 0 };

        Write(Lines[I]);
        Seen = FALSE;
        for (ULONG Row = 0; Row < ROWS; Row++)
            Seen |= Shows(Row, Line);
        EXPECT_TRUE(Seen);
    }
    EXPECT_TRUE(Shows(0, "6"));         /* after two jumps of three rows */
    EXPECT_TRUE(Shows(5, "11"));
    Close();
}

TEST(screen_scroll, a_line_that_fills_the_row_costs_no_blank_row)
{
    Open(&Whole);
    Write("01234567890123456789\nx");
    EXPECT_TRUE(Shows(1, "x"));
    Close();
}

TEST(screen_scroll, a_fixed_region_keeps_its_beginning)
{
    CONSOLE_LOG Fixed = Whole;

    Fixed.Fixed = TRUE;
    Open(&Fixed);
    for (ULONG I = 0; I < 30; I++)
        Write(I == 0 ? "first\n" : "more\n");
    EXPECT_TRUE(Shows(0, "first"));
    EXPECT_TRUE(Shows(ROWS - 2, "more"));
    EXPECT_EQ(Picture[ROWS - 1][0], '(');
    Close();
}

TEST(screen_scroll, foreign_bytes_are_harmless)
{
    char All[256];

    Open(&Whole);
    Write("\x1B[31mred\x1B[0m \x1B]x");
    EXPECT_TRUE(Shows(0, "red x"));
    Write("\n\xC3\xA4|\xE2\x94\x80|\xFF|\xF0\x9F\x98\x80|\xE2");
    Write("\x94\x82");
    EXPECT_EQ(Picture[1][0], 0xE4);
    EXPECT_EQ(Picture[1][2], 0x2500);
    EXPECT_EQ(Picture[1][4], 0xFFFD);
    EXPECT_EQ(Picture[1][6], 0xFFFD);
    EXPECT_EQ(Picture[1][8], 0x2502);
    for (ULONG I = 0; I < sizeof All; I++)
        All[I] = (char)(I * 7);
    for (ULONG I = 0; I < 20; I++)
        ScrollWrite(&Scroll, All, sizeof All);
    EXPECT_LE(Scroll.Row, ROWS);
    Close();
}

TEST(screen_scroll, a_region_that_moves_takes_its_newest_lines)
{
    CONSOLE_LOG Small = Whole;

    Open(&Whole);
    Write("a\nb\nc\nd\ne\n");
    Small.Top = 5, Small.Rows = 3;
    ScrollMove(&Scroll, &Small);
    EXPECT_TRUE(Shows(5, "c"));
    EXPECT_TRUE(Shows(7, "e"));
    Write("f");
    EXPECT_TRUE(Shows(7, "f") || Shows(6, "f"));
    Close();
}

TEST(screen_scroll, a_hidden_region_swallows_and_comes_back)
{
    CONSOLE_LOG Hidden = Whole;

    Open(&Whole);
    Write("a\n");
    Hidden.Top = ROWS, Hidden.Rows = 0;
    ScrollMove(&Scroll, &Hidden);
    Write("unseen\nunseen\n");
    EXPECT_TRUE(Shows(0, "a"));
    GridFill(Grid, 0, 0, ROWS, COLUMNS, Whole.Body);
    ScrollMove(&Scroll, &Whole);
    Write("\nb");
    EXPECT_FALSE(Shows(0, "a"));
    EXPECT_TRUE(Shows(0, "b") || Shows(1, "b"));
    Close();
}

TEST(screen_scroll, a_dense_fixed_region_has_no_blank_rows)
{
    CONSOLE_LOG Dense = Whole;

    Dense.Fixed = Dense.Dense = TRUE;
    Dense.Other = (CONSOLE_STYLE){ ColourSky, ColourBlack, FALSE };
    Open(&Dense);
    Write("\nHead\n\n  one\n\n  two\n");
    EXPECT_TRUE(Shows(0, "Head") && Shows(1, "  one") && Shows(2, "  two"));
    EXPECT_EQ(Grid->Wanted[1][2].Colours & 15, ColourSilver);
    EXPECT_EQ(Grid->Wanted[2][2].Colours & 15, ColourSky);
    Close();
}
