/* mode.h - on whose behalf a service runs, and the memory it is given. */
#pragma once

#include <rtl/ntdef.h>

/* User memory ends here; the last 64 KiB below the end of the lower half belong to nobody. */
#define EX_USER_PROBE_ADDRESS 0x00007FFFFFFF0000ull

KPROCESSOR_MODE ExGetPreviousMode(VOID);
VOID ProbeForRead(const volatile VOID *Address, SIZE_T Length, ULONG Alignment);
VOID ProbeForWrite(volatile VOID *Address, SIZE_T Length, ULONG Alignment);

/* Around the body of a Zw routine: its caller is the kernel, whoever the thread runs for. */
KPROCESSOR_MODE ExEnterService(void);
void ExLeaveService(KPROCESSOR_MODE Outer);

/* For a service: a parameter that lies in the memory of Mode. User memory is looked at before it is touched; a kernel
 * pointer is the caller's to vouch for. Returns: STATUS_SUCCESS, STATUS_ACCESS_VIOLATION,
 * STATUS_DATATYPE_MISALIGNMENT. */
NTSTATUS ExCapture(KPROCESSOR_MODE Mode, PVOID To, const void *From, SIZE_T Size, ULONG Alignment);
NTSTATUS ExDeliver(KPROCESSOR_MODE Mode, PVOID To, const void *From, SIZE_T Size, ULONG Alignment);
NTSTATUS ExCheckOutput(KPROCESSOR_MODE Mode, PVOID To, SIZE_T Size, ULONG Alignment);   /* before anything is done */
/* A string and its text. Of KernelMode the text stays where it is; else it is copied, and released below. Empty if it
 * fails. */
NTSTATUS ExCaptureString(KPROCESSOR_MODE Mode, PCUNICODE_STRING From, PUNICODE_STRING String);
void ExReleaseString(KPROCESSOR_MODE Mode, PUNICODE_STRING String);
