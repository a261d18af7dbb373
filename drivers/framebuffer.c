/* framebuffer.c - character cells on a linear framebuffer: 15, 16, 24 or 32 bits, any channel order.
 *
 * The mode comes from a boot loader and is believed only after FramebufferRefusal found nothing: every
 * pixel that is ever written lies in Pitch * Height bytes from Base, which is what the caller maps.
 * Framebuffer memory is slow to write and far slower to read, so it is never read, and written in whole
 * scan lines from left to right, four pixels at a time: for a pair of colours the sixteen pictures that
 * four pixels can show are made once, and a glyph is then a string of copies. All of it lies on the
 * caller's stack: two processors may draw different rows at once. */
#include "display.h"
#include <rtl/string.h>

enum { MODE_MAX_SIDE = 16384, MODE_MIN_WIDTH = 320, MODE_MIN_HEIGHT = 200, MODE_MAX_PITCH = MODE_MAX_SIDE * 8 };
enum { BATCH = 64, QUAD = 4, QUAD_BYTES = QUAD * 4 };

typedef struct _QUADS { UCHAR Pixels[16][QUAD_BYTES]; } QUADS;

/* An 8-bit intensity in a channel of Bits, moved to its place. */
static ULONG Channel(UCHAR Intensity, UCHAR Shift, UCHAR Bits)
{
    ULONG Value = Intensity;

    return (Bits <= 8 ? Value >> (8 - Bits) : Value << (Bits - 8) | Value >> (16 - Bits)) << Shift;
}

static BOOLEAN ChannelFits(UCHAR Shift, UCHAR Bits, UCHAR BitsPerPixel)
{
    return Bits != 0 && Bits <= 16 && Shift + Bits <= BitsPerPixel;
}

static ULONG64 ChannelMask(UCHAR Shift, UCHAR Bits)
{
    return ((1ull << Bits) - 1) << Shift;
}

static BOOLEAN ChannelsFit(const BOOT_FRAMEBUFFER *Mode)
{
    ULONG64 Red = ChannelMask(Mode->RedShift & 31, Mode->RedBits & 31);
    ULONG64 Green = ChannelMask(Mode->GreenShift & 31, Mode->GreenBits & 31);
    ULONG64 Blue = ChannelMask(Mode->BlueShift & 31, Mode->BlueBits & 31);

    return ChannelFits(Mode->RedShift, Mode->RedBits, Mode->BitsPerPixel) &&
           ChannelFits(Mode->GreenShift, Mode->GreenBits, Mode->BitsPerPixel) &&
           ChannelFits(Mode->BlueShift, Mode->BlueBits, Mode->BitsPerPixel) &&
           (Red & Green) == 0 && (Green & Blue) == 0 && (Red & Blue) == 0;
}

static BOOLEAN DepthIsKnown(UCHAR BitsPerPixel)
{
    return BitsPerPixel == 15 || BitsPerPixel == 16 || BitsPerPixel == 24 || BitsPerPixel == 32;
}

static ULONG PixelBytes(const BOOT_FRAMEBUFFER *Mode)
{
    return (Mode->BitsPerPixel + 7u) / 8;
}

/* ---- Drawing ---- */

static void MakeQuads(const FRAMEBUFFER *F, UCHAR Colours, QUADS *Quads)
{
    for (ULONG Bits = 0; Bits < 16; Bits++)
        for (ULONG X = 0; X < QUAD; X++) {
            ULONG Pixel = F->Pixels[Bits >> (3 - X) & 1 ? Colours & 15 : Colours >> 4];

            for (ULONG Byte = 0; Byte < F->PixelBytes; Byte++)
                Quads->Pixels[Bits][X * F->PixelBytes + Byte] = (UCHAR)(Pixel >> 8 * Byte);
        }
}

/* Bytes (of four pixels) and QuadsPerRow are constants wherever this is expanded: a row of a glyph is then
 * a few loads and stores. The framebuffer overlaps nothing that is read here, which lets them stay in order. */
