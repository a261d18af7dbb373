/* multiboot_test.c - boot information as a good loader writes it, and as a hostile one would.
 *
 * The loader's memory is a buffer that appears at physical BASE; reading outside it is refused, as a
 * BOOT_SOURCE must. Each test builds an information block in it, parses, and looks at what was believed
 * and at the lines in which the rest was refused. */
#include <boot/multiboot.h>
#include <ktest.h>
#include <rtl/print.h>
#include <rtl/string.h>

enum { MEMORY = 96 << 10, LINES = 64 };
#define BASE 0x200000ull

static UCHAR Memory[MEMORY] __attribute__((aligned(16)));
static ULONG Used;
static BOOT_INFO Info;
static char Refused[LINES][160];
static ULONG RefusedCount;

/* ---- The loader's memory ---- */

static const void *MapMemory(ULONG64 Physical, ULONG64 Length)
{
    if (Physical < BASE || Physical - BASE > MEMORY || Length > MEMORY - (Physical - BASE))
        return NULL;
    return Memory + (Physical - BASE);
}

static void NoteRefusal(const char *Line)
{
    if (RefusedCount < LINES)
        RtlFormat(Refused[RefusedCount], sizeof Refused[0], "%s", Line);
    RefusedCount++;
}

static ULONG Parse(ULONG Magic)
{
    static const BOOT_SOURCE Source = { MapMemory, NoteRefusal };

    RefusedCount = 0;
    memset(&Info, 0xCC, sizeof Info);
    return BootParse(Magic, BASE, &Source, &Info);
}

/* Was something refused with this phrase? */
static BOOLEAN WasRefused(const char *Phrase)
{
    for (ULONG Index = 0; Index < RefusedCount && Index < LINES; Index++)
        if (strstr(Refused[Index], Phrase) != NULL)
            return TRUE;
    return FALSE;
}

static void Put8(UCHAR V) { Memory[Used++] = V; }
static void Put16(USHORT V) { memcpy(Memory + Used, &V, sizeof V); Used += sizeof V; }
static void Put32(ULONG V) { memcpy(Memory + Used, &V, sizeof V); Used += sizeof V; }
static void Put64(ULONG64 V) { memcpy(Memory + Used, &V, sizeof V); Used += sizeof V; }

static void PutText(const char *Text)
{
    memcpy(Memory + Used, Text, strlen(Text) + 1);
    Used += (ULONG)strlen(Text) + 1;
}

static void Set32(ULONG At, ULONG V) { memcpy(Memory + At, &V, sizeof V); }

/* ---- Multiboot 2 blocks ---- */

static ULONG OpenTag;

static void Begin2(void)
{
    memset(Memory, 0, sizeof Memory);
    Used = 8;
}

static void BeginTag(ULONG Type)
{
    Used = (Used + 7) & ~7u;
    OpenTag = Used;
    Put32(Type);
    Put32(0);
}

static void EndTag(void) { Set32(OpenTag + 4, Used - OpenTag); }

static void TextTag(ULONG Type, const char *Text)
{
    BeginTag(Type);
    PutText(Text);
    EndTag();
}

static void BeginMap(void)
{
    BeginTag(6);
    Put32(24);
    Put32(0);
}

static void MapEntry(ULONG64 Start, ULONG64 Length, ULONG Type)
{
    Put64(Start);
    Put64(Length);
    Put32(Type);
    Put32(0);
}

static void GoodMap(void)
{
    BeginMap();
    MapEntry(0, 0x9FC00, 1);
    MapEntry(0x100000, 0x7F00000, 1);
    EndTag();
}

static void ModuleTag(ULONG Start, ULONG End, const char *Text)
{
    BeginTag(3);
    Put32(Start);
    Put32(End);
    PutText(Text);
    EndTag();
}

static void ScreenTag(ULONG64 Address, ULONG Pitch, ULONG Width, ULONG Height, UCHAR Bits, UCHAR Type)
{
    BeginTag(8);
    Put64(Address);
    Put32(Pitch);
    Put32(Width);
    Put32(Height);
    Put8(Bits);
    Put8(Type);
    Put16(0);
    Put8(16), Put8(8), Put8(8), Put8(8), Put8(0), Put8(8);
    EndTag();
}

static ULONG Finish2(void)
{
    BeginTag(0);
    EndTag();
    Set32(0, Used);
    return Parse(MULTIBOOT2_MAGIC);
}

