/* unwind_frame.c - one frame of a stack, as exception handling and drivers that walk stacks see it.
 *
 * Contexts go in and out; between, rtl's steppers do the work on the integer registers and tell where a driver's frame
 * keeps the xmm registers, which are fetched from there. A context says nothing of whether its rip is a return address,
 * which belongs to the call before it, so that goes along beside it.
 * Every step must lead up the stack: a walk ends, whatever the stack holds. */
#include "ki.h"

#include <rtl/stacktrace.h>
#include <rtl/string.h>

/* ---- Inside ke ---- */

/* Take over what RtlUnwindStep learnt. Saved xmm registers are fetched from where the frame had put them. */
static BOOLEAN ApplyStep(const UNWIND_CONTEXT *Registers, PCONTEXT Context)
{
    for (ULONG At = 0; At < RTL_NUMBER_OF(Registers->SavedXmm); At++) {
        const void *Saved = (const void *)Registers->SavedXmm[At];

        if (Saved == NULL)
            continue;
        if (!ArchProbe(Saved, sizeof(M128A)))
            return FALSE;
        memcpy(&Context->FltSave.XmmRegisters[At], Saved, sizeof(M128A));
    }
    memcpy(Context->Registers, Registers->Registers, sizeof Context->Registers);
    Context->Rip = Registers->Rip;
    return TRUE;
}

/* A call through a bad pointer: its return address is all that there is of a frame. */
static BOOLEAN LeaveNowhere(UNWIND_CONTEXT *Registers)
{
    const ULONG64 *Top = (const ULONG64 *)Registers->Registers[UnwRsp];

    if (!Registers->Exact || !ArchProbe(Top, sizeof *Top))
        return FALSE;
    Registers->Rip = *Top;
    Registers->Registers[UnwRsp] += sizeof *Top;
    Registers->Exact = FALSE;
    return TRUE;
}

static BOOLEAN StepRegisters(UNWIND_CONTEXT *Registers, ULONG64 *ImageBase, UNWIND_FRAME *Found)
{
    UNWIND_RESULT Result;
    UNWIND_IMAGE Image;

    *ImageBase = 0;
    if (RtlFindStackImage(Registers->Exact ? Registers->Rip : Registers->Rip - 1, &Image)) {
        *ImageBase = Image.Base;
        return RtlUnwindPe(&Image, Registers, ArchProbe, Found) == UnwindStepped;
    }
    Result = RtlUnwindCfi(RtlKernelCfi(), Registers, ArchProbe, Found);
    return Result == UnwindStepped || (Result == UnwindNoInfo && LeaveNowhere(Registers));
}

static void Describe(KI_FRAME *Frame, ULONG64 ControlPc, ULONG64 ImageBase, const UNWIND_FRAME *Found, BOOLEAN Exact)
{
    *Frame = (KI_FRAME){ .Kind = ArchFrameOrdinary, .InDriver = ImageBase != 0, .HandlerFlags = Found->HandlerFlags };
    Frame->Dispatcher = (DISPATCHER_CONTEXT){
        .ControlPc = ControlPc, .ImageBase = ImageBase, .FunctionEntry = (PRUNTIME_FUNCTION)Found->Entry,
        .EstablisherFrame = Found->Establisher, .LanguageHandler = (PEXCEPTION_ROUTINE)Found->Handler,
        .HandlerData = (PVOID)Found->HandlerData, .Fill0 = Exact
    };
    if (ImageBase != 0)
        return;
    Frame->Kind = ArchFrameKind(Found->Start, Found->Signal);
    if (Frame->Kind == ArchFrameHandler || Frame->Kind == ArchFrameUnwindHandler)
        Frame->Handled = ArchFrameDispatcher(Found->Establisher);
}

/* KiStepFrame - make Context, in a frame, the context of its caller, and describe the frame left. IRQL: any. Returns:
 * FALSE where the stack ends, is corrupt, or is no longer of those who caused what happens now. */
BOOLEAN KiStepFrame(PCONTEXT Context, BOOLEAN *Exact, KI_FRAME *Frame)
{
    UNWIND_CONTEXT Registers = { .Rip = Context->Rip, .Exact = *Exact };
    UNWIND_FRAME Found = { 0 };
    ULONG64 ImageBase;

    memcpy(Registers.Registers, Context->Registers, sizeof Registers.Registers);
    if (!StepRegisters(&Registers, &ImageBase, &Found) || Registers.Registers[UnwRsp] <= Context->Rsp)
        return FALSE;
    Describe(Frame, Context->Rip, ImageBase, &Found, *Exact);
    if (Frame->Kind == ArchFrameBarrier || !ApplyStep(&Registers, Context))
        return FALSE;
    *Exact = Registers.Exact;
    return TRUE;
}

/* KiCollide - Frame is the call of a handler by an unwind that will not go on: stand at the frame which that unwind
 * had come to, and make Frame describe it, behind the scope whose handler it was. Context: its caller's. */
BOOLEAN KiCollide(PCONTEXT Context, BOOLEAN *Exact, KI_FRAME *Frame)
{
    PDISPATCHER_CONTEXT Handled = Frame->Handled;

    *Context = *Handled->ContextRecord;
    Context->Rip = Handled->ControlPc;
    *Exact = (BOOLEAN)Handled->Fill0;
    if (!KiStepFrame(Context, Exact, Frame))
        return FALSE;
    Frame->Dispatcher.ScopeIndex = Handled->ScopeIndex;
    return TRUE;
}

/* ---- Public: RtlLookupFunctionEntry, RtlVirtualUnwind, RtlPcToFileHeader, RtlCaptureStackBackTrace ---- */

