/* multiboot2.c - the information of Multiboot 2: one block of tags, each with its type and size. */
#include <rtl/string.h>
#include "parse.h"

enum { BLOCK_HEADER = 8, TAG_HEADER = 8, LARGEST_BLOCK = 16 << 20 };

enum {
    TAG_END = 0, TAG_COMMAND_LINE = 1, TAG_LOADER_NAME = 2, TAG_MODULE = 3, TAG_BASIC_MEMORY = 4, TAG_MAP = 6,
    TAG_FRAMEBUFFER = 8, TAG_EFI64_TABLE = 12, TAG_RSDP1 = 14, TAG_RSDP2 = 15, TAG_EFI64_HANDLE = 20, TAG_LIMIT = 21
};

enum { MODULE_START = 8, MODULE_END = 12, MODULE_TEXT = 16 };
enum { MAP_ENTRY_SIZE = 8, MAP_ENTRIES = 16, ENTRY_BASE = 0, ENTRY_LENGTH = 8, ENTRY_TYPE = 16, ENTRY_MINIMUM = 24 };
enum { SCREEN_FIELDS = 8, SCREEN_COLOURS = 32, SCREEN_MINIMUM = 32, SCREEN_RGB = 38 };
enum { RSDP1_SIZE = 20, RSDP2_SIZE = 36 };

static void TakeCommandLine(BOOT_PARSER *Parser, const UCHAR *Tag, ULONG Size)
{
    BootTakeText(Parser, "command line", Parser->Info->CommandLine, BOOT_COMMAND_LINE, (const char *)Tag + TAG_HEADER,
                 Size - TAG_HEADER);
}

static void TakeLoaderName(BOOT_PARSER *Parser, const UCHAR *Tag, ULONG Size)
{
    BootTakeText(Parser, "loader name", Parser->Info->LoaderName, sizeof Parser->Info->LoaderName,
                 (const char *)Tag + TAG_HEADER, Size - TAG_HEADER);
}

static void TakeModule(BOOT_PARSER *Parser, const UCHAR *Tag, ULONG Size)
{
    BootTakeModule(Parser, Load32(Tag + MODULE_START), Load32(Tag + MODULE_END), (const char *)Tag + MODULE_TEXT,
                   Size - MODULE_TEXT);
}

static void TakeMap(BOOT_PARSER *Parser, const UCHAR *Tag, ULONG Size)
{
    ULONG Stride = Load32(Tag + MAP_ENTRY_SIZE);

    if (Stride < ENTRY_MINIMUM || Stride % 8 != 0) {
        BootRefuse(Parser, "memory map: entries of %u bytes are not a map", Stride);
        return;
    }
    for (ULONG Offset = MAP_ENTRIES; Size - Offset >= Stride; Offset += Stride)
        BootMapAdd(Parser, Load64(Tag + Offset + ENTRY_BASE), Load64(Tag + Offset + ENTRY_LENGTH),
                   Load32(Tag + Offset + ENTRY_TYPE));
    if ((Size - MAP_ENTRIES) % Stride != 0)
        BootRefuse(Parser, "memory map: %u bytes left over after its last entry", (Size - MAP_ENTRIES) % Stride);
}

static void TakeFramebuffer(BOOT_PARSER *Parser, const UCHAR *Tag, ULONG Size)
{
    BootTakeFramebuffer(Parser, Tag + SCREEN_FIELDS, Size >= SCREEN_RGB ? Tag + SCREEN_COLOURS : NULL);
}

static void TakeEfi(BOOT_PARSER *Parser, const UCHAR *Tag, ULONG Size)
{
    UNREFERENCED_PARAMETER(Tag);
    UNREFERENCED_PARAMETER(Size);
    Parser->Info->FromEfi = TRUE;
}

/* The newer copy wins, in whatever order they come. */
static void TakeRsdp(BOOT_PARSER *Parser, const UCHAR *Tag, ULONG Size)
{
    BOOT_INFO *Info = Parser->Info;
    ULONG Length = Size - TAG_HEADER;

    if (Length > sizeof Info->RsdpCopy)
        Length = sizeof Info->RsdpCopy;
    if (Length <= Info->RsdpCopyLength)
        return;
    memcpy(Info->RsdpCopy, Tag + TAG_HEADER, Length);
    Info->RsdpCopyLength = Length;
}

