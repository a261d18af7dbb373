/* console.h - the text screen: a grid of cells in sixteen colours, some rows of which scroll the log.
 *
 * Rows and columns count from 0 at the top left. What does not fit is clipped, never an error. Without a
 * usable screen everything here does nothing and the sizes are 0.
 * Who may write where: who has the log's sinks writes the rows of its region; one thread writes
 * all others. So the two need no lock between them. */
#pragma once

#include <rtl/boot_info.h>
#include <rtl/print.h>

/* In the order of the VGA attribute, so that both displays and an untouched palette agree. */
typedef enum _CONSOLE_COLOUR {
    ColourBlack, ColourBlue, ColourGreen, ColourCyan, ColourRed, ColourMagenta, ColourBrown, ColourSilver,
    ColourGrey, ColourSky, ColourLime, ColourAqua, ColourRose, ColourPink, ColourAmber, ColourWhite
} CONSOLE_COLOUR;

typedef struct _CONSOLE_STYLE {
    UCHAR Ink, Paper;           /* CONSOLE_COLOUR */
    BOOLEAN Bold;               /* where the display has a bold face */
} CONSOLE_STYLE;

/* How the log's region looks: its lines' style, and that of a line that starts in the first column (Head). */
typedef struct _CONSOLE_LOG {
    ULONG Top, Rows, Margin;    /* Rows 0: not shown; Margin: columns left free on both sides */
    CONSOLE_STYLE Head, Body, Other;
    BOOLEAN Cursor;             /* show where the next character goes */
    BOOLEAN Fixed;              /* full means full: nothing scrolls away, the last row says that more was said */
    BOOLEAN Dense;              /* no blank lines: paragraphs take turns in Body and Other */
} CONSOLE_LOG;

/* Bytes of the framebuffer to map for ConsoleInitialize; 0 where there is none or its mode is refused. */
SIZE_T ConsoleFramebufferLength(const BOOT_INFO *Info);
void ConsoleInitialize(const BOOT_INFO *Info, PVOID FramebufferMapping, PVOID VgaMapping);
LOG_SINK *ConsoleLogSink(void);

ULONG ConsoleColumns(void);
ULONG ConsoleRows(void);
void ConsoleFill(ULONG Row, ULONG Column, ULONG Rows, ULONG Columns, CONSOLE_STYLE Style);
ULONG ConsoleText(ULONG Row, ULONG Column, ULONG Width, CONSOLE_STYLE Style, const char *Text);
void ConsolePut(ULONG Row, ULONG Column, CONSOLE_STYLE Style, USHORT Character);
void ConsoleFlush(void);                        /* show what changed outside the log's region */
void ConsoleSetLog(const CONSOLE_LOG *Log);     /* the newest lines that fit move along */
void ConsoleEnterStop(const CONSOLE_LOG *Log);  /* wipe all, then log like this; takes no lock */
