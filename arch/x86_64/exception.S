# exception.S - the registers of exception handling: a context taken, a context resumed, and the two calls of a
# language handler that a walk over the stack must know again.
#
# Kernel code has no SSE, so between a throw and its catch xmm6-15 change only in drivers' functions, which save
# them by the convention: a context taken anywhere in the kernel has the throw's values.

#include "asm_offsets.h"

    .text

    .macro BEGIN Name
    .balign 16
    .globl \Name
    .type \Name, @function
\Name:
    .cfi_startproc
    .endm

    .macro FINISH Name
    .cfi_endproc
    .size \Name, . - \Name
    .endm

    .macro MOVE_STACK Bytes
    addq $\Bytes, %rsp
    .cfi_adjust_cfa_offset -(\Bytes)
    .endm

# VOID RtlCaptureContext(PCONTEXT ContextRecord)
# RtlCaptureContext - the caller's registers as they are when this returns; all but the debug registers. IRQL: any.
# Source: WDK, winnt rtlcapturecontext.
    BEGIN RtlCaptureContext
    .set At, RECORD_RAX
    .irp Register, rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
    movq %\Register, At(%rcx)
    .set At, At + 8
    .endr
    leaq 8(%rsp), %rax
    movq %rax, RECORD_RSP(%rcx)
    movq (%rsp), %rax
    movq %rax, RECORD_RIP(%rcx)
    .set At, RECORD_SEGMENTS
    .irp Segment, cs, ds, es, fs, gs, ss
    movw %\Segment, At(%rcx)
    .set At, At + 2
    .endr
    pushfq
    .cfi_adjust_cfa_offset 8
    popq %rax
    .cfi_adjust_cfa_offset -8
    movl %eax, RECORD_EFLAGS(%rcx)
    movl $CONTEXT_ALL, RECORD_FLAGS(%rcx)
    MOVE_STACK -40
    call ArchCaptureFpu
    MOVE_STACK 40
    ret
    FINISH RtlCaptureContext

# VOID RtlRestoreContext(PCONTEXT ContextRecord, PEXCEPTION_RECORD ExceptionRecord)
# RtlRestoreContext - go on with all the registers of ContextRecord, at the IRQL of now. Flags that drivers have no
# use for (trap, nested task, I/O privilege) stay off. ExceptionRecord: NULL, or with STATUS_LONGJUMP its first
# parameter is a jump buffer, whose registers are put into ContextRecord first. IRQL: any. Source: WDK, winnt rtlrestorecontext.
# The context may lie below its own stack pointer: until iretq nothing leaves the stack of the call.
    BEGIN RtlRestoreContext
    MOVE_STACK -88                      # shadow space, iretq's five words, and 16 that align
    movq %rcx, %rbx                     # nobody gets it back
    call ArchPrepareContext
    xorl %eax, %eax
    movw %ss, %ax
    movq %rax, 32 + 32(%rsp)
    movq RECORD_RSP(%rbx), %rax
    movq %rax, 32 + 24(%rsp)
    movl RECORD_EFLAGS(%rbx), %eax
    andl $RESUME_FLAGS, %eax
    orl $2, %eax
    movq %rax, 32 + 16(%rsp)
    xorl %eax, %eax
    movw %cs, %ax
    movq %rax, 32 + 8(%rsp)
    movq RECORD_RIP(%rbx), %rax
    movq %rax, 32(%rsp)
    movq %rbx, %rax
    .set At, RECORD_RAX + 8
    .irp Register, rcx, rdx, rbx
    movq At(%rax), %\Register
    .set At, At + 8
    .endr
    .set At, At + 8                     # rsp comes from iretq
    .irp Register, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
    movq At(%rax), %\Register
    .set At, At + 8
    .endr
    movq RECORD_RAX(%rax), %rax
    MOVE_STACK 32
    iretq
    FINISH RtlRestoreContext

# EXCEPTION_DISPOSITION ArchCallHandler(PEXCEPTION_RECORD, PVOID EstablisherFrame, PCONTEXT, PDISPATCHER_CONTEXT)
# EXCEPTION_DISPOSITION ArchCallUnwindHandler(...)
# Call the dispatcher context's language handler, while searching and while unwinding. What a walk that comes by
# wants to know is the dispatcher context: it lies HANDLER_SLOT below the frame's CFA.
    .macro CALL_HANDLER Name
    BEGIN \Name
    MOVE_STACK -40
    movq %r9, 40 + 8 - HANDLER_SLOT(%rsp)
    call *DISPATCHER_HANDLER(%r9)
    MOVE_STACK 40
    ret
    FINISH \Name
    .endm

    CALL_HANDLER ArchCallHandler
    CALL_HANDLER ArchCallUnwindHandler

    .section .note.GNU-stack, "", @progbits
