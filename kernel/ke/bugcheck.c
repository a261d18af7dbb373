/* bugcheck.c - the fatal stop: who stops whom, what is printed, and how faults become codes.
 *
 * The first processor to get here owns the stop: it freezes the others by NMI, breaks the log's locks, prints, and
 * leaves by the roof's exit. A processor that comes second waits to be frozen. The owner itself coming again means the
 * printing failed: it says so in one line and leaves at once, so a broken stack cannot make a loop.
 * Everything here works at any IRQL, with interrupts off, and allocates nothing; memory that the trace or the dump
 * looks at is probed first. */
#include "ki.h"

#include <rtl/stacktrace.h>
#include <rtl/string.h>
#include <rtl/symbols.h>

typedef struct _STOP {
    ULONG Code;
    ULONG_PTR Parameters[4];
    const char *Detail;                 /* our own line, or NULL */
    const ARCH_TRAP_FRAME *Trap;        /* the fault's registers, or NULL: a call */
    ULONG64 FaultAddress;               /* with Trap */
    const UNWIND_CONTEXT *Context;      /* where the trace begins */
    KIRQL Irql;
} STOP;

enum { DETAIL_SIZE = 512, NAME_SHOWN = 80 };

static ULONG Owner;                     /* processor number + 1; claimed by one exchange */
static ULONG Entries;                   /* how often the owner came in */
static BUGCHECK_SECTION *Sections;
static void (*StopEnter)(ULONG Code, const char *Name);
static void (*StopExit)(ULONG Code);

static const struct { ULONG Code; const char *Name, *Text; } Codes[] = {
#define BUGCHECK_ROW(Value, Name, Text) { (ULONG)(Value), #Name, Text },
    BUGCHECK_TABLE(BUGCHECK_ROW)
#undef BUGCHECK_ROW
};

static const char *TextOf(ULONG Code, const char **Name)
{
    for (ULONG Row = 0; Row < RTL_NUMBER_OF(Codes); Row++) {
        if (Codes[Row].Code == Code) {
            *Name = Codes[Row].Name;
            return Codes[Row].Text;
        }
    }
    *Name = "a code of the caller's own";
    return "A driver stopped the machine with a code that is not in Kedge's table.";
}

/* ---- Printing ---- */

static void PrintRegisters(const ARCH_TRAP_FRAME *F, ULONG64 FaultAddress)
{
    LogPrint("\n  rax %016I64x  rbx %016I64x  rcx %016I64x\n", F->Rax, F->Rbx, F->Rcx);
    LogPrint("  rdx %016I64x  rsi %016I64x  rdi %016I64x\n", F->Rdx, F->Rsi, F->Rdi);
    LogPrint("  rbp %016I64x  rsp %016I64x  r8  %016I64x\n", F->Rbp, F->Rsp, F->R8);
    LogPrint("  r9  %016I64x  r10 %016I64x  r11 %016I64x\n", F->R9, F->R10, F->R11);
    LogPrint("  r12 %016I64x  r13 %016I64x  r14 %016I64x\n", F->R12, F->R13, F->R14);
    LogPrint("  r15 %016I64x  rip %016I64x  flags %08I64x\n", F->R15, F->Rip, F->Rflags);
    LogPrint("  trap %I64u  error %I64x  cr2 %016I64x\n", F->Vector, F->ErrorCode, FaultAddress);
}

static void PrintThread(const STOP *Stop)
{
    PKTHREAD Thread = KiCurrentThread();
    char Start[96];

    RtlDescribeAddress((ULONG64)Thread->StartRoutine, Start, sizeof Start);
    LogPrint("\n  processor %u of %u, IRQL %u%s, thread %p", ARCH_THIS_CPU->Number, KiProcessorCount, Stop->Irql,
             KiCurrentPcr()->DpcRoutineActive ? " in a DPC routine" : "", Thread);
    if (Thread == KiCurrentPcr()->IdleThread)
        LogPrint(" (idle)\n");
    else
        LogPrint(", priority %d\n  started at %s\n", Thread->Priority, Start);
    if (Thread->Name != NULL)
        LogPrint("  named \"%.*wZ\"\n", NAME_SHOWN, Thread->Name);
    LogPrint("  APC-disable counts: kernel %d, special %d\n", Thread->KernelApcDisable, Thread->SpecialApcDisable);
}

