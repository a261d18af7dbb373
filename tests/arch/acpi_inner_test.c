/* acpi_inner_test.c - the firmware's tables, sound and hostile.
 *
 * Each test builds a machine: WINDOW bytes of physical memory at BASE, whose last byte is followed by an
 * unmapped page. Tables are laid out from the end downwards, so that a reader that leaves its table by
 * one byte faults. */
#include <ktest.h>
#include <mm/mm.h>
#include <rtl/string.h>
#include "x86.h"

enum { BASE = 0x10000000, WINDOW = 0x10000, HEADER = 36 };

static UCHAR *Window;
static ULONG Free;                      /* offset of the lowest byte in use */
static BOOT_INFO Info;
static PLATFORM Machine;
static ULONG Refusals;
static char LastName[8];
static const char *LastReason;
static ULONG64 LastAddress;
static const UCHAR *BiosArea;           /* what lies at 0xE0000, NULL: nothing readable */

static const UCHAR *Map(ULONG64 Physical, SIZE_T Length)
{
    if (BiosArea && Physical == 0xE0000 && Length == 0x20000)
        return BiosArea;
    if (Physical < BASE || Physical > BASE + WINDOW || Length > BASE + WINDOW - Physical)
        return NULL;
    return Window + (Physical - BASE);
}

static void Refuse(const char *Name, ULONG64 Address, const char *Reason)
{
    Refusals++;
    memcpy(LastName, Name, strnlen(Name, 7) + 1);
    LastAddress = Address;
    LastReason = Reason;
}

/* ---- Building a machine ---- */

static void Put(UCHAR *Bytes, ULONG Offset, ULONG64 Value, ULONG Size)
{
    for (ULONG i = 0; i < Size; i++)
        Bytes[Offset + i] = (UCHAR)(Value >> 8 * i);
}

static void Seal(UCHAR *Bytes, ULONG Length, ULONG ChecksumOffset)
{
    UCHAR Sum = 0;

    Bytes[ChecksumOffset] = 0;
    for (ULONG i = 0; i < Length; i++)
        Sum += Bytes[i];
    Bytes[ChecksumOffset] = (UCHAR)-Sum;
}

static UCHAR *At(ULONG64 Physical)
{
    return Window + (Physical - BASE);
}

static ULONG64 Place(const void *Bytes, ULONG Length)
{
    Free -= Length;
    memcpy(Window + Free, Bytes, Length);
    return BASE + Free;
}

/* A table of Length bytes, its body copied from Body; returns its address. */
static ULONG64 Table(const char *Signature, const void *Body, ULONG BodyLength)
{
    static UCHAR Bytes[HEADER + 4096];

    memset(Bytes, 0, HEADER);
    memcpy(Bytes, Signature, 4);
    Put(Bytes, 4, HEADER + BodyLength, 4);
    memcpy(Bytes + HEADER, Body, BodyLength);
    Seal(Bytes, HEADER + BodyLength, 9);
    return Place(Bytes, HEADER + BodyLength);
}

/* An XSDT or RSDT of Count tables, and the loader's copy of an RSDP that leads to it. */
static void Root(const ULONG64 *Tables, ULONG Count, ULONG EntrySize)
{
    UCHAR Body[512] = { 0 }, *Rsdp = Info.RsdpCopy;
    ULONG64 Address;

    for (ULONG i = 0; i < Count; i++)
        Put(Body, i * EntrySize, Tables[i], EntrySize);
    Address = Table(EntrySize == 8 ? "XSDT" : "RSDT", Body, Count * EntrySize);
    memset(Rsdp, 0, sizeof(Info.RsdpCopy));
    memcpy(Rsdp, "RSD PTR ", 8);
    Rsdp[15] = EntrySize == 8 ? 2 : 0;
    Put(Rsdp, 16, EntrySize == 4 ? Address : 0, 4);
    Put(Rsdp, 20, EntrySize == 8 ? 36 : 0, 4);
    Put(Rsdp, 24, EntrySize == 8 ? Address : 0, 8);
    Seal(Rsdp, 20, 8);
    Seal(Rsdp, 36, 32);
    Info.RsdpCopyLength = EntrySize == 8 ? 36 : 20;
    Info.Rsdp = 0xF5A40;
}

