/* seh_registers.c - the catching function finds every register that a callee keeps as it left it, whatever lies between
 * it and the throw; and the routines by which a driver walks and unwinds stacks itself.
 *
 * expect: status 0
 * expect: log 20 ok, 0 not ok
 * run: SMP=1
 * run: SMP=2 ACCEL=parallel */
#include "seh.h"

DRIVER_INITIALIZE DriverEntry;
static KSTART_ROUTINE Disturber;

NTSYSAPI VOID NTAPI RtlCaptureContext(PCONTEXT Context);
NTSYSAPI VOID NTAPI RtlRestoreContext(PCONTEXT Context, PEXCEPTION_RECORD Record);
NTSYSAPI VOID NTAPI RtlUnwind(PVOID Frame, PVOID Ip, PEXCEPTION_RECORD Record, PVOID Value);
NTSYSAPI PVOID NTAPI RtlLookupFunctionEntry(ULONG64 Pc, PULONG64 Base, PVOID History);
NTSYSAPI PVOID NTAPI RtlVirtualUnwind(ULONG Type, ULONG64 Base, ULONG64 Pc, PVOID Function, PCONTEXT Context,
                                      PVOID *Data, PULONG64 Frame, PVOID Pointers);
NTSYSAPI PVOID NTAPI RtlPcToFileHeader(PVOID Pc, PVOID *Base);
NTSYSAPI USHORT NTAPI RtlCaptureStackBackTrace(ULONG Skip, ULONG Count, PVOID *Trace, PULONG Hash);

/* CallMarked(Routine, Argument): fills all registers that a callee keeps with marks, calls, and returns how many came
 * back changed. CallSpoilt(Routine, Argument): saves them, as its unwind data say, and spoils them around the call.
 * ReturnValueOf, where a local unwind arrives, is inside CallAndArrive. */
__asm__(
    ".text\n"
    ".macro SAVE_ALL Name\n"
    ".globl \\Name\n"
    ".def \\Name; .scl 2; .type 32; .endef\n"
    ".seh_proc \\Name\n"
    "\\Name:\n"
    ".irp R, rbx, rbp, rsi, rdi, r12, r13, r14, r15\n"
    "  push %\\R\n"
    "  .seh_pushreg %\\R\n"
    ".endr\n"
    "  sub $216, %rsp\n"
    "  .seh_stackalloc 216\n"
    ".set Slot, 32\n"
    ".irp N, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
    "  movaps %xmm\\N, Slot(%rsp)\n"
    "  .seh_savexmm %xmm\\N, Slot\n"
    "  .set Slot, Slot + 16\n"
    ".endr\n"
    "  .seh_endprologue\n"
    "  mov %rcx, %rax\n"
    "  mov %rdx, %rcx\n"
    ".endm\n"
    ".macro RESTORE_ALL\n"
    ".set Slot, 32\n"
    ".irp N, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
    "  movaps Slot(%rsp), %xmm\\N\n"
    "  .set Slot, Slot + 16\n"
    ".endr\n"
    "  add $216, %rsp\n"
    ".irp R, r15, r14, r13, r12, rdi, rsi, rbp, rbx\n"
    "  pop %\\R\n"
    ".endr\n"
    "  ret\n"
    "  .seh_endproc\n"
    ".endm\n"
    ".macro MARK Value\n"
    ".set Mark, \\Value\n"
    ".irp R, rbx, rbp, rsi, rdi, r12, r13, r14, r15\n"
    "  mov $Mark, %\\R\n"
    "  .set Mark, Mark + 1\n"
    ".endr\n"
    ".irp N, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
    "  mov $Mark, %rdx\n"
    "  movq %rdx, %xmm\\N\n"
    "  punpcklqdq %xmm\\N, %xmm\\N\n"
    "  .set Mark, Mark + 1\n"
    ".endr\n"
    ".endm\n"
    ".macro COUNT\n"
    "  setne %cl\n"
    "  movzbl %cl, %ecx\n"
    "  add %ecx, %eax\n"
    ".endm\n"
    "SAVE_ALL CallMarked\n"
    "MARK 0x1234567\n"
    "  call *%rax\n"
    "  xor %eax, %eax\n"
    ".set Mark, 0x1234567\n"
    ".irp R, rbx, rbp, rsi, rdi, r12, r13, r14, r15\n"
    "  cmp $Mark, %\\R\n"
    "  COUNT\n"
    "  .set Mark, Mark + 1\n"
    ".endr\n"
    ".irp N, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
    "  movq %xmm\\N, %rdx\n"
    "  cmp $Mark, %rdx\n"
    "  COUNT\n"
    "  punpckhqdq %xmm\\N, %xmm\\N\n"
    "  movq %xmm\\N, %rdx\n"
    "  cmp $Mark, %rdx\n"
    "  COUNT\n"
    "  .set Mark, Mark + 1\n"
    ".endr\n"
    "RESTORE_ALL\n"
    "SAVE_ALL CallSpoilt\n"
    "MARK 0x7777777\n"
    "  call *%rax\n"
    "  nop\n"
    "RESTORE_ALL\n");

