/* run.c - a run of drivers: load, start, rest, unload, verdict.
 *
 * Drivers start in the order given, each after the one before has returned from DriverEntry. What cannot be
 * loaded is refused by name, and the others run on. A driver whose DriverEntry fails is taken away at once,
 * without DriverUnload, as in NT. When the others have come to rest (rest.c), they are unloaded, last one first.
 * A driver without DriverUnload cannot be unloaded in NT, so what it holds is no leak: the log says so.
 * Every cause of a status other than 0 has its own line, and the verdict repeats the first. */
#include "ldrp.h"
#include <ex/lookaside.h>
#include <ex/pool.h>
#include <ex/resource.h>
#include <io/shutdown.h>
#include <ldr/run.h>
#include <mm/mm.h>
#include <ob/object.h>
#include <rtl/print.h>
#include <rtl/status.h>
#include <rtl/string.h>
#include <vf/verifier.h>

/* Exit statuses, as design.md and README.md list them. */
enum { StatusPassed = 0, StatusFailed = 1, StatusHung = 3, StatusRefused = 4 };

typedef struct _RUN {
    LDR_TIMES Times;
    LDR_DRIVER *Drivers[LDR_MAX_IMAGES];
    LDR_IMAGE *Images[LDR_MAX_IMAGES];      /* of the same driver; kept without gaps */
    ULONG Count;
    ULONG Loaded, Refused, Failed, Leaked;
    BOOLEAN Hung;
    char Cause[256];                        /* the first */
} RUN;

static RUN Run;                             /* there is one run per boot, and it would not fit a stack */

/* One line that counts against the run. */
static void Blame(ULONG *Counter, const char *Format, ...)
{
    char Line[sizeof Run.Cause];
    va_list Arguments;

    va_start(Arguments, Format);
    RtlFormatV(Line, sizeof Line, Format, Arguments);
    va_end(Arguments);
    LogPrint("%s\n", Line);
    (*Counter)++;
    if (Run.Cause[0] == 0)
        RtlFormat(Run.Cause, sizeof Run.Cause, "%s", Line);
}

static ULONG64 ParseNumber(const char *Text)
{
    ULONG64 Value = 0;

    for (; *Text >= '0' && *Text <= '9' && Value < 1000000; Text++)
        Value = Value * 10 + (ULONG64)(*Text - '0');
    return Value;
}

static void ReadOptions(const BOOT_INFO *Info)
{
    char Value[32];
    const char *Verifier = BootOption(Info, "verifier", Value, sizeof Value);
    BOOLEAN Off = Verifier != NULL && strcmp(Verifier, "off") == 0;

    LdrInitialize(!Off);
    if (!Off) {
        ExEnablePoolVerifier();
        VfInitialize();
    }
    Run.Times.Virtual = BootOption(Info, "virtual", Value, sizeof Value) != NULL;
    Run.Times.HasSettle = BootOption(Info, "settle", Value, sizeof Value) != NULL;
    Run.Times.Settle = Run.Times.HasSettle ? ParseNumber(Value) * 10000000ull : 0;
}

/* Wait for a call of Driver that has been started. FALSE: it did not come back, and said so. */
static BOOLEAN FinishCall(LDR_DRIVER *Driver, PKTHREAD Thread, const char *Routine)
{
    if (Thread == NULL) {
        Blame(&Run.Failed, "%s: no memory for the thread of its %s", Driver->Image->Name, Routine);
        return FALSE;
    }
    if (!LdrpWaitForThread(Thread, Run.Images, Run.Count, &Run.Times)) {
        ULONG Ignored = 0;

        Run.Hung = TRUE;
        Blame(&Ignored, "%s: %s waits for ever: nothing is left that could wake it", Driver->Image->Name, Routine);
        return FALSE;
    }
    ObfDereferenceObject(Thread);
    if (!Driver->Returned) {
        Blame(&Run.Failed, "%s: %s ended its thread instead of returning", Driver->Image->Name, Routine);
        return FALSE;
    }
    return TRUE;
}

/* Name Driver's leaks if it is gone from its own point of view, and free what may be freed. */
static void RemoveDriver(LDR_DRIVER *Driver, BOOLEAN Unloaded)
{
    LDR_IMAGE *Image = Driver->Image;
    ULONG Leaks = Unloaded ? LdrpReportLeaks(Driver) : 0;

    if (Image->NotOk != 0)
        Blame(&Run.Failed, "%s: %u result%s \"not ok\"", Image->Name, Image->NotOk,
              Image->NotOk == 1 ? " is" : "s are");
    if (Leaks != 0)
        Blame(&Run.Failed, "%s: left %u thing%s behind", Image->Name, Leaks, Leaks == 1 ? "" : "s");
    Run.Leaked += Leaks;
    Run.Count--;                            /* the last one, always */
    if (!Unloaded || LdrpIsActive(Driver))
        return;                             /* its code may still be reached: the memory stays as it is */
    VfForgetMemory(Image->Base, Image->Layout.SizeOfImage);
    ExForgetResources(Image->Base, Image->Layout.SizeOfImage);
    ExForgetLookasides(Image->Base, Image->Layout.SizeOfImage);
    LdrUnloadImage(Image);
    LdrpDestroyDriver(Driver);
}