/* What BOOT_INFO promises of its map, whatever came in. */
static void CheckMap(void)
{
    REQUIRE_TRUE(Info.RangeCount <= BOOT_MAX_RANGES);
    for (ULONG Index = 0; Index < Info.RangeCount; Index++) {
        const BOOT_RANGE *R = &Info.Ranges[Index];

        EXPECT_NE(R->Length, 0);
        EXPECT_TRUE(R->Base + R->Length > R->Base);
        EXPECT_TRUE(R->Type >= BootRangeUsable && R->Type <= BootRangeBad);
        if (R->Type == BootRangeUsable)
            EXPECT_EQ((R->Base | R->Length) & (PAGE_SIZE - 1), 0);
        if (Index != 0)
            EXPECT_TRUE(R[-1].Base + R[-1].Length <= R->Base);
    }
}

static void ExpectRange(ULONG Index, ULONG64 Start, ULONG64 End, BOOT_RANGE_TYPE Type)
{
    REQUIRE_TRUE(Index < Info.RangeCount);
    EXPECT_EQ(Info.Ranges[Index].Base, Start);
    EXPECT_EQ(Info.Ranges[Index].Base + Info.Ranges[Index].Length, End);
    EXPECT_EQ(Info.Ranges[Index].Type, Type);
}

/* ---- Good input ---- */

TEST(boot_multiboot, second_protocol_is_read_in_full)
{
    static const UCHAR Rsdp[36] = "RSD PTR ";

    Begin2();
    TextTag(1, "selftest test=ke.*");
    TextTag(2, "GRUB 9");
    GoodMap();
    ModuleTag(0x1400000, 0x1400123, "/drivers/one.sys first second");
    ModuleTag(0x1500000, 0x1500010, "two.sys");
    ScreenTag(0xFD000000, 5120, 1280, 800, 32, 1);
    BeginTag(15);
    memcpy(Memory + Used, Rsdp, sizeof Rsdp);
    Used += sizeof Rsdp;
    EndTag();

    EXPECT_EQ(Finish2(), 0);
    CheckMap();
    EXPECT_EQ(strcmp(Info.CommandLine, "selftest test=ke.*"), 0);
    EXPECT_EQ(strcmp(Info.LoaderName, "GRUB 9"), 0);
    EXPECT_EQ(Info.RangeCount, 2);
    ExpectRange(0, 0, 0x9F000, BootRangeUsable);
    ExpectRange(1, 0x100000, 0x8000000, BootRangeUsable);
    REQUIRE_EQ(Info.ModuleCount, 2);
    EXPECT_EQ(strcmp(Info.Modules[0].Name, "one.sys"), 0);
    EXPECT_EQ(strcmp(Info.Modules[0].Arguments, "first second"), 0);
    EXPECT_EQ(Info.Modules[0].Base, 0x1400000);
    EXPECT_EQ(Info.Modules[0].Length, 0x123);
    EXPECT_EQ(strcmp(Info.Modules[1].Name, "two.sys"), 0);
    EXPECT_EQ(strcmp(Info.Modules[1].Arguments, ""), 0);
    EXPECT_EQ(Info.Framebuffer.Base, 0xFD000000);
    EXPECT_EQ(Info.Framebuffer.Pitch, 5120);
    EXPECT_EQ(Info.Framebuffer.RedShift, 16);
    EXPECT_EQ(Info.VgaText, FALSE);
    EXPECT_EQ(Info.RsdpCopyLength, 36);
    EXPECT_EQ(memcmp(Info.RsdpCopy, Rsdp, 36), 0);
    EXPECT_EQ(Info.FromEfi, FALSE);
}

TEST(boot_multiboot, newer_rsdp_wins_in_either_order)
{
    for (ULONG First = 14; First <= 15; First++) {
        Begin2();
        GoodMap();
        for (ULONG Turn = 0; Turn < 2; Turn++) {
            ULONG Type = Turn == 0 ? First : 29 - First;

            BeginTag(Type);
            memset(Memory + Used, (int)Type, 36);
            Used += Type == 14 ? 20 : 36;
            EndTag();
        }
        EXPECT_EQ(Finish2(), 0);
        EXPECT_EQ(Info.RsdpCopyLength, 36);
        EXPECT_EQ(Info.RsdpCopy[0], 15);
    }
}

