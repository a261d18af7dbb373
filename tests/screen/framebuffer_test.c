/* framebuffer_test.c - cells drawn into memory that only looks like a framebuffer. */
#include "display.h"
#include <ktest.h>
#include <mm/mm.h>
#include <rtl/string.h>

enum { WIDTH = 325, HEIGHT = 203, POISON = 0xA5 };

static FRAMEBUFFER Screen;
static BOOT_FRAMEBUFFER Mode;
static PUCHAR Pixels;

static BOOT_FRAMEBUFFER MakeMode(UCHAR Bits)
{
    BOOT_FRAMEBUFFER M = { .Base = 0x1000, .Width = WIDTH, .Height = HEIGHT, .BitsPerPixel = Bits,
                           .RedShift = 16, .RedBits = 8, .GreenShift = 8, .GreenBits = 8, .BlueBits = 8 };

    if (Bits == 16)
        M.RedShift = 11, M.RedBits = 5, M.GreenShift = 5, M.GreenBits = 6, M.BlueBits = 5;
    M.Pitch = M.Width * Bits / 8 + 13;
    return M;
}

static BOOLEAN Open(UCHAR Bits)
{
    Mode = MakeMode(Bits);
    Pixels = MmAllocatePages(FramebufferLength(&Mode));
    EXPECT_TRUE(Pixels != NULL);
    if (!Pixels)
        return FALSE;
    memset(Pixels, POISON, FramebufferLength(&Mode));
    FramebufferInitialize(&Screen, &Mode, Pixels);
    return TRUE;
}

static ULONG PixelAt(ULONG X, ULONG Y)
{
    ULONG Pixel = 0;

    memcpy(&Pixel, Pixels + (SIZE_T)Y * Mode.Pitch + X * Mode.BitsPerPixel / 8, Mode.BitsPerPixel / 8);
    return Pixel;
}

/* The first pixel of a cell: the grid lies in the middle of the screen. */
static ULONG CellX(ULONG Column) { return WIDTH % 8 / 2 + Column * 8; }
static ULONG CellY(ULONG Row) { return HEIGHT % 16 / 2 + Row * 16; }

static void CheckGlyph(ULONG Row, ULONG Column, CELL Cell)
{
    const UCHAR *Glyph = FontGlyph(FontOfHeight(16, Cell.Bold), Cell.Character);

    for (ULONG Y = 0; Y < 16; Y++)
        for (ULONG X = 0; X < 8; X++) {
            ULONG Colour = Glyph[Y] >> (7 - X) & 1 ? Cell.Colours & 15 : Cell.Colours >> 4;

            REQUIRE_EQ(PixelAt(CellX(Column) + X, CellY(Row) + Y), Screen.Pixels[Colour]);
        }
}

static void CheckPaddingUntouched(void)
{
    for (ULONG Y = 0; Y < HEIGHT; Y++)
        for (ULONG At = WIDTH * Mode.BitsPerPixel / 8; At < Mode.Pitch; At++)
            REQUIRE_EQ(Pixels[(SIZE_T)Y * Mode.Pitch + At], POISON);
}

static void CheckDepth(UCHAR Bits)
{
    static const CELL Cells[] = { { { 'A', 0x0F, FALSE } }, { { 'g', 0x1C, TRUE } },
                                  { { 0x2588, 0x42, FALSE } }, { { 0x258C, 0x93, FALSE } } };

    if (!Open(Bits))
        return;
    Screen.Display.Clear(&Screen.Display, ColourBlue);
    EXPECT_EQ(PixelAt(0, 0), Screen.Pixels[ColourBlue]);
    EXPECT_EQ(PixelAt(WIDTH - 1, HEIGHT - 1), Screen.Pixels[ColourBlue]);
    Screen.Display.Draw(&Screen.Display, 3, 5, Cells, RTL_NUMBER_OF(Cells));
    for (ULONG I = 0; I < RTL_NUMBER_OF(Cells); I++)
        CheckGlyph(3, 5 + I, Cells[I]);
    EXPECT_EQ(PixelAt(CellX(5) - 1, CellY(3)), Screen.Pixels[ColourBlue]);
    EXPECT_EQ(PixelAt(CellX(9), CellY(3)), Screen.Pixels[ColourBlue]);
    CheckPaddingUntouched();
    MmFreePages(Pixels, FramebufferLength(&Mode));
}

static BOOLEAN Refused(BOOT_FRAMEBUFFER M)
{
    return FramebufferRefusal(&M) != NULL;
}

TEST(screen_framebuffer, draws_16_bits) { CheckDepth(16); }
TEST(screen_framebuffer, draws_24_bits) { CheckDepth(24); }
TEST(screen_framebuffer, draws_32_bits) { CheckDepth(32); }

