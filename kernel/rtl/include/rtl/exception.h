/* exception.h - what exception dispatch and its handlers share: the records of the Microsoft x64 binary interface. */
#pragma once

#include <rtl/ntdef.h>

enum { EXCEPTION_MAXIMUM_PARAMETERS = 15 };

typedef struct _EXCEPTION_RECORD {
    NTSTATUS ExceptionCode;
    ULONG ExceptionFlags;
    struct _EXCEPTION_RECORD *ExceptionRecord;
    PVOID ExceptionAddress;
    ULONG NumberParameters;
    ULONG_PTR ExceptionInformation[EXCEPTION_MAXIMUM_PARAMETERS];
} EXCEPTION_RECORD, *PEXCEPTION_RECORD;

C_ASSERT(sizeof(EXCEPTION_RECORD) == 0x98 && offsetof(EXCEPTION_RECORD, ExceptionAddress) == 0x10);
C_ASSERT(offsetof(EXCEPTION_RECORD, NumberParameters) == 0x18);
C_ASSERT(offsetof(EXCEPTION_RECORD, ExceptionInformation) == 0x20);

/* ExceptionFlags */
enum {
    EXCEPTION_NONCONTINUABLE = 0x01, EXCEPTION_UNWINDING = 0x02, EXCEPTION_EXIT_UNWIND = 0x04,
    EXCEPTION_STACK_INVALID = 0x08, EXCEPTION_NESTED_CALL = 0x10, EXCEPTION_TARGET_UNWIND = 0x20,
    EXCEPTION_COLLIDED_UNWIND = 0x40, EXCEPTION_UNWIND = 0x66
};

typedef struct _M128A { ULONGLONG Low; LONGLONG High; } __attribute__((aligned(16))) M128A, *PM128A;

/* The 512 bytes of FXSAVE. */
typedef struct _XSAVE_FORMAT {
    USHORT ControlWord, StatusWord;
    UCHAR TagWord, Reserved1;
    USHORT ErrorOpcode;
    ULONG ErrorOffset;
    USHORT ErrorSelector, Reserved2;
    ULONG DataOffset;
    USHORT DataSelector, Reserved3;
    ULONG MxCsr, MxCsr_Mask;
    M128A FloatRegisters[8];
    M128A XmmRegisters[16];
    UCHAR Reserved4[96];
} XSAVE_FORMAT, *PXSAVE_FORMAT;

C_ASSERT(sizeof(XSAVE_FORMAT) == 0x200 && offsetof(XSAVE_FORMAT, MxCsr) == 0x18);
C_ASSERT(offsetof(XSAVE_FORMAT, XmmRegisters) == 0xA0);

typedef struct _CONTEXT {
    ULONG64 P1Home, P2Home, P3Home, P4Home, P5Home, P6Home;
    ULONG ContextFlags, MxCsr;
    USHORT SegCs, SegDs, SegEs, SegFs, SegGs, SegSs;
    ULONG EFlags;
    ULONG64 Dr0, Dr1, Dr2, Dr3, Dr6, Dr7;
    union {
        struct { ULONG64 Rax, Rcx, Rdx, Rbx, Rsp, Rbp, Rsi, Rdi, R8, R9, R10, R11, R12, R13, R14, R15; };
        ULONG64 Registers[16];          /* by the processor's own numbers */
    };
    ULONG64 Rip;
    XSAVE_FORMAT FltSave;
    M128A VectorRegister[26];
    ULONG64 VectorControl, DebugControl;
    ULONG64 LastBranchToRip, LastBranchFromRip, LastExceptionToRip, LastExceptionFromRip;
} CONTEXT, *PCONTEXT;

C_ASSERT(sizeof(CONTEXT) == 0x4D0 && offsetof(CONTEXT, ContextFlags) == 0x30 && offsetof(CONTEXT, MxCsr) == 0x34);
C_ASSERT(offsetof(CONTEXT, SegCs) == 0x38 && offsetof(CONTEXT, SegSs) == 0x42 && offsetof(CONTEXT, EFlags) == 0x44);
C_ASSERT(offsetof(CONTEXT, Dr0) == 0x48 && offsetof(CONTEXT, Rax) == 0x78 && offsetof(CONTEXT, Rsp) == 0x98);
C_ASSERT(offsetof(CONTEXT, R15) == 0xF0 && offsetof(CONTEXT, Rip) == 0xF8 && offsetof(CONTEXT, FltSave) == 0x100);
C_ASSERT(offsetof(CONTEXT, FltSave.XmmRegisters) == 0x1A0 && offsetof(CONTEXT, VectorRegister) == 0x300);
C_ASSERT(offsetof(CONTEXT, VectorControl) == 0x4A0 && offsetof(CONTEXT, LastExceptionFromRip) == 0x4C8);

