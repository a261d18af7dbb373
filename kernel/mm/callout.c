/* callout.c - calls with more stack than a thread has left.
 *
 * A thread that asks for more than its stack has left gets a second one, which is large: whoever asks again on it
 * mostly finds room enough, so there is never a third, and what goes beyond is refused. The routine runs there as
 * anywhere: it may wait, take APCs and be preempted, since a switch only remembers where the stack pointer is. The
 * thread's limits are the second stack's meanwhile. It lies below all first stacks (range.c: stacks have an arena of
 * their own, above), so addresses still grow from callee to caller across the two, which is what exception handling
 * goes by: an exception that the routine does not handle finds the handlers of whoever asked. If the unwind leaves the
 * second stack, ke sets the limits back (unwind.c), but it runs on that stack itself; so the memory is kept until the
 * thread asks again, or ends. A page that is never mapped lies below it: an overflow faults.
 * An APC may come at any moment, and ask, too. So the thread has the stack noted only while its limits are that
 * stack's, when whoever asks gets no other. */
#include "mi.h"

#include <arch/arch.h>
#include <ke/irql.h>
#include <ke/thread.h>
#include <mm/callout.h>
#include <rtl/status.h>

enum { EXPANDED_SIZE = 4 * 0x12000,     /* as much as four of the largest calls */
       RESERVE = 0x800 };               /* of the second stack, for the call itself */

typedef struct _CALL { PEXPAND_STACK_CALLOUT Callout; PVOID Parameter; } CALL;

static void MakeCall(PVOID Context)
{
    CALL *Call = Context;

    Call->Callout(Call->Parameter);
}

/* DPCs have a stack of their own, whose limits ke does not tell: it is taken to have no more left than a call needs. */
static SIZE_T Remaining(PKTHREAD Thread)
{
    ULONG64 Here = (ULONG64)__builtin_frame_address(0), Low = (ULONG64)Thread->StackLimit;

    return Here > Low && Here < (ULONG64)Thread->StackBase ? Here - Low : 0;
}

static BOOLEAN IsExpanded(PKTHREAD Thread) { return Thread->StackBase != Thread->OwnStackBase; }

/* What an unwound call has left, or new; nobody's but the caller's. Wait: until there is memory. */
static PVOID TakeStack(PKTHREAD Thread, BOOLEAN Wait)
{
    PVOID Stack = __atomic_exchange_n(&Thread->ExpandedStack, NULL, __ATOMIC_RELAXED);
    LARGE_INTEGER Delay = { .QuadPart = -100000 };

    while (Stack == NULL) {
        Stack = MmAllocatePages(EXPANDED_SIZE);
        if (Stack == NULL && !Wait)
            return NULL;
        if (Stack == NULL)
            KeDelayExecutionThread(KernelMode, FALSE, &Delay);
    }
    return Stack;
}

void MmFreeExpandedStack(PKTHREAD Thread)
{
    if (Thread->ExpandedStack != NULL)
        MmFreePages(Thread->ExpandedStack, EXPANDED_SIZE);
    Thread->ExpandedStack = NULL;
}

/* ---- Public ---- */

/* KeExpandKernelStackAndCalloutEx - call Callout(Parameter) with at least Size bytes of stack left, on another stack if
 * need be. Wait: TRUE waits for memory. Context: reserved. IRQL: <= DISPATCH_LEVEL, PASSIVE_LEVEL or APC_LEVEL if Wait.
 * Returns: STATUS_SUCCESS once Callout has returned; STATUS_INVALID_PARAMETER_3: Size is above MAXIMUM_EXPANSION_SIZE;
 * STATUS_INVALID_PARAMETER_4: Wait at DISPATCH_LEVEL; STATUS_STACK_OVERFLOW: the thread is on its second stack, and
 * that has less left, or it is a DPC that asks; STATUS_NO_MEMORY. An exception that Callout does not handle goes on to
 * the caller's handlers. Source: WDK nf-ntddk-keexpandkernelstackandcalloutex. */
NTSTATUS KeExpandKernelStackAndCalloutEx(PEXPAND_STACK_CALLOUT Callout, PVOID Parameter, SIZE_T Size, BOOLEAN Wait,
                                         PVOID Context)
{
    PKTHREAD Thread = KeGetCurrentThread();
    CALL Call = { Callout, Parameter };
    SIZE_T Left = Remaining(Thread);
    PUCHAR Stack;

    UNREFERENCED_PARAMETER(Context);
    if (Size > MAXIMUM_EXPANSION_SIZE)
        return STATUS_INVALID_PARAMETER_3;
    if (Wait && KeGetCurrentIrql() >= DISPATCH_LEVEL)
        return STATUS_INVALID_PARAMETER_4;
    if (Left >= Size + RESERVE) {
        Callout(Parameter);
        return STATUS_SUCCESS;
    }
    if (IsExpanded(Thread) || Left == 0)
        return STATUS_STACK_OVERFLOW;
    Stack = TakeStack(Thread, Wait);
    if (Stack == NULL)
        return STATUS_NO_MEMORY;
    KeEnterExpandedStack(Stack + EXPANDED_SIZE, Stack);
    Thread->ExpandedStack = Stack;
    ArchCallOnOwnStack(Stack + EXPANDED_SIZE, MakeCall, &Call);
    Thread->ExpandedStack = NULL;
    KeLeaveExpandedStack();
    MmFreePages(Stack, EXPANDED_SIZE);
    return STATUS_SUCCESS;
}

/* KeExpandKernelStackAndCallout - the same, waiting for memory below DISPATCH_LEVEL. IRQL: <= APC_LEVEL.
 * Source: WDK nf-ntddk-keexpandkernelstackandcallout. */
NTSTATUS KeExpandKernelStackAndCallout(PEXPAND_STACK_CALLOUT Callout, PVOID Parameter, SIZE_T Size)
{
    return KeExpandKernelStackAndCalloutEx(Callout, Parameter, Size, KeGetCurrentIrql() < DISPATCH_LEVEL, NULL);
}
