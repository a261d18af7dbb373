/* font_test.c - PSF files whole, cut and forged. */
#include "display.h"
#include <ktest.h>
#include <rtl/string.h>

extern const UCHAR FontFile_Regular16[], FontFileEnd_Regular16[], FontFile_Bold32[], FontFileEnd_Bold32[];

static FONT Font;

typedef struct _SMALL_FONT {
    ULONG Magic, Version, HeaderSize, Flags, Count, Bytes, Height, Width;
    UCHAR Rest[64];
} SMALL_FONT;

/* Four glyphs of 8 x 8; glyph 2 is 'A', a dotted capital in a sequence, and U+2500. */
static SMALL_FONT MakeFont(void)
{
    SMALL_FONT F = { 0x864AB572, 0, 32, 1, 4, 8, 8, 8, { 0 } };

    memset(F.Rest + 2 * 8, 0x3C, 8);
    memcpy(F.Rest + 4 * 8, "\xFF\xFF" "A\xE2\x94\x80\xFE" "B\xCC\x87\xFF\xFF", 12);
    return F;
}

static BOOLEAN Loads(SMALL_FONT F)
{
    return FontLoad(&Font, &F, sizeof F);
}

TEST(screen_font, the_fonts_linked_in_are_whole)
{
    for (ULONG Height = 16; Height <= 32; Height += 8)
        for (ULONG Bold = 0; Bold < 2; Bold++) {
            const FONT *F = FontOfHeight(Height, Bold != 0);

            REQUIRE_TRUE(F != NULL);
            EXPECT_EQ(F->Width, Height / 2);
            for (ULONG Character = ' ' + 1; Character < 0x7F; Character++)
                EXPECT_TRUE(Character == '?' || FontGlyph(F, Character) != FontGlyph(F, '?'));
            EXPECT_TRUE(FontGlyph(F, 0x2500) != FontGlyph(F, '?'));
            EXPECT_TRUE(FontGlyph(F, 0x25A0) != FontGlyph(F, '?'));
            EXPECT_TRUE(FontGlyph(F, 0x2026) != FontGlyph(F, '?'));
        }
    EXPECT_TRUE(FontOfHeight(0, FALSE) == NULL);
    EXPECT_TRUE(FontOfHeight(17, FALSE) == NULL);
}

TEST(screen_font, table_maps_characters_to_glyphs)
{
    SMALL_FONT F = MakeFont();

    REQUIRE_TRUE(FontLoad(&Font, &F, sizeof F));
    EXPECT_TRUE(FontGlyph(&Font, 'A') == F.Rest + 2 * 8);
    EXPECT_TRUE(FontGlyph(&Font, 0x2500) == F.Rest + 2 * 8);
    EXPECT_TRUE(FontGlyph(&Font, 'B') != F.Rest + 2 * 8);
    EXPECT_TRUE(FontGlyph(&Font, 0x10FFFF) == FontGlyph(&Font, '?'));
}

TEST(screen_font, a_cut_file_is_refused)
{
    SIZE_T Psf1 = FontFileEnd_Regular16 - FontFile_Regular16, Psf2 = FontFileEnd_Bold32 - FontFile_Bold32;

    EXPECT_TRUE(FontLoad(&Font, FontFile_Regular16, Psf1));
    EXPECT_TRUE(FontLoad(&Font, FontFile_Bold32, Psf2));
    for (SIZE_T Length = 0; Length < 4 + 256 * 16; Length += Length < 8 ? 1 : 97)
        EXPECT_FALSE(FontLoad(&Font, FontFile_Regular16, Length));
    for (SIZE_T Length = 0; Length < 32 + 256 * 64; Length += Length < 40 ? 1 : 331)
        EXPECT_FALSE(FontLoad(&Font, FontFile_Bold32, Length));
    EXPECT_EQ(Font.Height, 0);
}

TEST(screen_font, a_forged_header_is_refused)
{
    SMALL_FONT F;

    EXPECT_TRUE(Loads(MakeFont()));
    F = MakeFont(), F.Magic++;
    EXPECT_FALSE(Loads(F));
    F = MakeFont(), F.HeaderSize = 0xFFFFFFF0;
    EXPECT_FALSE(Loads(F));
    F = MakeFont(), F.HeaderSize = 8;
    EXPECT_FALSE(Loads(F));
    F = MakeFont(), F.Count = 0x20000000;
    EXPECT_FALSE(Loads(F));
    F = MakeFont(), F.Count = 0;
    EXPECT_FALSE(Loads(F));
    F = MakeFont(), F.Width = 7;
    EXPECT_FALSE(Loads(F));
    F = MakeFont(), F.Width = 64, F.Bytes = 64;
    EXPECT_FALSE(Loads(F));
    F = MakeFont(), F.Height = 33, F.Bytes = 33;
    EXPECT_FALSE(Loads(F));
    F = MakeFont(), F.Bytes = 9;
    EXPECT_FALSE(Loads(F));
}

TEST(screen_font, block_elements_fill_their_cell)
{
    const FONT *F = FontOfHeight(24, FALSE);
    const UCHAR *Full, *Upper, *Left;

    REQUIRE_TRUE(F != NULL);
    Full = FontGlyph(F, 0x2588), Upper = FontGlyph(F, 0x2580), Left = FontGlyph(F, 0x258C);
    for (ULONG Y = 0; Y < 24; Y++) {
        EXPECT_EQ(Full[2 * Y] << 8 | Full[2 * Y + 1], 0xFFF0);
        EXPECT_EQ(Upper[2 * Y] << 8 | Upper[2 * Y + 1], Y < 12 ? 0xFFF0 : 0);
        EXPECT_EQ(Left[2 * Y] << 8 | Left[2 * Y + 1], 0xFC00);
    }
}
