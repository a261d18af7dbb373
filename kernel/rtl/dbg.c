/* dbg.c - DbgPrint and its kin: formatted text from drivers to the log.
 *
 * The text is formatted on the caller's stack and written to the log in one piece, so that lines of
 * different processors do not mix. Nothing is filtered by component or level: the log is what a run is for.
 * The hook learns who printed by the return address of the driver's call. */
#include <rtl/dbg.h>
#include <rtl/print.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { TEXT_LIMIT = 512 };              /* per call, as in NT */

static DBG_PRINT_HOOK Hook;             /* set once, before the first driver */

static void PrintFor(PVOID Caller, PCSTR Prefix, PCSTR Format, va_list Arguments)
{
    char Text[TEXT_LIMIT];
    SIZE_T Used = strnlen(Prefix, sizeof Text - 1), Length;

    memcpy(Text, Prefix, Used);
    RtlFormatV(Text + Used, sizeof Text - Used, Format, Arguments);
    Length = strnlen(Text, sizeof Text);
    if (Hook != NULL)
        Hook(Caller, Text, Length);
    LogWrite(Text, Length);
}

/* ---- Public: DbgPrint, DbgPrintEx, vDbgPrintEx, vDbgPrintExWithPrefix, DbgQueryDebugFilterState ---- */

void RtlSetDbgPrintHook(DBG_PRINT_HOOK NewHook) { Hook = NewHook; }

/* DbgPrint - write formatted text to the log; at most 511 characters, what is more is cut off.
 * IRQL: any, also for the wide formats, which need PASSIVE_LEVEL in NT.
 * Returns: STATUS_SUCCESS.  Source: WDK nf-wdm-dbgprint. */
NOINLINE ULONG DbgPrint(PCSTR Format, ...)
{
    va_list Arguments;

    va_start(Arguments, Format);
    PrintFor(__builtin_return_address(0), "", Format, Arguments);
    va_end(Arguments);
    return STATUS_SUCCESS;
}

/* DbgPrintEx - the same; ComponentId and Level, which select what a debugger shows, select nothing here.
 * Source: WDK nf-wdm-dbgprintex. */
NOINLINE ULONG DbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, ...)
{
    va_list Arguments;

    UNREFERENCED_PARAMETER(ComponentId);
    UNREFERENCED_PARAMETER(Level);
    va_start(Arguments, Format);
    PrintFor(__builtin_return_address(0), "", Format, Arguments);
    va_end(Arguments);
    return STATUS_SUCCESS;
}

/* vDbgPrintEx, vDbgPrintExWithPrefix - the same with an argument list; Prefix goes before the text.
 * Source: WDK nf-wdm-vdbgprintex, nf-wdm-vdbgprintexwithprefix. */
NOINLINE ULONG vDbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, va_list arglist)
{
    UNREFERENCED_PARAMETER(ComponentId);
    UNREFERENCED_PARAMETER(Level);
    PrintFor(__builtin_return_address(0), "", Format, arglist);
    return STATUS_SUCCESS;
}

NOINLINE ULONG vDbgPrintExWithPrefix(PCSTR Prefix, ULONG ComponentId, ULONG Level, PCSTR Format, va_list arglist)
{
    UNREFERENCED_PARAMETER(ComponentId);
    UNREFERENCED_PARAMETER(Level);
    PrintFor(__builtin_return_address(0), Prefix, Format, arglist);
    return STATUS_SUCCESS;
}

/* DbgQueryDebugFilterState - whether DbgPrintEx shows this component and level: all are shown.
 * Source: WDK "Reading and Filtering Debugging Messages". */
NTSTATUS DbgQueryDebugFilterState(ULONG ComponentId, ULONG Level)
{
    UNREFERENCED_PARAMETER(ComponentId);
    UNREFERENCED_PARAMETER(Level);
    return TRUE;
}