FORCEINLINE void CopyGlyphs(const FRAMEBUFFER *F, PUCHAR Line, const UCHAR *const *Glyphs, ULONG Count,
                            const QUADS *Quads, ULONG Bytes, ULONG QuadsPerRow)
{
    ULONG RowBytes = (QuadsPerRow + 1) / 2, Height = F->Regular->Height, Pitch = F->Pitch;

    for (ULONG Y = 0; Y < Height; Y++, Line += Pitch) {
        UCHAR *restrict At = Line;

        for (ULONG I = 0; I < Count; I++, At += QuadsPerRow * Bytes) {
            const UCHAR *Row = Glyphs[I] + Y * RowBytes;
            ULONG Bits = RowBytes == 1 ? (ULONG)Row[0] << 8 : (ULONG)Row[0] << 8 | Row[1];

            for (ULONG Quad = 0; Quad < QuadsPerRow; Quad++)
                __builtin_memcpy(At + Quad * Bytes, Quads->Pixels[Bits >> (12 - 4 * Quad) & 15], Bytes);
        }
    }
}

FORCEINLINE void CopyGlyphsOf(const FRAMEBUFFER *F, PUCHAR Line, const UCHAR *const *Glyphs, ULONG Count,
                              const QUADS *Quads, ULONG Bytes)
{
    switch (F->Regular->Width / QUAD) {
    case 1: CopyGlyphs(F, Line, Glyphs, Count, Quads, Bytes, 1); break;
    case 2: CopyGlyphs(F, Line, Glyphs, Count, Quads, Bytes, 2); break;
    case 3: CopyGlyphs(F, Line, Glyphs, Count, Quads, Bytes, 3); break;
    default: CopyGlyphs(F, Line, Glyphs, Count, Quads, Bytes, 4); break;
    }
}

static void DrawBatch(const FRAMEBUFFER *F, PUCHAR Line, const UCHAR *const *Glyphs, ULONG Count, const QUADS *Quads)
{
    if (F->PixelBytes == 4)
        CopyGlyphsOf(F, Line, Glyphs, Count, Quads, QUAD * 4);
    else if (F->PixelBytes == 3)
        CopyGlyphsOf(F, Line, Glyphs, Count, Quads, QUAD * 3);
    else
        CopyGlyphsOf(F, Line, Glyphs, Count, Quads, QUAD * 2);
}

/* Three times eight bytes hold a whole number of pixels of every size. */
static void FillLine(PUCHAR Line, ULONG Length, const UCHAR *Pattern)
{
    ULONG64 Words[3];
    ULONG At = 0;

    memcpy(Words, Pattern, sizeof(Words));
    for (; At + sizeof(Words) <= Length; At += sizeof(Words))
        __builtin_memcpy(Line + At, Words, sizeof(Words));
    memcpy(Line + At, Pattern, Length - At);
}

/* Cells that agree in colour are drawn together, up to BATCH of them. */
static ULONG CollectBatch(const FRAMEBUFFER *F, const CELL *Cells, ULONG Count, const UCHAR **Glyphs)
{
    ULONG Used = 0;

    while (Used < Count && Used < BATCH && Cells[Used].Colours == Cells[0].Colours) {
        Glyphs[Used] = FontGlyph(Cells[Used].Bold ? F->Bold : F->Regular, Cells[Used].Character);
        Used++;
    }
    return Used;
}

static void Draw(DISPLAY *Display, ULONG Row, ULONG Column, const CELL *Cells, ULONG Count)
{
    const FRAMEBUFFER *F = CONTAINING_RECORD(Display, FRAMEBUFFER, Display);
    PUCHAR Line = F->Origin + (SIZE_T)Row * F->Regular->Height * F->Pitch +
                  (SIZE_T)Column * F->Regular->Width * F->PixelBytes;
    const UCHAR *Glyphs[BATCH];
    QUADS Quads;

    if (Row >= Display->Rows || Column >= Display->Columns)
        return;
    if (Count > Display->Columns - Column)
        Count = Display->Columns - Column;
    while (Count != 0) {
        ULONG Used = CollectBatch(F, Cells, Count, Glyphs);

        MakeQuads(F, Cells->Colours, &Quads);
        DrawBatch(F, Line, Glyphs, Used, &Quads);
        Line += (SIZE_T)Used * F->Regular->Width * F->PixelBytes;
        Cells += Used;
        Count -= Used;
    }
}

static void Clear(DISPLAY *Display, UCHAR Paper)
{
    const FRAMEBUFFER *F = CONTAINING_RECORD(Display, FRAMEBUFFER, Display);
    UCHAR Pattern[24];

    for (ULONG At = 0; At < sizeof(Pattern); At++)
        Pattern[At] = (UCHAR)(F->Pixels[Paper & 15] >> 8 * (At % F->PixelBytes));
    for (ULONG Y = 0; Y < F->Height; Y++)
        FillLine(F->Base + (SIZE_T)Y * F->Pitch, F->Width * F->PixelBytes, Pattern);
}