static void NewMachine(void)
{
    if (!Window)
        Window = MmAllocatePages(WINDOW);
    REQUIRE_TRUE(Window != NULL);
    memset(Window, 0, WINDOW);
    memset(&Info, 0, sizeof(Info));
    Free = WINDOW;
    BiosArea = NULL;
}

static BOOLEAN Walk(void)
{
    ACPI_WALK Walker = { .Map = Map, .Refuse = Refuse, .Platform = &Machine, .BootApicId = 4 };

    memset(&Machine, 0, sizeof(Machine));
    Refusals = 0;
    LastReason = "";
    return AcpiWalk(&Walker, &Info);
}

/* MADT entries: processors 0, 4 (boots), 6 disabled, 4 again as x2APIC, 0x1234 by x2APIC, 8 online-capable
 * only, 255; an IOAPIC twice; an interrupt override; the local APIC's 64-bit address. */
static const UCHAR MadtBody[] = {
    0, 0, 0xE0, 0xFE, 1, 0, 0, 0,
    0, 8, 10, 0, 1, 0, 0, 0,
    0, 8, 11, 4, 1, 0, 0, 0,
    0, 8, 12, 6, 0, 0, 0, 0,
    9, 16, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 11, 0, 0, 0,
    9, 16, 0, 0, 0x34, 0x12, 0, 0, 1, 0, 0, 0, 13, 0, 0, 0,
    0, 8, 14, 8, 2, 0, 0, 0,
    0, 8, 15, 255, 1, 0, 0, 0,
    1, 12, 0, 0, 0, 0, 0xC0, 0xFE, 0, 0, 0, 0,
    1, 12, 0, 0, 0, 0, 0xC0, 0xFE, 0, 0, 0, 0,
    2, 10, 0, 0, 2, 0, 0, 0, 0, 0,
    5, 12, 0, 0, 0, 0, 0xE0, 0xFE, 1, 0, 0, 0,
};

static void CheckMadt(void)
{
    EXPECT_EQ(Machine.CpuCount, 3);
    EXPECT_EQ(Machine.Cpus[0].ApicId, 4);
    EXPECT_EQ(Machine.Cpus[0].AcpiId, 11);
    EXPECT_EQ(Machine.Cpus[1].ApicId, 0);
    EXPECT_EQ(Machine.Cpus[2].ApicId, 0x1234);
    EXPECT_EQ(Machine.IoApicCount, 1);
    EXPECT_EQ(Machine.IoApicBase[0], 0xFEC00000);
    EXPECT_EQ(Machine.LocalApicBase, 0x1FEE00000);
}

static void OneTable(ULONG64 Address)
{
    Root(&Address, 1, 8);
}

static void ExpectAlone(const char *Reason)
{
    EXPECT_EQ(Machine.CpuCount, 1);
    EXPECT_EQ(Machine.Cpus[0].ApicId, 4);
    EXPECT_EQ(Refusals, 1);
    EXPECT_TRUE(!strcmp(LastReason, Reason));
}

/* ---- The way to the tables ---- */

TEST(arch_acpi, xsdt_leads_to_madt)
{
    NewMachine();
    OneTable(Table("APIC", MadtBody, sizeof(MadtBody)));
    EXPECT_TRUE(Walk());
    EXPECT_EQ(Refusals, 0);
    CheckMadt();
}

TEST(arch_acpi, rsdt_leads_to_madt)
{
    ULONG64 Tables[3];

    NewMachine();
    Tables[0] = Table("WAET", "", 0);
    Tables[1] = 0;
    Tables[2] = Table("APIC", MadtBody, sizeof(MadtBody));
    Root(Tables, 3, 4);
    EXPECT_TRUE(Walk());
    EXPECT_EQ(Refusals, 0);
    CheckMadt();
}