/* Which tags we read, how long each must be at least, and whether there may be several. */
static const struct {
    const char *Name;
    ULONG Minimum;
    BOOLEAN Many;
    void (*Take)(BOOT_PARSER *Parser, const UCHAR *Tag, ULONG Size);
} Rules[TAG_LIMIT] = {
    [TAG_COMMAND_LINE] = { "command line", TAG_HEADER + 1, FALSE, TakeCommandLine },
    [TAG_LOADER_NAME] = { "loader name", TAG_HEADER + 1, FALSE, TakeLoaderName },
    [TAG_MODULE] = { "module", MODULE_TEXT + 1, TRUE, TakeModule },
    [TAG_MAP] = { "memory map", MAP_ENTRIES, FALSE, TakeMap },
    [TAG_FRAMEBUFFER] = { "framebuffer", SCREEN_MINIMUM, FALSE, TakeFramebuffer },
    [TAG_EFI64_TABLE] = { "EFI system table", TAG_HEADER + 8, FALSE, TakeEfi },
    [TAG_RSDP1] = { "RSDP 1", TAG_HEADER + RSDP1_SIZE, FALSE, TakeRsdp },
    [TAG_RSDP2] = { "RSDP 2", TAG_HEADER + RSDP2_SIZE, FALSE, TakeRsdp },
    [TAG_EFI64_HANDLE] = { "EFI image handle", TAG_HEADER + 8, FALSE, TakeEfi },
};

static void TakeTag(BOOT_PARSER *Parser, const UCHAR *Tag, ULONG *Seen)
{
    ULONG Type = Load32(Tag), Size = Load32(Tag + 4);

    if (Type >= TAG_LIMIT || Rules[Type].Take == NULL)
        return;
    if (Size < Rules[Type].Minimum) {
        BootRefuse(Parser, "%s tag: %u bytes are too short", Rules[Type].Name, Size);
        return;
    }
    if ((*Seen & 1u << Type) && !Rules[Type].Many) {
        BootRefuse(Parser, "%s tag: given twice, the first counts", Rules[Type].Name);
        return;
    }
    *Seen |= 1u << Type;
    Rules[Type].Take(Parser, Tag, Size);
}

/* The tag at Offset if it lies in the block, else NULL. */
static const UCHAR *TagAt(const UCHAR *Block, ULONG Total, ULONG Offset)
{
    ULONG Size;

    if (Total - Offset < TAG_HEADER)
        return NULL;
    Size = Load32(Block + Offset + 4);
    return Size >= TAG_HEADER && Size <= Total - Offset ? Block + Offset : NULL;
}

/* ---- For multiboot.c ---- */

void BootParse2(BOOT_PARSER *Parser, ULONG64 Information)
{
    const UCHAR *Block = Parser->Source->Map(Information, BLOCK_HEADER), *Tag, *Basic = NULL;
    ULONG Total = Block != NULL ? Load32(Block) : 0, Offset = BLOCK_HEADER, Seen = 0;

    if (Total < BLOCK_HEADER || Total > LARGEST_BLOCK || (Block = Parser->Source->Map(Information, Total)) == NULL) {
        BootRefuse(Parser, "Multiboot information of %u bytes at 0x%I64x: cannot be read", Total, Information);
        return;
    }
    while ((Tag = TagAt(Block, Total, Offset)) != NULL && Load32(Tag) != TAG_END) {
        ULONG Size = Load32(Tag + 4), Padded = (Size + 7) & ~7u;

        if (Load32(Tag) == TAG_BASIC_MEMORY && Size >= 16)
            Basic = Tag;
        TakeTag(Parser, Tag, &Seen);
        if (Padded > Total - Offset)
            break;
        Offset += Padded;
    }
    if (Tag == NULL || Load32(Tag) != TAG_END)
        BootRefuse(Parser, "Multiboot information: the tag at byte %u of %u does not fit, the rest is ignored", Offset,
                   Total);
    if (Basic != NULL)
        BootMapAddBasic(Parser, Load32(Basic + 8), Load32(Basic + 12));
    Parser->Info->VgaText |= !(Seen & 1u << TAG_FRAMEBUFFER) && !Parser->Info->FromEfi;
}
