/* seh_expanded.c - an exception on a second stack: handled there, or by whoever asked for that stack; what the __finally
 * blocks on both hold runs, and the thread is on its own stack afterwards, and can ask again.
 *
 * expect: status 0
 * expect: log 9 ok, 0 not ok
 * expect: log 0 leaked
 * run: SMP=1
 * run: SMP=2 ACCEL=parallel APPEND=verifier=off */
#include "seh.h"

#define LARGE 0x10000

static volatile LONG Finally, Expanded;
static ULONG_PTR Low, High;

static VOID NTAPI Unload(PDRIVER_OBJECT DriverObject) { UNREFERENCED_PARAMETER(DriverObject); }

static VOID Check(BOOLEAN Ok, const char *Name) { Result(Ok, "", Name); }

static BOOLEAN OnFirstStack(void)
{
    ULONG_PTR NowLow, NowHigh;

    IoGetStackLimits(&NowLow, &NowHigh);
    return NowLow == Low && NowHigh == High;
}

static VOID NTAPI RaiseThere(PVOID Parameter)
{
    volatile UCHAR Used[0xC00];

    Used[0] = 1;
    Expanded += !OnFirstStack();
    __try {
        Raise((NTSTATUS)(ULONG_PTR)Parameter);
    } __finally {
        Finally += Used[0];
    }
}

static VOID NTAPI RaiseAndCatch(PVOID Parameter)
{
    __try {
        RaiseThere(Parameter);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Finally += 100 * !OnFirstStack();
    }
}

static NTSTATUS Ask(PEXPAND_STACK_CALLOUT Routine, NTSTATUS Status)
{
    NTSTATUS Caught = STATUS_SUCCESS;

    __try {
        __try {
            Caught = KeExpandKernelStackAndCallout(Routine, (PVOID)(ULONG_PTR)(ULONG)Status, LARGE);
        } __finally {
            Finally += 10;
        }
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Caught = GetExceptionCode();
    }
    return Caught;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    ULONG i;

    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = Unload;
    IoGetStackLimits(&Low, &High);
    Check(Ask(RaiseAndCatch, STATUS_CANCELLED) == STATUS_SUCCESS, "handled on the second stack");
    Check(Finally == 111 && Expanded == 1, "where it was, and its __finally ran");
    Finally = 0;
    Check(Ask(RaiseThere, STATUS_CANCELLED) == STATUS_CANCELLED, "handled on the first stack");
    Check(Finally == 11, "the __finally blocks of both stacks ran");
    Check(OnFirstStack(), "the thread is on its own stack");
    Finally = Expanded = 0;
    for (i = 0; i < 50; i++)
        if (Ask(RaiseThere, STATUS_NO_MEMORY) != STATUS_NO_MEMORY)
            Finally = -1000;
    Check(Finally == 50 * 11, "and again, often");
    Check(Expanded == 50, "each time on a second stack");
    Check(Ask(RaiseAndCatch, STATUS_CANCELLED) == STATUS_SUCCESS, "and it can still ask");
    Check(OnFirstStack(), "and comes back");
    return STATUS_SUCCESS;
}
