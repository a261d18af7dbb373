/* acpi.c - find the firmware's tables and decide which to believe.
 *
 * RSDP -> XSDT (or RSDT) -> the tables we use: APIC, HPET, FACP and, behind it, DSDT and the SSDTs. What they say
 * is read by acpi_tables.c into a PLATFORM, and nothing else of them is kept.
 *
 * Firmware is not trusted. A table is read only after its header lies in memory that can be mapped, its
 * length is at least a header's and at most TABLE_LIMIT, and its bytes sum to zero. What fails is refused
 * by one line of the log naming signature, address and reason, and the walk goes on without it: a machine with
 * no table left boots on one processor. The walk cannot loop: the root's entries are visited once each,
 * at most ENTRY_LIMIT of them, the first good table of a signature counts, and no table is followed
 * but the FADT's DSDT.
 *
 * Memory is seen through ACPI_WALK.Map alone, so the tests feed the same code from buffers. */

#include "x86.h"
#include <rtl/print.h>
#include <rtl/string.h>

enum {
    HEADER_SIZE = 36, HEADER_LENGTH = 4,            /* every table's header; the field that holds the length */
    TABLE_LIMIT = 4 << 20, ENTRY_LIMIT = 256,
    RSDP_SIZE1 = 20, RSDP_SIZE2 = 36, RSDP_REVISION = 15, RSDP_RSDT = 16, RSDP_LENGTH = 20, RSDP_XSDT = 24
};

static ULONG64 ReadLittleEndian(const UCHAR *Bytes, ULONG Size)
{
    ULONG64 Value = 0;

    while (Size-- > 0)
        Value = Value << 8 | Bytes[Size];
    return Value;
}

static BOOLEAN SumsToZero(const UCHAR *Bytes, SIZE_T Length)
{
    UCHAR Sum = 0;

    while (Length-- > 0)
        Sum += *Bytes++;
    return Sum == 0;
}

/* A signature for the log: four characters, whatever the bytes are. */
static void CopyName(char *Name, const UCHAR *Bytes)
{
    for (ULONG i = 0; i < 4; i++)
        Name[i] = Bytes[i] > ' ' && Bytes[i] < 0x7F ? (char)Bytes[i] : '?';
    Name[4] = 0;
}

/* A field of 1, 2, 4 or 8 bytes; 0 where an older table ends before it. */
ULONG64 AcpiField(const ACPI_TABLE *Table, ULONG Offset, ULONG Size)
{
    if (Offset > Table->Length || Size > Table->Length - Offset)
        return 0;
    return ReadLittleEndian(Table->Bytes + Offset, Size);
}

/* The header alone: enough to learn the signature and the length. */
static BOOLEAN OpenHeader(const ACPI_WALK *Walk, ULONG64 Address, ACPI_TABLE *Table)
{
    Table->Address = Address;
    Table->Bytes = Walk->Map(Address, HEADER_SIZE);
    if (!Table->Bytes) {
        Walk->Refuse("table", Address, "outside readable memory");
        return FALSE;
    }
    CopyName(Table->Name, Table->Bytes);
    Table->Length = (ULONG)ReadLittleEndian(Table->Bytes + HEADER_LENGTH, 4);
    return TRUE;
}

/* The rest of a table whose header is open: all of it readable, and its sum right. */
static BOOLEAN OpenBody(const ACPI_WALK *Walk, ACPI_TABLE *Table)
{
    const char *Reason = NULL;

    if (Table->Length < HEADER_SIZE)
        Reason = "shorter than its header";
    else if (Table->Length > TABLE_LIMIT)
        Reason = "longer than 4 MiB";
    else if (!(Table->Bytes = Walk->Map(Table->Address, Table->Length)))
        Reason = "reaches outside readable memory";
    else if (!SumsToZero(Table->Bytes, Table->Length))
        Reason = "wrong checksum";
    if (Reason)
        Walk->Refuse(Table->Name, Table->Address, Reason);
    return !Reason;
}

