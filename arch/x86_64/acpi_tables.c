/* acpi_tables.c - what the MADT, HPET, FADT, DSDT and SSDTs tell, as a PLATFORM.
 *
 * The tables come checked as wholes (acpi.c); here each entry and each field is bounded by its table. An
 * older, shorter table simply lacks its later fields (AcpiField gives 0), a broken entry ends the reading
 * of its table and leaves what came before it.
 *
 * Power-off needs two numbers that only AML knows, the sleep types of \_S5. Its shape is fixed by the
 * specification and every compiler emits it as a constant package, so it is found by its bytes:
 *   NameOp ['\'] '_' 'S' '5' '_' PackageOp PkgLength NumElements Integer Integer ...
 * Rejected: an AML interpreter for two integers. */

#include "x86.h"
#include <rtl/string.h>

enum {
    MADT_APIC_BASE = 36, MADT_ENTRIES = 44,
    MADT_LOCAL_APIC = 0, MADT_IO_APIC = 1, MADT_BASE_OVERRIDE = 5, MADT_LOCAL_X2APIC = 9,
    MADT_ENABLED = 1,

    HPET_REGISTER = 40,

    FADT_DSDT = 40, FADT_SMI_COMMAND = 48, FADT_ACPI_ENABLE = 52, FADT_PM1A_CONTROL = 64, FADT_PM1B_CONTROL = 68,
    FADT_PM_TIMER = 76, FADT_PM_TIMER_LENGTH = 91, FADT_CENTURY = 108, FADT_BOOT_FLAGS = 109, FADT_FLAGS = 112,
    FADT_RESET = 116, FADT_RESET_VALUE = 128, FADT_X_DSDT = 140, FADT_X_PM1A_CONTROL = 172,
    FADT_X_PM1B_CONTROL = 184, FADT_X_PM_TIMER = 208, FADT_SLEEP_CONTROL = 244,
    FADT_TIMER_32 = 1 << 8, FADT_HAS_RESET = 1 << 10, FADT_REDUCED = 1 << 20,
    FADT_NO_BATTERY_CLOCK = 1 << 5,                 /* of FADT_BOOT_FLAGS, since revision 5 */

    AML_ZERO = 0x00, AML_ONE = 0x01, AML_NAME = 0x08, AML_BYTE = 0x0A, AML_WORD = 0x0B, AML_DWORD = 0x0C,
    AML_PACKAGE = 0x12, AML_QWORD = 0x0E, AML_ONES = 0xFF
};

/* ---- MADT ---- */

/* Type 0 and type 9 may list the same processor; a firmware in x2APIC mode often lists both. */
static void AddCpu(const ACPI_WALK *Walk, const ACPI_TABLE *Madt, ULONG Apic, ULONG Acpi, ULONG Flags)
{
    PLATFORM *P = Walk->Platform;

    if (!(Flags & MADT_ENABLED))
        return;
    for (ULONG i = 0; i < P->CpuCount; i++) {
        if (P->Cpus[i].ApicId == Apic)
            return;
    }
    if (P->CpuCount == ARCH_MAX_CPUS) {
        Walk->Refuse(Madt->Name, Madt->Address, "a processor beyond the 64 that an affinity mask holds");
        return;
    }
    P->Cpus[P->CpuCount++] = (PLATFORM_CPU){ .ApicId = Apic, .AcpiId = Acpi };
}

static void AddIoApic(const ACPI_WALK *Walk, const ACPI_TABLE *Madt, ULONG64 Base)
{
    PLATFORM *P = Walk->Platform;

    for (ULONG i = 0; i < P->IoApicCount; i++) {
        if (P->IoApicBase[i] == Base)
            return;
    }
    if (!Base || P->IoApicCount == RTL_NUMBER_OF(P->IoApicBase))
        Walk->Refuse(Madt->Name, Madt->Address, Base ? "more than 16 IOAPICs" : "an IOAPIC at address 0");
    else
        P->IoApicBase[P->IoApicCount++] = Base;
}

/* The entry at Offset, whose Length bytes lie in the table. */
static void ReadMadtEntry(const ACPI_WALK *Walk, const ACPI_TABLE *Madt, ULONG Offset, ULONG Type)
{
    ULONG Id;

    switch (Type) {
    case MADT_LOCAL_APIC:
        Id = (ULONG)AcpiField(Madt, Offset + 3, 1);
        if (Id != 0xFF)
            AddCpu(Walk, Madt, Id, (ULONG)AcpiField(Madt, Offset + 2, 1), (ULONG)AcpiField(Madt, Offset + 4, 4));
        break;
    case MADT_LOCAL_X2APIC:
        Id = (ULONG)AcpiField(Madt, Offset + 4, 4);
        if (Id != 0xFFFFFFFF)
            AddCpu(Walk, Madt, Id, (ULONG)AcpiField(Madt, Offset + 12, 4), (ULONG)AcpiField(Madt, Offset + 8, 4));
        break;
    case MADT_IO_APIC:
        AddIoApic(Walk, Madt, AcpiField(Madt, Offset + 4, 4));
        break;
    case MADT_BASE_OVERRIDE:
        Walk->Platform->LocalApicBase = AcpiField(Madt, Offset + 4, 8);
        break;
    }
}