TEST(arch_acpi, rsdp_is_found_in_the_bios_area)
{
    UCHAR *Area = MmAllocatePages(0x20000);

    NewMachine();
    REQUIRE_TRUE(Area != NULL);
    OneTable(Table("APIC", MadtBody, sizeof(MadtBody)));
    memcpy(Area + 0x100, Info.RsdpCopy, 36);
    Area[0x100 + 9] ^= 1;                       /* a decoy with a wrong sum */
    memcpy(Area + 0x20000 - 48, Info.RsdpCopy, 36);
    Info.RsdpCopyLength = 0;
    Info.Rsdp = 0;
    BiosArea = Area;
    EXPECT_TRUE(Walk());
    EXPECT_EQ(Refusals, 1);
    EXPECT_EQ(LastAddress, 0xE0100);
    CheckMadt();
    BiosArea = NULL;
    MmFreePages(Area, 0x20000);
}

TEST(arch_acpi, rsdp_at_the_loaders_address)
{
    NewMachine();
    OneTable(Table("APIC", MadtBody, sizeof(MadtBody)));
    Info.Rsdp = Place(Info.RsdpCopy, 36);
    Info.RsdpCopyLength = 0;
    EXPECT_TRUE(Walk());
    CheckMadt();
}

TEST(arch_acpi, broken_rsdp_copy_is_refused)
{
    NewMachine();
    OneTable(Table("APIC", MadtBody, sizeof(MadtBody)));
    Info.RsdpCopy[9]++;
    Info.Rsdp = 0;
    EXPECT_FALSE(Walk());
    ExpectAlone("wrong checksum");
}

TEST(arch_acpi, broken_extension_costs_only_the_xsdt)
{
    ULONG64 Madt;

    NewMachine();
    Madt = Table("APIC", MadtBody, sizeof(MadtBody));
    Root(&Madt, 1, 4);
    Info.RsdpCopy[15] = 2;
    Put(Info.RsdpCopy, 20, 0xFFFFFFFF, 4);
    Put(Info.RsdpCopy, 24, BASE, 8);
    Seal(Info.RsdpCopy, 20, 8);
    Info.RsdpCopyLength = 36;
    EXPECT_TRUE(Walk());
    EXPECT_EQ(Refusals, 1);
    EXPECT_TRUE(!strcmp(LastReason, "wrong extended checksum"));
    CheckMadt();
}

TEST(arch_acpi, no_tables_is_one_processor)
{
    NewMachine();
    EXPECT_FALSE(Walk());
    EXPECT_EQ(Refusals, 0);
    EXPECT_EQ(Machine.CpuCount, 1);
    EXPECT_EQ(Machine.Cpus[0].ApicId, 4);
    EXPECT_TRUE(Machine.HasBatteryClock);
}

TEST(arch_acpi, root_that_lists_itself_ends)
{
    ULONG64 Self = BASE + WINDOW - HEADER - 3 * 8, Tables[] = { Self, Self, Self };

    NewMachine();
    Root(Tables, 3, 8);
    EXPECT_TRUE(Walk());
    EXPECT_EQ(Refusals, 0);
    EXPECT_EQ(Machine.CpuCount, 1);
}

/* ---- Tables that lie ---- */

TEST(arch_acpi, wrong_checksum_is_refused_by_name)
{
    ULONG64 Madt;

    NewMachine();
    Madt = Table("APIC", MadtBody, sizeof(MadtBody));
    OneTable(Madt);
    At(Madt)[50]++;
    EXPECT_TRUE(Walk());
    ExpectAlone("wrong checksum");
    EXPECT_EQ(LastAddress, Madt);
    EXPECT_TRUE(!strcmp(LastName, "APIC"));
}

TEST(arch_acpi, second_good_table_of_a_name_is_used)
{
    ULONG64 Tables[2];

    NewMachine();
    Tables[0] = Table("APIC", MadtBody, sizeof(MadtBody));
    Tables[1] = Table("APIC", MadtBody, sizeof(MadtBody));
    At(Tables[0])[50]++;
    Root(Tables, 2, 8);
    EXPECT_TRUE(Walk());
    EXPECT_EQ(Refusals, 1);
    CheckMadt();
}

