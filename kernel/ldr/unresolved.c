/* unresolved.c - imports that Kedge does not have.
 *
 * They do not keep a driver out: most of what a driver imports it calls on paths that a run may never take.
 * Each is named when the driver loads, and its slot points to a stop of its own (arch/stops.h); calling
 * that ends the run with a line that names driver and routine. The list only grows: a stop may be called as
 * long as anything of the driver is left, and a run is one boot.
 * Written while images load, one at a time; read after that, by the stop. */
#include "ldrp.h"
#include <arch/stops.h>
#include <ex/pool.h>
#include <ke/bugcheck.h>
#include <rtl/print.h>
#include <rtl/stacktrace.h>
#include <rtl/status.h>
#include <rtl/string.h>

static char *Missing[ARCH_STOPS];       /* "DRIVER.sys called module!name", from the pool */
static ULONG MissingCount;

/* The last stop serves all that come after it: there the names end. So does one whose name found no memory. */
static DECLSPEC_NORETURN void StopCalled(ULONG Index, PVOID Caller)
{
    const char *Call = Missing[Index];
    char Where[160];

    RtlDescribeAddress((ULONG64)(ULONG_PTR)Caller, Where, sizeof Where);
    if (Call == NULL)
        Call = "a driver called an import (one of those whose names are no longer kept)";
    KeBugCheckWith(KEDGE_UNRESOLVED_IMPORT, Index, (ULONG_PTR)Caller, 0, 0,
                   "%s, which Kedge does not have (at %s)", Call, Where);
}

static char *Remember(const LDR_IMAGE *Image, const char *Module, const char *Name)
{
    static const char Format[] = "%s called %s!%s";
    SIZE_T Size = sizeof Format + strlen(Image->Name) + strlen(Module) + strlen(Name);
    char *Text = ExAllocatePoolWithTag(NonPagedPoolNx, Size, LDR_TAG);

    if (Text != NULL)
        RtlFormat(Text, Size, Format, Image->Name, Module, Name);
    return Text;
}

void LdrpInitializeStops(void)
{
    ArchSetStopRoutine(StopCalled);
}

PVOID LdrpBindStop(const LDR_IMAGE *Image, const char *Module, const char *Name)
{
    LogPrint("%s imports %s!%s, which Kedge does not have: a call of it will stop the run\n", Image->Name, Module,
             Name);
    if (MissingCount == ARCH_STOPS - 1)
        return ArchStopAddress(ARCH_STOPS - 1);
    Missing[MissingCount] = Remember(Image, Module, Name);
    return ArchStopAddress(MissingCount++);
}