BOOLEAN AcpiOpenTable(const ACPI_WALK *Walk, ULONG64 Address, ACPI_TABLE *Table)
{
    return OpenHeader(Walk, Address, Table) && OpenBody(Walk, Table);
}

/* ---- The root: RSDP, then XSDT or RSDT ---- */

typedef struct _ACPI_ROOT { ULONG64 Rsdt, Xsdt; } ACPI_ROOT;

/* What an RSDP of at most Length bytes points to. A broken extension costs only the XSDT. */
static BOOLEAN ReadRsdp(const ACPI_WALK *Walk, const UCHAR *Rsdp, SIZE_T Length, ULONG64 Address, ACPI_ROOT *Root)
{
    ULONG64 Whole;

    if (Length < RSDP_SIZE1 || memcmp(Rsdp, "RSD PTR ", 8)) {
        Walk->Refuse("RSDP", Address, "no RSDP there");
        return FALSE;
    }
    if (!SumsToZero(Rsdp, RSDP_SIZE1)) {
        Walk->Refuse("RSDP", Address, "wrong checksum");
        return FALSE;
    }
    Root->Rsdt = ReadLittleEndian(Rsdp + RSDP_RSDT, 4);
    Root->Xsdt = 0;
    if (Rsdp[RSDP_REVISION] < 2)
        return TRUE;
    Whole = Length < RSDP_SIZE2 ? 0 : ReadLittleEndian(Rsdp + RSDP_LENGTH, 4);
    if (Whole < RSDP_SIZE2)
        Walk->Refuse("RSDP", Address, "extension cut short");
    else if (Whole > Length || !SumsToZero(Rsdp, Whole))
        Walk->Refuse("RSDP", Address, "wrong extended checksum");
    else
        Root->Xsdt = ReadLittleEndian(Rsdp + RSDP_XSDT, 8);
    return TRUE;
}

/* An RSDP on a 16-byte boundary of [Base, Base + Length). */
static BOOLEAN SearchRsdp(const ACPI_WALK *Walk, ULONG64 Base, SIZE_T Length, ACPI_ROOT *Root)
{
    const UCHAR *Area = Walk->Map(Base, Length);

    for (SIZE_T Offset = 0; Area && Offset + RSDP_SIZE1 <= Length; Offset += 16) {
        if (!memcmp(Area + Offset, "RSD PTR ", 8)
            && ReadRsdp(Walk, Area + Offset, Length - Offset, Base + Offset, Root))
            return TRUE;
    }
    return FALSE;
}

/* Where a PC's BIOS leaves it: the first KiB of the EBDA, whose segment is at 0x40E, or the BIOS area. */
static BOOLEAN SearchBios(const ACPI_WALK *Walk, ACPI_ROOT *Root)
{
    const UCHAR *Segment = Walk->Map(0x40E, 2);
    ULONG64 Ebda = Segment ? ReadLittleEndian(Segment, 2) << 4 : 0;

    if (Ebda >= 0x1000 && Ebda < 0xA0000 && SearchRsdp(Walk, Ebda, 1024, Root))
        return TRUE;
    return SearchRsdp(Walk, 0xE0000, 0x20000, Root);
}

/* The loader's copy first, then the address it gave, then the places of a BIOS. */
static BOOLEAN FindRoot(const ACPI_WALK *Walk, const BOOT_INFO *Info, ACPI_ROOT *Root)
{
    const UCHAR *Rsdp;

    if (Info->RsdpCopyLength && Info->RsdpCopyLength <= sizeof(Info->RsdpCopy)
        && ReadRsdp(Walk, Info->RsdpCopy, Info->RsdpCopyLength, Info->Rsdp, Root))
        return TRUE;
    if (Info->Rsdp) {
        Rsdp = Walk->Map(Info->Rsdp, RSDP_SIZE2);
        if (!Rsdp)
            Walk->Refuse("RSDP", Info->Rsdp, "outside readable memory");
        else if (ReadRsdp(Walk, Rsdp, RSDP_SIZE2, Info->Rsdp, Root))
            return TRUE;
    }
    return SearchBios(Walk, Root);
}