enum {
    CONTEXT_AMD64 = 0x100000, CONTEXT_CONTROL = 0x100001, CONTEXT_INTEGER = 0x100002, CONTEXT_SEGMENTS = 0x100004,
    CONTEXT_FLOATING_POINT = 0x100008, CONTEXT_FULL = 0x10000B
};

/* What setjmp fills. */
typedef struct _JUMP_BUFFER {
    ULONG64 Frame, Rbx, Rsp, Rbp, Rsi, Rdi, R12, R13, R14, R15, Rip;
    ULONG MxCsr;
    USHORT FpCsr, Spare;
    M128A Xmm[10];                      /* from xmm6 on */
} JUMP_BUFFER;

C_ASSERT(sizeof(JUMP_BUFFER) == 0x100 && offsetof(JUMP_BUFFER, Rip) == 0x50 && offsetof(JUMP_BUFFER, Xmm) == 0x60);

typedef struct _EXCEPTION_POINTERS {
    PEXCEPTION_RECORD ExceptionRecord;
    PCONTEXT ContextRecord;
} EXCEPTION_POINTERS, *PEXCEPTION_POINTERS;

typedef enum _EXCEPTION_DISPOSITION {
    ExceptionContinueExecution, ExceptionContinueSearch, ExceptionNestedException, ExceptionCollidedUnwind
} EXCEPTION_DISPOSITION;

/* A row of .pdata; addresses relative to the image. */
typedef struct _RUNTIME_FUNCTION { ULONG BeginAddress, EndAddress, UnwindData; } RUNTIME_FUNCTION, *PRUNTIME_FUNCTION;

C_ASSERT(sizeof(RUNTIME_FUNCTION) == 12);

struct _DISPATCHER_CONTEXT;

/* A language handler: called for its frame while a handler is searched for, and while the frame is unwound. */
typedef EXCEPTION_DISPOSITION (*PEXCEPTION_ROUTINE)(PEXCEPTION_RECORD ExceptionRecord, PVOID EstablisherFrame,
                                                    PCONTEXT ContextRecord,
                                                    struct _DISPATCHER_CONTEXT *DispatcherContext);

typedef struct _DISPATCHER_CONTEXT {
    ULONG64 ControlPc;
    ULONG64 ImageBase;
    PRUNTIME_FUNCTION FunctionEntry;
    ULONG64 EstablisherFrame;
    ULONG64 TargetIp;
    PCONTEXT ContextRecord;
    PEXCEPTION_ROUTINE LanguageHandler;
    PVOID HandlerData;
    struct _UNWIND_HISTORY_TABLE *HistoryTable;
    ULONG ScopeIndex;
    ULONG Fill0;
} DISPATCHER_CONTEXT, *PDISPATCHER_CONTEXT;

C_ASSERT(sizeof(DISPATCHER_CONTEXT) == 0x50 && offsetof(DISPATCHER_CONTEXT, TargetIp) == 0x20);
C_ASSERT(offsetof(DISPATCHER_CONTEXT, LanguageHandler) == 0x30 && offsetof(DISPATCHER_CONTEXT, ScopeIndex) == 0x48);

/* Where on the stack each register that a callee keeps was found. */
typedef struct _KNONVOLATILE_CONTEXT_POINTERS {
    PM128A FloatingContext[16];
    PULONG64 IntegerContext[16];
} KNONVOLATILE_CONTEXT_POINTERS, *PKNONVOLATILE_CONTEXT_POINTERS;

C_ASSERT(sizeof(KNONVOLATILE_CONTEXT_POINTERS) == 0x100);

/* RtlVirtualUnwind's handler types. */
enum { UNW_FLAG_NHANDLER = 0, UNW_FLAG_EHANDLER = 1, UNW_FLAG_UHANDLER = 2 };
