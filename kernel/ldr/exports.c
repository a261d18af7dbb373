/* exports.c - every name that a driver may import.
 *
 * A row is made from the routine itself: what has no prototype in a header, or is in no floor, does not
 * build. A routine has its row once it does all that its contract says, and not before: an import that is
 * missing is named when the driver loads, while one that pretends would be found by nobody.
 * Every name is served for `ntoskrnl.exe` and for `HAL.dll`, in any case: which of the two a DDK's import
 * library chooses differs between kits and versions.
 * The second column: with the verifier on, a driver is bound to that routine instead, which checks the
 * driver's side of the contract and then calls the first. So the routines themselves stay free of checks, and
 * our own calls of them pay for none.
 * Rows stand by subject for the reader, in exports_ke.c, exports_ex.c and exports_rtl.c; a table of pointers,
 * sorted once, serves the search. */
#include "ldrp.h"
#include <ldr/exports.h>
#include <rtl/debug.h>
#include <rtl/memory.h>
#include <rtl/nt_string.h>
#include <rtl/string.h>

enum { NAMES_LIMIT = 1024 };

static const LDR_EXPORTS *const Tables[] = { &LdrpKeExports, &LdrpExecutiveExports, &LdrpRtlExports };

static const LDR_EXPORT *Sorted[NAMES_LIMIT];   /* by name; fixed after LdrpInitializeExports */
static ULONG Names;

static BOOLEAN IsOurModule(const char *Module)
{
    return RtlCompareNoCase(Module, "ntoskrnl.exe") == 0 || RtlCompareNoCase(Module, "hal.dll") == 0;
}

static void InsertByName(const LDR_EXPORT *Export)
{
    ULONG At = Names++;

    RtlRequire(Names <= NAMES_LIMIT);
    for (; At > 0 && strcmp(Sorted[At - 1]->Name, Export->Name) > 0; At--)
        Sorted[At] = Sorted[At - 1];
    Sorted[At] = Export;
}

void LdrpInitializeExports(void)
{
    for (ULONG t = 0; t < RTL_NUMBER_OF(Tables); t++)
        for (ULONG i = 0; i < Tables[t]->Count; i++)
            InsertByName(&Tables[t]->Rows[i]);
    for (ULONG i = 1; i < Names; i++)
        RtlRequire(strcmp(Sorted[i - 1]->Name, Sorted[i]->Name) < 0);
}

PVOID LdrpFindExport(const char *Module, const char *Name)
{
    ULONG Low = 0, High = Names;

    if (Module != NULL && !IsOurModule(Module))
        return NULL;
    while (Low < High) {
        ULONG Middle = (Low + High) / 2;
        const LDR_EXPORT *Export = Sorted[Middle];
        int Order = strcmp(Name, Export->Name);

        if (Order == 0)
            return LdrVerifierIsOn() && Export->Verifier != NULL ? Export->Verifier : Export->Address;
        if (Order < 0)
            High = Middle;
        else
            Low = Middle + 1;
    }
    return NULL;
}

/* ---- Public: MmGetSystemRoutineAddress ---- */

/* MmGetSystemRoutineAddress - the address of an exported routine or variable by name, as an import would get it.
 * SystemRoutineName: exact case; counted, need not be terminated.  IRQL: PASSIVE_LEVEL in NT, any here.
 * Returns: NULL if there is none of that name.  Source: WDK nf-wdm-mmgetsystemroutineaddress. */
PVOID MmGetSystemRoutineAddress(PUNICODE_STRING SystemRoutineName)
{
    char Name[PE_NAME_LIMIT + 1];
    ULONG Length = SystemRoutineName->Length / sizeof(WCHAR);

    if (Length >= sizeof Name)
        return NULL;
    for (ULONG i = 0; i < Length; i++) {
        if (SystemRoutineName->Buffer[i] <= ' ' || SystemRoutineName->Buffer[i] > '~')
            return NULL;
        Name[i] = (char)SystemRoutineName->Buffer[i];
    }
    Name[Length] = 0;
    return LdrpFindExport(NULL, Name);
}