static void Print(const STOP *Stop)
{
    const char *Name, *Text = TextOf(Stop->Code, &Name);

    LogFlush();
    if (StopEnter != NULL)
        StopEnter(Stop->Code, Name);
    LogPrint("\n*** STOP 0x%08X %s\n\n  %s\n", Stop->Code, Name, Text);
    if (Stop->Detail != NULL)
        LogPrint("  %s\n", Stop->Detail);
    for (ULONG At = 0; At < 4; At++)
        LogPrint("%s  P%u %016I64x%s", At % 2 == 0 ? "\n" : "", At + 1, Stop->Parameters[At], At == 3 ? "\n" : "");
    PrintThread(Stop);
    if (Stop->Trap != NULL)
        PrintRegisters(Stop->Trap, Stop->FaultAddress);
    LogPrint("\n");
    RtlPrintStack(Stop->Context, ArchProbe);
    for (BUGCHECK_SECTION *Section = Sections; Section != NULL; Section = Section->Next)
        Section->Print();
}

static DECLSPEC_NORETURN void Leave(ULONG Code)
{
    if (StopExit != NULL)
        StopExit(Code);
    ArchHalt();
}

static DECLSPEC_NORETURN void Stop(const STOP *What)
{
    ULONG Self = ARCH_THIS_CPU->Number + 1, Nobody = 0;

    ArchDisableInterrupts();
    if (!__atomic_compare_exchange_n(&Owner, &Nobody, Self, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) &&
        Nobody != Self)
        ArchHalt();
    switch (Entries++) {
    case 0:
        ArchFreezeOthers();
        Print(What);
        break;
    case 1:
        LogPrint("\n*** a second stop while printing the first: 0x%08X, %p %p %p %p\n", What->Code,
                 What->Parameters[0], What->Parameters[1], What->Parameters[2], What->Parameters[3]);
        break;
    default:
        break;
    }
    Leave(What->Code);
}

/* ---- The log's guard ---- */

static KSPIN_LOCK LogLock, SinkLock;

/* A processor that is stopping the machine does not wait for one that was frozen while it printed. */
static ULONG_PTR EnterLog(void)
{
    ULONG64 Flags = ArchDisableInterrupts();

    if (Owner == 0)
        KiAcquireRawLock(&LogLock);
    return Flags;
}

static void LeaveLog(ULONG_PTR Flags)
{
    KiReleaseRawLock(&LogLock);
    ArchRestoreInterrupts(Flags);
}

/* Nobody who can be interrupted by a writer waits for that writer: the sinks are held at DISPATCH_LEVEL, and waited for
 * only from there. */
static BOOLEAN TakeSinks(PULONG_PTR Irql)
{
    KIRQL Before = ArchReadIrql();

    *Irql = Before;
    if (Owner != 0)
        return TRUE;
    if (Before > DISPATCH_LEVEL || !ArchInterruptsAreOn())
        return KiTryRawLock(&SinkLock);
    if (Before < DISPATCH_LEVEL)
        ArchWriteIrql(DISPATCH_LEVEL);
    KiAcquireRawLock(&SinkLock);
    return TRUE;
}

static void GiveSinks(ULONG_PTR Irql)
{
    KiReleaseRawLock(&SinkLock);
    if (ArchReadIrql() != (KIRQL)Irql)
        ArchWriteIrql((KIRQL)Irql);
}

static const LOG_GUARD LogGuard = { .Enter = EnterLog, .Leave = LeaveLog, .Take = TakeSinks, .Give = GiveSinks };

static void AssertionFailed(const char *Expression, const char *File, int Line)
{
    KeBugCheckWith(KEDGE_INTERNAL_ERROR, (ULONG_PTR)Expression, (ULONG_PTR)File, (ULONG)Line, 0,
                   "%s:%d: %s does not hold", File, Line, Expression);
}

void KiInitializeBugCheck(void)
{
    LogSetGuard(&LogGuard);
    RtlSetAssertionHook(AssertionFailed);
}

/* ---- Faults ---- */

enum { TRAP_NMI = 2, TRAP_DOUBLE_FAULT = 8, TRAP_PAGE_FAULT = 14, TRAP_MACHINE_CHECK = 18 };

