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

typedef struct _MISSING {
    const char *Driver;
    char Text[];                        /* "module!name" */
} MISSING;

static MISSING *Missing[ARCH_STOPS];
static ULONG MissingCount;

/* The last stop serves all that come after it: there the names end. */
static DECLSPEC_NORETURN void StopCalled(ULONG Index, PVOID Caller)
{
    const MISSING *M = Missing[Index];
    char Where[160];

    RtlDescribeAddress((ULONG64)(ULONG_PTR)Caller, Where, sizeof Where);
    if (M == NULL)
        KeBugCheckWith(KEDGE_UNRESOLVED_IMPORT, Index, (ULONG_PTR)Caller, 0, 0,
                       "%s called an import that Kedge does not have (one beyond the first %u)", Where, ARCH_STOPS - 1);
    KeBugCheckWith(KEDGE_UNRESOLVED_IMPORT, Index, (ULONG_PTR)Caller, 0, 0,
                   "%s called %s, which Kedge does not have (at %s)", M->Driver, M->Text, Where);
}

static MISSING *Remember(const LDR_IMAGE *Image, const char *Module, const char *Name)
{
    SIZE_T Size = strlen(Module) + 1 + strlen(Name) + 1;
    MISSING *M = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *M + Size, LDR_TAG);

    if (M == NULL)
        return NULL;
    M->Driver = Image->Name;
    RtlFormat(M->Text, Size, "%s!%s", Module, Name);
    return M;
}

void LdrpInitializeStops(void)
{
    ArchSetStopRoutine(StopCalled);
}

PVOID LdrpBindStop(const LDR_IMAGE *Image, const char *Module, const char *Name)
{
    LogPrint("%s imports %s!%s, which Kedge does not have: a call of it will stop the run\n", Image->Name, Module, Name);
    if (MissingCount == ARCH_STOPS - 1)
        return ArchStopAddress(ARCH_STOPS - 1);
    Missing[MissingCount] = Remember(Image, Module, Name);
    return ArchStopAddress(MissingCount++);
}
