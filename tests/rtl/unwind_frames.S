/* unwind_frames.S - functions with known registers and every kind of frame description, for
 * unwind_test.c. Each FrameX calls its argument's next link; the last calls UnwindTestBottom. */
    .text

/* void UnwindTestChain(void): loads a mark into every callee-saved register, records rsp, and calls
 * through all the frames below. The marks must be seen again at each level of the walk. */
    .globl UnwindTestChain
    .type UnwindTestChain, @function
UnwindTestChain:
    .cfi_startproc
    push %rbx
    .cfi_def_cfa_offset 16
    .cfi_offset rbx, -16
    push %rbp
    .cfi_def_cfa_offset 24
    .cfi_offset rbp, -24
    push %rsi
    .cfi_def_cfa_offset 32
    .cfi_offset rsi, -32
    push %rdi
    .cfi_def_cfa_offset 40
    .cfi_offset rdi, -40
    push %r12
    .cfi_def_cfa_offset 48
    .cfi_offset r12, -48
    push %r13
    .cfi_def_cfa_offset 56
    .cfi_offset r13, -56
    push %r14
    .cfi_def_cfa_offset 64
    .cfi_offset r14, -64
    push %r15
    .cfi_def_cfa_offset 72
    .cfi_offset r15, -72
    sub $40, %rsp
    .cfi_def_cfa_offset 112
    mov $0x1111111111111111, %rbx
    mov $0x2222222222222222, %rbp
    mov $0x3333333333333333, %rsi
    mov $0x4444444444444444, %rdi
    mov $0xCCCCCCCCCCCCCCCC, %r12
    mov $0xDDDDDDDDDDDDDDDD, %r13
    mov $0xEEEEEEEEEEEEEEEE, %r14
    mov $0xFFFFFFFFFFFFFFF0, %r15
    mov %rsp, UnwindTestRsp(%rip)
    call FrameByRbp
    .globl UnwindTestReturn
UnwindTestReturn:
    add $40, %rsp
    .cfi_remember_state
    .cfi_def_cfa_offset 72
    pop %r15
    .cfi_def_cfa_offset 64
    pop %r14
    .cfi_def_cfa_offset 56
    pop %r13
    .cfi_def_cfa_offset 48
    pop %r12
    .cfi_def_cfa_offset 40
    pop %rdi
    .cfi_def_cfa_offset 32
    pop %rsi
    .cfi_def_cfa_offset 24
    pop %rbp
    .cfi_def_cfa_offset 16
    pop %rbx
    .cfi_def_cfa_offset 8
    ret
    .cfi_endproc
    .size UnwindTestChain, . - UnwindTestChain

/* A frame counted from rbp, with the stack moved by an amount that no rule mentions. */
    .type FrameByRbp, @function
FrameByRbp:
    .cfi_startproc
    push %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset rbp, -16
    mov %rsp, %rbp
    .cfi_def_cfa_register rbp
    push %rbx
    .cfi_offset rbx, -24
    sub $0x128, %rsp
    and $-64, %rsp
    xor %ebx, %ebx
    call FrameByRegister
    mov -8(%rbp), %rbx
    leave
    .cfi_def_cfa rsp, 8
    ret
    .cfi_endproc
    .size FrameByRbp, . - FrameByRbp

/* Registers kept in registers, and a state remembered and restored around an early exit. */
    .type FrameByRegister, @function
FrameByRegister:
    .cfi_startproc
    sub $56, %rsp
    .cfi_def_cfa_offset 64
    mov %r12, 32(%rsp)
    .cfi_rel_offset r12, 32
    mov %rsi, %r12
    .cfi_register rsi, r12
    xor %esi, %esi
    test %rsp, %rsp
    .cfi_remember_state
    jnz 1f
    .cfi_def_cfa_offset 8
    .cfi_restore r12
    .cfi_same_value rsi
    ret
1:  .cfi_restore_state
    call FrameByExpression
    mov %r12, %rsi
    .cfi_restore rsi
    mov 32(%rsp), %r12
    .cfi_restore r12
    add $56, %rsp
    .cfi_def_cfa_offset 8
    ret
    .cfi_endproc
    .size FrameByRegister, . - FrameByRegister

/* A stack of its own: the frame address is found through memory by an expression.
 *   CFA = *(rsp + 40) + 16      DW_CFA_def_cfa_expression { breg7 40; deref; plus_uconst 16 }
 *   r13 at (CFA - 16) - 8       DW_CFA_expression r13     { lit24; minus }
 *   r14 = *(rsp + 48) ^ -1      DW_CFA_val_expression r14 { drop; breg7 48; deref; not } */
    .type FrameByExpression, @function
