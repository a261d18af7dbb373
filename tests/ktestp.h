/* ktestp.h - what the runner and the helpers of the tests share with each other, and with no test. */
#pragma once

#include <ke/thread.h>

enum { KTEST_PATIENCE_SECONDS = 30, KTEST_HANG_SECONDS = 60, KTEST_VIRTUAL_HANG_SECONDS = 10000 };

/* ---- ktest.c ---- */

/* Undo what would stop the current thread from ending: raised IRQL, disabled APCs. */
void KtestpCalmThread(void);

/* ---- support.c ---- */

/* A system thread in Routine(Context), referenced; NULL when there is no memory for one. */
PKTHREAD KtestpCreateThread(PKSTART_ROUTINE Routine, PVOID Context);
void KtestpReleaseThread(PKTHREAD Thread);

/* End of a test: fail it for each thread that it started and that does not end, and forget them all.
 * Returns how many run on. */
ULONG KtestpSettleThreads(void);
