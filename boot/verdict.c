/* verdict.c - what the kernel was booted for, and how it leaves.
 *
 * The options `selftest` (or `test=PATTERNS`) and `drivers` say what to do; without either it is the drivers
 * that the loader brought along, or else the self-test. The exit status of the interface goes to whoever
 * started the emulator. On a PC nobody waits for it: there the screen keeps the verdict until a key is
 * pressed. A stop leaves by the same door. */
#include <arch/platform.h>
#include <drivers/drivers.h>
#include <ke/bugcheck.h>
#include <ke/init.h>
#include <ke/spinlock.h>
#include <ktest.h>
#include <ldr/run.h>
#include <rtl/print.h>
#include <rtl/status.h>
#include "bootp.h"

/* The exit statuses; LdrRunDrivers gives the same. 3 is its alone: a driver that does not come to rest. */
enum { STATUS_PASSED = 0, STATUS_FAILED = 1, STATUS_BUGCHECK = 2, STATUS_HUNG = 3, STATUS_REFUSED = 4 };

/* Processors take turns there, so that nobody spins long for one that is at work; and each turn takes its time. */
enum { VIRTUAL_SPIN_PATIENCE = 1 << 20 };

typedef struct _ERRAND {
    BOOLEAN Selftest, Drivers;
    char Selection[BOOT_COMMAND_LINE];  /* of the self-test; empty: all */
} ERRAND;

static ERRAND Errand;                   /* too large for a stack */

static void WriteTap(const char *Text, SIZE_T Length)
{
    SerialWrite(2, Text, Length);
}

static BOOLEAN HasOption(const BOOT_INFO *Info, const char *Name)
{
    char Value[8];

    return BootOption(Info, Name, Value, sizeof Value) != NULL;
}

static void ReadErrand(const BOOT_INFO *Info)
{
    Errand.Drivers = HasOption(Info, "drivers");
    Errand.Selftest = HasOption(Info, "selftest");
    if (BootOption(Info, "test", Errand.Selection, sizeof Errand.Selection) != NULL)
        Errand.Selftest = TRUE;
    else
        Errand.Selection[0] = 0;
    if (!Errand.Drivers && !Errand.Selftest) {
        Errand.Drivers = Info->ModuleCount != 0;
        Errand.Selftest = !Errand.Drivers;
    }
}

static ULONG RunSelftest(void)
{
    return KtestRun(Errand.Selection, WriteTap, ScreenSelftestView()).Failed != 0 ? STATUS_FAILED : STATUS_PASSED;
}

static ULONG RunDrivers(const BOOT_INFO *Info)
{
    static const char *const Verdicts[] = {
        [STATUS_PASSED] = "every driver passed", [STATUS_FAILED] = "a driver failed or left something behind",
        [STATUS_HUNG] = "a driver does not come to rest", [STATUS_REFUSED] = "a file was refused"
    };
    ULONG Status = LdrRunDrivers(Info);

    ScreenShowVerdict(Status == STATUS_PASSED, Verdicts[Status]);
    return Status;
}

/* The last act: the emulator ends with Status, a PC waits for its user. */
static DECLSPEC_NORETURN void Leave(ULONG Status)
{
    ExitEmulator(Status);
    if (ScreenWaitForKey() == ScreenKeyPowerOff)
        PlatformPowerOff();
    PlatformReset();
}

static void EnterStop(ULONG Code, const char *Name)
{
    UNREFERENCED_PARAMETER(Code);
    UNREFERENCED_PARAMETER(Name);
    ScreenEnterStop();
}

/* A call into an import that Kedge does not have is not the driver's fault. */
static void LeaveStop(ULONG Code)
{
    Leave(Code == KEDGE_UNRESOLVED_IMPORT ? STATUS_REFUSED : STATUS_BUGCHECK);
}

/* ---- For main.c ---- */

/* BootSetStop - from now on a stop takes the screen and leaves with its status.  IRQL: any. */
void BootSetStop(void)
{
    KeSetBugCheckEnter(EnterStop);
    KeSetBugCheckExit(LeaveStop);
}

/* BootRun - do what the options ask for and leave.  IRQL: PASSIVE_LEVEL, in a system thread. */
void BootRun(const BOOT_INFO *Info)
{
    ULONG Status = STATUS_PASSED, DriverStatus = STATUS_PASSED;

    ReadErrand(Info);
    KtestSetVirtualTime(HasOption(Info, "virtual"));
    if (HasOption(Info, "virtual")) {
        KeSetSpinPatience(VIRTUAL_SPIN_PATIENCE);
        KeSetIdleLook(0);       /* one processor runs at a time: who looks keeps the others from bringing work */
    }
    KtestSetOptions(Info);
    if (Errand.Selftest)
        Status = RunSelftest();
    if (Errand.Drivers) {
        if (Errand.Selftest)
            ScreenShowLog();
        DriverStatus = RunDrivers(Info);
    }
    Leave(DriverStatus != STATUS_PASSED ? DriverStatus : Status);
}