FrameByExpression:
    .cfi_startproc
    push %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset rbp, -16
    mov %rsp, %rbp
    .cfi_def_cfa_register rbp
    push %r13
    .cfi_offset r13, -24
    lea UnwindTestStack + 16384 - 64(%rip), %rsp
    mov %rbp, 40(%rsp)
    mov %r14, %rax
    not %rax
    mov %rax, 48(%rsp)
    .cfi_escape 0x0f, 5, 0x77, 40, 0x06, 0x23, 16
    .cfi_escape 0x10, 13, 2, 0x48, 0x1c
    .cfi_escape 0x16, 14, 5, 0x13, 0x77, 48, 0x06, 0x20
    xor %r13d, %r13d
    xor %r14d, %r14d
    call FrameSignal
    mov 48(%rsp), %r14
    not %r14
    .cfi_restore r14
    mov -8(%rbp), %r13
    .cfi_restore r13
    mov %rbp, %rsp
    .cfi_def_cfa rbp, 16
    pop %rbp
    .cfi_def_cfa rsp, 8
    ret
    .cfi_endproc
    .size FrameByExpression, . - FrameByExpression

/* A trap frame: the interrupted rip and rsp are stored values, and rip is exact. It is laid out as the
 * processor does it (rip, cs, rflags, rsp), over a caller that stands at its very first instruction,
 * where only the row of the function's entry is right. */
    .type FrameSignal, @function
FrameSignal:
    .cfi_startproc
    lea FrameEntry(%rip), %rax
    mov %rsp, %rdx
    sub $8, %rsp
    .cfi_adjust_cfa_offset 8
    push %rdx
    .cfi_adjust_cfa_offset 8
    pushq $0
    .cfi_adjust_cfa_offset 8
    pushq $0
    .cfi_adjust_cfa_offset 8
    push %rax
    .cfi_adjust_cfa_offset 8
    call FrameTrap
    add $40, %rsp
    .cfi_adjust_cfa_offset -40
    ret
    .cfi_endproc
    .size FrameSignal, . - FrameSignal

    .type FrameTrap, @function
FrameTrap:
    .cfi_startproc simple
    .cfi_signal_frame
    .cfi_def_cfa rsp, 8
    .cfi_offset rip, 0
    .cfi_offset rsp, 24
    push %r15
    .cfi_adjust_cfa_offset 8
    .cfi_offset r15, -16
    xor %r15d, %r15d
    sub $32, %rsp
    .cfi_adjust_cfa_offset 32
    call UnwindTestCapture
    add $32, %rsp
    .cfi_adjust_cfa_offset -32
    pop %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore r15
    ret
    .cfi_endproc
    .size FrameTrap, . - FrameTrap

/* Never run: the interrupted function of FrameTrap. Its frame is that of a function just entered, as
 * FrameSignal's is, with nothing saved yet. */
    .byte 0xCC
    .type FrameEntry, @function
FrameEntry:
    .cfi_startproc
    sub $0x1000, %rsp
    .cfi_def_cfa_offset 0x1008
    add $0x1000, %rsp
    .cfi_def_cfa_offset 8
    ret
    .cfi_endproc
    .size FrameEntry, . - FrameEntry

/* The outermost frame: calls rcx, and has no caller. */
    .globl UnwindTestOutermost
    .type UnwindTestOutermost, @function
UnwindTestOutermost:
    .cfi_startproc
    .cfi_undefined rip
    sub $40, %rsp
    .cfi_adjust_cfa_offset 40
    call *%rcx
    add $40, %rsp
    .cfi_adjust_cfa_offset -40
    ret
    .cfi_endproc
    .size UnwindTestOutermost, . - UnwindTestOutermost

/* Store the caller's registers, as they are after the return, into UnwindTestContext and call
 * UnwindTestBottom. */
    .globl UnwindTestCapture
    .type UnwindTestCapture, @function
UnwindTestCapture:
    .cfi_startproc
    lea UnwindTestContext(%rip), %rax
    mov %rcx, 8(%rax)
    mov %rdx, 16(%rax)
    mov %rbx, 24(%rax)
    lea 8(%rsp), %rdx
    mov %rdx, 32(%rax)
    mov %rbp, 40(%rax)
    mov %rsi, 48(%rax)
    mov %rdi, 56(%rax)
    mov %r8, 64(%rax)
    mov %r9, 72(%rax)
    mov %r10, 80(%rax)
    mov %r11, 88(%rax)
    mov %r12, 96(%rax)
    mov %r13, 104(%rax)
    mov %r14, 112(%rax)
    mov %r15, 120(%rax)
    mov (%rsp), %rdx
    mov %rdx, 128(%rax)
    push %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset rbp, -16
    mov %rsp, %rbp
    .cfi_def_cfa_register rbp
    sub $32, %rsp
    and $-16, %rsp
    call UnwindTestBottom
    leave
    .cfi_def_cfa rsp, 8
    ret
    .cfi_endproc
    .size UnwindTestCapture, . - UnwindTestCapture

    .local UnwindTestStack
    .comm UnwindTestStack, 16384, 16
    .section .note.GNU-stack, "", @progbits
