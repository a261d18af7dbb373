/* exception.h - raising, catching and unwinding. */
#pragma once

#include <rtl/exception.h>

DECLSPEC_NORETURN VOID ExRaiseStatus(NTSTATUS Status);
DECLSPEC_NORETURN VOID ExRaiseAccessViolation(VOID);
DECLSPEC_NORETURN VOID ExRaiseDatatypeMisalignment(VOID);
DECLSPEC_NORETURN VOID RtlRaiseStatus(NTSTATUS Status);
VOID RtlRaiseException(PEXCEPTION_RECORD ExceptionRecord);

VOID RtlUnwind(PVOID TargetFrame, PVOID TargetIp, PEXCEPTION_RECORD ExceptionRecord, PVOID ReturnValue);
VOID RtlUnwindEx(PVOID TargetFrame, PVOID TargetIp, PEXCEPTION_RECORD ExceptionRecord, PVOID ReturnValue,
                 PCONTEXT ContextRecord, struct _UNWIND_HISTORY_TABLE *HistoryTable);
PEXCEPTION_ROUTINE RtlVirtualUnwind(ULONG HandlerType, ULONG64 ImageBase, ULONG64 ControlPc,
                                    PRUNTIME_FUNCTION FunctionEntry, PCONTEXT ContextRecord, PVOID *HandlerData,
                                    PULONG64 EstablisherFrame, PKNONVOLATILE_CONTEXT_POINTERS ContextPointers);
PRUNTIME_FUNCTION RtlLookupFunctionEntry(ULONG64 ControlPc, PULONG64 ImageBase,
                                         struct _UNWIND_HISTORY_TABLE *HistoryTable);
PVOID RtlPcToFileHeader(PVOID PcValue, PVOID *BaseOfImage);
USHORT RtlCaptureStackBackTrace(ULONG FramesToSkip, ULONG FramesToCapture, PVOID *BackTrace, PULONG BackTraceHash);

/* In arch/: they are registers and nothing else. */
VOID RtlCaptureContext(PCONTEXT ContextRecord);
DECLSPEC_NORETURN VOID RtlRestoreContext(PCONTEXT ContextRecord, PEXCEPTION_RECORD ExceptionRecord);

/* The language handler of C: __try, __except, __finally. */
EXCEPTION_DISPOSITION __C_specific_handler(PEXCEPTION_RECORD ExceptionRecord, PVOID EstablisherFrame,
                                           PCONTEXT ContextRecord, PDISPATCHER_CONTEXT DispatcherContext);
VOID _local_unwind(PVOID TargetFrame, PVOID TargetIp);

/* May memory that nobody vouches for be touched? */
BOOLEAN KeIsReadable(const void *Address, SIZE_T Length);
BOOLEAN KeIsWritable(PVOID Address, SIZE_T Length);
