/* overflows_stack.c - calls itself without end.
 *
 * expect: status 2
 * expect: log [Ss]tack
 * expect: log overflows_stack\.sys.*Deeper */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static volatile ULONG Depth;

static __attribute__((noinline)) ULONG Deeper(ULONG Level)
{
    volatile UCHAR Frame[256];

    Frame[Level % sizeof Frame] = (UCHAR)Level;
    Depth = Level;
    return Deeper(Level + 1) + Frame[0];
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    return (NTSTATUS)Deeper(0);
}