/* ---- Choosing the font ---- */

/* 16 pixels up to 1439 wide, 24 up to 1919, 32 above: about as large on the desk at every resolution. */
static ULONG FontHeightFor(ULONG Width)
{
    return Width >= 1920 ? 32 : Width >= 1440 ? 24 : 16;
}

/* A mode that is wide but low takes a smaller font, for 25 rows. */
static void ChooseFonts(FRAMEBUFFER *F)
{
    for (ULONG Height = FontHeightFor(F->Width); Height >= 16; Height -= 8) {
        const FONT *Regular = FontOfHeight(Height, FALSE), *Bold = FontOfHeight(Height, TRUE);

        if (!Regular)
            continue;
        F->Regular = Regular;
        F->Bold = Bold && Bold->Width == Regular->Width ? Bold : Regular;
        if (F->Height / Regular->Height >= 25)
            return;
    }
}

static ULONG AtMost(ULONG Value, ULONG Limit)
{
    return Value < Limit ? Value : Limit;
}

static void LayOutGrid(FRAMEBUFFER *F)
{
    ULONG Left, Top;

    F->Display.Columns = AtMost(F->Width / F->Regular->Width, GRID_COLUMNS);
    F->Display.Rows = AtMost(F->Height / F->Regular->Height, GRID_ROWS);
    Left = (F->Width - F->Display.Columns * F->Regular->Width) / 2;
    Top = (F->Height - F->Display.Rows * F->Regular->Height) / 2;
    F->Origin = F->Base + (SIZE_T)Top * F->Pitch + (SIZE_T)Left * F->PixelBytes;
}

/* ---- Within the screen ---- */

/* FramebufferRefusal - why Mode cannot be used, in English; NULL if it can. */
const char *FramebufferRefusal(const BOOT_FRAMEBUFFER *Mode)
{
    if (Mode->Base == 0)
        return "it has no address";
    if (!DepthIsKnown(Mode->BitsPerPixel))
        return "not 15, 16, 24 or 32 bits per pixel";
    if (Mode->Width < MODE_MIN_WIDTH || Mode->Height < MODE_MIN_HEIGHT)
        return "smaller than 320 x 200";
    if (Mode->Width > MODE_MAX_SIDE || Mode->Height > MODE_MAX_SIDE)
        return "a side is longer than 16384 pixels";
    if (Mode->Pitch < Mode->Width * PixelBytes(Mode))
        return "its lines overlap: the pitch is too small";
    if (Mode->Pitch > MODE_MAX_PITCH)
        return "the pitch is too large";
    if (Mode->Base + (ULONG64)Mode->Pitch * Mode->Height < Mode->Base)
        return "it reaches beyond the end of memory";
    if (!ChannelsFit(Mode))
        return "its colour channels overlap or lie outside the pixel";
    return NULL;
}

/* FramebufferLength - how many bytes of a mode that is not refused may be written. */
SIZE_T FramebufferLength(const BOOT_FRAMEBUFFER *Mode)
{
    return (SIZE_T)Mode->Pitch * Mode->Height;
}

/* FramebufferInitialize - a display on the FramebufferLength bytes at Mapping. Mode has not been refused.
 * Without a usable font the display has no columns and no rows. */
void FramebufferInitialize(FRAMEBUFFER *F, const BOOT_FRAMEBUFFER *Mode, PVOID Mapping)
{
    *F = (FRAMEBUFFER){ .Display = { .Draw = Draw, .Clear = Clear }, .Base = Mapping, .Pitch = Mode->Pitch,
                        .Width = Mode->Width, .Height = Mode->Height, .PixelBytes = PixelBytes(Mode) };
    for (ULONG I = 0; I < 16; I++)
        F->Pixels[I] = Channel(DisplayPalette[I][0], Mode->RedShift, Mode->RedBits) |
                       Channel(DisplayPalette[I][1], Mode->GreenShift, Mode->GreenBits) |
                       Channel(DisplayPalette[I][2], Mode->BlueShift, Mode->BlueBits);
    ChooseFonts(F);
    if (F->Regular)
        LayOutGrid(F);
}