/* Bytes that an entry of a type we read must have; interrupt overrides and the like do not concern a
 * kernel that masks every IOAPIC pin. */
static ULONG SmallestEntry(ULONG Type)
{
    static const UCHAR Size[] = {
        [MADT_LOCAL_APIC] = 8, [MADT_IO_APIC] = 12, [MADT_BASE_OVERRIDE] = 12, [MADT_LOCAL_X2APIC] = 16
    };

    return Type < sizeof(Size) && Size[Type] ? Size[Type] : 2;
}

/* The processor that runs this becomes the first, whether the MADT lists it or not. */
static void PutBootCpuFirst(const ACPI_WALK *Walk, const ACPI_TABLE *Madt)
{
    PLATFORM *P = Walk->Platform;
    PLATFORM_CPU Boot = { .ApicId = Walk->BootApicId };
    ULONG i = 0;

    while (i < P->CpuCount && P->Cpus[i].ApicId != Walk->BootApicId)
        i++;
    if (i < P->CpuCount)
        Boot = P->Cpus[i];
    else
        Walk->Refuse(Madt->Name, Madt->Address, "does not list the processor that boots");
    if (i == P->CpuCount && P->CpuCount < ARCH_MAX_CPUS)
        P->CpuCount++;
    if (i == ARCH_MAX_CPUS)
        i--;
    memmove(&P->Cpus[1], &P->Cpus[0], i * sizeof(P->Cpus[0]));
    P->Cpus[0] = Boot;
}

/* AcpiReadMadt - processors, IOAPICs, and where the local APIC is. */
void AcpiReadMadt(const ACPI_WALK *Walk, const ACPI_TABLE *Madt)
{
    ULONG Offset = MADT_ENTRIES;

    Walk->Platform->LocalApicBase = AcpiField(Madt, MADT_APIC_BASE, 4);
    while (Offset < Madt->Length) {
        ULONG Type = (ULONG)AcpiField(Madt, Offset, 1);
        ULONG Length = (ULONG)AcpiField(Madt, Offset + 1, 1);

        if (Length < SmallestEntry(Type) || Length > Madt->Length - Offset) {
            Walk->Refuse(Madt->Name, Madt->Address, "an entry with an impossible length: the rest is not read");
            break;
        }
        ReadMadtEntry(Walk, Madt, Offset, Type);
        Offset += Length;
    }
    PutBootCpuFirst(Walk, Madt);
}

/* ---- HPET, FADT ---- */

/* A generic address: space 1 byte, width, offset and access size, address 8 bytes. */
static PLATFORM_REGISTER ReadRegister(const ACPI_TABLE *Table, ULONG Offset)
{
    return (PLATFORM_REGISTER){
        .Space = (UCHAR)AcpiField(Table, Offset, 1), .Address = AcpiField(Table, Offset + 4, 8)
    };
}

/* AcpiReadHpet - where the HPET's registers are. */
void AcpiReadHpet(const ACPI_WALK *Walk, const ACPI_TABLE *Hpet)
{
    PLATFORM_REGISTER Register = ReadRegister(Hpet, HPET_REGISTER);

    if (Register.Space != SpaceMemory || !Register.Address || Register.Address & 7)
        Walk->Refuse(Hpet->Name, Hpet->Address, "its registers are not in memory");
    else
        Walk->Platform->HpetBase = Register.Address;
}

/* A port block: the 64-bit field when it is there and names a port, else the 32-bit one. */
static USHORT ReadPort(const ACPI_WALK *Walk, const ACPI_TABLE *Fadt, ULONG Offset, ULONG ExtendedOffset)
{
    PLATFORM_REGISTER Extended = ReadRegister(Fadt, ExtendedOffset);
    ULONG64 Port = AcpiField(Fadt, Offset, 4);

    if (Extended.Address && Extended.Space == SpacePort)
        Port = Extended.Address;
    if (Port <= 0xFFFC)
        return (USHORT)Port;
    Walk->Refuse(Fadt->Name, Fadt->Address, "a port number beyond 64 Ki");
    return 0;
}

static void ReadPowerRegisters(const ACPI_WALK *Walk, const ACPI_TABLE *Fadt, ULONG Flags)
{
    PLATFORM *P = Walk->Platform;

    if (Flags & FADT_HAS_RESET) {
        P->Reset = ReadRegister(Fadt, FADT_RESET);
        P->ResetValue = (UCHAR)AcpiField(Fadt, FADT_RESET_VALUE, 1);
    }
    if (Flags & FADT_REDUCED) {
        P->SleepControl = ReadRegister(Fadt, FADT_SLEEP_CONTROL);
        return;
    }
    P->Pm1aControl = ReadPort(Walk, Fadt, FADT_PM1A_CONTROL, FADT_X_PM1A_CONTROL);
    P->Pm1bControl = ReadPort(Walk, Fadt, FADT_PM1B_CONTROL, FADT_X_PM1B_CONTROL);
    P->SmiCommand = (USHORT)AcpiField(Fadt, FADT_SMI_COMMAND, 4);
    P->AcpiEnable = (UCHAR)AcpiField(Fadt, FADT_ACPI_ENABLE, 1);
}