TEST(boot_multiboot, text_screen_is_known)
{
    Begin2();
    GoodMap();
    ScreenTag(0xB8000, 160, 80, 25, 16, 2);
    EXPECT_EQ(Finish2(), 0);
    EXPECT_EQ(Info.VgaText, TRUE);
    EXPECT_EQ(Info.Framebuffer.Base, 0);

    Begin2();                           /* EFI without a framebuffer has no text screen either */
    GoodMap();
    BeginTag(12);
    Put64(0x1000);
    EndTag();
    EXPECT_EQ(Finish2(), 0);
    EXPECT_EQ(Info.FromEfi, TRUE);
    EXPECT_EQ(Info.VgaText, FALSE);
}

/* ---- Multiboot 1 ---- */

enum { TEXT1 = 0x400, MODULES1 = 0x800, MAP1 = 0xC00 };

/* An information structure that says Flags is valid; the rest of it is zero. */
static void Begin1(ULONG Flags)
{
    memset(Memory, 0, sizeof Memory);
    Set32(0, Flags);
}

static void Text1(ULONG Field, ULONG At, const char *Text)
{
    Used = At;
    PutText(Text);
    Set32(Field, (ULONG)BASE + At);
}

static void Entry1(ULONG Size, ULONG64 Start, ULONG64 Length, ULONG Type)
{
    Put32(Size);
    Put64(Start);
    Put64(Length);
    Put32(Type);
    Used += Size > 20 && Size < 100 ? Size - 20 : 0;
    Set32(44, Used - MAP1);
}

static void BeginMap1(void)
{
    Used = MAP1;
    Set32(48, (ULONG)BASE + MAP1);
}

TEST(boot_multiboot, first_protocol_is_read_in_full)
{
    Begin1(1 << 2 | 1 << 3 | 1 << 6 | 1 << 9);
    Text1(16, TEXT1, "/boot/kedge.elf exit=isa-debug drivers");
    Text1(64, TEXT1 + 0x100, "qemu");
    Text1(MODULES1 + 8, TEXT1 + 0x200, "build/a.sys x y");
    Set32(MODULES1, 0xC00000);
    Set32(MODULES1 + 4, 0xC00800);
    Set32(20, 1);
    Set32(24, (ULONG)BASE + MODULES1);
    BeginMap1();
    Entry1(20, 0, 0xA0000, 1);
    Entry1(28, 0x100000, 0x1000000, 1); /* entries may be longer than we know */

    EXPECT_EQ(Parse(MULTIBOOT1_MAGIC), 0);
    EXPECT_EQ(strcmp(Info.CommandLine, "exit=isa-debug drivers"), 0);
    EXPECT_EQ(Info.RangeCount, 2);
    ExpectRange(1, 0x100000, 0x1100000, BootRangeUsable);
    REQUIRE_EQ(Info.ModuleCount, 1);
    EXPECT_EQ(strcmp(Info.Modules[0].Name, "a.sys"), 0);
    EXPECT_EQ(strcmp(Info.Modules[0].Arguments, "x y"), 0);
    EXPECT_EQ(Info.VgaText, TRUE);
}

TEST(boot_multiboot, basic_sizes_stand_in_for_a_map)
{
    Begin1(1 << 0);
    Set32(4, 639);
    Set32(8, 0x7F00);
    EXPECT_EQ(Parse(MULTIBOOT1_MAGIC), 0);
    ExpectRange(0, 0, 0x9F000, BootRangeUsable);
    ExpectRange(1, 0x100000, 0x100000 + (0x7F00ull << 10), BootRangeUsable);

    Begin1(1 << 0);
    Set32(4, MAXULONG);
    Set32(8, MAXULONG);
    EXPECT_EQ(Parse(MULTIBOOT1_MAGIC), 0);
    CheckMap();
    ExpectRange(0, 0, 0xA0000, BootRangeUsable);
}

TEST(boot_multiboot, first_protocol_refuses_wild_pointers)
{
    Begin1(1 << 2 | 1 << 3 | 1 << 6 | 1 << 9);
    Set32(16, 0x10);                    /* command line */
    Set32(64, MAXULONG);                /* loader name */
    Set32(20, 3);
    Set32(24, (ULONG)BASE + MEMORY - 16);       /* one of the three modules lies in memory */
    Set32(44, 48);
    Set32(48, (ULONG)BASE + MEMORY - 24);
    EXPECT_EQ(Parse(MULTIBOOT1_MAGIC), 5);
    EXPECT_TRUE(WasRefused("command line: its address"));
    EXPECT_TRUE(WasRefused("loader name: its address"));
    EXPECT_TRUE(WasRefused("list of 3 modules"));
    EXPECT_TRUE(WasRefused("memory map of 48 bytes"));
    EXPECT_TRUE(WasRefused("missing or without a single good entry"));
    EXPECT_EQ(Info.ModuleCount, 0);
    EXPECT_EQ(Info.CommandLine[0], 0);

    Begin1(1 << 3);                     /* a count whose size wraps 32 bits */
    Set32(20, 0x10000001);
    Set32(24, (ULONG)BASE);
    Parse(MULTIBOOT1_MAGIC);
    EXPECT_TRUE(WasRefused("list of 268435457 modules"));
}

