/* vga_test.c - cells in a text buffer of our own. */
#include "display.h"
#include <ktest.h>

TEST(screen_vga, cells_become_code_and_attribute)
{
    static USHORT Buffer[80 * 25 + 1];
    static const CELL Cells[] = { { { 'A', 0x1F, FALSE } }, { { 0x2588, 0xC2, TRUE } }, { { 0xE9, 0x07, FALSE } } };
    VGA_TEXT Vga;

    Buffer[80 * 25] = 0x5AA5;
    VgaInitialize(&Vga, Buffer);
    Vga.Display.Clear(&Vga.Display, ColourBlue);
    EXPECT_EQ(Buffer[0], 0x1720);
    EXPECT_EQ(Buffer[80 * 25 - 1], 0x1720);
    Vga.Display.Draw(&Vga.Display, 2, 10, Cells, 3);
    EXPECT_EQ(Buffer[170], 0x1F41);
    EXPECT_EQ(Buffer[171], 0xC2DB);
    EXPECT_EQ(Buffer[172], 0x0782);
    Vga.Display.Draw(&Vga.Display, 24, 79, Cells, 3);
    Vga.Display.Draw(&Vga.Display, 25, 0, Cells, 3);
    EXPECT_EQ(Buffer[80 * 25 - 1], 0x1F41);
    EXPECT_EQ(Buffer[80 * 25], 0x5AA5);
}

TEST(screen_vga, characters_have_their_nearest_code)
{
    EXPECT_EQ(VgaCharacter('~'), '~');
    EXPECT_EQ(VgaCharacter(0x2500), 0xC4);
    EXPECT_EQ(VgaCharacter(0x2580), 0xDF);
    EXPECT_EQ(VgaCharacter(0x2584), 0xDC);
    EXPECT_EQ(VgaCharacter(0x25A0), 0xFE);
    EXPECT_EQ(VgaCharacter(0x258B), 0xDD);
    EXPECT_EQ(VgaCharacter(0x4E2D), '?');
    EXPECT_EQ(VgaCharacter('\n'), '?');
}

TEST(screen_letters, the_verdict_fits_every_screen)
{
    static const struct { ULONG Columns, Rows; } Screens[] = { { 78, 9 }, { 158, 17 }, { 118, 11 }, { 238, 23 } };

    for (ULONG I = 0; I < RTL_NUMBER_OF(Screens); I++) {
        LETTERS Passed = LettersFit("PASSED", Screens[I].Columns, Screens[I].Rows);
        LETTERS Failed = LettersFit("FAILED", Screens[I].Columns, Screens[I].Rows);

        REQUIRE_TRUE(Passed.Font != NULL && Failed.Font != NULL);
        EXPECT_LE(Passed.Columns, Screens[I].Columns);
        EXPECT_LE(Passed.Rows, Screens[I].Rows);
        EXPECT_EQ(Passed.Rows, Failed.Rows);
        EXPECT_GE(Passed.Rows * 2, Screens[I].Rows);            /* and is large enough for the room */
    }
    EXPECT_TRUE(LettersFit("PASSED", 20, 3).Font == NULL);
}
