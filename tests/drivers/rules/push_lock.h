/* push_lock.h - push locks, of which the kit has the imports but no prototypes; and the routines with flags, which its
 * import library does not have. */
#include "rule.h"

NTKERNELAPI VOID FASTCALL ExfAcquirePushLockExclusive(PULONG_PTR PushLock);
NTKERNELAPI VOID FASTCALL ExfAcquirePushLockShared(PULONG_PTR PushLock);
NTKERNELAPI VOID FASTCALL ExfReleasePushLockExclusive(PULONG_PTR PushLock);
NTKERNELAPI VOID FASTCALL ExfReleasePushLockShared(PULONG_PTR PushLock);

typedef VOID (FASTCALL *PUSH_LOCK_ROUTINE)(PULONG_PTR PushLock, ULONG Flags);

static ULONG_PTR PushLock __attribute__((unused));      /* 0: free */
