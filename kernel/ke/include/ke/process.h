/* process.h - the process object as ke keeps it, and threads that visit another process. */
#pragma once

#include <ke/thread.h>

/* All fields as of a process that has no thread yet, Id zero. Space: 0 for the kernel's own. */
void KeInitializeProcess(PKPROCESS Process, KPRIORITY BasePriority, KAFFINITY Affinity, ARCH_SPACE Space);

VOID KeStackAttachProcess(PRKPROCESS Process, PRKAPC_STATE ApcState);
VOID KeUnstackDetachProcess(PRKAPC_STATE ApcState);
VOID KeAttachProcess(PRKPROCESS Process);
VOID KeDetachProcess(VOID);
BOOLEAN KeIsAttachedProcess(VOID);
