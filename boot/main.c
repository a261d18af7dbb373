/* main.c - the roof: brings the floors up in order, from the loader's hand-over to the verdict. */
#include <arch/arch.h>
#include <boot/multiboot.h>
#include <drivers/drivers.h>
#include <rtl/print.h>

void BootMain(ULONG Magic, ULONG64 Information);

/* The provisional tables map what loaders can reach, the first 4 GiB, at the direct map. */
#define LOADER_LIMIT (1ull << 32)
#define DIRECT_MAP 0xFFFF800000000000ull

static BOOT_INFO Info;

static const void *MapLoaderMemory(ULONG64 Physical, ULONG64 Length)
{
    if (Physical >= LOADER_LIMIT || Length > LOADER_LIMIT - Physical)
        return NULL;
    return (const void *)(DIRECT_MAP + Physical);
}

static void LogRefusal(const char *Line)
{
    LogPrint("boot: refused: %s\n", Line);
}

static void LogBootInfo(void)
{
    static const char *const Types[] = { "?", "usable", "reserved", "ACPI", "ACPI NVS", "bad" };

    LogPrint("boot: loaded by %s; options: %s\n", Info.LoaderName, Info.CommandLine);
    for (ULONG Index = 0; Index < Info.RangeCount; Index++)
        LogPrint("boot: memory %016I64x + %I64x %s\n", Info.Ranges[Index].Base, Info.Ranges[Index].Length, Types[Info.Ranges[Index].Type]);
    for (ULONG Index = 0; Index < Info.ModuleCount; Index++)
        LogPrint("boot: module %s at %I64x + %I64x, arguments \"%s\"\n", Info.Modules[Index].Name, Info.Modules[Index].Base, Info.Modules[Index].Length, Info.Modules[Index].Arguments);
    LogPrint("boot: framebuffer %ux%ux%u at %I64x, text %u, efi %u, rsdp %u bytes\n", Info.Framebuffer.Width, Info.Framebuffer.Height, Info.Framebuffer.BitsPerPixel, Info.Framebuffer.Base, Info.VgaText, Info.FromEfi, Info.RsdpCopyLength);
}

void BootMain(ULONG Magic, ULONG64 Information)
{
    static const BOOT_SOURCE Source = { MapLoaderMemory, LogRefusal };
    char Value[32];

    SerialInitialize(1);
    LogRegisterSink(SerialLogSink(1));
    BootParse(Magic, Information, &Source, &Info);
    ExitInitialize(BootOption(&Info, "exit", Value, sizeof Value));
    LogBootInfo();
    ExitEmulator(0);
    for (;;)
        ArchWaitForInterrupt();
}