ULONG CallMarked(void (*Routine)(ULONG_PTR), ULONG_PTR Argument);
void CallSpoilt(void (*Routine)(ULONG_PTR), ULONG_PTR Argument);

/* ---- Registers ---- */

static KSEMAPHORE Full;

static void RaiseIt(ULONG_PTR Status) { ExRaiseStatus((NTSTATUS)Status); }
static void OverLimit(ULONG_PTR Argument) { KeReleaseSemaphore(&Full, 0, (LONG)Argument, FALSE); }
static void ReadAt(ULONG_PTR At) { Step(*(volatile char *)At ? 'x' : 'y'); }
static void CallNull(ULONG_PTR At) { ((void (*)(void))At)(); Step('x'); }
static void CopyFrom(ULONG_PTR At) { RtlCopyMemory(Steps, (PVOID)At, 40); Step('x'); }

static APART void FinallySpoils(void (*Routine)(ULONG_PTR), ULONG_PTR Argument)
{
    __try {
        CallSpoilt(Routine, Argument);
    } __finally {
        CallSpoilt((void (*)(ULONG_PTR))Step, '1');
    }
}

static APART LONG SpoilingFilter(void)
{
    CallSpoilt((void (*)(ULONG_PTR))Step, 'f');
    return EXCEPTION_EXECUTE_HANDLER;
}

typedef struct _THROW { void (*Routine)(ULONG_PTR); ULONG_PTR Argument; } THROW;

/* Called by CallMarked: catches below it, so that what comes back there went through an unwind. */
static APART void CatchIt(ULONG_PTR Argument)
{
    const THROW *Throw = (const THROW *)Argument;

    __try {
        FinallySpoils(Throw->Routine, Throw->Argument);
        Step('x');
    } __except (SpoilingFilter()) {
        Step('b');
    }
}

static APART LONG WaitingFilter(void)
{
    LARGE_INTEGER Due = { .QuadPart = -20000 };

    KeDelayExecutionThread(KernelMode, FALSE, &Due);
    Step('w');
    return EXCEPTION_EXECUTE_HANDLER;
}

static APART void CatchWaiting(ULONG_PTR Argument)
{
    __try {
        CallSpoilt(RaiseIt, Argument);
    } __except (WaitingFilter()) {
        Step('b');
    }
}

static volatile BOOLEAN Disturbing;

