/* fault.c - processor exceptions that a driver may catch.
 *
 * A fault becomes an exception with the registers of the faulting instruction, searched for from there; who
 * continues it gets those registers back. Interrupts are on again meanwhile if they were: handlers are the
 * driver's code at the driver's level. What nobody handles goes back to bugcheck.c, with the trap frame as it was.
 * Not for handlers: a bad address of the kernel's half, or any at DISPATCH_LEVEL and above: the driver's bug would
 * be hidden by whoever catches everything. Nor what happens with interrupts off outside a driver: that is a
 * routine of the kernel in the middle of something, with a lock held that no handler would release. */
#include "ki.h"

#include <rtl/stacktrace.h>
#include <rtl/string.h>

enum {
    TRAP_DIVIDE_ERROR = 0, TRAP_BREAKPOINT = 3, TRAP_OVERFLOW = 4, TRAP_BOUNDS = 5, TRAP_OPCODE = 6,
    TRAP_PROTECTION_FAULT = 13, TRAP_PAGE_FAULT = 14, TRAP_ALIGNMENT = 17
};

enum { PAGE_FAULT_WRITE = 2, PAGE_FAULT_EXECUTE = 16 };         /* of the error code */
enum { ACCESS_READ = 0, ACCESS_WRITE = 1, ACCESS_EXECUTE = 8 }; /* of the exception's first parameter */

#define USER_SPACE_END 0x0000800000000000ull

static const struct { UCHAR Vector; NTSTATUS Status; const char *Text; } Faults[] = {
    { TRAP_DIVIDE_ERROR, STATUS_INTEGER_DIVIDE_BY_ZERO,
      "an integer was divided by zero, or the quotient is too large" },
    { TRAP_BREAKPOINT, STATUS_BREAKPOINT, "a breakpoint instruction was executed and no debugger is there" },
    { TRAP_OVERFLOW, STATUS_INTEGER_OVERFLOW, "an arithmetic overflow was trapped" },
    { TRAP_BOUNDS, STATUS_ARRAY_BOUNDS_EXCEEDED, "an array index was out of bounds" },
    { TRAP_OPCODE, STATUS_ILLEGAL_INSTRUCTION, "an instruction that this processor does not have was executed" },
    { TRAP_PROTECTION_FAULT, STATUS_ACCESS_VIOLATION,
      "general protection: a non-canonical address or a privileged operation" },
    { TRAP_PAGE_FAULT, STATUS_ACCESS_VIOLATION, "a bad address was touched" },
    { TRAP_ALIGNMENT, STATUS_DATATYPE_MISALIGNMENT, "memory was touched at an address that is not aligned" },
};

NTSTATUS KiFaultStatus(ULONG64 Vector, const char **Text)
{
    for (ULONG Row = 0; Row < RTL_NUMBER_OF(Faults); Row++) {
        if (Faults[Row].Vector == Vector) {
            *Text = Faults[Row].Text;
            return Faults[Row].Status;
        }
    }
    *Text = "the processor raised an exception";
    return STATUS_UNSUCCESSFUL;
}

static BOOLEAN MayBeCaught(const ARCH_TRAP_FRAME *Frame, ULONG64 Address)
{
    UNWIND_IMAGE Image;

    if (KiCurrentThread() == NULL)
        return FALSE;
    if (Frame->Vector == TRAP_PAGE_FAULT && (Frame->Irql >= DISPATCH_LEVEL || Address >= USER_SPACE_END))
        return FALSE;
    return ArchInterruptsWereOn(Frame->Rflags) ||
           (Frame->Vector != TRAP_PAGE_FAULT && RtlFindStackImage(Frame->Rip, &Image));
}

static void DescribeFault(const ARCH_TRAP_FRAME *Frame, ULONG64 Address, PEXCEPTION_RECORD Record)
{
    Record->ExceptionAddress = (PVOID)Frame->Rip;
    switch (Frame->Vector) {
    case TRAP_PAGE_FAULT:
        Record->NumberParameters = 2;
        Record->ExceptionInformation[0] = Frame->ErrorCode & PAGE_FAULT_EXECUTE ? ACCESS_EXECUTE
                                          : Frame->ErrorCode & PAGE_FAULT_WRITE ? ACCESS_WRITE : ACCESS_READ;
        Record->ExceptionInformation[1] = Address;
        break;
    case TRAP_PROTECTION_FAULT:         /* the processor does not tell the address */
        Record->NumberParameters = 2;
        Record->ExceptionInformation[1] = ~0ull;
        break;
    case TRAP_BREAKPOINT:               /* the trap came behind the instruction; NT shows the instruction */
        Record->NumberParameters = 1;
        Record->ExceptionAddress = (PVOID)(Frame->Rip - 1);
        break;
    default:
        break;
    }
}

static void ContextOfTrap(const ARCH_TRAP_FRAME *F, ULONG64 Rip, PCONTEXT Context)
{
    ULONG64 Registers[] = { F->Rax, F->Rcx, F->Rdx, F->Rbx, F->Rsp, F->Rbp, F->Rsi, F->Rdi,
                            F->R8,  F->R9,  F->R10, F->R11, F->R12, F->R13, F->R14, F->R15 };

    memset(Context, 0, sizeof *Context);
    memcpy(Context->Registers, Registers, sizeof Registers);
    Context->Rip = Rip;
    Context->EFlags = (ULONG)F->Rflags;
    Context->SegCs = (USHORT)F->Cs;
    Context->SegSs = (USHORT)F->Ss;
    Context->ContextFlags = CONTEXT_FULL;
    ArchCaptureFpu(Context);
}

/* KiDispatchFault - offer a fault to the handlers. Address: of a page fault. Returns only if nothing handles it, with
 * interrupts off and nothing changed. */
void KiDispatchFault(ARCH_TRAP_FRAME *Frame, ULONG64 Address)
{
    const char *Text;
    EXCEPTION_RECORD Record = { .ExceptionCode = KiFaultStatus(Frame->Vector, &Text) };
    CONTEXT Context;

    if (Record.ExceptionCode == STATUS_UNSUCCESSFUL || !MayBeCaught(Frame, Address))
        return;
    DescribeFault(Frame, Address, &Record);
    ContextOfTrap(Frame, (ULONG64)Record.ExceptionAddress, &Context);
    ArchRestoreInterrupts(Frame->Rflags);
    if (KiDispatchException(&Record, &Context, TRUE))
        RtlRestoreContext(&Context, NULL);
    ArchDisableInterrupts();
}

/* ---- Public: KeIsReadable, KeIsWritable ---- */

/* KeIsReadable - can all of [Address, Address + Length) be read, right now? For memory that nobody vouches for.
 * IRQL: any. */
BOOLEAN KeIsReadable(const void *Address, SIZE_T Length) { return ArchProbe(Address, Length); }

/* KeIsWritable - and written? What is there stays. IRQL: any. */
BOOLEAN KeIsWritable(PVOID Address, SIZE_T Length) { return ArchProbeWrite(Address, Length); }