TEST(screen_framebuffer, channels_go_where_the_mode_says)
{
    if (!Open(16))
        return;
    EXPECT_EQ(Screen.Pixels[ColourWhite], DisplayPalette[ColourWhite][0] >> 3 << 11 |
              DisplayPalette[ColourWhite][1] >> 2 << 5 | DisplayPalette[ColourWhite][2] >> 3);
    Mode.RedBits = 10, Mode.RedShift = 20, Mode.GreenBits = 10, Mode.GreenShift = 10, Mode.BlueBits = 10;
    Mode.BitsPerPixel = 32;
    EXPECT_FALSE(Refused((Mode.Pitch = WIDTH * 4, Mode)));
    FramebufferInitialize(&Screen, &Mode, Pixels);
    EXPECT_EQ(Screen.Pixels[ColourBlue] >> 20,
              (ULONG)DisplayPalette[ColourBlue][0] << 2 | DisplayPalette[ColourBlue][0] >> 6);
    MmFreePages(Pixels, (SIZE_T)(WIDTH * 2 + 13) * HEIGHT);
}

/* The mapping has unmapped pages on both sides: a pixel outside of it would be fatal. */
TEST(screen_framebuffer, clips_at_the_edges)
{
    CELL Cells[GRID_COLUMNS];

    if (!Open(32))
        return;
    for (ULONG I = 0; I < GRID_COLUMNS; I++)
        Cells[I] = (CELL){ { 0x2588, 0x0F, FALSE } };
    Screen.Display.Draw(&Screen.Display, Screen.Display.Rows - 1, Screen.Display.Columns - 1, Cells, GRID_COLUMNS);
    Screen.Display.Draw(&Screen.Display, Screen.Display.Rows, 0, Cells, GRID_COLUMNS);
    Screen.Display.Draw(&Screen.Display, 0, Screen.Display.Columns, Cells, 1);
    EXPECT_EQ(PixelAt(CellX(Screen.Display.Columns) - 1, CellY(Screen.Display.Rows) - 1), Screen.Pixels[ColourWhite]);
    EXPECT_EQ(PixelAt(0, 0), POISON * 0x01010101u);
    CheckPaddingUntouched();
    MmFreePages(Pixels, FramebufferLength(&Mode));
}

TEST(screen_framebuffer, refuses_hostile_modes)
{
    BOOT_FRAMEBUFFER Good = MakeMode(32), M;

    EXPECT_FALSE(Refused(Good));
    M = Good, M.Base = 0;
    EXPECT_TRUE(Refused(M));
    for (ULONG Bits = 0; Bits < 256; Bits++) {
        M = MakeMode(32), M.BitsPerPixel = (UCHAR)Bits, M.Pitch = WIDTH * 32;
        EXPECT_EQ(Refused(M), Bits != 24 && Bits != 32);        /* the channels need 24 bits */
    }
    M = Good, M.Width = 0;
    EXPECT_TRUE(Refused(M));
    M = Good, M.Height = 0;
    EXPECT_TRUE(Refused(M));
    M = Good, M.Width = 0xFFFFFFFF, M.Pitch = 0xFFFFFFFF;
    EXPECT_TRUE(Refused(M));
    M = Good, M.Pitch = WIDTH * 4 - 1;
    EXPECT_TRUE(Refused(M));
    M = Good, M.Pitch = 0xFFFFFFFF;
    EXPECT_TRUE(Refused(M));
    M = Good, M.Base = ~0ull - 100;
    EXPECT_TRUE(Refused(M));
}

TEST(screen_framebuffer, refuses_channels_that_overlap_or_leave_the_pixel)
{
    BOOT_FRAMEBUFFER M = MakeMode(32);

    M.RedShift = 9;
    EXPECT_TRUE(Refused(M));
    M = MakeMode(32), M.RedShift = 25;
    EXPECT_TRUE(Refused(M));
    M = MakeMode(32), M.BlueBits = 0;
    EXPECT_TRUE(Refused(M));
    M = MakeMode(32), M.RedShift = 255, M.RedBits = 255;
    EXPECT_TRUE(Refused(M));
    M = MakeMode(16), M.RedBits = 6;
    EXPECT_TRUE(Refused(M));
}

TEST(screen_framebuffer, chooses_the_font_by_resolution)
{
    static const struct { ULONG Width, Height, Font; } Cases[] = {
        { 640, 480, 16 }, { 1280, 800, 16 }, { 1366, 768, 16 }, { 1600, 1200, 24 }, { 1920, 1080, 32 },
        { 3840, 2160, 32 }, { 1920, 600, 24 }, { 1920, 400, 16 }
    };

    for (ULONG I = 0; I < RTL_NUMBER_OF(Cases); I++) {
        BOOT_FRAMEBUFFER M = MakeMode(32);

        M.Width = Cases[I].Width, M.Height = Cases[I].Height, M.Pitch = M.Width * 4;
        FramebufferInitialize(&Screen, &M, NULL);               /* nothing is drawn */
        EXPECT_EQ(Screen.Regular->Height, Cases[I].Font);
        EXPECT_LE(Screen.Display.Columns * Screen.Regular->Width, M.Width);
        EXPECT_LE(Screen.Display.Rows * Screen.Regular->Height, M.Height);
        EXPECT_GE(Screen.Display.Columns, 80);
        EXPECT_GE(Screen.Display.Rows, 25);
    }
}