static void ReadTimer(const ACPI_WALK *Walk, const ACPI_TABLE *Fadt, ULONG Flags)
{
    if (AcpiField(Fadt, FADT_PM_TIMER_LENGTH, 1) != 4 || Flags & FADT_REDUCED)
        return;
    Walk->Platform->PmTimerPort = ReadPort(Walk, Fadt, FADT_PM_TIMER, FADT_X_PM_TIMER);
    Walk->Platform->PmTimer32 = (Flags & FADT_TIMER_32) != 0;
}

/* The DSDT: the 64-bit address when there is one, else the 32-bit one. */
static void ReadDsdt(const ACPI_WALK *Walk, const ACPI_TABLE *Fadt)
{
    ULONG64 Address = AcpiField(Fadt, FADT_X_DSDT, 8);
    ACPI_TABLE Dsdt;

    if (!Address)
        Address = AcpiField(Fadt, FADT_DSDT, 4);
    if (!Address || !AcpiOpenTable(Walk, Address, &Dsdt))
        return;
    if (memcmp(Dsdt.Name, "DSDT", 4))
        Walk->Refuse(Dsdt.Name, Address, "not the DSDT");
    else
        AcpiReadAml(Walk, &Dsdt);
}

/* AcpiReadFadt - PM timer, reset and sleep registers, the battery clock, and by its DSDT \_S5. */
void AcpiReadFadt(const ACPI_WALK *Walk, const ACPI_TABLE *Fadt)
{
    PLATFORM *P = Walk->Platform;
    ULONG Flags = (ULONG)AcpiField(Fadt, FADT_FLAGS, 4);

    P->CenturyRegister = (UCHAR)AcpiField(Fadt, FADT_CENTURY, 1);
    P->HasBatteryClock = !(AcpiField(Fadt, FADT_BOOT_FLAGS, 2) & FADT_NO_BATTERY_CLOCK);
    ReadTimer(Walk, Fadt, Flags);
    ReadPowerRegisters(Walk, Fadt, Flags);
    ReadDsdt(Walk, Fadt);
}

/* ---- AML: \_S5 ---- */

/* The constant integer at *Offset, which moves past it; FALSE where there is none. */
static BOOLEAN ReadAmlInteger(const ACPI_TABLE *Aml, ULONG *Offset, ULONG64 *Value)
{
    ULONG Prefix = (ULONG)AcpiField(Aml, *Offset, 1), Size;

    if (*Offset >= Aml->Length)
        return FALSE;
    switch (Prefix) {
    case AML_ZERO: case AML_ONE: case AML_ONES: Size = 0; break;
    case AML_BYTE: Size = 1; break;
    case AML_WORD: Size = 2; break;
    case AML_DWORD: Size = 4; break;
    case AML_QWORD: Size = 8; break;
    default: return FALSE;
    }
    if (Size > Aml->Length - *Offset - 1)
        return FALSE;
    *Value = Size ? AcpiField(Aml, *Offset + 1, Size) : Prefix;
    *Offset += 1 + Size;
    return TRUE;
}

/* The package that \_S5 names, from its PackageOp on. */
static BOOLEAN ReadSleepPackage(PLATFORM *P, const ACPI_TABLE *Aml, ULONG Offset)
{
    ULONG64 TypeA, TypeB;
    ULONG Elements;

    if (AcpiField(Aml, Offset, 1) != AML_PACKAGE)
        return FALSE;
    Offset += 2 + (ULONG)(AcpiField(Aml, Offset + 1, 1) >> 6);     /* the top bits count PkgLength's further bytes */
    Elements = (ULONG)AcpiField(Aml, Offset++, 1);
    if (Elements < 1 || !ReadAmlInteger(Aml, &Offset, &TypeA))
        return FALSE;
    if (Elements < 2 || !ReadAmlInteger(Aml, &Offset, &TypeB))
        TypeB = TypeA;
    P->SleepTypeA = (UCHAR)(TypeA & 7);
    P->SleepTypeB = (UCHAR)(TypeB & 7);
    return TRUE;
}

/* AcpiReadAml - look for \_S5 in a DSDT or SSDT, unless an earlier one had it. */
void AcpiReadAml(const ACPI_WALK *Walk, const ACPI_TABLE *Aml)
{
    PLATFORM *P = Walk->Platform;

    for (ULONG i = 37; !P->HasPowerOff && Aml->Length >= 5 && i < Aml->Length - 4; i++) {
        BOOLEAN Rooted = Aml->Bytes[i - 1] == '\\';

        if (Aml->Bytes[i] == '_' && !memcmp(Aml->Bytes + i, "_S5_", 4) && Aml->Bytes[i - 1 - Rooted] == AML_NAME)
            P->HasPowerOff = ReadSleepPackage(P, Aml, i + 4);
    }
}