/* The XSDT (8-byte entries) or else the RSDT (4-byte entries); returns an entry's size, 0 without either. */
static ULONG OpenRoot(const ACPI_WALK *Walk, const ACPI_ROOT *Root, ACPI_TABLE *Table)
{
    if (Root->Xsdt && AcpiOpenTable(Walk, Root->Xsdt, Table)) {
        if (!memcmp(Table->Name, "XSDT", 4))
            return 8;
        Walk->Refuse(Table->Name, Root->Xsdt, "not the XSDT");
    }
    if (Root->Rsdt && AcpiOpenTable(Walk, Root->Rsdt, Table)) {
        if (!memcmp(Table->Name, "RSDT", 4))
            return 4;
        Walk->Refuse(Table->Name, Root->Rsdt, "not the RSDT");
    }
    return 0;
}

/* ---- The tables that we use ---- */

/* In the order of interest: the FADT brings the DSDT, the SSDTs are asked when it had no \_S5. */
static const struct { char Name[5]; BOOLEAN Many; void (*Read)(const ACPI_WALK *, const ACPI_TABLE *); } Readers[] = {
    { "APIC", FALSE, AcpiReadMadt },
    { "HPET", FALSE, AcpiReadHpet },
    { "FACP", FALSE, AcpiReadFadt },
    { "SSDT", TRUE, AcpiReadAml },
};

/* Read the root's tables that carry Readers[Index]'s name: all of them, or the first good one. */
static void ReadTables(const ACPI_WALK *Walk, const ACPI_TABLE *Root, ULONG EntrySize, ULONG Index)
{
    ULONG Count = (Root->Length - HEADER_SIZE) / EntrySize;
    ACPI_TABLE Table;

    for (ULONG i = 0; i < Count && i < ENTRY_LIMIT; i++) {
        Table.Address = AcpiField(Root, HEADER_SIZE + i * EntrySize, EntrySize);
        Table.Bytes = Table.Address ? Walk->Map(Table.Address, HEADER_SIZE) : NULL;
        if (!Table.Bytes || memcmp(Table.Bytes, Readers[Index].Name, 4) || !AcpiOpenTable(Walk, Table.Address, &Table))
            continue;
        Readers[Index].Read(Walk, &Table);
        if (!Readers[Index].Many)
            return;
    }
}

/* Entries that lead nowhere are named once, whichever tables are looked for. */
static void CheckEntries(const ACPI_WALK *Walk, const ACPI_TABLE *Root, ULONG EntrySize)
{
    ULONG Count = (Root->Length - HEADER_SIZE) / EntrySize;

    if ((Root->Length - HEADER_SIZE) % EntrySize)
        Walk->Refuse(Root->Name, Root->Address, "last entry cut short");
    if (Count > ENTRY_LIMIT)
        Walk->Refuse(Root->Name, Root->Address, "more than 256 entries: the rest is not looked at");
    for (ULONG i = 0; i < Count && i < ENTRY_LIMIT; i++) {
        ULONG64 Address = AcpiField(Root, HEADER_SIZE + i * EntrySize, EntrySize);

        if (Address && !Walk->Map(Address, HEADER_SIZE))
            Walk->Refuse("table", Address, "outside readable memory");
    }
}

/* AcpiWalk - fill Walk->Platform, zeroed by the caller, from the tables that Info or a search leads to. What
 * is broken goes to Walk->Refuse; in any case CpuCount becomes at least 1, the boot processor first.
 * Returns: were there tables? */
