/* display.h - what the text screen's sources share among themselves, grouped by the file that has it. */
#pragma once

#include <drivers/console.h>

/* ---- font.c: bitmap fonts in the console's PSF format ---- */

enum { FONT_MAX_HEIGHT = 32, FONT_MAX_ROW_BYTES = 2, FONT_BLOCKS = 32, FONT_INDEX = 0x180 + 0x600 };

typedef struct _FONT {
    ULONG Width, Height;        /* pixels; Width is a multiple of 4 */
    ULONG RowBytes, GlyphCount;
    const UCHAR *Glyphs;        /* RowBytes * Height each, leftmost pixel in the top bit */
    USHORT Index[FONT_INDEX];   /* glyph + 1 of U+0000..017F and U+2000..25FF, 0: the font has none */
    UCHAR Blocks[FONT_BLOCKS][FONT_MAX_HEIGHT * FONT_MAX_ROW_BYTES];    /* U+2580..259F */
} FONT;

BOOLEAN FontLoad(FONT *Font, const void *File, SIZE_T Length);
const UCHAR *FontGlyph(const FONT *Font, ULONG Character);
void FontInitialize(void);
const FONT *FontOfHeight(ULONG Height, BOOLEAN Bold);

/* ---- Displays ---- */

/* One character cell. Colours is paper << 4 | ink, as in VGA text. */
typedef union _CELL {
    struct { USHORT Character; UCHAR Colours; BOOLEAN Bold; };
    ULONG Whole;
} CELL;
C_ASSERT(sizeof(CELL) == 4);

typedef struct _DISPLAY {
    ULONG Columns, Rows;
    void (*Draw)(struct _DISPLAY *Display, ULONG Row, ULONG Column, const CELL *Cells, ULONG Count);
    void (*Clear)(struct _DISPLAY *Display, UCHAR Paper);       /* borders too */
} DISPLAY;

extern const UCHAR DisplayPalette[16][3];       /* red, green, blue; grid.c */

/* ---- framebuffer.c ---- */

typedef struct _FRAMEBUFFER {
    DISPLAY Display;
    PUCHAR Base, Origin;        /* the mapping; the first pixel of cell 0, 0 */
    ULONG Pitch, Width, Height, PixelBytes;
    const FONT *Regular, *Bold;
    ULONG Pixels[16];           /* the palette in this mode's channels */
} FRAMEBUFFER;

const char *FramebufferRefusal(const BOOT_FRAMEBUFFER *Mode);
SIZE_T FramebufferLength(const BOOT_FRAMEBUFFER *Mode);
void FramebufferInitialize(FRAMEBUFFER *Framebuffer, const BOOT_FRAMEBUFFER *Mode, PVOID Mapping);

/* ---- vga.c ---- */

typedef struct _VGA_TEXT {
    DISPLAY Display;
    volatile USHORT *Cells;
} VGA_TEXT;

void VgaInitialize(VGA_TEXT *Vga, PVOID Mapping);
UCHAR VgaCharacter(ULONG Character);
void VgaSetUpRegisters(void);

/* ---- grid.c: wanted and shown cells ---- */

enum { GRID_COLUMNS = 256, GRID_ROWS = 128 };

typedef struct _GRID {
    DISPLAY *Display;
    ULONG Columns, Rows;
    struct { USHORT First, End; } Changed[GRID_ROWS];   /* columns that may differ; End 0: none */
    CELL Wanted[GRID_ROWS][GRID_COLUMNS], Shown[GRID_ROWS][GRID_COLUMNS];
} GRID;

void GridInitialize(GRID *Grid, DISPLAY *Display);
void GridClear(GRID *Grid, CONSOLE_STYLE Style);
void GridPut(GRID *Grid, ULONG Row, ULONG Column, CELL Cell);
void GridFill(GRID *Grid, ULONG Row, ULONG Column, ULONG Rows, ULONG Columns, CONSOLE_STYLE Style);
void GridMoveRows(GRID *Grid, ULONG To, ULONG From, ULONG Rows);
void GridFlush(GRID *Grid, ULONG Top, ULONG Rows);
CELL GridCell(CONSOLE_STYLE Style, ULONG Character);

/* ---- scroll.c: the log's region of a grid ---- */

typedef struct _UTF8_STATE { ULONG Character; UCHAR Left; } UTF8_STATE;

/* Feed one byte. Returns TRUE with *Character once one is whole or broken (U+FFFD). */
BOOLEAN Utf8Feed(UTF8_STATE *State, UCHAR Byte, ULONG *Character);

typedef struct _SCROLL {
    GRID *Grid;
    CONSOLE_LOG Look;
    ULONG Row, Column;          /* where the next character goes; Row == Look.Rows: scroll first */
    ULONG Indent;               /* blanks at the start of this line, where its continuation starts */
    BOOLEAN InIndent, Full, OddParagraph;
    UCHAR Escape;               /* inside a terminal's escape sequence */
    CONSOLE_STYLE Style;        /* of this line */
    UTF8_STATE Utf8;
} SCROLL;

void ScrollInitialize(SCROLL *Scroll, GRID *Grid, const CONSOLE_LOG *Look);
void ScrollMove(SCROLL *Scroll, const CONSOLE_LOG *Look);
void ScrollWrite(SCROLL *Scroll, const char *Text, SIZE_T Length);

/* ---- letters.c: words that one can read from across the room ---- */

typedef struct _LETTERS {
    const FONT *Font;           /* NULL: no size fits */
    ULONG Scale;                /* half cells per pixel of the font */
    ULONG First, End;           /* the font's pixel rows that the word has ink in */
    ULONG Columns, Rows;        /* cells that the word takes */
} LETTERS;

LETTERS LettersFit(const char *Word, ULONG Columns, ULONG Rows);
void LettersDraw(const LETTERS *Letters, ULONG Row, ULONG Column, CONSOLE_STYLE Style, const char *Word);

/* ---- screen.c: for the views ---- */

ULONG ScreenBandTop(void);              /* the first row of a verdict's band */
void ScreenDrawBand(BOOLEAN Passed, const char *Detail);
BOOLEAN ScreenStopped(void);            /* the screen is a stop's: views keep off it */
void ScreenFormatTime(char *Buffer, SIZE_T Size, ULONG64 Milliseconds);
