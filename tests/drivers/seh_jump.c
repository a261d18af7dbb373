/* seh_jump.c - a long jump as compilers' run-time libraries make it: RtlUnwindEx with a record of STATUS_LONGJUMP, whose jump
 * buffer has the registers to go on with. What C++ asks of it to run a catch block is refused by a status.
 *
 * expect: status 0
 * expect: log 7 ok, 0 not ok
 * run: SMP=1
 * run: SMP=2 ACCEL=parallel */
#include "seh.h"

DRIVER_INITIALIZE DriverEntry;

NTSYSAPI VOID NTAPI RtlCaptureContext(PCONTEXT Context) __attribute__((returns_twice));
NTSYSAPI VOID NTAPI RtlUnwindEx(PVOID Frame, PVOID Ip, PEXCEPTION_RECORD Record, PVOID Value, PCONTEXT Context,
                                PVOID History);
NTSYSAPI PVOID NTAPI RtlLookupFunctionEntry(ULONG64 Pc, PULONG64 Base, PVOID History);
NTSYSAPI PVOID NTAPI RtlVirtualUnwind(ULONG Type, ULONG64 Base, ULONG64 Pc, PVOID Function, PCONTEXT Context,
                                      PVOID *HandlerData, PULONG64 Frame, PVOID Pointers);

#define LONGJUMP           ((NTSTATUS)0x80000026)
#define UNWIND_CONSOLIDATE ((NTSTATUS)0x80000029)
#define NOT_IMPLEMENTED    ((NTSTATUS)0xC0000002)

typedef struct _JUMP {
    ULONG64 Frame, Rbx, Rsp, Rbp, Rsi, Rdi, R12, R13, R14, R15, Rip;
    ULONG MxCsr;
    USHORT FpCsr, Spare;
    M128A Xmm[10];
} JUMP;

static CONTEXT Here, Room;
static __declspec(align(16)) JUMP Buffer;
static volatile ULONG Round;
static volatile KIRQL IrqlSeen;

/* What setjmp does, from a context of its caller. */
static APART void Remember(void)
{
    CONTEXT Walk = Here;
    ULONG64 Base, Frame = 0;
    PVOID Data;
    PVOID Function = RtlLookupFunctionEntry(Walk.Rip, &Base, NULL);

    RtlVirtualUnwind(0, Base, Walk.Rip, Function, &Walk, &Data, &Frame, NULL);
    Buffer = (JUMP){ Frame, Here.Rbx, Here.Rsp, Here.Rbp, Here.Rsi, Here.Rdi, Here.R12, Here.R13, Here.R14, Here.R15,
                     Here.Rip, Here.MxCsr, 0x27F, 0, { { 0, 0 } } };
    for (int i = 0; i < 10; i++)
        Buffer.Xmm[i] = (&Here.Xmm6)[i];
}

static APART void Leave(NTSTATUS Code)
{
    EXCEPTION_RECORD Record = { .ExceptionCode = Code, .NumberParameters = 1 };

    Record.ExceptionInformation[0] = (ULONG_PTR)&Buffer;
    Step('j');
    RtlUnwindEx((PVOID)Buffer.Frame, (PVOID)Buffer.Rip, &Record, (PVOID)7, &Room, NULL);
    Step('x');
}

static APART void Deep(NTSTATUS Code)
{
    __try {
        Step('a');
        Leave(Code);
    } __finally {
        Step('f');
    }
    Step('x');
}

static APART ULONG64 Xmm15(void)
{
    ULONG64 Value;

    __asm__ volatile("movq %%xmm15, %0" : "=r"(Value));
    return Value;
}

/* Comes by twice: from its own call, and by the jump. */
static APART void JumpBack(void)
{
    ULONG64 Value;

    Round = 0;
    RtlCaptureContext(&Here);
    Value = Xmm15();
    IrqlSeen = KeGetCurrentIrql();
    if (Round++ == 0) {
        Remember();
        Buffer.Xmm[9].Low = 0x1234567890ABCDEF;
        Step('1');
        Deep(LONGJUMP);
        Step('x');
    }
    Step('2');
    Result(Round == 2, "1ajf2", "a jump runs what __finally holds and goes on at its buffer's address");
    Result(Value == 0x1234567890ABCDEF, "", "with the buffer's registers");
    __asm__ volatile("xorps %%xmm15, %%xmm15" : : : "xmm15");
}

static APART void Consolidate(void)
{
    volatile NTSTATUS Status = 0;

    __try {
        Leave(UNWIND_CONSOLIDATE);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Status = GetExceptionCode();
    }
    Result(Status == NOT_IMPLEMENTED, "j", "what C++ unwinds by is refused");
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    KIRQL Irql;

    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    JumpBack();
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    JumpBack();
    Result(IrqlSeen == DISPATCH_LEVEL && KeGetCurrentIrql() == DISPATCH_LEVEL, "", "at the IRQL where it was made");
    KeLowerIrql(Irql);
    Consolidate();
    Result(KeGetCurrentIrql() == PASSIVE_LEVEL, "", "and life goes on");
    return STATUS_SUCCESS;
}