TEST(boot_multiboot, first_protocol_map_entry_sizes)
{
    static const ULONG Sizes[] = { 0, 4, 19, 45, 0x7FFFFFFF, 0xFFFFFFFC, MAXULONG };

    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Sizes); Index++) {
        Begin1(1 << 6);
        BeginMap1();
        Entry1(20, 0x100000, 0x100000, 1);
        Entry1(Sizes[Index], 0x300000, 0x100000, 1);
        Set32(44, 48);
        Parse(MULTIBOOT1_MAGIC);
        EXPECT_TRUE(WasRefused("does not fit"));
        EXPECT_EQ(Info.RangeCount, 1);
    }
    Begin1(1 << 6);
    BeginMap1();
    Entry1(20, 0x100000, 0x100000, 1);
    Set32(44, 30);
    Parse(MULTIBOOT1_MAGIC);
    EXPECT_TRUE(WasRefused("6 bytes left over"));
}

/* ---- Hostile blocks ---- */

TEST(boot_multiboot, unknown_magic_leaves_an_empty_info)
{
    Begin2();
    EXPECT_EQ(Parse(0x12345678), 2);
    EXPECT_TRUE(WasRefused("loader magic 0x12345678"));
    EXPECT_EQ(Info.RangeCount | Info.ModuleCount | Info.RsdpCopyLength, 0);
}

TEST(boot_multiboot, block_sizes_that_lie)
{
    static const ULONG Totals[] = { 0, 1, 7, MEMORY + 1, 0x7FFFFFFF, MAXULONG };

    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Totals); Index++) {
        Begin2();
        GoodMap();
        Set32(0, Totals[Index]);
        Parse(MULTIBOOT2_MAGIC);
        EXPECT_TRUE(WasRefused("cannot be read"));
        EXPECT_EQ(Info.RangeCount, 0);
    }
}

TEST(boot_multiboot, every_truncation_is_survived)
{
    ULONG Full;

    Begin2();
    TextTag(1, "selftest");
    ModuleTag(0x1400000, 0x1401000, "a.sys");
    ScreenTag(0xFD000000, 5120, 1280, 800, 32, 1);
    GoodMap();
    EXPECT_EQ(Finish2(), 0);
    Full = Used;
    for (ULONG Total = 8; Total < Full; Total++) {
        Set32(0, Total);
        EXPECT_GE(Parse(MULTIBOOT2_MAGIC), 1);
        CheckMap();
    }
}

TEST(boot_multiboot, tag_sizes_that_lie)
{
    static const ULONG Sizes[] = { 0, 1, 7, 0x1000, 0x7FFFFFFF, 0xFFFFFFF8, 0xFFFFFFF9, MAXULONG };

    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Sizes); Index++) {
        Begin2();
        GoodMap();
        TextTag(1, "selftest");
        Set32(OpenTag + 4, Sizes[Index]);
        Finish2();
        EXPECT_TRUE(WasRefused("does not fit, the rest is ignored"));
        EXPECT_EQ(Info.RangeCount, 2);  /* what came before stays good */
    }
}

TEST(boot_multiboot, tags_too_short_for_their_type)
{
    static const ULONG Types[] = { 1, 2, 3, 6, 8, 14, 15 };

    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Types); Index++) {
        Begin2();
        BeginTag(Types[Index]);
        EndTag();
        GoodMap();
        EXPECT_EQ(Finish2(), 1);
        EXPECT_TRUE(WasRefused("too short"));
        EXPECT_EQ(Info.RangeCount, 2);
    }
}

TEST(boot_multiboot, first_of_two_counts)
{
    Begin2();
    TextTag(1, "one");
    GoodMap();
    TextTag(1, "two");
    EXPECT_EQ(Finish2(), 1);
    EXPECT_TRUE(WasRefused("command line tag: given twice"));
    EXPECT_EQ(strcmp(Info.CommandLine, "one"), 0);
}