static void ContextOf(const ARCH_TRAP_FRAME *F, UNWIND_CONTEXT *Context)
{
    ULONG64 Registers[UNW_REGISTERS] = { F->Rax, F->Rcx, F->Rdx, F->Rbx, F->Rsp, F->Rbp, F->Rsi, F->Rdi,
                                         F->R8,  F->R9,  F->R10, F->R11, F->R12, F->R13, F->R14, F->R15 };

    memset(Context, 0, sizeof *Context);
    memcpy(Context->Registers, Registers, sizeof Registers);
    Context->Rip = F->Rip;
    Context->Exact = TRUE;
}

static DECLSPEC_NORETURN void StopAtFault(const ARCH_TRAP_FRAME *Frame, ULONG Code, ULONG_PTR P1, ULONG_PTR P2,
                                          ULONG_PTR P3, ULONG_PTR P4, const char *Detail)
{
    UNWIND_CONTEXT Context;
    STOP What = { .Code = Code, .Parameters = { P1, P2, P3, P4 }, .Detail = Detail, .Trap = Frame,
                  .Context = &Context, .Irql = (KIRQL)Frame->Irql };

    /* A page fault's address is P1; probes for a handler, if there were any, have left theirs in the processor. */
    What.FaultAddress = Frame->Vector == TRAP_PAGE_FAULT ? P1 : ArchFaultAddress();
    ContextOf(Frame, &Context);
    Stop(&What);
}

static BOOLEAN InKernelImage(ULONG64 Address)
{
    ULONG64 Offset;

    return RtlFindSymbol(Address, &Offset) != NULL;
}

static KE_ADDRESS_NAMER *Namers;        /* changed by exchange, never shortened */

/* Returns: the code that whoever knows the address wants, or Code. */
static ULONG NameUnmapped(ULONG Code, ULONG64 Address, char *Text, SIZE_T Size)
{
    for (const KE_ADDRESS_NAMER *Namer = Namers; Namer != NULL; Namer = Namer->Next)
        if (Namer->Name(Address, Text, Size))
            return Namer->Code != 0 ? Namer->Code : Code;
    RtlFormat(Text, Size, "%s", Address < PAGE_SIZE ? "a null pointer" : "nothing is there");
    return Code;
}

static DECLSPEC_NORETURN void StopAtPageFault(const ARCH_TRAP_FRAME *Frame, ULONG64 Address)
{
    ULONG Access = Frame->ErrorCode & 16 ? 8 : Frame->ErrorCode & 2 ? 1 : 0;
    const char *Verb = Access == 8 ? "executed" : Access == 1 ? "written" : "read";
    ULONG Code = !InKernelImage(Frame->Rip) ? DRIVER_IRQL_NOT_LESS_OR_EQUAL
                 : Frame->Irql >= DISPATCH_LEVEL ? IRQL_NOT_LESS_OR_EQUAL : PAGE_FAULT_IN_NONPAGED_AREA;
    char Detail[480], Place[400] = "the page forbids it";

    if (!(Frame->ErrorCode & 1))
        Code = NameUnmapped(Code, Address, Place, sizeof Place);
    RtlFormat(Detail, sizeof Detail, "address %p was %s: %s", (PVOID)Address, Verb, Place);
    if (Code == PAGE_FAULT_IN_NONPAGED_AREA)
        StopAtFault(Frame, Code, Address, Access, Frame->Rip, 0, Detail);
    StopAtFault(Frame, Code, Address, Frame->Irql, Access, Frame->Rip, Detail);
}

/* A stack that ran into its guard page cannot hold the page fault's frame: the processor raises a double fault, on a
 * stack of its own. */
static DECLSPEC_NORETURN void StopAtDoubleFault(const ARCH_TRAP_FRAME *Frame)
{
    PKTHREAD Thread = KiCurrentThread();
    ULONG64 Limit = (ULONG64)Thread->StackLimit;
    BOOLEAN Overflow = Frame->Rsp < Limit + 64 && Frame->Rsp + PAGE_SIZE >= Limit;

    StopAtFault(Frame, UNEXPECTED_KERNEL_MODE_TRAP, TRAP_DOUBLE_FAULT, Frame->Rsp, Limit, (ULONG64)Thread->StackBase,
                Overflow ? "kernel stack overflow: the stack pointer ran into the guard page below the stack"
                         : "double fault: an exception could not be delivered");
}

