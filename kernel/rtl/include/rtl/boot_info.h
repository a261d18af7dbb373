/* boot_info.h - what the boot loader told us, checked and copied, in one place.
 *
 * boot/ fills it from Multiboot 1 or 2 before anything is overwritten; everyone below reads it.
 * Physical addresses are as given; nothing here points into loader memory except the modules' bytes,
 * the framebuffer, and the ACPI tables behind Rsdp. */
#pragma once

#include <rtl/ntdef.h>

enum { BOOT_MAX_RANGES = 256, BOOT_MAX_MODULES = 32, BOOT_COMMAND_LINE = 2048, BOOT_MODULE_NAME = 256 };

typedef enum _BOOT_RANGE_TYPE {
    BootRangeUsable = 1, BootRangeReserved = 2, BootRangeAcpi = 3, BootRangeNvs = 4, BootRangeBad = 5
} BOOT_RANGE_TYPE;

typedef struct _BOOT_RANGE {
    ULONG64 Base, Length;       /* bytes; sorted, page aligned inward when usable, no overlaps */
    BOOT_RANGE_TYPE Type;
} BOOT_RANGE;

typedef struct _BOOT_MODULE {
    ULONG64 Base, Length;       /* bytes */
    char Name[BOOT_MODULE_NAME]; /* file name without directories, arguments cut off */
    char Arguments[BOOT_MODULE_NAME];
} BOOT_MODULE;

typedef struct _BOOT_FRAMEBUFFER {
    ULONG64 Base;               /* 0: none */
    ULONG Pitch, Width, Height; /* bytes, pixels, pixels */
    UCHAR BitsPerPixel;
    UCHAR RedShift, RedBits, GreenShift, GreenBits, BlueShift, BlueBits;
} BOOT_FRAMEBUFFER;

typedef struct _BOOT_INFO {
    char CommandLine[BOOT_COMMAND_LINE];
    char LoaderName[64];
    BOOT_RANGE Ranges[BOOT_MAX_RANGES];
    ULONG RangeCount;
    BOOT_MODULE Modules[BOOT_MAX_MODULES];
    ULONG ModuleCount;
    BOOT_FRAMEBUFFER Framebuffer;
    BOOLEAN VgaText;            /* the screen is in an 80x25 text mode at 0xB8000 */
    ULONG64 Rsdp;               /* physical address of an RSDP copy, 0: none given */
    UCHAR RsdpCopy[40];         /* the loader's copy; valid if RsdpCopyLength is not 0 */
    ULONG RsdpCopyLength;
    BOOLEAN FromEfi;
} BOOT_INFO;

/* The value of a kernel option: `name=value` gives value, a bare `name` gives "", absence NULL. The
 * value ends at a blank; Buffer receives it. */
const char *BootOption(const BOOT_INFO *Info, const char *Name, char *Buffer, SIZE_T Size);
