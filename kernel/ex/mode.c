/* mode.c - previous mode, and memory that a caller from user mode names.
 *
 * A service (Nt...) trusts a caller from the kernel and doubts one from user mode; which of the two it is, the thread's
 * PreviousMode tells. A system thread's is KernelMode for life. Zw... is the same service entered from the kernel: it
 * sets KernelMode for as long as it runs, Nt... leaves the mode as it finds it, which is how a driver that calls Nt...
 * in a user's thread has its pointers doubted.
 * Doubting is: the range ends below EX_USER_PROBE_ADDRESS, is aligned, and is there now. User memory of a process is
 * committed for as long as the process lives (mm/space.c), so what is there now is there when it is touched. Everything
 * is copied in once and out once: what a user changes meanwhile is not looked at again. */
#include <ex/mode.h>

#include <ex/pool.h>
#include <ke/exception.h>
#include <ke/thread.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { STRING_TAG = 'sxEK' };

static NTSTATUS CheckRange(ULONG64 Address, SIZE_T Size, ULONG Alignment)
{
    if (Size == 0)
        return STATUS_SUCCESS;
    if ((Address & (Alignment - 1)) != 0)
        return STATUS_DATATYPE_MISALIGNMENT;
    if (Address + Size < Address || Address + Size > EX_USER_PROBE_ADDRESS)
        return STATUS_ACCESS_VIOLATION;
    return STATUS_SUCCESS;
}

/* ---- For services ---- */

KPROCESSOR_MODE ExEnterService(void)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KPROCESSOR_MODE Outer = Thread->PreviousMode;

    Thread->PreviousMode = KernelMode;
    return Outer;
}

void ExLeaveService(KPROCESSOR_MODE Outer) { KeGetCurrentThread()->PreviousMode = Outer; }

NTSTATUS ExCapture(KPROCESSOR_MODE Mode, PVOID To, const void *From, SIZE_T Size, ULONG Alignment)
{
    NTSTATUS Status = STATUS_SUCCESS;

    if (Mode != KernelMode) {
        Status = CheckRange((ULONG64)From, Size, Alignment);
        if (NT_SUCCESS(Status) && !KeIsReadable(From, Size))
            Status = STATUS_ACCESS_VIOLATION;
    }
    if (NT_SUCCESS(Status))
        memcpy(To, From, Size);
    return Status;
}

NTSTATUS ExCheckOutput(KPROCESSOR_MODE Mode, PVOID To, SIZE_T Size, ULONG Alignment)
{
    NTSTATUS Status = STATUS_SUCCESS;

    if (Mode != KernelMode) {
        Status = CheckRange((ULONG64)To, Size, Alignment);
        if (NT_SUCCESS(Status) && !KeIsWritable(To, Size))
            Status = STATUS_ACCESS_VIOLATION;
    }
    return Status;
}

NTSTATUS ExDeliver(KPROCESSOR_MODE Mode, PVOID To, const void *From, SIZE_T Size, ULONG Alignment)
{
    NTSTATUS Status = ExCheckOutput(Mode, To, Size, Alignment);

    if (NT_SUCCESS(Status))
        memcpy(To, From, Size);
    return Status;
}

NTSTATUS ExCaptureString(KPROCESSOR_MODE Mode, PCUNICODE_STRING From, PUNICODE_STRING String)
{
    UNICODE_STRING Given;
    NTSTATUS Status = ExCapture(Mode, &Given, From, sizeof Given, sizeof(PVOID));
    PWSTR Text;

    *String = (UNICODE_STRING){ 0 };
    if (!NT_SUCCESS(Status))
        return Status;
    if (Mode == KernelMode || Given.Length == 0) {
        *String = Given;
        return Status;
    }
    Text = ExAllocatePoolWithTag(PagedPool, Given.Length, STRING_TAG);
    if (Text == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = ExCapture(Mode, Text, Given.Buffer, Given.Length, sizeof(WCHAR));
    if (NT_SUCCESS(Status))
        *String = (UNICODE_STRING){ Given.Length, Given.Length, Text };
    else
        ExFreePoolWithTag(Text, STRING_TAG);
    return Status;
}

void ExReleaseString(KPROCESSOR_MODE Mode, PUNICODE_STRING String)
{
    if (Mode != KernelMode && String->Length != 0)
        ExFreePoolWithTag(String->Buffer, STRING_TAG);
}

/* ---- Public ---- */

/* ExGetPreviousMode - KernelMode or UserMode: from where the service that the current thread runs was called. In a
 * system thread always KernelMode. IRQL: PASSIVE_LEVEL. Source: WDK nf-wdm-exgetpreviousmode. */
KPROCESSOR_MODE ExGetPreviousMode(VOID) { return KeGetCurrentThread()->PreviousMode; }

/* ProbeForRead - is [Address, Address + Length) user memory, and aligned? It may still not be there: whoever then
 * touches it keeps his handler. A Length of 0 is never looked at. Alignment: 1, 2, 4, 8, 16. IRQL: <= APC_LEVEL.
 * Raises: STATUS_DATATYPE_MISALIGNMENT, STATUS_ACCESS_VIOLATION. Source: WDK nf-wdm-probeforread. */
VOID ProbeForRead(const volatile VOID *Address, SIZE_T Length, ULONG Alignment)
{
    NTSTATUS Status = CheckRange((ULONG64)Address, Length, Alignment);

    if (!NT_SUCCESS(Status))
        ExRaiseStatus(Status);
}

/* ProbeForWrite - and is it there and writable, each page of it? IRQL, errors: as ProbeForRead.
 * Source: WDK nf-wdm-probeforwrite. */
VOID ProbeForWrite(volatile VOID *Address, SIZE_T Length, ULONG Alignment)
{
    NTSTATUS Status = CheckRange((ULONG64)Address, Length, Alignment);

    if (NT_SUCCESS(Status) && !KeIsWritable((PVOID)Address, Length))
        Status = STATUS_ACCESS_VIOLATION;
    if (!NT_SUCCESS(Status))
        ExRaiseStatus(Status);
}
