/* callout.h - calls with more stack than a thread has left. */
#pragma once

#include <rtl/ntdef.h>

typedef VOID (*PEXPAND_STACK_CALLOUT)(PVOID Parameter);

enum { MAXIMUM_EXPANSION_SIZE = 0x12000 - PAGE_SIZE / 2 };     /* of one call, as the DDK has it for amd64 */

NTSTATUS KeExpandKernelStackAndCallout(PEXPAND_STACK_CALLOUT Callout, PVOID Parameter, SIZE_T Size);
NTSTATUS KeExpandKernelStackAndCalloutEx(PEXPAND_STACK_CALLOUT Callout, PVOID Parameter, SIZE_T Size, BOOLEAN Wait,
                                         PVOID Context);

struct _KTHREAD;
void MmFreeExpandedStack(struct _KTHREAD *Thread);      /* Thread has ended, or runs on its first stack */
