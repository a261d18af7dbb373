/* dbgprint.c - DbgPrint and its kin: formatted text from drivers to the log.
 *
 * The text is formatted on the caller's stack and written to the log in one piece, so that lines of
 * different processors do not mix. By the return address of the call we know which driver printed, and
 * hand the text to the reader of its test results.
 * Callable at any IRQL: the lock around the results is taken at HIGH_LEVEL. Nothing is filtered by component
 * or level: the log is what a run is for. */
#include "ldrp.h"
#include <ldr/dbgprint.h>
#include <ke/irql.h>
#include <ke/spinlock.h>
#include <rtl/print.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { TEXT_LIMIT = 512 };              /* per call, as in NT */

static KSPIN_LOCK ResultLock;

static void CountResults(ULONG64 Caller, const char *Text, SIZE_T Length)
{
    LDR_IMAGE *Image = LdrFindImage(Caller);
    KIRQL OldIrql;

    if (Image == NULL)
        return;
    KeRaiseIrql(HIGH_LEVEL, &OldIrql);
    KeAcquireSpinLockAtDpcLevel(&ResultLock);
    LdrTapFeed(&Image->Tap, Text, Length);
    KeReleaseSpinLockFromDpcLevel(&ResultLock);
    KeLowerIrql(OldIrql);
}

static void PrintFor(ULONG64 Caller, PCSTR Prefix, PCSTR Format, va_list Arguments)
{
    char Text[TEXT_LIMIT];
    SIZE_T Used = strnlen(Prefix, sizeof Text - 1), Length;

    memcpy(Text, Prefix, Used);
    RtlFormatV(Text + Used, sizeof Text - Used, Format, Arguments);
    Length = strnlen(Text, sizeof Text);
    LogWrite(Text, Length);
    CountResults(Caller, Text, Length);
}

#define CALLER ((ULONG64)(ULONG_PTR)__builtin_return_address(0))

/* ---- Public: DbgPrint, DbgPrintEx, vDbgPrintEx, vDbgPrintExWithPrefix ---- */

/* DbgPrint - write formatted text to the log; at most 511 characters, what is more is cut off.
 * Wide formats (%S %ws %wZ) need PASSIVE_LEVEL in NT; here they work at any IRQL, as all of it does.
 * Returns: STATUS_SUCCESS.  Source: WDK nf-wdm-dbgprint. */
NOINLINE ULONG DbgPrint(PCSTR Format, ...)
{
    va_list Arguments;

    va_start(Arguments, Format);
    PrintFor(CALLER, "", Format, Arguments);
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
    PrintFor(CALLER, "", Format, Arguments);
    va_end(Arguments);
    return STATUS_SUCCESS;
}

/* vDbgPrintEx, vDbgPrintExWithPrefix - the same with an argument list; Prefix goes before the text.
 * Source: WDK nf-wdm-vdbgprintex, nf-wdm-vdbgprintexwithprefix. */
NOINLINE ULONG vDbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, va_list Arguments)
{
    UNREFERENCED_PARAMETER(ComponentId);
    UNREFERENCED_PARAMETER(Level);
    PrintFor(CALLER, "", Format, Arguments);
    return STATUS_SUCCESS;
}

NOINLINE ULONG vDbgPrintExWithPrefix(PCSTR Prefix, ULONG ComponentId, ULONG Level, PCSTR Format, va_list Arguments)
{
    UNREFERENCED_PARAMETER(ComponentId);
    UNREFERENCED_PARAMETER(Level);
    PrintFor(CALLER, Prefix, Format, Arguments);
    return STATUS_SUCCESS;
}
