/* try_gcc.c - exception handling as far as gcc goes: mingw's __try1, scope tables and language handlers written by hand.
 *
 * expect: status 0
 * expect: log 9 ok, 0 not ok
 * run: SMP=1
 * run: APPEND=verifier=off */
#include <ntddk.h>
#include <excpt.h>

DRIVER_INITIALIZE DriverEntry;

NTSYSAPI VOID NTAPI RtlUnwindEx(PVOID Frame, PVOID Ip, PEXCEPTION_RECORD Record, PVOID Value, PCONTEXT Context, PVOID History);

#define CODE  ((NTSTATUS)0xE0001234)
#define APART __attribute__((noinline, used))

typedef struct _DISPATCHER {
    ULONG64 ControlPc, ImageBase;
    PVOID FunctionEntry;
    ULONG64 EstablisherFrame, TargetIp;
    PCONTEXT ContextRecord;
    PVOID LanguageHandler, HandlerData, HistoryTable;
    ULONG ScopeIndex;
} DISPATCHER;

static volatile ULONG Tests, Filtered, Finished, Searches, Unwinds;
static NTSTATUS Seen;
static BOOLEAN Sound;

static void Result(BOOLEAN Ok, const char *Name) { DbgPrint("%s %u - %s\n", Ok ? "ok" : "not ok", ++Tests, Name); }

APART void Raise(void) { ExRaiseStatus(CODE); }
APART void ReadNull(void) { *(volatile int *)NULL = 1; }
APART void Quiet(void) { Tests += 0; }

/* ---- mingw's own macros: the handler is a filter ---- */

APART EXCEPTION_DISPOSITION Filter(struct _EXCEPTION_RECORD *Pointers, void *Frame, struct _CONTEXT *C, void *D)
{
    UNREFERENCED_PARAMETER(Frame);
    UNREFERENCED_PARAMETER(C);
    UNREFERENCED_PARAMETER(D);
    Filtered++;
    Seen = (*(PEXCEPTION_RECORD *)Pointers)->ExceptionCode;
    return (EXCEPTION_DISPOSITION)EXCEPTION_EXECUTE_HANDLER;
}

APART ULONG Mingw(void (*Routine)(void))
{
    volatile ULONG Reached = 1;

    __try1(Filter)
    Routine();
    Reached = 2;
    __except1
    return Reached;
}

/* ---- A scope table by hand: a __finally inside a __try; CallGuarded returns 7 from its __except ---- */

APART LONG NTAPI ByHandFilter(EXCEPTION_POINTERS *Pointers, PVOID Frame)
{
    UNREFERENCED_PARAMETER(Frame);
    Filtered++;
    Seen = Pointers->ExceptionRecord->ExceptionCode;
    return EXCEPTION_EXECUTE_HANDLER;
}

APART VOID NTAPI ByHandFinally(BOOLEAN Abnormal, PVOID Frame)
{
    UNREFERENCED_PARAMETER(Frame);
    Finished += Abnormal ? 1 : 100;
}

/* ---- A language handler by hand, with rbp as frame register ---- */

static EXCEPTION_DISPOSITION Check(PEXCEPTION_RECORD Record, PVOID Frame, DISPATCHER *D)
{
    ULONG64 Data = *(ULONG *)D->HandlerData;

    Sound = Sound && (PVOID)D->EstablisherFrame == Frame && Data == 0x5EED && D->ControlPc > D->ImageBase &&
            Record->ExceptionCode == CODE;
    return ExceptionContinueSearch;
}

extern char OwnTarget[];

APART EXCEPTION_DISPOSITION NTAPI OwnHandler(PEXCEPTION_RECORD Record, PVOID Frame, PCONTEXT Context, DISPATCHER *D)
{
    UNREFERENCED_PARAMETER(Context);
    Check(Record, Frame, D);
    if (Record->ExceptionFlags & 0x66) {
        Unwinds++;
        Sound = Sound && Record->ExceptionFlags & 0x20 && D->TargetIp == (ULONG64)OwnTarget;
        return ExceptionContinueSearch;
    }
    Searches++;
    RtlUnwindEx(Frame, OwnTarget, Record, (PVOID)9, D->ContextRecord, D->HistoryTable);
    return ExceptionContinueSearch;
}

/* Handlers for one of the two phases are not called in the other. */
static volatile ULONG Astray, OnSearch, OnUnwind;

APART EXCEPTION_DISPOSITION NTAPI SearchHandler(PEXCEPTION_RECORD Record, PVOID Frame, PCONTEXT Context, DISPATCHER *D)
{
    UNREFERENCED_PARAMETER(Context);
    Check(Record, Frame, D);
    OnSearch++;
    Astray += (Record->ExceptionFlags & 0x66) != 0;
    return ExceptionContinueSearch;
}