/* RtlLookupFunctionEntry - the row of .pdata that covers ControlPc, and its image's base. HistoryTable: not needed.
 * IRQL: any. Returns: NULL for a leaf function, and outside drivers: Kedge itself is no PE image.
 * Source: WDK, winnt rtllookupfunctionentry. */
PRUNTIME_FUNCTION RtlLookupFunctionEntry(ULONG64 ControlPc, PULONG64 ImageBase,
                                         struct _UNWIND_HISTORY_TABLE *HistoryTable)
{
    UNWIND_IMAGE Image;

    UNREFERENCED_PARAMETER(HistoryTable);
    if (!RtlFindStackImage(ControlPc, &Image))
        return NULL;
    *ImageBase = Image.Base;
    return (PRUNTIME_FUNCTION)RtlFindPeFunction(&Image, ControlPc, ArchProbe);
}

static void ReportPlaces(const UNWIND_CONTEXT *Registers, PKNONVOLATILE_CONTEXT_POINTERS Pointers)
{
    for (ULONG At = 0; At < 16; At++) {
        if (Registers->SavedAt[At] != 0)
            Pointers->IntegerContext[At] = (PULONG64)Registers->SavedAt[At];
        if (Registers->SavedXmm[At] != 0)
            Pointers->FloatingContext[At] = (PM128A)Registers->SavedXmm[At];
    }
}

/* RtlVirtualUnwind - make ContextRecord, at ControlPc in the function of FunctionEntry, that of the function's caller.
 * EstablisherFrame, HandlerData: the frame's. ContextPointers: NULL, or where saved registers lie is added to it.
 * IRQL: any. Returns: the function's language handler if it has one of HandlerType and is in its body, else NULL. A
 * frame that is corrupt gives a context whose rip is 0. Source: WDK, winnt rtlvirtualunwind. */
PEXCEPTION_ROUTINE RtlVirtualUnwind(ULONG HandlerType, ULONG64 ImageBase, ULONG64 ControlPc,
                                    PRUNTIME_FUNCTION FunctionEntry, PCONTEXT ContextRecord, PVOID *HandlerData,
                                    PULONG64 EstablisherFrame, PKNONVOLATILE_CONTEXT_POINTERS ContextPointers)
{
    UNWIND_CONTEXT Registers = { .Rip = ControlPc, .Exact = TRUE };
    UNWIND_FRAME Frame = { 0 };
    UNWIND_IMAGE Image;
    BOOLEAN Done;

    UNREFERENCED_PARAMETER(FunctionEntry);      /* ControlPc leads to it */
    memcpy(Registers.Registers, ContextRecord->Registers, sizeof Registers.Registers);
    Done = RtlFindStackImage(ImageBase, &Image) &&
           RtlUnwindPe(&Image, &Registers, ArchProbe, &Frame) == UnwindStepped && ApplyStep(&Registers, ContextRecord);
    *EstablisherFrame = Frame.Establisher;
    if (!Done)
        ContextRecord->Rip = 0;
    if (ContextPointers != NULL)
        ReportPlaces(&Registers, ContextPointers);
    if (!(Frame.HandlerFlags & HandlerType))
        return NULL;
    *HandlerData = (PVOID)Frame.HandlerData;
    return (PEXCEPTION_ROUTINE)Frame.Handler;
}

/* RtlPcToFileHeader - the base of the driver image that PcValue lies in, also into BaseOfImage. IRQL: any. Returns:
 * NULL if it lies in none; Kedge itself has no PE header. Source: WDK, winnt rtlpctofileheader. */
PVOID RtlPcToFileHeader(PVOID PcValue, PVOID *BaseOfImage)
{
    UNWIND_IMAGE Image;

    *BaseOfImage = RtlFindStackImage((ULONG64)PcValue, &Image) ? (PVOID)Image.Base : NULL;
    return *BaseOfImage;
}

typedef struct _BACKTRACE {
    ULONG Skip, Room, Count, Hash;
    PVOID *Addresses;
} BACKTRACE;

static BOOLEAN TakeFrame(PVOID Cookie, const UNWIND_CONTEXT *Frame)
{
    BACKTRACE *Trace = Cookie;

    if (Trace->Skip != 0) {
        Trace->Skip--;
        return TRUE;
    }
    if (Trace->Count == Trace->Room)
        return FALSE;
    Trace->Hash += (ULONG)Frame->Rip;
    Trace->Addresses[Trace->Count++] = (PVOID)Frame->Rip;
    return TRUE;
}

/* RtlCaptureStackBackTrace - the return addresses on the caller's stack, the one into the caller's own code first,
 * without the first FramesToSkip. BackTraceHash: NULL, or gets their sum. IRQL: any. Returns: how many.
 * Source: WDK nf-ntifs-rtlcapturestackbacktrace. */
NOINLINE USHORT RtlCaptureStackBackTrace(ULONG FramesToSkip, ULONG FramesToCapture, PVOID *BackTrace,
                                         PULONG BackTraceHash)
{
    BACKTRACE Trace = { .Skip = FramesToSkip + 1, .Room = FramesToCapture < 0xFFFF ? FramesToCapture : 0xFFFF,
                        .Addresses = BackTrace };
    UNWIND_CONTEXT Here;

    RtlCaptureCaller(&Here);            /* the walk's first frame is this function's */
    RtlWalkStack(&Here, ArchProbe, TakeFrame, &Trace);
    if (BackTraceHash != NULL)
        *BackTraceHash = Trace.Hash;
    return (USHORT)Trace.Count;
}
