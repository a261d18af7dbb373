/* multiboot1.c - the information of Multiboot 1: one fixed structure full of physical pointers. */
#include <rtl/string.h>
#include "parse.h"

/* Offsets in the information structure, and the flag bits that say which are valid. */
enum {
    INFO_FLAGS = 0, INFO_MEM_LOWER = 4, INFO_MEM_UPPER = 8, INFO_COMMAND_LINE = 16, INFO_MODULE_COUNT = 20,
    INFO_MODULES = 24, INFO_MAP_LENGTH = 44, INFO_MAP = 48, INFO_LOADER_NAME = 64, INFO_FRAMEBUFFER = 88,
    INFO_COLOURS = 110, INFO_SIZE = 116
};

enum {
    HAS_MEMORY = 1 << 0, HAS_COMMAND_LINE = 1 << 2, HAS_MODULES = 1 << 3, HAS_MAP = 1 << 6,
    HAS_LOADER_NAME = 1 << 9, HAS_FRAMEBUFFER = 1 << 12
};

enum { MODULE_START = 0, MODULE_END = 4, MODULE_TEXT = 8, MODULE_SIZE = 16 };

/* A map entry: the size of what follows, then base, length and type. */
enum { ENTRY_SIZE = 0, ENTRY_BASE = 4, ENTRY_LENGTH = 12, ENTRY_TYPE = 20, ENTRY_MINIMUM = 24 };

enum { LONGEST_TEXT = 4096, MOST_MODULES = 1024, LONGEST_MAP = 1 << 20 };

/* A text has an address and no length: what is readable of the first LONGEST_TEXT bytes bounds it. */
static void TakeTextAt(BOOT_PARSER *Parser, const char *What, char *Target, SIZE_T Size, ULONG Address)
{
    BootTakeText(Parser, What, Target, Size, Parser->Source->Map(Address, LONGEST_TEXT), LONGEST_TEXT);
}

static void ParseMap(BOOT_PARSER *Parser, ULONG Address, ULONG Length)
{
    const UCHAR *Map = Parser->Source->Map(Address, Length);
    ULONG Offset = 0;

    if (Map == NULL || Length > LONGEST_MAP) {
        BootRefuse(Parser, "memory map of %u bytes at 0x%x: cannot be read", Length, Address);
        return;
    }
    while (Length - Offset >= ENTRY_MINIMUM) {
        const UCHAR *Entry = Map + Offset;
        ULONG Size = Load32(Entry + ENTRY_SIZE);

        if (Size < ENTRY_MINIMUM - 4 || Size > Length - Offset - 4) {
            BootRefuse(Parser, "memory map entry at byte %u: size %u does not fit", Offset, Size);
            return;
        }
        BootMapAdd(Parser, Load64(Entry + ENTRY_BASE), Load64(Entry + ENTRY_LENGTH), Load32(Entry + ENTRY_TYPE));
        Offset += Size + 4;
    }
    if (Offset != Length)
        BootRefuse(Parser, "memory map: %u bytes left over after its last entry", Length - Offset);
}

static void ParseModules(BOOT_PARSER *Parser, ULONG Count, ULONG Address)
{
    const UCHAR *Modules;

    if (Count == 0)
        return;
    Modules = Count <= MOST_MODULES ? Parser->Source->Map(Address, (ULONG64)Count * MODULE_SIZE) : NULL;
    if (Modules == NULL) {
        BootRefuse(Parser, "list of %u modules at 0x%x: cannot be read", Count, Address);
        return;
    }
    for (ULONG Index = 0; Index < Count; Index++) {
        const UCHAR *Module = Modules + Index * MODULE_SIZE;
        const char *Text = Parser->Source->Map(Load32(Module + MODULE_TEXT), LONGEST_TEXT);

        BootTakeModule(Parser, Load32(Module + MODULE_START), Load32(Module + MODULE_END), Text, LONGEST_TEXT);
    }
}

/* QEMU puts the kernel's own path in front of the command line; GRUB does not. */
static void DropKernelPath(BOOT_INFO *Info)
{
    const char *Rest = strchr(Info->CommandLine, ' ');

    if (strncmp(Info->LoaderName, "qemu", 4) != 0)
        return;
    if (Rest == NULL)
        Info->CommandLine[0] = 0;
    else
        memmove(Info->CommandLine, Rest + 1, strlen(Rest + 1) + 1);
}

/* ---- For multiboot.c ---- */

void BootParse1(BOOT_PARSER *Parser, ULONG64 Information)
{
    BOOT_INFO *Info = Parser->Info;
    const UCHAR *I = Parser->Source->Map(Information, INFO_SIZE);
    ULONG Flags;

    if (I == NULL) {
        BootRefuse(Parser, "Multiboot information at 0x%I64x: cannot be read", Information);
        return;
    }
    Flags = Load32(I + INFO_FLAGS);
    Info->VgaText = TRUE;               /* unless a framebuffer says otherwise, the BIOS left text mode on */
    if (Flags & HAS_MAP)
        ParseMap(Parser, Load32(I + INFO_MAP), Load32(I + INFO_MAP_LENGTH));
    if (Flags & HAS_MEMORY)
        BootMapAddBasic(Parser, Load32(I + INFO_MEM_LOWER), Load32(I + INFO_MEM_UPPER));
    if (Flags & HAS_LOADER_NAME)
        TakeTextAt(Parser, "loader name", Info->LoaderName, sizeof Info->LoaderName, Load32(I + INFO_LOADER_NAME));
    if (Flags & HAS_COMMAND_LINE) {
        TakeTextAt(Parser, "command line", Info->CommandLine, sizeof Info->CommandLine, Load32(I + INFO_COMMAND_LINE));
        DropKernelPath(Info);
    }
    if (Flags & HAS_MODULES)
        ParseModules(Parser, Load32(I + INFO_MODULE_COUNT), Load32(I + INFO_MODULES));
    if (Flags & HAS_FRAMEBUFFER)
        BootTakeFramebuffer(Parser, I + INFO_FRAMEBUFFER, I + INFO_COLOURS);
}