TEST(boot_multiboot, texts_without_end_and_too_long)
{
    Begin2();
    GoodMap();
    BeginTag(1);
    memcpy(Memory + Used, "self\x1b[2J", 8);
    Used += 8;
    EndTag();
    BeginTag(2);
    memset(Memory + Used, 'L', 200);
    Used += 200;
    Put8(0);
    EndTag();
    EXPECT_EQ(Finish2(), 2);
    EXPECT_TRUE(WasRefused("command line: not terminated"));
    EXPECT_TRUE(WasRefused("loader name: cut after 63"));
    EXPECT_EQ(strcmp(Info.CommandLine, "self?[2J"), 0);
    EXPECT_EQ(strlen(Info.LoaderName), 63);
}

/* ---- Hostile memory maps ---- */

TEST(boot_multiboot, overlaps_go_to_the_strongest)
{
    Begin2();
    BeginMap();
    MapEntry(0x500000, 0x100000, 1);    /* unsorted */
    MapEntry(0x100000, 0x300000, 1);
    MapEntry(0x200000, 0x001234, 2);    /* reserved inside usable */
    MapEntry(0x100000, 0x300000, 1);    /* again */
    MapEntry(0x3FF000, 0x101000, 1);    /* touches what follows: one range */
    MapEntry(0x280000, 0x001000, 3);
    MapEntry(0x280800, 0x000800, 5);
    MapEntry(0, 0, 1);
    MapEntry(0x700000, 0x001000, 99);   /* an unknown type is reserved */
    EndTag();
    EXPECT_EQ(Finish2(), 0);
    CheckMap();
    EXPECT_EQ(Info.RangeCount, 7);
    ExpectRange(0, 0x100000, 0x200000, BootRangeUsable);
    ExpectRange(1, 0x200000, 0x201234, BootRangeReserved);
    ExpectRange(2, 0x202000, 0x280000, BootRangeUsable);
    ExpectRange(3, 0x280000, 0x280800, BootRangeAcpi);
    ExpectRange(4, 0x280800, 0x281000, BootRangeBad);
    ExpectRange(5, 0x281000, 0x600000, BootRangeUsable);
    ExpectRange(6, 0x700000, 0x701000, BootRangeReserved);
}

TEST(boot_multiboot, entries_that_wrap_or_lie_too_high)
{
    Begin2();
    BeginMap();
    MapEntry(0xFFFFFFFFFFFFF000, 0x2000, 1);
    MapEntry(0x100000, 0xFFFFFFFFFFFFFFFF, 1);
    MapEntry(1ull << 52, 0x1000, 1);
    MapEntry(0x100000, 0x100000, 1);
    MapEntry((1ull << 52) - 0x1000, 0x10000, 1);        /* clipped at the last possible address */
    EndTag();
    EXPECT_EQ(Finish2(), 3);
    CheckMap();
    EXPECT_TRUE(WasRefused("entry 0: base 0xfffffffffffff000"));
    EXPECT_TRUE(WasRefused("entry 1: base 0x100000"));
    EXPECT_TRUE(WasRefused("entry 2"));
    EXPECT_EQ(Info.RangeCount, 2);
    ExpectRange(0, 0x100000, 0x200000, BootRangeUsable);
    ExpectRange(1, (1ull << 52) - 0x1000, 1ull << 52, BootRangeUsable);
}

TEST(boot_multiboot, more_entries_and_ranges_than_there_is_room_for)
{
    Begin2();
    BeginMap();
    for (ULONG Index = 0; Index < 2000; Index++)
        MapEntry(0x100000 + Index * 0x2000ull, 0x1000, 1);
    EndTag();
    EXPECT_EQ(Finish2(), 2);
    CheckMap();
    EXPECT_EQ(Info.RangeCount, BOOT_MAX_RANGES);
    EXPECT_TRUE(WasRefused("the entries after the first 1024"));
    EXPECT_TRUE(WasRefused("more than 256 ranges"));
}

TEST(boot_multiboot, map_with_strange_entry_size)
{
    static const ULONG Strides[] = { 0, 8, 20, 25, MAXULONG };

    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Strides); Index++) {
        Begin2();
        GoodMap();
        Set32(OpenTag + 8, Strides[Index]);
        EXPECT_EQ(Finish2(), 2);
        EXPECT_TRUE(WasRefused("are not a map"));
    }
}

