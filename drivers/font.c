/* font.c - bitmap fonts in PSF, the format of the Linux console's fonts, both versions.
 *
 * A file is a header, the glyphs, and a table that lists for each glyph the characters it stands for.
 * The file comes from the build machine's font package, so nothing in it is believed before it is
 * checked against the file's length; a file that fails leaves the font unusable and the screen without it.
 * Block elements (U+2580..259F) are geometry, not type: they are drawn here to the cell's exact size, so
 * that bars and large letters join without seams, and because Terminus lacks most of them. */
#include "display.h"
#include <rtl/string.h>

enum { PSF1_MAGIC = 0x0436, PSF1_512 = 1, PSF1_TABLE = 2 | 4, PSF1_END = 0xFFFF, PSF1_SEQUENCE = 0xFFFE };
enum { PSF2_TABLE = 1, PSF2_END = 0xFF, PSF2_SEQUENCE = 0xFE };
#define PSF2_MAGIC 0x864AB572u

typedef struct _PSF1_HEADER { USHORT Magic; UCHAR Mode, Height; } PSF1_HEADER;
typedef struct _PSF2_HEADER {
    ULONG Magic, Version, HeaderSize, Flags, GlyphCount, GlyphBytes, Height, Width;
} PSF2_HEADER;
C_ASSERT(sizeof(PSF1_HEADER) == 4 && sizeof(PSF2_HEADER) == 32);

enum { LATIN_END = 0x180, SYMBOLS = 0x2000, SYMBOLS_END = 0x2600, BLOCKS = 0x2580, FALLBACK = '?' };
C_ASSERT(LATIN_END + (SYMBOLS_END - SYMBOLS) == FONT_INDEX);

#define FONT_FILE(Name) extern const UCHAR FontFile_##Name[], FontFileEnd_##Name[]
FONT_FILE(Regular16); FONT_FILE(Regular24); FONT_FILE(Regular32);
FONT_FILE(Bold16); FONT_FILE(Bold24); FONT_FILE(Bold32);

static FONT Fonts[3][2];                /* fixed after FontInitialize; [size][bold] */

static USHORT *IndexSlot(FONT *Font, ULONG Character)
{
    if (Character < LATIN_END)
        return &Font->Index[Character];
    if (Character >= SYMBOLS && Character < SYMBOLS_END)
        return &Font->Index[LATIN_END + Character - SYMBOLS];
    return NULL;
}

/* The first glyph that claims a character has it. */
static void Claim(FONT *Font, ULONG Character, ULONG Glyph)
{
    USHORT *Slot = IndexSlot(Font, Character);

    if (Slot && *Slot == 0)
        *Slot = (USHORT)(Glyph + 1);
}

/* Version 1: 16-bit characters; a sequence (letter and accents in one glyph) is of no use to a cell. */
static void ReadTable1(FONT *Font, const UCHAR *At, const UCHAR *End)
{
    BOOLEAN InSequence = FALSE;

    for (ULONG Glyph = 0; Glyph < Font->GlyphCount && End - At >= 2; At += 2) {
        ULONG Unit = At[0] | At[1] << 8;

        if (Unit == PSF1_END) {
            InSequence = FALSE;
            Glyph++;
        } else if (Unit == PSF1_SEQUENCE) {
            InSequence = TRUE;
        } else if (!InSequence) {
            Claim(Font, Unit, Glyph);
        }
    }
}

static void ReadTable2(FONT *Font, const UCHAR *At, const UCHAR *End)
{
    UTF8_STATE State = { 0, 0 };
    BOOLEAN InSequence = FALSE;
    ULONG Character;

    for (ULONG Glyph = 0; Glyph < Font->GlyphCount && At < End; At++) {
        if (*At == PSF2_END) {
            InSequence = FALSE;
            Glyph++;
        } else if (*At == PSF2_SEQUENCE) {
            InSequence = TRUE;
        } else if (Utf8Feed(&State, *At, &Character) && !InSequence) {
            Claim(Font, Character, Glyph);
        }
    }
}

static void ClaimAscii(FONT *Font)
{
    for (ULONG Character = ' '; Character < 0x7F && Character < Font->GlyphCount; Character++)
        Claim(Font, Character, Character);
}

