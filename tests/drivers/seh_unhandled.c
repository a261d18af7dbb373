/* seh_unhandled.c - a thread raises what no filter wants: the stop names the status, and its trace begins at the throw.
 * Nothing is unwound: whoever looks at the stack finds it as it was.
 * covers ExRaiseStatus.1
 *
 * expect: status 2
 * expect: log ^\*\*\* STOP 0x0000007E SYSTEM_THREAD_EXCEPTION_NOT_HANDLED
 * expect: log status 0xE0001234 was raised and nothing handled it
 * expect: log P1 00000000e0001234
 * expect: log ^  #0 .*ExRaiseStatus
 * expect: log ^  #[123] .*seh_unhandled\.sys.*Raise
 * expect: log ^ok 1 - the filter was asked
 * expect: no log not ok */
#include "seh.h"

DRIVER_INITIALIZE DriverEntry;

static APART LONG Decline(void)
{
    Result(TRUE, "a", "the filter was asked");
    return EXCEPTION_CONTINUE_SEARCH;
}

static APART void Deep(NTSTATUS Status)
{
    __try {
        Step('a');
        Raise(Status);
    } __finally {
        DbgPrint("not ok - a __finally ran\n");
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    __try {
        Deep((NTSTATUS)0xE0001234);
    } __except (Decline()) {
        DbgPrint("not ok - caught\n");
    }
    return STATUS_SUCCESS;
}
