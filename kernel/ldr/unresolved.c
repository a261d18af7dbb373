/* unresolved.c - imports that Kedge does not have.
 *
 * They do not keep a driver out: most of what a driver imports it calls on paths that a run may never take.
 * Each is named when the driver loads, and its slot points to a stop of its own (arch/stops.h); calling
 * that ends the run with a line that names driver and routine.
 * NT exports variables as well. A driver reads those, and would take a stop's code for a value; so the slot of one
 * leads to a place of its own in the unmapped page before the image, and the page fault names it. Which names are
 * variables the image does not say: there is a list.
 * What is kept only grows: a stop may be called as long as anything of the driver is left, and a run is one boot.
 * Written while images load, one at a time; read after that, by the stop. */
#include "ldrp.h"
#include <arch/stops.h>
#include <ex/pool.h>
#include <ke/bugcheck.h>
#include <rtl/print.h>
#include <rtl/stacktrace.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { PLACE_BYTES = 64, PLACES = PAGE_SIZE / PLACE_BYTES };

static const char *const VariableNames[] = {
    "CcFastMdlReadWait", "CcFastReadNotPossible", "CcFastReadWait", "CmKeyObjectType", "ExDesktopObjectType",
    "ExWindowStationObjectType", "FsRtlLegalAnsiCharacterArray", "HalDispatchTable", "HalPrivateDispatchTable",
    "InitSafeBootMode", "IoAdapterObjectType", "IoDeviceHandlerObjectSize", "IoDeviceHandlerObjectType",
    "IoReadOperationCount", "IoReadTransferCount", "IoStatisticsLock", "IoWriteOperationCount",
    "IoWriteTransferCount", "KdComPortInUse", "KdDebuggerEnabled", "KdDebuggerNotPresent", "KdEnteredDebugger",
    "KeLastBranchMSR", "KeLoaderBlock", "KeServiceDescriptorTable", "KiBugCheckData", "LpcPortObjectType",
    "Mm64BitPhysicalAddress", "MmBadPointer", "MmHighestUserAddress", "MmSectionObjectType", "MmSystemRangeStart",
    "MmUserProbeAddress", "NlsAnsiCodePage", "NlsLeadByteInfo", "NlsMbCodePageTag", "NlsMbOemCodePageTag",
    "NlsOemCodePage", "NlsOemLeadByteInfo", "NtBuildGUID", "NtBuildLab", "NtBuildNumber", "NtGlobalFlag",
    "POGOBuffer", "PsJobType", "PsUILanguageComitted", "SeExports", "SePublicDefaultDacl", "SeSystemDefaultDacl",
    "SeTokenObjectType", "TmEnlistmentObjectType", "TmResourceManagerObjectType", "TmTransactionManagerObjectType",
    "TmTransactionObjectType"
};

static char *Missing[ARCH_STOPS];       /* "DRIVER.sys called module!name", from the pool */
static ULONG MissingCount;
static struct { ULONG64 Place; char *Use; } Variables[PLACES];  /* Use: as Missing, of a variable */
static ULONG VariableCount;

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

static char *Remember(const LDR_IMAGE *Image, const char *Verb, const char *Module, const char *Name)
{
    static const char Format[] = "%s %s %s!%s";
    SIZE_T Size = sizeof Format + strlen(Image->Name) + strlen(Verb) + strlen(Module) + strlen(Name);
    char *Text = ExAllocatePoolWithTag(NonPagedPoolNx, Size, LDR_TAG);

    if (Text != NULL)
        RtlFormat(Text, Size, Format, Image->Name, Verb, Module, Name);
    return Text;
}

static BOOLEAN IsVariable(const char *Name)
{
    for (ULONG i = 0; i < RTL_NUMBER_OF(VariableNames); i++)
        if (strcmp(VariableNames[i], Name) == 0)
            return TRUE;
    return FALSE;
}

/* The last place serves all that come after it. */
static PVOID BindVariable(const LDR_IMAGE *Image, const char *Module, const char *Name)
{
    ULONG64 Place = (ULONG64)(ULONG_PTR)Image->Base - PAGE_SIZE + VariableCount * PLACE_BYTES;

    LogPrint("%s imports %s!%s, a variable that Kedge does not have: a use of it will stop the run\n", Image->Name,
             Module, Name);
    Variables[VariableCount].Place = Place;
    if (VariableCount < PLACES - 1)
        Variables[VariableCount++].Use = Remember(Image, "used", Module, Name);
    return (PVOID)Place;
}

static BOOLEAN NameVariable(ULONG64 Address, char *Text, SIZE_T Size)
{
    for (ULONG i = 0; i < PLACES; i++) {
        const char *Use = Variables[i].Use;

        if (Variables[i].Place == 0 || Address - Variables[i].Place >= PLACE_BYTES)
            continue;
        RtlFormat(Text, Size, "%s, which Kedge does not have", Use != NULL ? Use : "a driver used a variable");
        return TRUE;
    }
    return FALSE;
}

void LdrpInitializeStops(void)
{
    static KE_ADDRESS_NAMER Namer = { .Name = NameVariable, .Code = KEDGE_UNRESOLVED_IMPORT };

    ArchSetStopRoutine(StopCalled);
    KeRegisterAddressNamer(&Namer);
}

PVOID LdrpBindStop(const LDR_IMAGE *Image, const char *Module, const char *Name)
{
    if (IsVariable(Name))
        return BindVariable(Image, Module, Name);
    LogPrint("%s imports %s!%s, which Kedge does not have: a call of it will stop the run\n", Image->Name, Module,
             Name);
    if (MissingCount == ARCH_STOPS - 1)
        return ArchStopAddress(ARCH_STOPS - 1);
    Missing[MissingCount] = Remember(Image, "called", Module, Name);
    return ArchStopAddress(MissingCount++);
}
