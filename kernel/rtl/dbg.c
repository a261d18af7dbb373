/* dbg.c - DbgPrint and its kin: formatted text from drivers to the kernel's log.
 *
 * Every component and level is printed. NT by default shows only what its filter masks admit, because a
 * system prints for many; here the log belongs to the one whose driver runs, and a line that was asked
 * for and is not there costs an afternoon.
 * One call gives at most 512 bytes, as NT's buffer does: a driver that relies on more would lose text
 * there. What is cut off is said to be missing. The text is formatted on the caller's stack and written
 * in one piece, so that lines of different processors do not mix.
 * The hook learns who printed by the return address of the driver's call. */
#include "rtlp.h"
#include <rtl/dbg.h>
#include <rtl/print.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { TEXT_LIMIT = 512 };

static DBG_PRINT_HOOK Hook;             /* set once, before the first driver */

static void PrintFor(PVOID Caller, PCSTR Prefix, PCSTR Format, va_list Arguments)
{
    static const char Cut[] = "\n(DbgPrint: the text is longer than 512 bytes and was cut)\n";
    char Text[TEXT_LIMIT];
    BUFFER_OUTPUT Into = RtlpBufferOutput(Text, TEXT_LIMIT, FALSE);
    SIZE_T Length = strnlen(Prefix, TEXT_LIMIT);

    memcpy(Text, Prefix, Length);
    Into.Used = Length;
    Length += RtlpFormat(&Into.Head, Format, Arguments);
    if (Hook)
        Hook(Caller, Text, Into.Used);
    LogWrite(Text, Into.Used);
    if (Length > TEXT_LIMIT)
        LogWrite(Cut, sizeof(Cut) - 1);
}

/* ---- Public: DbgPrint, DbgPrintEx, vDbgPrintEx, vDbgPrintExWithPrefix, DbgQueryDebugFilterState ---- */

/* RtlSetDbgPrintHook - let NewHook read what drivers print, too (NULL: nobody).  IRQL: any. */
void RtlSetDbgPrintHook(DBG_PRINT_HOOK NewHook)
{
    Hook = NewHook;
}

/* DbgPrint - write formatted text (format.c) to the log.
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
