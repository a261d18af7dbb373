/* main.c - the roof: brings the floors up in order, from the loader's hand-over to the first thread.
 *
 * BootMain runs once, on the boot processor, at IRQL HIGH with interrupts off until ke stands. It is that
 * processor's idle thread, so it never waits: what takes a thread (the other processors, the self-test, the
 * drivers) happens in Phase1, a system thread. Order:
 *
 *   log, boot processor's tables, ke's block for it     from here on a fault is a readable stop
 *   boot information                                    read before anything can overwrite it
 *   memory, screen, ACPI, clock                         final page tables, then what they must map
 *   ke, pool, objects                                   interrupts may come
 *   Phase1                                              cpus.c, then verdict.c  */
#include <arch/arch.h>
#include <arch/mmu.h>
#include <boot/multiboot.h>
#include <drivers/drivers.h>
#include <ex/pool.h>
#include <ex/resource.h>
#include <ke/bugcheck.h>
#include <io/init.h>
#include <ke/init.h>
#include <ke/irql.h>
#include <mm/mm.h>
#include <ob/create.h>
#include <ps/process.h>
#include <ps/system_thread.h>
#include <rtl/debug.h>
#include <rtl/print.h>
#include <rtl/status.h>
#include <rtl/string.h>
#include "bootp.h"

void BootMain(ULONG Magic, ULONG64 Information);

/* The provisional tables map what loaders can reach, the first 4 GiB, at the direct map. */
#define LOADER_LIMIT (1ull << 32)

enum { BOOT_PCR_SIZE = 0x4000, VGA_TEXT = 0xB8000, VGA_TEXT_SIZE = 0x8000 };

extern UCHAR BootStackGuard[], BootStackTop[], BootDispatchGuard[], BootDispatchTop[];      /* entry.S */

static BOOT_INFO Info;
static const PLATFORM *Platform;
static UCHAR BootPcr[BOOT_PCR_SIZE] __attribute__((aligned(PAGE_SIZE)));
static KTHREAD BootIdleThread;

/* ---- Boot information ---- */

static const void *MapLoaderMemory(ULONG64 Physical, ULONG64 Length)
{
    if (Physical >= LOADER_LIMIT || Length > LOADER_LIMIT - Physical)
        return NULL;
    return (const void *)(MMU_DIRECT_MAP + Physical);
}

static void LogRefusal(const char *Line)
{
    LogPrint("boot: refused: %s\n", Line);
}

static void LogRanges(void)
{
    static const char *const Types[] = {
        [BootRangeUsable] = "usable", [BootRangeReserved] = "reserved", [BootRangeAcpi] = "ACPI tables",
        [BootRangeNvs] = "ACPI NVS", [BootRangeBad] = "bad"
    };

    for (ULONG Index = 0; Index < Info.RangeCount; Index++) {
        const BOOT_RANGE *Range = &Info.Ranges[Index];

        LogPrint("boot: memory %012I64x-%012I64x %s\n", Range->Base, Range->Base + Range->Length - 1,
                 Types[Range->Type]);
    }
}

static void LogModules(void)
{
    for (ULONG Index = 0; Index < Info.ModuleCount; Index++) {
        const BOOT_MODULE *Module = &Info.Modules[Index];

        LogPrint("boot: module %s, %I64u bytes at 0x%I64x, arguments \"%s\"\n", Module->Name, Module->Length,
                 Module->Base, Module->Arguments);
    }
}

static void LogBootInfo(void)
{
    const BOOT_FRAMEBUFFER *F = &Info.Framebuffer;
    char Screen[48] = "none";

    if (F->Base != 0)
        RtlFormat(Screen, sizeof Screen, "%ux%u in %u bits at 0x%I64x", F->Width, F->Height, F->BitsPerPixel, F->Base);
    else if (Info.VgaText)
        RtlFormat(Screen, sizeof Screen, "80x25 text");
    LogPrint("boot: loaded by %s%s; options: %s\n", Info.LoaderName, Info.FromEfi ? " (EFI)" : "", Info.CommandLine);
    LogPrint("boot: screen: %s\n", Screen);
    LogRanges();
    LogModules();
}

