# registers.S - what the tests of arch need to do with registers and stacks and C cannot say.

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

    .macro SAVE_ALL
    .irp Register, rbp, rbx, rsi, rdi, r12, r13, r14, r15
    pushq %\Register
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %\Register, 0
    .endr
    .endm

    .macro RESTORE_ALL
    .irp Register, r15, r14, r13, r12, rdi, rsi, rbx, rbp
    popq %\Register
    .cfi_adjust_cfa_offset -8
    .cfi_restore %\Register
    .endr
    .endm

    .section .rodata
    .balign 8
Marks:
    .irp Mark, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88
    .quad 0xABCD000000000000 + \Mark
    .endr
    .text

# ULONG TestSwitch(ARCH_CONTEXT *From, const ARCH_CONTEXT *To): there and back with a mark in each register
# that a callee keeps. Returns how many came back changed.
    BEGIN TestSwitch
    SAVE_ALL
    subq $40, %rsp
    .cfi_adjust_cfa_offset 40
    .set Offset, 0
    .irp Register, rbx, rbp, rsi, rdi, r12, r13, r14, r15
    movq Marks + Offset(%rip), %\Register
    .set Offset, Offset + 8
    .endr
    call ArchSwitchContext
    xorl %eax, %eax
    .set Offset, 0
    .irp Register, rbx, rbp, rsi, rdi, r12, r13, r14, r15
    xorl %ecx, %ecx
    cmpq Marks + Offset(%rip), %\Register
    setne %cl
    addl %ecx, %eax
    .set Offset, Offset + 8
    .endr
    addq $40, %rsp
    .cfi_adjust_cfa_offset -40
    RESTORE_ALL
    ret
    FINISH TestSwitch

# void TestSwitchPartner(PVOID Pair): a thread that leaves other values in all of them and switches from
# Pair[0] to Pair[1], for ever. A misaligned stack or interrupts on show in Pair[2].
    BEGIN TestSwitchPartner
    .cfi_undefined %rip
    movq %rcx, %r12
    leaq 8(%rsp), %rax                  # aligned before the call that came here
    andq $15, %rax
    pushfq
    popq %rdx
    andq $0x200, %rdx
    orq %rdx, %rax
    movq %rax, 16(%r12)
    subq $40, %rsp
    .cfi_adjust_cfa_offset 40
1:  .irp Register, rbx, rbp, rsi, rdi, r13, r14, r15
    movq $-1, %\Register
    .endr
    movq (%r12), %rcx
    movq 8(%r12), %rdx
    call ArchSwitchContext
    jmp 1b
    FINISH TestSwitchPartner

# BOOLEAN TestInterrupt(void): take the IPI vector by an instruction, with a mark in each register that the
# interrupt path has to save by itself, and the direction flag set. Returns whether all was kept.
    .globl TestInterruptEnd
    BEGIN TestInterrupt
    .set Offset, 0
    .irp Register, rax, rcx, rdx, r8, r9, r10, r11
    movq Marks + Offset(%rip), %\Register
    .set Offset, Offset + 8
    .endr
    std
    int $0xE1
    pushfq
    .cfi_adjust_cfa_offset 8
    cld
    .set Offset, 0
    .irp Register, rax, rcx, rdx, r8, r9, r10, r11
    cmpq Marks + Offset(%rip), %\Register
    jne 1f
    .set Offset, Offset + 8
    .endr
    testl $0x400, (%rsp)
    jz 1f
    movl $1, %eax
    addq $8, %rsp
    .cfi_adjust_cfa_offset -8
    ret
    .cfi_adjust_cfa_offset 8
1:  xorl %eax, %eax
    addq $8, %rsp
    .cfi_adjust_cfa_offset -8
    ret
TestInterruptEnd:
    FINISH TestInterrupt

# ULONG64 TestInterruptCost(void): counter ticks between the instructions around one interrupt.
    BEGIN TestInterruptCost
    rdtsc
    movq %rax, %r8
    int $0xE1
    rdtsc
    subq %r8, %rax
    ret
    FINISH TestInterruptCost

# BOOLEAN TestException(void): raise a breakpoint with a mark in every register. Returns whether all was kept.
    .globl TestExceptionEnd
    BEGIN TestException
    SAVE_ALL
    .set Offset, 0
    .irp Register, rbx, rbp, rsi, rdi, r12, r13, r14, r15
    movq Marks + Offset(%rip), %\Register
    .set Offset, Offset + 8
    .endr
    .set Offset, 0
    .irp Register, rax, rcx, rdx, r8, r9, r10, r11
    movq Marks + Offset(%rip), %\Register
    .set Offset, Offset + 8
    .endr
    int3
    .set Offset, 0
    .irp Register, rax, rcx, rdx, r8, r9, r10, r11
    cmpq Marks + Offset(%rip), %\Register
    jne 1f
    .set Offset, Offset + 8
    .endr
    .set Offset, 0
    .irp Register, rbx, rbp, rsi, rdi, r12, r13, r14, r15
    cmpq Marks + Offset(%rip), %\Register
    jne 1f
    .set Offset, Offset + 8
    .endr
    movl $1, %eax
    jmp 2f
1:  xorl %eax, %eax
2:  RESTORE_ALL
    ret
TestExceptionEnd:
    FINISH TestException

# void TestOverflowStack(PVOID Bottom): push on a stack that ends at Bottom. The page below is not mapped, so
# neither this push nor the page fault's works. Whoever handles what comes resumes at TestOverflowLanding.
    .globl TestOverflowLanding
    BEGIN TestOverflowStack
    SAVE_ALL
    movq %rsp, OverflowRsp(%rip)
    movq %rcx, %rsp
    pushq %rax
TestOverflowLanding:
    movq OverflowRsp(%rip), %rsp
    RESTORE_ALL
    ret
    FINISH TestOverflowStack

# void TestSseFill(ULONG64 Seed): a value made from Seed in each of xmm0-15, and in MXCSR's rounding mode.
    BEGIN TestSseFill
    .irp Number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    leaq \Number(%rcx), %rax
    movq %rax, %xmm\Number
    punpcklqdq %xmm\Number, %xmm\Number
    .endr
    andl $3, %ecx
    shll $13, %ecx
    orl $0x1F80, %ecx
    movl %ecx, 8(%rsp)                  # shadow space
    ldmxcsr 8(%rsp)
    ret
    FINISH TestSseFill

# ULONG TestSseCheck(ULONG64 Seed): how many of the 16 registers and MXCSR differ from what TestSseFill left?
    BEGIN TestSseCheck
    xorl %eax, %eax
    .irp Number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    leaq \Number(%rcx), %r8
    movq %xmm\Number, %rdx
    movdqu %xmm\Number, 8(%rsp)
    xorl %r9d, %r9d
    cmpq %r8, %rdx
    setne %r9b
    addl %r9d, %eax
    xorl %r9d, %r9d
    cmpq %r8, 16(%rsp)
    setne %r9b
    addl %r9d, %eax
    .endr
    stmxcsr 8(%rsp)
    andl $3, %ecx
    shll $13, %ecx
    orl $0x1F80, %ecx
    xorl %r9d, %r9d
    cmpl %ecx, 8(%rsp)
    setne %r9b
    addl %r9d, %eax
    ret
    FINISH TestSseCheck

# void TestReadControls(ULONG *Mxcsr, USHORT *Control): SSE's and the x87's control words.
    BEGIN TestReadControls
    stmxcsr (%rcx)
    fnstcw (%rdx)
    ret
    FINISH TestReadControls

    .bss
    .balign 8
OverflowRsp:
    .skip 8

    .section .note.GNU-stack, "", @progbits