/* Many small lies at once, from a fixed seed: whatever comes in, the map keeps its promises. */
TEST(boot_multiboot, random_maps_keep_the_promises)
{
    ULONG Seed = 12345;

    for (ULONG Round = 0; Round < 50; Round++) {
        Begin2();
        BeginMap();
        for (ULONG Index = 0; Index < 40; Index++) {
            ULONG64 Start, Length;

            Seed = Seed * 1103515245 + 12345;
            Start = (ULONG64)(Seed >> 12) << (Seed % 5 * 8);
            Seed = Seed * 1103515245 + 12345;
            Length = (ULONG64)(Seed >> 14) << (Seed % 5 * 8);
            MapEntry(Start, Length, Seed >> 29);
        }
        EndTag();
        Finish2();
        CheckMap();
    }
}

/* ---- Hostile modules and framebuffers ---- */

TEST(boot_multiboot, modules_where_none_can_be)
{
    Begin2();
    GoodMap();
    ModuleTag(0x1500000, 0x1400000, "backwards.sys");
    ModuleTag(0x110000, 0x120000, "kernel.sys");        /* on the kernel itself */
    ModuleTag(0xF0000000, 0xF0001000, "device.sys");
    ModuleTag(0x7FFF000, 0x8001000, "edge.sys");
    ModuleTag(0x1400000, 0x1402000, "good.sys");
    ModuleTag(0x1401000, 0x1403000, "overlap.sys");
    ModuleTag(0x600000, 0x600000, "empty.sys");         /* the loader of drivers will name it */
    ModuleTag(0x700000, 0x700001, "");
    EXPECT_EQ(Finish2(), 5);
    EXPECT_TRUE(WasRefused("module backwards.sys: ends at 0x1400000 before"));
    EXPECT_TRUE(WasRefused("module kernel.sys at 0x110000 with 0x10000 bytes: overlaps the kernel"));
    EXPECT_TRUE(WasRefused("device.sys"));
    EXPECT_TRUE(WasRefused("edge.sys"));
    EXPECT_TRUE(WasRefused("overlap.sys at 0x1401000 with 0x2000 bytes: overlaps a module"));
    REQUIRE_EQ(Info.ModuleCount, 3);
    EXPECT_EQ(strcmp(Info.Modules[0].Name, "good.sys"), 0);
    EXPECT_EQ(Info.Modules[1].Length, 0);
    EXPECT_EQ(strncmp(Info.Modules[2].Name, "module", 6), 0);
}

TEST(boot_multiboot, more_modules_than_there_is_room_for)
{
    Begin2();
    GoodMap();
    for (ULONG Index = 0; Index < BOOT_MAX_MODULES + 2; Index++)
        ModuleTag(0x1400000 + Index * 0x1000, 0x1400800 + Index * 0x1000, "m.sys");
    EXPECT_EQ(Finish2(), 2);
    EXPECT_EQ(Info.ModuleCount, BOOT_MAX_MODULES);
}

TEST(boot_multiboot, framebuffers_that_cannot_be)
{
    static const struct { ULONG64 Base; ULONG Pitch, Width, Height; UCHAR Bits, Type; } Bad[] = {
        { 0, 5120, 1280, 800, 32, 1 }, { 0xFD000000, 5119, 1280, 800, 32, 1 }, { 0xFD000000, 0, 0, 0, 32, 1 },
        { 0xFD000000, 5120, 1280, 800, 8, 1 }, { 0xFD000000, 5120, 1280, 800, 64, 1 },
        { 0xFD000000, MAXULONG, MAXULONG, MAXULONG, 32, 1 }, { 0xFD000000, 5120, 0x40000001, 800, 32, 1 },
        { 0xFFFFFFFFFFFFF000, 5120, 1280, 800, 32, 1 }, { 0xFD000000, 1280, 1280, 800, 8, 0 },
        { 0xFD000000, 5120, 1280, 800, 32, 7 }, { 0xA0000, 160, 80, 25, 16, 2 }, { 0xFD000000, 2560, 1280, 800, 16, 1 },
    };

    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Bad); Index++) {
        Begin2();
        GoodMap();
        ScreenTag(Bad[Index].Base, Bad[Index].Pitch, Bad[Index].Width, Bad[Index].Height, Bad[Index].Bits,
                  Bad[Index].Type);
        EXPECT_EQ(Finish2(), 1);
        EXPECT_EQ(Info.Framebuffer.Base, 0);
        EXPECT_EQ(Info.VgaText, FALSE);
    }
}