TEST(arch_acpi, impossible_table_lengths)
{
    static const struct { ULONG Length; const char *Reason; } Cases[] = {
        { 0, "shorter than its header" },
        { 35, "shorter than its header" },
        { WINDOW, "reaches outside readable memory" },
        { 0x7FFFFFFF, "longer than 4 MiB" },
        { 0xFFFFFFFF, "longer than 4 MiB" },
    };
    ULONG64 Madt;

    for (ULONG i = 0; i < RTL_NUMBER_OF(Cases); i++) {
        NewMachine();
        Madt = Table("APIC", MadtBody, sizeof(MadtBody));
        Put(At(Madt), 4, Cases[i].Length, 4);
        OneTable(Madt);
        EXPECT_TRUE(Walk());
        ExpectAlone(Cases[i].Reason);
    }
}

TEST(arch_acpi, tables_outside_memory)
{
    static const ULONG64 Addresses[] = { 1, BASE - 1, BASE + WINDOW - HEADER + 1, 1ull << 63, ~0ull };

    for (ULONG i = 0; i < RTL_NUMBER_OF(Addresses); i++) {
        NewMachine();
        OneTable(Addresses[i]);
        EXPECT_TRUE(Walk());
        ExpectAlone("outside readable memory");
        EXPECT_EQ(LastAddress, Addresses[i]);
    }
}

TEST(arch_acpi, root_with_a_wrong_name_is_refused)
{
    NewMachine();
    Root(NULL, 0, 8);
    memcpy(Window + WINDOW - HEADER, "APIC", 4);
    Seal(Window + WINDOW - HEADER, HEADER, 9);
    EXPECT_FALSE(Walk());
    ExpectAlone("not the XSDT");
}

/* Does an entry of the whole table end at Length? */
static BOOLEAN EndsEntry(ULONG Length)
{
    ULONG Offset = 8;

    while (Offset < Length)
        Offset += MadtBody[Offset + 1];
    return Offset == Length;
}

/* Every length from a bare header on, resealed: all that came before the cut counts, the entry that was cut
 * is refused, nothing beyond is read. The boot processor's entry is whole from byte 24 on. */
TEST(arch_acpi, madt_cut_anywhere)
{
    for (ULONG Length = 0; Length < sizeof(MadtBody); Length++) {
        NewMachine();
        OneTable(Table("APIC", MadtBody, Length));
        EXPECT_TRUE(Walk());
        EXPECT_EQ(Machine.Cpus[0].ApicId, 4);
        EXPECT_LE(Machine.CpuCount, 3);
        EXPECT_GE(Machine.CpuCount, Length >= 24 ? 2 : 1);
        EXPECT_LE(Machine.IoApicCount, 1);
        if (Length >= 24)
            EXPECT_EQ(Refusals, !EndsEntry(Length));
    }
}

TEST(arch_acpi, madt_entry_of_length_zero_or_one_ends_it)
{
    for (UCHAR Length = 0; Length < 2; Length++) {
        UCHAR Body[sizeof(MadtBody)];

        NewMachine();
        memcpy(Body, MadtBody, sizeof(Body));
        Body[8 + 8 + 1] = Length;
        OneTable(Table("APIC", Body, sizeof(Body)));
        EXPECT_TRUE(Walk());
        EXPECT_EQ(Refusals, 2);                 /* the entry, and a boot processor that it would have listed */
        EXPECT_EQ(Machine.CpuCount, 2);
        EXPECT_EQ(Machine.Cpus[0].ApicId, 4);
    }
}

static void ManyCpus(ULONG Count, ULONG First)
{
    UCHAR Body[8 + 100 * 8] = { 0 };

    for (ULONG i = 0; i < Count; i++) {
        Body[8 + 8 * i + 1] = 8;
        Body[8 + 8 * i + 3] = (UCHAR)(First + i);
        Body[8 + 8 * i + 4] = 1;
    }
    NewMachine();
    OneTable(Table("APIC", Body, 8 + Count * 8));
    EXPECT_TRUE(Walk());
    EXPECT_EQ(Machine.CpuCount, ARCH_MAX_CPUS);
    EXPECT_EQ(Machine.Cpus[0].ApicId, 4);
}

