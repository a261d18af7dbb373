/* owner.h - which handles code of one address range has opened and not closed. */
#pragma once

#include <rtl/ntdef.h>

/* Calls Report for each open kernel handle that was made by a call whose return address lies in
 * [Start, End). PASSIVE_LEVEL; Report may print, not open or close handles. Returns their number. */
ULONG ObForEachHandleOf(ULONG64 Start, ULONG64 End,
                        void (*Report)(PVOID Context, HANDLE Handle, PVOID Object, PVOID Caller), PVOID Context);
