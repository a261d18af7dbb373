/* seh_probe.c - ProbeForRead and ProbeForWrite raise what a driver's handler is to see, and nothing for what is sound.
 * covers ProbeForRead.1, ProbeForWrite.1
 *
 * expect: status 0
 * expect: log ^ok 7 -
 * expect: log 7 ok, 0 not ok
 * run: APPEND=verifier=off */
#include "seh.h"

DRIVER_INITIALIZE DriverEntry;

static APART NTSTATUS Probed(BOOLEAN Write, PVOID Address, SIZE_T Length, ULONG Alignment)
{
    __try {
        Step('a');
        if (Write)
            ProbeForWrite(Address, Length, Alignment);
        else
            ProbeForRead(Address, Length, Alignment);
        Step('b');
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Step('c');
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}

#define USER_ADDRESS ((PVOID)0x10000000)

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    ULONG Kernel = 5;

    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    Result(Probed(FALSE, USER_ADDRESS, 64, 4) == STATUS_SUCCESS, "ab", "user memory may be read, there or not");
    Result(Probed(FALSE, &Kernel, 4, 4) == STATUS_ACCESS_VIOLATION, "ac", "kernel memory is no user memory");
    Result(Probed(FALSE, (PUCHAR)USER_ADDRESS + 2, 4, 4) == STATUS_DATATYPE_MISALIGNMENT, "ac", "not aligned");
    Result(Probed(FALSE, (PVOID)0x7FFFFFFEFFF8, 16, 8) == STATUS_ACCESS_VIOLATION, "ac", "over the end of user memory");
    Result(Probed(TRUE, USER_ADDRESS, 64, 4) == STATUS_ACCESS_VIOLATION, "ac", "what is not there cannot be written");
    Result(Probed(TRUE, &Kernel, 4, 4) == STATUS_ACCESS_VIOLATION && Kernel == 5, "ac", "nor can the kernel's");
    Result(Probed(TRUE, &Kernel, 0, 4) == STATUS_SUCCESS, "ab", "of no bytes, any address will do");
    return STATUS_SUCCESS;
}