TEST(arch_acpi, processors_beyond_64_are_left_out)
{
    ManyCpus(100, 0);
    EXPECT_EQ(Refusals, 100 - ARCH_MAX_CPUS);
    EXPECT_EQ(Machine.Cpus[1].ApicId, 0);
    EXPECT_EQ(Machine.Cpus[63].ApicId, 63);
}

TEST(arch_acpi, boot_processor_keeps_its_place_among_too_many)
{
    ManyCpus(64, 10);                           /* it is not listed */
    EXPECT_EQ(Refusals, 1);
    EXPECT_EQ(Machine.Cpus[1].ApicId, 10);
    EXPECT_EQ(Machine.Cpus[63].ApicId, 72);
}

/* ---- HPET, FADT, \_S5 ---- */

TEST(arch_acpi, hpet_in_memory_only)
{
    UCHAR Body[20] = { 0 };

    Put(Body, 8, 0xFED00000, 8);
    NewMachine();
    OneTable(Table("HPET", Body, sizeof(Body)));
    EXPECT_TRUE(Walk());
    EXPECT_EQ(Machine.HpetBase, 0xFED00000);

    Body[4] = 1;
    NewMachine();
    OneTable(Table("HPET", Body, sizeof(Body)));
    EXPECT_TRUE(Walk());
    EXPECT_EQ(Machine.HpetBase, 0);
    ExpectAlone("its registers are not in memory");
}

static const UCHAR SleepAml[] = {
    0x10, 3, 0x5C, 0x00, 0x00,                                                  /* something before it */
    8, '_', 'S', '4', '_', 0x12, 6, 4, 0x0A, 6, 0x0A, 6, 0, 0,
    8, '_', 'S', '5', '_', 0x12, 6, 4, 0x0A, 7, 0x0A, 5, 0, 0,
};

/* The body of a revision-3 FADT; offsets below are the table's. */
static void MakeFadt(UCHAR *Body, ULONG64 Dsdt)
{
    memset(Body, 0, 244 - HEADER);
    Put(Body, 40 - HEADER, Dsdt, 4);
    Put(Body, 48 - HEADER, 0xB2, 4);
    Put(Body, 52 - HEADER, 0xA0, 1);
    Put(Body, 64 - HEADER, 0x404, 4);
    Put(Body, 76 - HEADER, 0x408, 4);
    Put(Body, 91 - HEADER, 4, 1);
    Put(Body, 108 - HEADER, 0x32, 1);
    Put(Body, 112 - HEADER, 1 << 8 | 1 << 10, 4);
    Put(Body, 116 - HEADER, 1, 1);
    Put(Body, 120 - HEADER, 0xCF9, 8);
    Put(Body, 128 - HEADER, 6, 1);
    Put(Body, 140 - HEADER, Dsdt, 8);
    Put(Body, 208 - HEADER, 1, 1);
    Put(Body, 212 - HEADER, 0x1808, 8);
}

TEST(arch_acpi, fadt_gives_timer_and_power_registers)
{
    UCHAR Body[244 - HEADER];

    NewMachine();
    MakeFadt(Body, Table("DSDT", SleepAml, sizeof(SleepAml)));
    OneTable(Table("FACP", Body, sizeof(Body)));
    EXPECT_TRUE(Walk());
    EXPECT_EQ(Refusals, 0);
    EXPECT_EQ(Machine.PmTimerPort, 0x1808);
    EXPECT_TRUE(Machine.PmTimer32);
    EXPECT_EQ(Machine.Pm1aControl, 0x404);
    EXPECT_EQ(Machine.Pm1bControl, 0);
    EXPECT_EQ(Machine.Reset.Space, SpacePort);
    EXPECT_EQ(Machine.Reset.Address, 0xCF9);
    EXPECT_EQ(Machine.ResetValue, 6);
    EXPECT_EQ(Machine.SmiCommand, 0xB2);
    EXPECT_EQ(Machine.CenturyRegister, 0x32);
    EXPECT_TRUE(Machine.HasPowerOff);
    EXPECT_EQ(Machine.SleepTypeA, 7);
    EXPECT_EQ(Machine.SleepTypeB, 5);
}