/* ---- Block elements ---- */

static void FillBlock(FONT *Font, ULONG Block, ULONG Left, ULONG Top, ULONG Right, ULONG Bottom)
{
    for (ULONG Y = Top; Y < Bottom; Y++)
        for (ULONG X = Left; X < Right; X++)
            Font->Blocks[Block][Y * Font->RowBytes + X / 8] |= (UCHAR)(0x80 >> X % 8);
}

/* A quarter, a half or three quarters of the pixels, in a pattern that joins with the next cell's. */
static void ShadeBlock(FONT *Font, ULONG Block, const UCHAR Pattern[2])
{
    for (ULONG Y = 0; Y < Font->Height; Y++)
        for (ULONG Byte = 0; Byte < Font->RowBytes; Byte++)
            Font->Blocks[Block][Y * Font->RowBytes + Byte] = Pattern[Y % 2];
}

static void QuarterBlock(FONT *Font, ULONG Block, ULONG Quarters)
{
    ULONG X = Font->Width / 2, Y = Font->Height / 2;

    for (ULONG Quarter = 0; Quarter < 4; Quarter++)
        if (Quarters >> Quarter & 1)
            FillBlock(Font, Block, Quarter % 2 ? X : 0, Quarter / 2 ? Y : 0, Quarter % 2 ? Font->Width : X,
                      Quarter / 2 ? Font->Height : Y);
}

static void DrawBlocks(FONT *Font)
{
    static const UCHAR Shades[3][2] = { { 0x88, 0x22 }, { 0xAA, 0x55 }, { 0x77, 0xDD } };
    /* U+2596..259F; bits: upper left, upper right, lower left, lower right */
    static const UCHAR Quarters[] = { 4, 8, 1, 13, 9, 7, 11, 2, 6, 14 };
    ULONG W = Font->Width, H = Font->Height;

    FillBlock(Font, 0x00, 0, 0, W, H / 2);
    for (ULONG Eighths = 1; Eighths <= 8; Eighths++)
        FillBlock(Font, Eighths, 0, H - H * Eighths / 8, W, H);
    for (ULONG Eighths = 1; Eighths <= 7; Eighths++)
        FillBlock(Font, 0x10 - Eighths, 0, 0, W * Eighths / 8, H);
    FillBlock(Font, 0x10, W / 2, 0, W, H);
    for (ULONG Shade = 0; Shade < 3; Shade++)
        ShadeBlock(Font, 0x11 + Shade, Shades[Shade]);
    FillBlock(Font, 0x14, 0, 0, W, H / 8);
    FillBlock(Font, 0x15, W - W / 8, 0, W, H);
    for (ULONG I = 0; I < RTL_NUMBER_OF(Quarters); I++)
        QuarterBlock(Font, 0x16 + I, Quarters[I]);
}

/* ---- Headers ---- */

static BOOLEAN ReadHeader1(FONT *Font, const UCHAR *File, SIZE_T Length)
{
    const PSF1_HEADER *Header = (const PSF1_HEADER *)File;

    Font->Width = 8;
    Font->Height = Header->Height;
    Font->RowBytes = 1;
    Font->GlyphCount = Header->Mode & PSF1_512 ? 512 : 256;
    Font->Glyphs = File + sizeof(*Header);
    return Font->Height != 0 && Font->Height <= FONT_MAX_HEIGHT &&
           Length - sizeof(*Header) >= (SIZE_T)Font->GlyphCount * Font->Height;
}

static BOOLEAN ReadHeader2(FONT *Font, const UCHAR *File, SIZE_T Length)
{
    const PSF2_HEADER *Header = (const PSF2_HEADER *)File;

    Font->Width = Header->Width;
    Font->Height = Header->Height;
    Font->RowBytes = (Header->Width + 7) / 8;
    Font->GlyphCount = Header->GlyphCount;
    Font->Glyphs = File + Header->HeaderSize;
    return Font->Width != 0 && Font->Width <= 8 * FONT_MAX_ROW_BYTES && Font->Width % 4 == 0 &&
           Font->Height != 0 && Font->Height <= FONT_MAX_HEIGHT &&
           Header->GlyphBytes == Font->RowBytes * Font->Height &&
           Font->GlyphCount != 0 && Font->GlyphCount <= 0x1000 &&
           Header->HeaderSize >= sizeof(*Header) && Header->HeaderSize <= Length &&
           Length - Header->HeaderSize >= (SIZE_T)Font->GlyphCount * Header->GlyphBytes;
}

