# switch.S - from one stack to another: between threads, and within one.

#include "asm_offsets.h"

    .text

    .macro PUSH Register
    pushq %\Register
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %\Register, 0
    .endm

    .macro POP Register
    popq %\Register
    .cfi_adjust_cfa_offset -8
    .cfi_restore %\Register
    .endm

# void ArchSwitchContext(ARCH_CONTEXT *From, ARCH_CONTEXT *To)
# In: interrupts off, SSE settled. Out: on To's stack, where To called, interrupts still off.
# To may have been readied while its processor was still on the way here: Busy says so, and is waited for only after
# From has been let go, so that two processors that exchange threads do not wait for each other. Between the two,
# nothing is on any stack. The exchange is also the barrier between To's being Running and its look for APCs.
# Frame: ARCH_SWITCH_FRAME of port.h, the integer registers that a callee keeps. The CFI holds for both
# stacks, because a thread that sleeps was left in this very routine.
    .balign 16
    .globl ArchSwitchContext
    .type ArchSwitchContext, @function
ArchSwitchContext:
    .cfi_startproc
    PUSH rbp
    PUSH rbx
    PUSH rsi
    PUSH rdi
    PUSH r12
    PUSH r13
    PUSH r14
    PUSH r15
    movq %rsp, CONTEXT_RSP(%rcx)
    movl $1, %eax
    movq $0, CONTEXT_BUSY(%rcx)
1:  xchgq %rax, CONTEXT_BUSY(%rdx)
    testl %eax, %eax
    jne 2f
    movq CONTEXT_RSP(%rdx), %rsp
    POP r15
    POP r14
    POP r13
    POP r12
    POP rdi
    POP rsi
    POP rbx
    POP rbp
    ret

2:  .cfi_adjust_cfa_offset 64
    pause
    cmpq $0, CONTEXT_BUSY(%rdx)
    jne 2b
    movl $1, %eax
    jmp 1b
    .cfi_endproc
    .size ArchSwitchContext, . - ArchSwitchContext

# Where the first switch to a new thread returns to: r12 = its routine, r13 = the argument (context.c).
# Nobody called this: an undefined return address tells an unwinder that the stack ends here.
    .balign 16
    .globl SwitchStartThread
    .type SwitchStartThread, @function
SwitchStartThread:
    .cfi_startproc
    .cfi_undefined %rip
    movq %r13, %rcx
    subq $32, %rsp                      # shadow space; rsp is aligned as before a call
    .cfi_adjust_cfa_offset 32
    xorl %ebp, %ebp
    call *%r12
    ud2                                 # the routine must not return
    .cfi_endproc
    .size SwitchStartThread, . - SwitchStartThread

# void ArchCallOnStack(PVOID StackTop, void (*Routine)(PVOID), PVOID Argument)
# void ArchCallOnOwnStack(...): the same for a stack that is the caller's own: what happens there is its doing.
# The old stack is found again through rbp, which Routine keeps; by it the CFI crosses stacks, too.
    .macro CALL_ON_STACK Name
    .balign 16
    .globl \Name
    .type \Name, @function
\Name:
    .cfi_startproc
    PUSH rbp
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    leaq -32(%rcx), %rsp                # shadow space
    movq %r8, %rcx
    call *%rdx
    leave
    .cfi_def_cfa %rsp, 8
    .cfi_restore %rbp
    ret
    .cfi_endproc
    .size \Name, . - \Name
    .endm

    CALL_ON_STACK ArchCallOnStack
    CALL_ON_STACK ArchCallOnOwnStack

# void ArchCallRoutineOnStack(PVOID A1, PVOID A2, PVOID A3, PVOID A4, PVOID Routine, PVOID StackTop)
# The arguments are in Routine's registers already: 8 instructions, and no second C frame between.
    .balign 16
    .globl ArchCallRoutineOnStack
    .type ArchCallRoutineOnStack, @function
ArchCallRoutineOnStack:
    .cfi_startproc
    PUSH rbp
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    movq 48(%rbp), %rax                 # above rbp, the return address and the shadow space: Routine
    movq 56(%rbp), %rsp
    subq $32, %rsp                      # shadow space
    call *%rax
    leave
    .cfi_def_cfa %rsp, 8
    .cfi_restore %rbp
    ret
    .cfi_endproc
    .size ArchCallRoutineOnStack, . - ArchCallRoutineOnStack

    .section .note.GNU-stack, "", @progbits
