/* symbolic_link.h - other names of devices. */
#pragma once

#include <rtl/ntdef.h>

NTSTATUS IoCreateSymbolicLink(PUNICODE_STRING SymbolicLinkName, PUNICODE_STRING DeviceName);
NTSTATUS IoCreateUnprotectedSymbolicLink(PUNICODE_STRING SymbolicLinkName, PUNICODE_STRING DeviceName);
NTSTATUS IoDeleteSymbolicLink(PUNICODE_STRING SymbolicLinkName);

/* Each link that a call from [Start, End) has made and that was not deleted. */
ULONG IoForEachSymbolicLinkOf(ULONG64 Start, ULONG64 End,
                              void (*Report)(PVOID Context, PCUNICODE_STRING Name, PVOID Caller), PVOID Context);