static BOOLEAN ReadFont(FONT *Font, const UCHAR *File, SIZE_T Length)
{
    const UCHAR *Table;

    if (Length >= sizeof(PSF2_HEADER) && ((const PSF2_HEADER *)File)->Magic == PSF2_MAGIC) {
        if (!ReadHeader2(Font, File, Length))
            return FALSE;
        Table = Font->Glyphs + (SIZE_T)Font->GlyphCount * Font->RowBytes * Font->Height;
        if (((const PSF2_HEADER *)File)->Flags & PSF2_TABLE)
            ReadTable2(Font, Table, File + Length);
        return TRUE;
    }
    if (Length >= sizeof(PSF1_HEADER) && ((const PSF1_HEADER *)File)->Magic == PSF1_MAGIC) {
        if (!ReadHeader1(Font, File, Length))
            return FALSE;
        Table = Font->Glyphs + (SIZE_T)Font->GlyphCount * Font->Height;
        if (((const PSF1_HEADER *)File)->Mode & PSF1_TABLE)
            ReadTable1(Font, Table, File + Length);
        return TRUE;
    }
    return FALSE;
}

/* ---- Within the screen ---- */

/* FontLoad - make Font from the Length bytes of a PSF file, which stay in place.
 * Returns: FALSE if the file is not whole, or not of a shape that the displays can draw (cells up to
 * 16 x 32 pixels, width a multiple of 4); Height is then 0. */
BOOLEAN FontLoad(FONT *Font, const void *File, SIZE_T Length)
{
    memset(Font, 0, sizeof(*Font));
    if (!ReadFont(Font, File, Length)) {
        memset(Font, 0, sizeof(*Font));
        return FALSE;
    }
    ClaimAscii(Font);
    DrawBlocks(Font);
    return TRUE;
}

/* FontGlyph - the rows of Character's picture; a question mark's if the font has none. */
const UCHAR *FontGlyph(const FONT *Font, ULONG Character)
{
    const USHORT *Slot;

    if (Character - BLOCKS < FONT_BLOCKS)
        return Font->Blocks[Character - BLOCKS];
    Slot = IndexSlot((FONT *)Font, Character);
    if (!Slot || *Slot == 0)
        Slot = &Font->Index[FALLBACK];
    return Font->Glyphs + (SIZE_T)(*Slot ? *Slot - 1 : 0) * Font->RowBytes * Font->Height;
}

/* FontInitialize - load the fonts that are linked in. */
void FontInitialize(void)
{
    FontLoad(&Fonts[0][0], FontFile_Regular16, FontFileEnd_Regular16 - FontFile_Regular16);
    FontLoad(&Fonts[0][1], FontFile_Bold16, FontFileEnd_Bold16 - FontFile_Bold16);
    FontLoad(&Fonts[1][0], FontFile_Regular24, FontFileEnd_Regular24 - FontFile_Regular24);
    FontLoad(&Fonts[1][1], FontFile_Bold24, FontFileEnd_Bold24 - FontFile_Bold24);
    FontLoad(&Fonts[2][0], FontFile_Regular32, FontFileEnd_Regular32 - FontFile_Regular32);
    FontLoad(&Fonts[2][1], FontFile_Bold32, FontFileEnd_Bold32 - FontFile_Bold32);
}

/* FontOfHeight - the font Height pixels high, or NULL: no such font is linked in, or its file was bad. */
const FONT *FontOfHeight(ULONG Height, BOOLEAN Bold)
{
    for (ULONG Size = 0; Size < RTL_NUMBER_OF(Fonts); Size++)
        if (Fonts[Size][Bold != 0].Height == Height)
            return Height ? &Fonts[Size][Bold != 0] : NULL;
    return NULL;
}