/* Other threads use the same registers meanwhile. */
static VOID NTAPI Disturber(PVOID Context)
{
    LARGE_INTEGER GiveWay = { .QuadPart = -1 };

    UNREFERENCED_PARAMETER(Context);
    while (Disturbing) {
        CallSpoilt((void (*)(ULONG_PTR))KeStallExecutionProcessor, 1);
        KeDelayExecutionThread(KernelMode, FALSE, &GiveWay);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static const THROW Throws[] = {
    { RaiseIt, (ULONG)STATUS_UNSUCCESSFUL }, { OverLimit, 1 }, { ReadAt, 0 }, { CallNull, 0 }, { CopyFrom, 8 }
};
static const char *Names[] = { "ExRaiseStatus", "a raise of the kernel", "a fault", "a call of nothing", "a fault in the kernel" };

static void TestRegisters(void)
{
    HANDLE Handle;
    PVOID Thread;
    ULONG i, Changed = 0;

    KeInitializeSemaphore(&Full, 1, 1);
    for (i = 0; i < RTL_NUMBER_OF(Throws); i++)
        Result(CallMarked(CatchIt, (ULONG_PTR)&Throws[i]) == 0, "f1b", Names[i]);
    Disturbing = TRUE;
    PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Disturber, NULL);
    ObReferenceObjectByHandle(Handle, THREAD_ALL_ACCESS, NULL, KernelMode, &Thread, NULL);
    ZwClose(Handle);
    Result(CallMarked(CatchWaiting, (ULONG)STATUS_UNSUCCESSFUL) == 0, "wb", "a filter that waits, while others run");
    for (i = 0; i < 300; i++) {
        Changed += CallMarked(CatchIt, (ULONG_PTR)&Throws[i % RTL_NUMBER_OF(Throws)]);
        StepCount = 0;
    }
    Result(Changed == 0, "", "three hundred times, while others run");
    Disturbing = FALSE;
    KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(Thread);
}

/* ---- Continuing: not a single register may change ---- */

static APART LONG RepairRcx(PEXCEPTION_POINTERS Pointers)
{
    static int Good = 7;

    CallSpoilt((void (*)(ULONG_PTR))Step, 'r');
    Pointers->ContextRecord->Rcx = (ULONG_PTR)&Good;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static ULONG64 Volatile[6];

static APART void FaultMarked(ULONG_PTR Argument)
{
    __asm__ volatile("mov $0x51, %%r8d\n\tmov $0x52, %%r9d\n\tmov $0x53, %%r10d\n\tmov $0x54, %%r11d\n\tmov $0x55, %%eax\n\t"
                     "movq %%rax, %%xmm0\n\txor %%eax, %%eax\n\tcmp $1, %%eax\n\tmov (%%rcx), %%eax\n\tsetb 40(%%rdx)\n\t"
                     "mov %%r8, (%%rdx)\n\tmov %%r9, 8(%%rdx)\n\tmov %%r10, 16(%%rdx)\n\tmov %%r11, 24(%%rdx)\n\t"
                     "movq %%xmm0, 32(%%rdx)"
                     : "+c"(Argument) : "d"(Volatile) : "rax", "r8", "r9", "r10", "r11", "xmm0", "memory", "cc");
}

static APART void ContinueIt(ULONG_PTR Argument)
{
    __try {
        FaultMarked(Argument);
        Step('b');
    } __except (RepairRcx(GetExceptionInformation())) {
        Step('x');
    }
}

static void TestContinue(void)
{
    Result(CallMarked(ContinueIt, 0) == 0, "rb", "continued: registers that a callee keeps");
    Result(Volatile[0] == 0x51 && Volatile[1] == 0x52 && Volatile[2] == 0x53 && Volatile[3] == 0x54, "", "and those that it does not");
    Result(Volatile[4] == 0x55, "", "xmm0, too");
    Result((UCHAR)Volatile[5] == 1, "", "and the flags");
}

/* ---- The driver's own walks ---- */

static CONTEXT Context, Walked;
static ULONG64 KernelPointers[32];

static APART ULONG64 StepOnce(PCONTEXT C, PVOID Pointers)
{
    ULONG64 Base = 0, Frame = 0;
    PVOID Data = NULL;
    PVOID Function = RtlLookupFunctionEntry(C->Rip, &Base, NULL);

    if (Function == NULL)
        return 0;
    RtlVirtualUnwind(0, Base, C->Rip, Function, C, &Data, &Frame, Pointers);
    return Base;
}

static ULONG64 Base;
static BOOLEAN Up, Places;

/* While the frames stand: out of this function, and out of CallMarked. */
static APART void WalkIt(ULONG_PTR Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    RtlCaptureContext(&Context);
    Walked = Context;
    Base = StepOnce(&Walked, NULL);
    Up = Walked.Rip > (ULONG64)CallMarked && Walked.Rip < (ULONG64)CallMarked + 600 && Walked.Rbx == 0x1234567 &&
         Walked.Rsp > Context.Rsp && Walked.Xmm6.Low == 0x1234567 + 8;
    StepOnce(&Walked, KernelPointers);
    Places = KernelPointers[16 + 3] == Walked.Rsp - 16 && *(PULONG64)KernelPointers[16 + 3] == Walked.Rbx &&
             KernelPointers[6] != 0 && KernelPointers[5] == 0 && *(PULONG64)KernelPointers[6] == (ULONG64)Walked.Xmm6.Low;
}

static void TestWalk(void)
{
    PVOID Found = NULL, Trace[16];
    ULONG Hash = 0, Sum = 0, i;
    USHORT Count;

    CallMarked(WalkIt, 0);
    Result(Context.Rip != 0 && (Context.ContextFlags & CONTEXT_FULL) == CONTEXT_FULL, "", "RtlCaptureContext");
    Result(Base != 0 && Up, "", "RtlLookupFunctionEntry and RtlVirtualUnwind");
    Result(Places, "", "it tells where registers were saved");
    Result(RtlPcToFileHeader((PVOID)DriverEntry, &Found) == (PVOID)Base && Found == (PVOID)Base, "", "RtlPcToFileHeader");
    Result(RtlPcToFileHeader((PVOID)&Found, &Found) == NULL && Found == NULL, "", "which knows what is no image");
    Count = RtlCaptureStackBackTrace(0, RTL_NUMBER_OF(Trace), Trace, &Hash);
    for (i = 0; i < Count; i++)
        Sum += (ULONG)(ULONG_PTR)Trace[i];
    Result(Count >= 3 && Sum == Hash && RtlPcToFileHeader(Trace[0], &Found) == (PVOID)Base && Trace[0] > (PVOID)DriverEntry, "",
           "RtlCaptureStackBackTrace");
    Result(RtlCaptureStackBackTrace(1, 1, &Trace[15], NULL) == 1 && Trace[15] == Trace[1], "", "which skips");
}

static volatile ULONG Resumed;

static void TestRestore(void)
{
    Resumed = 0;
    RtlCaptureContext(&Context);
    if (Resumed++ < 3)
        RtlRestoreContext(&Context, NULL);
    Result(Resumed == 4, "", "RtlRestoreContext");
}

static APART void UnwindMe(PVOID Frame, PVOID Ip)
{
    __try {
        RtlUnwind(Frame, Ip, NULL, (PVOID)0x77);
    } __finally {
        Step('1');
    }
}

/* A frame whose address is known: unwound to from below, it goes on at 1 with rax as the unwind says. */
__asm__(".globl Arrive\n.def Arrive; .scl 2; .type 32; .endef\n.seh_proc Arrive\nArrive:\n"
        "  sub $40, %rsp\n  .seh_stackalloc 40\n  .seh_endprologue\n"
        "  mov %rcx, %rax\n  mov %rsp, %rcx\n  lea 1f(%rip), %rdx\n  call *%rax\n  xor %eax, %eax\n"
        "1: add $40, %rsp\n  ret\n.seh_endproc\n");

ULONG_PTR Arrive(void (*Routine)(PVOID Frame, PVOID Ip));

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    ULONG_PTR Value;

    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    TestRegisters();
    TestContinue();
    TestWalk();
    TestRestore();
    Value = Arrive(UnwindMe);
    Result(Value == 0x77, "1", "RtlUnwind to a frame of one's own");
    return STATUS_SUCCESS;
}