BOOLEAN AcpiWalk(const ACPI_WALK *Walk, const BOOT_INFO *Info)
{
    ULONG EntrySize = 0;
    ACPI_ROOT Root;
    ACPI_TABLE Table;

    Walk->Platform->HasBatteryClock = TRUE;
    if (FindRoot(Walk, Info, &Root))
        EntrySize = OpenRoot(Walk, &Root, &Table);
    if (EntrySize) {
        CheckEntries(Walk, &Table, EntrySize);
        for (ULONG i = 0; i < RTL_NUMBER_OF(Readers); i++)
            ReadTables(Walk, &Table, EntrySize, i);
    }
    if (!Walk->Platform->CpuCount) {
        Walk->Platform->Cpus[0].ApicId = Walk->BootApicId;
        Walk->Platform->CpuCount = 1;
    }
    return EntrySize != 0;
}

/* ---- The real machine ---- */

static PLATFORM Platform;

/* Physical memory through the direct map, extended where the firmware's tables lie outside of RAM. */
static const UCHAR *MapPhysical(ULONG64 Physical, SIZE_T Length)
{
    ULONG64 First = Physical & ~(ULONG64)(PAGE_SIZE - 1);

    if (!Length || Physical >= MMU_DIRECT_MAP_SIZE || Length > MMU_DIRECT_MAP_SIZE - Physical)
        return NULL;
    for (ULONG64 Page = First; Page < Physical + Length; Page += PAGE_SIZE) {
        if (MmuQuery(MMU_DIRECT_MAP + Page, NULL) == ~0ull && !MmuMapDirect(Page, PAGE_SIZE))
            return NULL;
    }
    return (const UCHAR *)(MMU_DIRECT_MAP + Physical);
}

static void LogRefusal(const char *Name, ULONG64 Address, const char *Reason)
{
    LogPrint("acpi: %s at %#I64x refused: %s\n", Name, Address, Reason);
}

/* An APIC id beyond 254 can be named only in x2APIC mode; 255 is everybody. */
static void DropUnreachableCpus(void)
{
    ULONG Kept = 0;

    for (ULONG i = 0; i < Platform.CpuCount; i++) {
        if (Platform.Cpus[i].ApicId > 254 && !ApicHasX2())
            LogPrint("acpi: processor with APIC id %u left out: no x2APIC mode to reach it\n", Platform.Cpus[i].ApicId);
        else
            Platform.Cpus[Kept++] = Platform.Cpus[i];
    }
    Platform.CpuCount = Kept;
}

/* ---- Public: PlatformInitialize, PlatformQuery ---- */

/* PlatformInitialize - learn from ACPI what this machine has, and keep what power.c and rtc.c need of it.
 * Once, on the boot processor, after MmInitialize. Returns: the platform, never NULL; it has at least
 * the boot processor. What is refused is logged. */
const PLATFORM *PlatformInitialize(const BOOT_INFO *Info)
{
    char Value[8];
    ULONG64 Base = ApicLocate();
    ACPI_WALK Walk = { .Map = MapPhysical, .Refuse = LogRefusal, .Platform = &Platform, .BootApicId = ApicId() };

    if (!AcpiWalk(&Walk, Info))
        LogPrint("acpi: no tables; one processor\n");
    DropUnreachableCpus();
    if (Platform.LocalApicBase && Platform.LocalApicBase != Base)
        LogPrint("acpi: APIC places the local APIC at %#I64x, the processor at %#I64x: the processor is right\n",
            Platform.LocalApicBase, Base);
    Platform.LocalApicBase = Base;
    Platform.WantX2Apic = BootOption(Info, "x2apic", Value, sizeof(Value)) != NULL;
    Platform.WantCountdown = BootOption(Info, "countdown", Value, sizeof(Value)) != NULL;
    PowerInitialize(&Platform);
    RtcInitialize(&Platform);
    LogPrint("acpi: %u processors, %u IOAPICs, PM timer %#x, HPET %#I64x\n", Platform.CpuCount, Platform.IoApicCount,
        Platform.PmTimerPort, Platform.HpetBase);
    return &Platform;
}

const PLATFORM *PlatformQuery(void)
{
    return &Platform;
}
