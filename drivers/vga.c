/* vga.c - character cells in the VGA text buffer, 80 x 25, characters in code page 437.
 *
 * The sixteen colours are made those of the framebuffer by loading the DAC, and the bit that would make
 * text blink is given to the paper instead, so that all sixteen serve as both. The buffer is only
 * written; it is device memory, and what is on the screen is known to grid.c anyway. */
#include "display.h"
#include <arch/io.h>

enum { VGA_COLUMNS = 80, VGA_ROWS = 25 };
enum {
    ATTRIBUTE_PORT = 0x3C0, ATTRIBUTE_READ = 0x3C1, DAC_INDEX = 0x3C8, DAC_DATA = 0x3C9,
    CRTC_INDEX = 0x3D4, CRTC_DATA = 0x3D5, STATUS_PORT = 0x3DA
};
enum { ATTRIBUTE_MODE = 0x10, MODE_BLINK = 0x08, ATTRIBUTE_SHOW = 0x20, CRTC_CURSOR_START = 0x0A, CURSOR_OFF = 0x20 };

/* The upper half of code page 437. */
static const USHORT Upper[128] = {
    0x00C7, 0x00FC, 0x00E9, 0x00E2, 0x00E4, 0x00E0, 0x00E5, 0x00E7,
    0x00EA, 0x00EB, 0x00E8, 0x00EF, 0x00EE, 0x00EC, 0x00C4, 0x00C5,
    0x00C9, 0x00E6, 0x00C6, 0x00F4, 0x00F6, 0x00F2, 0x00FB, 0x00F9,
    0x00FF, 0x00D6, 0x00DC, 0x00A2, 0x00A3, 0x00A5, 0x20A7, 0x0192,
    0x00E1, 0x00ED, 0x00F3, 0x00FA, 0x00F1, 0x00D1, 0x00AA, 0x00BA,
    0x00BF, 0x2310, 0x00AC, 0x00BD, 0x00BC, 0x00A1, 0x00AB, 0x00BB,
    0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556,
    0x2555, 0x2563, 0x2551, 0x2557, 0x255D, 0x255C, 0x255B, 0x2510,
    0x2514, 0x2534, 0x252C, 0x251C, 0x2500, 0x253C, 0x255E, 0x255F,
    0x255A, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256C, 0x2567,
    0x2568, 0x2564, 0x2565, 0x2559, 0x2558, 0x2552, 0x2553, 0x256B,
    0x256A, 0x2518, 0x250C, 0x2588, 0x2584, 0x258C, 0x2590, 0x2580,
    0x03B1, 0x00DF, 0x0393, 0x03C0, 0x03A3, 0x03C3, 0x00B5, 0x03C4,
    0x03A6, 0x0398, 0x03A9, 0x03B4, 0x221E, 0x03C6, 0x03B5, 0x2229,
    0x2261, 0x00B1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00F7, 0x2248,
    0x00B0, 0x2219, 0x00B7, 0x221A, 0x207F, 0x00B2, 0x25A0, 0x00A0
};

/* What code page 437 has elsewhere, or only something like it. A part of a block becomes the nearest
 * of nothing, half and whole. */
static const struct { USHORT Character; UCHAR Code; } Others[] = {
    { 0x2022, 0x07 }, { 0x2191, 0x18 }, { 0x2193, 0x19 }, { 0x2192, 0x1A }, { 0x2190, 0x1B },
    { 0x25BA, 0x10 }, { 0x25C4, 0x11 },
    { 0x2581, ' ' }, { 0x2582, ' ' }, { 0x2583, 0xDC }, { 0x2585, 0xDC }, { 0x2586, 0xDB }, { 0x2587, 0xDB },
    { 0x2589, 0xDB }, { 0x258A, 0xDB }, { 0x258B, 0xDD }, { 0x258D, 0xDD }, { 0x258E, ' ' }, { 0x258F, ' ' },
    { 0x2026, 0xFA }, { 0x2013, '-' }, { 0x2014, 0xC4 },
    { 0x2018, '\'' }, { 0x2019, '\'' }, { 0x201C, '"' }, { 0x201D, '"' },
    { 0x00D7, 'x' }, { 0x00A9, 'c' }, { 0x00AE, 'r' }, { 0x03BC, 0xE6 }
};

