/* dbg.h - the debug output of drivers. */
#pragma once

#include <rtl/ntdef.h>

ULONG DbgPrint(PCSTR Format, ...);
ULONG DbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, ...);
ULONG vDbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, va_list arglist);
ULONG vDbgPrintExWithPrefix(PCSTR Prefix, ULONG ComponentId, ULONG Level, PCSTR Format, va_list arglist);
NTSTATUS DbgQueryDebugFilterState(ULONG ComponentId, ULONG Level);

/* Who else reads what drivers print; called at the printer's IRQL, before the log gets the text. Caller: the
 * address that the driver's call returns to. */
typedef void (*DBG_PRINT_HOOK)(PVOID Caller, const char *Text, SIZE_T Length);
void RtlSetDbgPrintHook(DBG_PRINT_HOOK Hook);
