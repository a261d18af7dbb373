/* ipi.h - one routine on every processor at once. */
#pragma once

#include <rtl/ntdef.h>

typedef ULONG_PTR (*PKIPI_BROADCAST_WORKER)(ULONG_PTR Argument);

ULONG_PTR KeIpiGenericCall(PKIPI_BROADCAST_WORKER Routine, ULONG_PTR Argument);
