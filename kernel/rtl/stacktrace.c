/* stacktrace.c - a walk over kernel and driver frames, and its printed form.
 *
 * Each frame goes to the stepper that knows its code: a driver's image to unwind_pe.c, all else to the
 * kernel's own tables. The walk is bounded, every reason to stop has words, and a first address that
 * nothing describes is taken for a call through a bad pointer: its return address is on top of the
 * stack, and the trace goes on with the caller, which is the one to blame. */
#include "rtlp.h"
#include <rtl/print.h>
#include <rtl/stacktrace.h>
#include <rtl/symbols.h>

/* A walk as long as a stack full of the smallest frames; a print that leaves room for what stands above. */
enum { FRAMES_LONGEST = 4096, LINES_LONGEST = 48, DESCRIPTION_LONGEST = 160 };

typedef struct _TRACE {
    ULONG Frames, Lines;
    ULONG64 LastRip;            /* of the line printed last */
    ULONG Repeats;              /* how many more frames it stands for */
} TRACE;

static const STACK_IMAGES *Images;

static BOOLEAN StepOutOfNowhere(UNWIND_CONTEXT *Context, UNWIND_PROBE Probe)
{
    ULONG64 Return;

    if (!RtlpReadMemory(Probe, Context->Registers[UnwRsp], 8, &Return))
        return FALSE;
    Context->Rip = Return;
    Context->Registers[UnwRsp] += 8;
    Context->Exact = FALSE;
    return TRUE;
}

static const char *Reason(UNWIND_RESULT Result)
{
    switch (Result) {
    case UnwindNoInfo:   return "the walk ends here: nothing describes this code";
    case UnwindBadInfo:  return "the walk ends here: the unwind data of this function is corrupt";
    case UnwindBadStack: return "the walk ends here: the stack is corrupt";
    case UnwindStepped:  return "the walk ends here: more frames are not shown";
    default:             return NULL;
    }
}

static void PrintRepeats(TRACE *Trace)
{
    if (Trace->Repeats)
        LogPrint("       ... and the same %u times more\n", Trace->Repeats);
    Trace->Repeats = 0;
}

/* A recursion without end is one line, so that the one who began it is still shown. */
static BOOLEAN PrintFrame(PVOID Cookie, const UNWIND_CONTEXT *Frame)
{
    char Text[DESCRIPTION_LONGEST];
    TRACE *Trace = Cookie;

    if (Trace->Frames++ && Frame->Rip == Trace->LastRip) {
        Trace->Repeats++;
        return TRUE;
    }
    PrintRepeats(Trace);
    if (Trace->Lines++ == LINES_LONGEST)
        return FALSE;
    Trace->LastRip = Frame->Rip;
    /* Describe the call, not what follows it: that may be the next function. */
    RtlDescribeAddress(Frame->Exact ? Frame->Rip : Frame->Rip - 1, Text, sizeof(Text));
    LogPrint("  #%-2u %p  %s\n", Trace->Frames - 1, (PVOID)Frame->Rip, Text);
    return TRUE;
}

/* ---- Public ---- */

/* RtlSetStackImages - how to find and name driver images.  Called once, while no trace is running. */
void RtlSetStackImages(const STACK_IMAGES *NewImages)
{
    Images = NewImages;
}

/* RtlFindStackImage - the driver image that holds Address.  IRQL: any.  Returns: FALSE if it is in none. */
BOOLEAN RtlFindStackImage(ULONG64 Address, UNWIND_IMAGE *Image)
{
    return Images && Images->Find && Images->Find(Address, Image);
}

/* RtlUnwindStep - one step by whichever description covers Context->Rip.  IRQL: any.
 * Returns: as RtlUnwindCfi. */
UNWIND_RESULT RtlUnwindStep(UNWIND_CONTEXT *Context, UNWIND_PROBE Probe, UNWIND_FRAME *Frame)
{
    UNWIND_IMAGE Image;

    if (RtlFindStackImage(Context->Exact ? Context->Rip : Context->Rip - 1, &Image))
        return RtlUnwindPe(&Image, Context, Probe, Frame);
    return RtlUnwindCfi(RtlKernelCfi(), Context, Probe, Frame);
}

/* RtlWalkStack - call Visit for the frame of Context and for each caller's, until it returns FALSE or
 * the walk ends. Context is left at the last frame visited.  IRQL: any.
 * Returns: UnwindEnd at the outermost frame; UnwindStepped if Visit or the bound of 4096 frames ended the
 * walk; else why it could not go on. */
UNWIND_RESULT RtlWalkStack(UNWIND_CONTEXT *Context, UNWIND_PROBE Probe, STACK_VISITOR Visit, PVOID Cookie)
{
    for (ULONG Visited = 0; Visited < FRAMES_LONGEST; Visited++) {
        ULONG64 Stack = Context->Registers[UnwRsp], Rip = Context->Rip;
        UNWIND_FRAME Frame;
        UNWIND_RESULT Result;

        if (!Visit(Cookie, Context))
            return UnwindStepped;
        Result = RtlUnwindStep(Context, Probe, &Frame);
        if (Result == UnwindNoInfo && Visited == 0 && StepOutOfNowhere(Context, Probe))
            continue;
        if (Result != UnwindStepped)
            return Result;
        if (Context->Registers[UnwRsp] == Stack && Context->Rip == Rip)
            return UnwindBadStack;      /* a step that goes nowhere would do so for ever */
    }
    return UnwindStepped;
}

/* RtlCaptureCaller - see stacktrace.h.  IRQL: any. */
NOINLINE void RtlCaptureCaller(UNWIND_CONTEXT *Context)
{
    *Context = (UNWIND_CONTEXT){ .Rip = (ULONG64)__builtin_return_address(0) };
    /* Asking for the frame address makes this function keep the caller's rbp at that very place. */
    Context->Registers[UnwRbp] = *(ULONG64 *)__builtin_frame_address(0);
    Context->Registers[UnwRsp] = (ULONG64)__builtin_dwarf_cfa();
}

/* RtlDescribeAddress - "KeSetEvent+0x12", a driver's image and export, or "?".  IRQL: any. */
void RtlDescribeAddress(ULONG64 Address, char *Text, SIZE_T Size)
{
    ULONG64 Offset;
    const char *Name = RtlFindSymbol(Address, &Offset);
    UNWIND_IMAGE Image;

    if (Name)
        RtlFormat(Text, Size, "%s+0x%I64x", Name, Offset);
    else if (Images && Images->Find && Images->Describe && Images->Find(Address, &Image))
        Images->Describe(Address, Text, Size);
    else
        RtlFormat(Text, Size, "?");
}

/* RtlPrintStack - print the frames from Context on to the log, a line each, and why the list ends if
 * not at the outermost frame.  IRQL: any. */
void RtlPrintStack(const UNWIND_CONTEXT *Context, UNWIND_PROBE Probe)
{
    UNWIND_CONTEXT Walker = *Context;
    TRACE Trace = { 0 };
    const char *Why = Reason(RtlWalkStack(&Walker, Probe, PrintFrame, &Trace));

    PrintRepeats(&Trace);
    if (Why)
        LogPrint("  (%s)\n", Why);
}