APART EXCEPTION_DISPOSITION NTAPI UnwindHandler(PEXCEPTION_RECORD Record, PVOID Frame, PCONTEXT Context, DISPATCHER *D)
{
    UNREFERENCED_PARAMETER(Context);
    Check(Record, Frame, D);
    OnUnwind++;
    Astray += (Record->ExceptionFlags & 0x66) == 0;
    return ExceptionContinueSearch;
}

void CallSearched(void), CallUnwound(void);

ULONG CallGuarded(void (*Routine)(void));
ULONG CallOwn(void (*Routine)(void));

__asm__(".text\n"
        ".globl CallGuarded\n.def CallGuarded; .scl 2; .type 32; .endef\n.seh_proc CallGuarded\nCallGuarded:\n"
        "  push %rbx\n  .seh_pushreg %rbx\n  sub $32, %rsp\n  .seh_stackalloc 32\n  .seh_endprologue\n"
        "  mov $5, %ebx\n"
        "GuardedBegin:\n  call *%rcx\n  nop\nGuardedEnd:\n"
        "  mov $1, %eax\n  jmp 1f\n"
        "GuardedExcept:\n  lea 2(%rbx), %eax\n"
        "1: add $32, %rsp\n  pop %rbx\n  ret\n"
        ".seh_handler __C_specific_handler, @except, @unwind\n.seh_handlerdata\n"
        "  .long 2\n  .rva GuardedBegin, GuardedEnd, ByHandFinally\n  .long 0\n"
        "  .rva GuardedBegin, GuardedEnd, ByHandFilter, GuardedExcept\n"
        ".text\n.seh_endproc\n"
        ".globl CallSearched, CallUnwound\n.def CallSearched; .scl 2; .type 32; .endef\n.seh_proc CallSearched\n"
        "CallSearched:\n  sub $40, %rsp\n  .seh_stackalloc 40\n  .seh_endprologue\n  call Raise\n  nop\n  ud2\n"
        ".seh_handler SearchHandler, @except\n.seh_handlerdata\n  .long 0x5EED\n.text\n.seh_endproc\n"
        ".def CallUnwound; .scl 2; .type 32; .endef\n.seh_proc CallUnwound\n"
        "CallUnwound:\n  sub $72, %rsp\n  .seh_stackalloc 72\n  .seh_endprologue\n  call CallSearched\n  nop\n  ud2\n"
        ".seh_handler UnwindHandler, @unwind\n.seh_handlerdata\n  .long 0x5EED\n.text\n.seh_endproc\n"
        ".globl CallOwn, OwnTarget\n.def CallOwn; .scl 2; .type 32; .endef\n.seh_proc CallOwn\nCallOwn:\n"
        "  push %rbp\n  .seh_pushreg %rbp\n  mov %rsp, %rbp\n  .seh_setframe %rbp, 0\n  .seh_endprologue\n"
        "  sub $4160, %rsp\n  and $-64, %rsp\n  call *%rcx\n  xor %eax, %eax\n"
        "OwnTarget:\n  mov %rbp, %rsp\n  pop %rbp\n  ret\n"
        ".seh_handler OwnHandler, @except, @unwind\n.seh_handlerdata\n  .long 0x5EED\n"
        ".text\n.seh_endproc\n");

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    Result(Mingw(Raise) == 1 && Filtered == 1 && Seen == CODE, "__try1 catches a raise");
    Result(Mingw(ReadNull) == 1 && Filtered == 2 && Seen == STATUS_ACCESS_VIOLATION, "and a fault");
    Result(Mingw(Quiet) == 2 && Filtered == 2, "and lets pass what does neither");
    Result(CallGuarded(Quiet) == 1 && Filtered == 2, "a scope table by hand lets pass, too");
    Result(CallGuarded(Raise) == 7 && Filtered == 3, "its __except runs with the function's registers");
    Result(Finished == 1, "its __finally ran once");
    Sound = TRUE;
    Result(CallOwn(Quiet) == 0 && Searches == 0 && Unwinds == 0, "a language handler of one's own is not called for nothing");
    Result(CallOwn(Raise) == 9 && Searches == 1 && Unwinds == 1 && Sound, "it searches, unwinds and arrives");
    Result(CallOwn(CallUnwound) == 9 && OnSearch == 1 && OnUnwind == 1 && Astray == 0 && Sound, "handlers for one phase only");
    return STATUS_SUCCESS;
}
