/* power.c - restart the machine, or switch it off.
 *
 * Restarting has three ways, tried in the order of how cleanly they work; each gets time to take effect:
 * ACPI's reset register, the keyboard controller's reset line, and a triple fault, which no processor
 * survives. Switching off has one, the sleep state S5 of ACPI; the firmware's \_PTS method would want to
 * be called before it, for which there is no interpreter here, and PCs switch off without.
 *
 * Both may be called from a stopped kernel: they take no lock, allocate nothing (the page of a register in
 * memory is mapped ahead) and return to nobody who needs the machine. */

#include "x86.h"
#include <arch/io.h>

enum {
    PM1_ACPI_MODE = 1, PM1_SLEEP_TYPE = 7 << 10, PM1_SLEEP_TYPE_SHIFT = 10, PM1_SLEEP = 1 << 13,
    SLEEP_TYPE_SHIFT = 2, SLEEP_ENABLE = 1 << 5,    /* of the sleep control register */
    KEYBOARD_STATUS = 0x64, KEYBOARD_BUSY = 2, KEYBOARD_RESET = 0xFE,
    PCI_ADDRESS = 0xCF8, PCI_DATA = 0xCFC
};

static const PLATFORM *Machine;
static volatile UCHAR *ResetRegister, *SleepRegister;   /* those that lie in memory, mapped; else NULL */

/* Time that needs no calibrated clock: a read of the POST port takes about a microsecond on a PC. */
static void Wait(ULONG Microseconds)
{
    while (Microseconds-- > 0)
        (void)IoIn8(0x80);
}

static volatile UCHAR *MapRegister(const PLATFORM_REGISTER *Register, ULONG64 Page)
{
    ULONG64 Offset = Register->Address & (PAGE_SIZE - 1);

    if (!Register->Address || Register->Space != SpaceMemory)
        return NULL;
    if (!MmuMap(Page, Register->Address - Offset, PAGE_SIZE, MMU_WRITE | MMU_UNCACHED))
        return NULL;
    return (volatile UCHAR *)(Page + Offset);
}

/* PowerInitialize - remember where the registers are, and make those in memory reachable. */
void PowerInitialize(const PLATFORM *Platform)
{
    Machine = Platform;
    ResetRegister = MapRegister(&Platform->Reset, RESET_PAGE);
    SleepRegister = MapRegister(&Platform->SleepControl, SLEEP_PAGE);
}

static void WritePciConfig(ULONG64 Address, UCHAR Value)
{
    ULONG Device = Address >> 32 & 0x1F, Function = Address >> 16 & 7, Offset = Address & 0xFF;

    IoOut32(PCI_ADDRESS, 0x80000000u | Device << 11 | Function << 8 | (Offset & ~3u));
    IoOut8(PCI_DATA + (Offset & 3), Value);
}

static void WriteRegister(const PLATFORM_REGISTER *Register, volatile UCHAR *Mapped, UCHAR Value)
{
    if (Mapped)
        *Mapped = Value;
    else if (Register->Address && Register->Space == SpacePort)
        IoOut8((USHORT)Register->Address, Value);
    else if (Register->Address && Register->Space == SpacePciConfig)
        WritePciConfig(Register->Address, Value);
}

static void ResetByKeyboardController(void)
{
    for (ULONG i = 0; i < 10000 && IoIn8(KEYBOARD_STATUS) & KEYBOARD_BUSY; i++)
        Wait(1);
    IoOut8(KEYBOARD_STATUS, KEYBOARD_RESET);
}

/* With an empty IDT the breakpoint cannot be delivered, nor the fault about that, nor the one about that. */
static DECLSPEC_NORETURN void TripleFault(void)
{
    static const struct { USHORT Limit; ULONG64 Base; } __attribute__((packed)) Empty;

    __asm__ volatile("lidt %0\n\tint3" : : "m"(Empty) : "memory");
    ArchHalt();
}

/* ---- Public: PlatformReset, PlatformPowerOff ---- */

/* PlatformReset - restart the machine. Any IRQL; does not return. */
DECLSPEC_NORETURN void PlatformReset(void)
{
    ArchDisableInterrupts();
    if (Machine)
        WriteRegister(&Machine->Reset, ResetRegister, Machine->ResetValue);
    Wait(50000);
    ResetByKeyboardController();
    Wait(50000);
    TripleFault();
}

/* The PM1 registers may still be the firmware's; ask for them and give it 300 ms to agree. */
static void EnterAcpiMode(void)
{
    if (!Machine->SmiCommand || !Machine->AcpiEnable || IoIn16(Machine->Pm1aControl) & PM1_ACPI_MODE)
        return;
    IoOut8(Machine->SmiCommand, Machine->AcpiEnable);
    for (ULONG i = 0; i < 300 && !(IoIn16(Machine->Pm1aControl) & PM1_ACPI_MODE); i++)
        Wait(1000);
}

/* The type goes in first, then again with the bit that acts on it. */
static void Sleep(USHORT Port, UCHAR Type)
{
    USHORT Value;

    if (!Port)
        return;
    Value = (IoIn16(Port) & ~(PM1_SLEEP_TYPE | PM1_SLEEP)) | Type << PM1_SLEEP_TYPE_SHIFT;
    IoOut16(Port, Value);
    IoOut16(Port, Value | PM1_SLEEP);
}

/* PlatformPowerOff - switch the machine off. Any IRQL. Returns FALSE, interrupts as they were, where the
 * tables gave no way to do it or nothing came of it within about a second. */
BOOLEAN PlatformPowerOff(void)
{
    ULONG64 Flags;

    if (!Machine || !Machine->HasPowerOff || (!Machine->Pm1aControl && !Machine->SleepControl.Address))
        return FALSE;
    Flags = ArchDisableInterrupts();
    __asm__ volatile("wbinvd" : : : "memory");
    if (Machine->Pm1aControl) {
        EnterAcpiMode();
        Sleep(Machine->Pm1aControl, Machine->SleepTypeA);
        Sleep(Machine->Pm1bControl, Machine->SleepTypeB);
    } else {
        WriteRegister(&Machine->SleepControl, SleepRegister, Machine->SleepTypeA << SLEEP_TYPE_SHIFT | SLEEP_ENABLE);
    }
    Wait(1000000);
    ArchRestoreInterrupts(Flags);
    return FALSE;
}
