/* stacktrace.h - walk a stack through kernel and driver frames, and print it with names. */
#pragma once

#include <rtl/unwind.h>

/* How rtl learns of driver images; ldr installs it. */
typedef struct _STACK_IMAGES {
    BOOLEAN (*Find)(ULONG64 Address, UNWIND_IMAGE *Image);
    /* "mydriver.sys+0x12a0 (DriverEntry+0x30)" */
    void (*Describe)(ULONG64 Address, char *Text, SIZE_T Size);
} STACK_IMAGES;

/* Returns FALSE to end the walk. */
typedef BOOLEAN (*STACK_VISITOR)(PVOID Cookie, const UNWIND_CONTEXT *Frame);

void RtlSetStackImages(const STACK_IMAGES *Images);
BOOLEAN RtlFindStackImage(ULONG64 Address, UNWIND_IMAGE *Image);
UNWIND_RESULT RtlUnwindStep(UNWIND_CONTEXT *Context, UNWIND_PROBE Probe, UNWIND_FRAME *Frame);
UNWIND_RESULT RtlWalkStack(UNWIND_CONTEXT *Context, UNWIND_PROBE Probe, STACK_VISITOR Visit, PVOID Cookie);
/* Where the calling function will return to, as a context to walk from. Registers other than rsp and
 * rbp are unknown and read as 0: enough for a trace, not for resuming. */
void RtlCaptureCaller(UNWIND_CONTEXT *Context);
void RtlDescribeAddress(ULONG64 Address, char *Text, SIZE_T Size);
void RtlPrintStack(const UNWIND_CONTEXT *Context, UNWIND_PROBE Probe);