static void WriteAttribute(UCHAR Index, UCHAR Value)
{
    IoIn8(STATUS_PORT);                 /* the port takes index and value in turn; this makes it an index */
    IoOut8(ATTRIBUTE_PORT, Index);
    IoOut8(ATTRIBUTE_PORT, Value);
}

static UCHAR ReadAttribute(UCHAR Index)
{
    IoIn8(STATUS_PORT);
    IoOut8(ATTRIBUTE_PORT, Index);
    return IoIn8(ATTRIBUTE_READ);
}

static void Draw(DISPLAY *Display, ULONG Row, ULONG Column, const CELL *Cells, ULONG Count)
{
    const VGA_TEXT *Vga = CONTAINING_RECORD(Display, VGA_TEXT, Display);

    if (Row >= VGA_ROWS || Column >= VGA_COLUMNS)
        return;
    if (Count > VGA_COLUMNS - Column)
        Count = VGA_COLUMNS - Column;
    for (ULONG I = 0; I < Count; I++)
        Vga->Cells[Row * VGA_COLUMNS + Column + I] = (USHORT)(Cells[I].Colours << 8 | VgaCharacter(Cells[I].Character));
}

static void Clear(DISPLAY *Display, UCHAR Paper)
{
    const VGA_TEXT *Vga = CONTAINING_RECORD(Display, VGA_TEXT, Display);

    for (ULONG I = 0; I < VGA_COLUMNS * VGA_ROWS; I++)
        Vga->Cells[I] = (USHORT)(Paper << 12 | ColourSilver << 8 | ' ');
}

/* ---- Within the screen ---- */

/* VgaCharacter - the code page's code for Character; a question mark if it has nothing like it. */
UCHAR VgaCharacter(ULONG Character)
{
    if (Character >= ' ' && Character < 0x7F)
        return (UCHAR)Character;
    for (ULONG I = 0; I < RTL_NUMBER_OF(Upper); I++)
        if (Upper[I] == Character)
            return (UCHAR)(0x80 + I);
    for (ULONG I = 0; I < RTL_NUMBER_OF(Others); I++)
        if (Others[I].Character == Character)
            return Others[I].Code;
    return '?';
}

/* VgaSetUpRegisters - our colours, no blinking, no hardware cursor. Only where there is a VGA in text mode. */
void VgaSetUpRegisters(void)
{
    for (UCHAR Index = 0; Index < 16; Index++)
        WriteAttribute(Index, Index);
    WriteAttribute(ATTRIBUTE_MODE, ReadAttribute(ATTRIBUTE_MODE) & ~MODE_BLINK);
    IoIn8(STATUS_PORT);
    IoOut8(ATTRIBUTE_PORT, ATTRIBUTE_SHOW);     /* an index below 0x20 had switched the picture off */
    IoOut8(DAC_INDEX, 0);
    for (ULONG Index = 0; Index < 16; Index++)
        for (ULONG Part = 0; Part < 3; Part++)
            IoOut8(DAC_DATA, DisplayPalette[Index][Part] >> 2);
    IoOut8(CRTC_INDEX, CRTC_CURSOR_START);
    IoOut8(CRTC_DATA, CURSOR_OFF);
}

/* VgaInitialize - a display on the text buffer mapped at Mapping (4000 bytes). */
void VgaInitialize(VGA_TEXT *Vga, PVOID Mapping)
{
    *Vga = (VGA_TEXT){ .Display = { VGA_COLUMNS, VGA_ROWS, Draw, Clear }, .Cells = Mapping };
}
