/* verdict.c - what the kernel was booted for, and how it leaves: the self-test or the drivers, then the
 * exit status of the interface. */
#include <drivers/drivers.h>
#include <ktest.h>
#include <rtl/print.h>
#include "bootp.h"

enum { STATUS_PASSED = 0 };

void WriteTap(const char *,SIZE_T);void WriteTap(const char *Text, SIZE_T Length)
{
    SerialWrite(2, Text, Length);
}

/* ---- For main.c ---- */

void BootRun(const BOOT_INFO *Info)
{
    char Selection[BOOT_COMMAND_LINE];

    KtestSetVirtualTime(BootOption(Info, "virtual", Selection, sizeof Selection) != NULL);
    if (BootOption(Info, "test", Selection, sizeof Selection) == NULL)
        Selection[0] = 0;
    LogPrint("phase 1\n");
    ExitEmulator(STATUS_PASSED);
}
