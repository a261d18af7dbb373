/* unwind.h - from a function's registers to its caller's, one frame at a time.
 *
 * The kernel's own frames are described by DWARF CFI (.eh_frame), a driver's by PE unwind data (.pdata).
 * Both steppers recover every register that a callee keeps, exactly, and touch no memory that the probe
 * does not allow: a corrupt stack ends the walk, it does not fault. */
#pragma once

#include <rtl/ntdef.h>

/* The order of the processor's own register numbers. */
enum { UnwRax, UnwRcx, UnwRdx, UnwRbx, UnwRsp, UnwRbp, UnwRsi, UnwRdi,
       UnwR8, UnwR9, UnwR10, UnwR11, UnwR12, UnwR13, UnwR14, UnwR15, UNW_REGISTERS };

typedef struct _UNWIND_CONTEXT {
    ULONG64 Registers[UNW_REGISTERS];
    ULONG64 Rip;
    ULONG64 SavedXmm[16];       /* where the frames left so far saved xmm6-15; 0: still in the register */
    ULONG64 SavedAt[UNW_REGISTERS];     /* PE: where the frames left so far saved integer registers; 0: nowhere */
    BOOLEAN Exact;              /* Rip is the next instruction; FALSE: a return address */
} UNWIND_CONTEXT;

/* May Length bytes at Address be read right now? (ArchProbe) */
typedef BOOLEAN (*UNWIND_PROBE)(const void *Address, SIZE_T Length);

typedef enum _UNWIND_RESULT {
    UnwindStepped,              /* the context is the caller's */
    UnwindEnd,                  /* the outermost frame: there is no caller */
    UnwindNoInfo,               /* nothing describes the code at Rip */
    UnwindBadInfo,              /* the description is corrupt */
    UnwindBadStack              /* a saved register lies in memory that is not there */
} UNWIND_RESULT;

/* What a step learns about the frame it leaves. */
typedef struct _UNWIND_FRAME {
    ULONG64 Start, End;         /* the function's (fragment's) code; 0: a leaf without description */
    ULONG64 Entry;              /* PE: its row in .pdata, 0: a leaf */
    ULONG64 Establisher;        /* DWARF: canonical frame address; PE: establisher frame */
    ULONG64 Handler;            /* PE: the language handler's address, 0: none */
    ULONG64 HandlerData;        /* PE: what follows the handler in .xdata */
    UCHAR HandlerFlags;         /* PE: 1 exception handler, 2 termination handler */
    BOOLEAN Signal;             /* DWARF: an interrupt or trap frame; the caller was interrupted */
} UNWIND_FRAME;

/* One .eh_frame section and its search table. */
typedef struct _UNWIND_CFI {
    const UCHAR *Header, *HeaderEnd;
    const UCHAR *Frames, *FramesEnd;
} UNWIND_CFI;

/* One driver image. */
typedef struct _UNWIND_IMAGE {
    ULONG64 Base;
    ULONG Size;
    ULONG FunctionTable, FunctionTableSize; /* RVA and bytes of .pdata */
} UNWIND_IMAGE;

const UNWIND_CFI *RtlKernelCfi(void);
UNWIND_RESULT RtlUnwindCfi(const UNWIND_CFI *Cfi, UNWIND_CONTEXT *Context, UNWIND_PROBE Probe, UNWIND_FRAME *Frame);
UNWIND_RESULT RtlUnwindPe(const UNWIND_IMAGE *Image, UNWIND_CONTEXT *Context, UNWIND_PROBE Probe, UNWIND_FRAME *Frame);
/* The address of the row of .pdata that covers Address, or 0. */
ULONG64 RtlFindPeFunction(const UNWIND_IMAGE *Image, ULONG64 Address, UNWIND_PROBE Probe);