static void ReadBootInfo(ULONG Magic, ULONG64 Information)
{
    static const BOOT_SOURCE Source = { MapLoaderMemory, LogRefusal };
    char Value[32];

    BootParse(Magic, Information, &Source, &Info);
    ExitInitialize(BootOption(&Info, "exit", Value, sizeof Value));
    if (BootOption(&Info, "verbose", Value, sizeof Value) != NULL)
        LogBootInfo();
}

/* ---- Floors ---- */

/* Where a broken assertion ends before ke has the stop screen, or inside it. */
static void HaltAfterAssertion(void)
{
    ExitEmulator(2);
    ArchHalt();
}

static void OpenLog(void)
{
    RtlSetHaltHook(HaltAfterAssertion);
    SerialInitialize(1);
    SerialInitialize(2);
    LogRegisterSink(SerialLogSink(1));
    LogPrint("Kedge: a kernel that serves NT driver routines\n");
}

static void InitializeBootProcessor(void)
{
    RtlRequire(KePcrSize() <= sizeof BootPcr);
    ArchInitializeBootCpu((ARCH_CPU *)BootPcr);
    KeInitializeProcessor((struct _KPCR *)BootPcr, &BootIdleThread, BootStackTop,
                          BootStackTop - BootStackGuard - PAGE_SIZE, BootDispatchTop);
}

static void InitializeMemory(void)
{
    MmInitialize(&Info);
    MmuUnmap((ULONG64)BootStackGuard, PAGE_SIZE);
    MmuUnmap((ULONG64)BootDispatchGuard, PAGE_SIZE);
}

/* The option smp=N: how many processors may run, this one included. */
static ULONG ProcessorLimit(void)
{
    char Value[16];
    const char *Digit = BootOption(&Info, "smp", Value, sizeof Value);
    ULONG Limit = 0;

    if (Digit == NULL)
        return ARCH_MAX_CPUS;
    for (; *Digit >= '0' && *Digit <= '9' && Limit < ARCH_MAX_CPUS; Digit++)
        Limit = Limit * 10 + (ULONG)(*Digit - '0');
    if (Limit != 0 && *Digit == 0)
        return Limit;
    LogPrint("boot: option smp=%s is not a number of processors and is ignored\n", Value);
    return ARCH_MAX_CPUS;
}

/* The screen comes after memory: its pixels and letters are devices that must be mapped first. */
static void OpenScreen(void)
{
    SIZE_T Length = ConsoleFramebufferLength(&Info);
    PVOID Pixels = Length != 0 ? MmMapDevice(Info.Framebuffer.Base, Length, MmWriteCombined) : NULL;
    PVOID Letters = Info.VgaText ? MmMapDevice(VGA_TEXT, VGA_TEXT_SIZE, MmUncached) : NULL;

    ConsoleInitialize(&Info, Pixels, Letters);
    LogRegisterSink(ConsoleLogSink());
}

static VOID Phase1(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    BootStartProcessors(Platform, ProcessorLimit());
    LogPrint("boot: %u of %u processors run\n", KeQueryActiveProcessorCount(NULL), Platform->CpuCount);
    PsStartWorkers();
    BootRun(&Info);
}

static void StartPhase1(void)
{
    HANDLE Thread;

    RtlRequire(NT_SUCCESS(PsCreateSystemThread(&Thread, 0, NULL, NULL, NULL, Phase1, NULL)));
    ZwClose(Thread);
}

/* BootMain - entry.S comes here: Magic and Information are what the loader left in eax and ebx. */
void BootMain(ULONG Magic, ULONG64 Information)
{
    OpenLog();
    InitializeBootProcessor();
    BootSetStop();
    ReadBootInfo(Magic, Information);
    InitializeMemory();
    OpenScreen();
    Platform = PlatformInitialize(&Info);
    ArchInitializeClock(Platform);
    KeInitialize();
    KeLowerIrql(PASSIVE_LEVEL);
    ArchEnableInterrupts();
    ExInitializePool();
    ExInitializeResources();
    ObInitialize();
    PsInitialize();
    IoInitialize();
    StartPhase1();
    KeIdleLoop();
}