TEST(arch_acpi, old_short_fadt_lacks_only_its_later_fields)
{
    UCHAR Body[244 - HEADER];

    NewMachine();
    MakeFadt(Body, Table("DSDT", SleepAml, sizeof(SleepAml)));
    OneTable(Table("FACP", Body, 116 - HEADER));
    EXPECT_TRUE(Walk());
    EXPECT_EQ(Refusals, 0);
    EXPECT_EQ(Machine.PmTimerPort, 0x408);
    EXPECT_EQ(Machine.Reset.Address, 0);
    EXPECT_TRUE(Machine.HasPowerOff);
}

TEST(arch_acpi, fadt_that_is_its_own_dsdt_ends)
{
    UCHAR Body[244 - HEADER];

    NewMachine();
    MakeFadt(Body, BASE + WINDOW - 244);
    OneTable(Table("FACP", Body, sizeof(Body)));
    EXPECT_TRUE(Walk());
    EXPECT_EQ(Refusals, 1);
    EXPECT_TRUE(!strcmp(LastReason, "not the DSDT"));
    EXPECT_FALSE(Machine.HasPowerOff);
}

TEST(arch_acpi, sleep_package_cut_anywhere)
{
    for (ULONG Length = 0; Length < sizeof(SleepAml); Length++) {
        NewMachine();
        OneTable(Table("SSDT", SleepAml, Length));
        EXPECT_TRUE(Walk());
        EXPECT_EQ(Machine.HasPowerOff, Length >= 29);   /* with the first integer whole */
    }
}

TEST(arch_acpi, sleep_name_elsewhere_is_not_believed)
{
    static const UCHAR Aml[] = {
        0x14, 9, '_', 'S', '5', '_', 0, 0xA4, 0x0A, 5,          /* a method of that name */
        '_', 'S', '5', '_', 0x12, 6, 4, 0x0A, 3,                /* a use of the name */
        8, '_', 'S', '5', '_', 0x0A, 3,                         /* not a package */
        8, '_', 'S', '5', '_', 0x12, 6, 2, '_', 'F', 'O', 'O',  /* no constants */
        8, '\\', '_', 'S', '5', '_', 0x12, 0x46, 0, 2, 1, 0xFF, /* rooted, a two-byte PkgLength, OneOp and OnesOp */
    };

    NewMachine();
    OneTable(Table("SSDT", Aml, sizeof(Aml)));
    EXPECT_TRUE(Walk());
    EXPECT_TRUE(Machine.HasPowerOff);
    EXPECT_EQ(Machine.SleepTypeA, 1);
    EXPECT_EQ(Machine.SleepTypeB, 7);
}

/* ---- Noise ---- */

/* Bytes changed at random, checksums made right again: whatever comes out, it stays within bounds. */
TEST(arch_acpi, random_damage_stays_within_bounds)
{
    UCHAR Body[244 - HEADER];
    ULONG Seed = 12345;

    for (ULONG Round = 0; Round < 1000; Round++) {
        ULONG64 Tables[3];

        NewMachine();
        Tables[0] = Table("APIC", MadtBody, sizeof(MadtBody));
        MakeFadt(Body, Table("DSDT", SleepAml, sizeof(SleepAml)));
        Tables[1] = Table("FACP", Body, sizeof(Body));
        Tables[2] = Table("SSDT", SleepAml, sizeof(SleepAml));
        Root(Tables, 3, 8);
        for (ULONG i = 0; i < 8; i++) {
            ULONG64 Victim = Tables[(Seed = Seed * 1664525 + 1013904223) >> 16 & 1];
            ULONG Length = Victim == Tables[0] ? HEADER + sizeof(MadtBody) : 244;

            At(Victim)[HEADER + (Seed >> 8) % (Length - HEADER)] = (UCHAR)(Seed >> 20);
            Seal(At(Victim), Length, 9);
        }
        EXPECT_TRUE(Walk());
        EXPECT_GE(Machine.CpuCount, 1);
        EXPECT_LE(Machine.CpuCount, ARCH_MAX_CPUS);
        EXPECT_EQ(Machine.Cpus[0].ApicId, 4);
        EXPECT_LE(Machine.IoApicCount, RTL_NUMBER_OF(Machine.IoApicBase));
    }
}