void KeRegisterAddressNamer(KE_ADDRESS_NAMER *Namer)
{
    Namer->Next = __atomic_load_n(&Namers, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&Namers, &Namer->Next, Namer, FALSE, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
}

BOOLEAN KiIsSystemThread(KIRQL Irql)
{
    return Irql < DISPATCH_LEVEL && KiCurrentThread() != KiCurrentPcr()->IdleThread;
}

/* What a handler takes does not come back here. */
void KiHandleFault(ARCH_TRAP_FRAME *Frame)
{
    ULONG64 Address = ArchFaultAddress();
    const char *Text;
    NTSTATUS Status;

    KiDispatchFault(Frame, Address);
    if (Frame->Vector == TRAP_PAGE_FAULT)
        StopAtPageFault(Frame, Address);
    if (Frame->Vector == TRAP_DOUBLE_FAULT)
        StopAtDoubleFault(Frame);
    if (Frame->Vector == TRAP_NMI)
        StopAtFault(Frame, NMI_HARDWARE_FAILURE, 0, 0, 0, 0, NULL);
    if (Frame->Vector == TRAP_MACHINE_CHECK)
        StopAtFault(Frame, MACHINE_CHECK_EXCEPTION, 0, 0, 0, 0, NULL);
    Status = KiFaultStatus(Frame->Vector, &Text);
    if (KiIsSystemThread((KIRQL)Frame->Irql))
        StopAtFault(Frame, SYSTEM_THREAD_EXCEPTION_NOT_HANDLED, (ULONG)Status, Frame->Rip, (ULONG_PTR)Frame, 0, Text);
    StopAtFault(Frame, KMODE_EXCEPTION_NOT_HANDLED, (ULONG)Status, Frame->Rip, Frame->Vector, Frame->ErrorCode, Text);
}

void KiFreezeProcessor(ARCH_TRAP_FRAME *Frame)
{
    UNREFERENCED_PARAMETER(Frame);
    ArchHalt();
}

/* ---- Public: KeBugCheck, KeBugCheckEx, KeBugCheckWith, the hooks of the roof ---- */

void KiStopAt(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4, const char *Detail,
              const UNWIND_CONTEXT *Throw)
{
    STOP What = { .Code = Code, .Parameters = { P1, P2, P3, P4 }, .Detail = Detail, .Context = Throw,
                  .Irql = ArchReadIrql() };

    Stop(&What);
}

/* KeBugCheck - KeBugCheckEx without parameters. */
VOID KeBugCheck(ULONG Code)
{
    UNWIND_CONTEXT Caller;

    RtlCaptureCaller(&Caller);
    KiStopAt(Code, 0, 0, 0, 0, NULL, &Caller);
}

/* KeBugCheckEx - stop the machine with Code and four parameters: print all, freeze the other processors, leave the
 * emulator or wait for a person. Does not return. IRQL: any. Source: WDK nf-wdm-kebugcheckex. */
VOID KeBugCheckEx(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4)
{
    UNWIND_CONTEXT Caller;

    RtlCaptureCaller(&Caller);
    KiStopAt(Code, P1, P2, P3, P4, NULL, &Caller);
}

void KeBugCheckWith(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4, const char *Format, ...)
{
    UNWIND_CONTEXT Caller;
    va_list Arguments;
    char Detail[DETAIL_SIZE];

    RtlCaptureCaller(&Caller);
    va_start(Arguments, Format);
    RtlFormatV(Detail, sizeof Detail, Format, Arguments);
    va_end(Arguments);
    KiStopAt(Code, P1, P2, P3, P4, Detail, &Caller);
}

void KeBugCheckAtIrql(KIRQL Irql, ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4,
                      const char *Detail)
{
    STOP What = { .Code = Code, .Parameters = { P1, P2, P3, P4 }, .Detail = Detail, .Irql = Irql };
    UNWIND_CONTEXT Caller;

    RtlCaptureCaller(&Caller);
    What.Context = &Caller;
    Stop(&What);
}

void KeRegisterBugCheckSection(BUGCHECK_SECTION *Section)
{
    Section->Next = Sections;
    Sections = Section;
}

void KeSetBugCheckEnter(void (*Enter)(ULONG Code, const char *Name)) { StopEnter = Enter; }
void KeSetBugCheckExit(void (*Exit)(ULONG Code)) { StopExit = Exit; }