static void StartDriver(LDR_IMAGE *Image)
{
    LDR_DRIVER *Driver = LdrpCreateDriver(Image);

    if (Driver == NULL) {
        Blame(&Run.Failed, "%s: no memory for its driver object, or another driver has its name", Image->Name);
        LdrUnloadImage(Image);
        return;
    }
    Run.Drivers[Run.Count] = Driver;
    Run.Images[Run.Count++] = Image;
    if (!FinishCall(Driver, LdrpStartEntry(Driver), "DriverEntry")) {
        if (!Run.Hung)
            RemoveDriver(Driver, TRUE);
        return;
    }
    LogPrint("%s: DriverEntry returned 0x%08x\n", Image->Name, (ULONG)Driver->EntryStatus);
    if (NT_SUCCESS(Driver->EntryStatus))
        return;
    Blame(&Run.Failed, "%s: DriverEntry failed with status 0x%08x", Image->Name, (ULONG)Driver->EntryStatus);
    RemoveDriver(Driver, TRUE);
}

static void LoadModule(const BOOT_MODULE *Module)
{
    PE_REFUSAL Refusal;
    LDR_IMAGE *Image = LdrLoadImage(Module->Name, MmPhysicalToVirtual(Module->Base), Module->Length, &Refusal);

    if (Image == NULL) {
        Blame(&Run.Refused, "%s", Refusal.Text);
        return;
    }
    Run.Loaded++;
    LogPrint("%s: loaded at %p, 0x%x bytes, %u imports, %u unresolved\n", Image->Name, Image->Base,
             Image->Layout.SizeOfImage, Image->Imports, Image->Unresolved);
    StartDriver(Image);
}

/* What drivers have asked to be called for when all of them are there. */
static void Reinitialize(void)
{
    for (ULONG i = 0; i < Run.Count && !Run.Hung; i++)
        if (IoHasReinitializations(Run.Drivers[i]->Object))
            FinishCall(Run.Drivers[i], LdrpStartReinitialization(Run.Drivers[i]), "reinitialization");
}

static void WaitForRest(void)
{
    static const char *const Lines[] = {
        [LdrAtRest] = "drivers: at rest",
        [LdrSteady] = "drivers: only what repeats goes on; the run ends here",
        [LdrCutOff] = "drivers: settle= has passed; the run ends here"
    };

    if (Run.Count != 0)
        LogPrint("%s\n", Lines[LdrpWaitForRest(Run.Images, Run.Count, &Run.Times)]);
}

static void UnloadLast(void)
{
    LDR_DRIVER *Driver = Run.Drivers[Run.Count - 1];
    BOOLEAN HasUnload = Driver->Object->DriverUnload != NULL;

    if (!HasUnload)
        LogPrint("%s: has no DriverUnload, so it stays loaded and leaks are not looked for\n", Driver->Image->Name);
    else if (FinishCall(Driver, LdrpStartUnload(Driver), "DriverUnload"))
        LogPrint("%s: unloaded\n", Driver->Image->Name);
    if (!Run.Hung)
        RemoveDriver(Driver, HasUnload);
}

/* Results that fail without a known driver, or do not come, count all the same. */
static void JudgeResults(void)
{
    const LDR_TAP *Tap = LdrpTap();

    LdrpEndTap();
    if (Tap->Failed != 0 && Run.Failed == 0)
        Blame(&Run.Failed, "drivers: %u result%s \"not ok\"", Tap->Failed, Tap->Failed == 1 ? " is" : "s are");
    if (Tap->BailedOut)
        Blame(&Run.Failed, "drivers: one printed \"Bail out!\"");
    else if (Tap->HasPlan && LdrpTapResults() != Tap->Plan)
        Blame(&Run.Failed, "drivers: %u results were planned, %u printed", Tap->Plan, LdrpTapResults());
}

static ULONG StatusOf(const RUN *R)
{
    if (R->Hung)
        return StatusHung;
    if (R->Refused != 0)
        return StatusRefused;
    return R->Failed != 0 ? StatusFailed : StatusPassed;
}

static ULONG Verdict(void)
{
    const LDR_TAP *Tap = LdrpTap();
    ULONG Status = StatusOf(&Run);

    LogPrint("drivers: %u loaded, %u refused; %u ok, %u not ok, %u skipped; %u leaked\n", Run.Loaded, Run.Refused,
             Tap->Passed, Tap->Failed, Tap->Skipped, Run.Leaked);
    if (Status == StatusPassed)
        LogPrint("verdict: exit status 0: every driver ran, returned success and left nothing behind\n");
    else
        LogPrint("verdict: exit status %u: %s\n", Status, Run.Cause);
    return Status;
}

/* ---- Public: LdrRunDrivers ---- */

ULONG LdrRunDrivers(const BOOT_INFO *Info)
{
    ReadOptions(Info);
    if (Info->ModuleCount == 0)
        Blame(&Run.Refused, "drivers: no driver was given (a multiboot module each)");
    for (ULONG i = 0; i < Info->ModuleCount && !Run.Hung; i++)
        LoadModule(&Info->Modules[i]);
    Reinitialize();
    if (!Run.Hung)
        WaitForRest();
    while (Run.Count != 0 && !Run.Hung)
        UnloadLast();
    if (!Run.Hung)
        IoShutdownDevices();
    JudgeResults();
    return Verdict();
}
