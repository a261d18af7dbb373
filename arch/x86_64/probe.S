# probe.S - instructions that are allowed to fault.
#
# Each is a row of ProbeFixups: if it raises a page fault or a protection fault, TrapException makes the
# processor go on at the row's landing instead of stopping the kernel. Nothing here moves the stack
# pointer, so a landing can return at once.

    .text

    .macro MAY_FAULT Landing
    .pushsection .rodata.fixups, "a"
    .quad 1f, \Landing
    .popsection
1:
    .endm

    .section .rodata.fixups, "a"
    .balign 8
    .globl ProbeFixups
ProbeFixups:
    .text

# BOOLEAN ProbeRead(const void *Address)
    .balign 16
    .globl ProbeRead
    .type ProbeRead, @function
ProbeRead:
    .cfi_startproc
    MAY_FAULT ProbeFailed
    movb (%rcx), %al
    movl $1, %eax
    ret
    .cfi_endproc
    .size ProbeRead, . - ProbeRead

# BOOLEAN ProbeWrite(void *Address)
    .balign 16
    .globl ProbeWrite
    .type ProbeWrite, @function
ProbeWrite:
    .cfi_startproc
    MAY_FAULT ProbeFailed
    lock orb $0, (%rcx)                 # a write of what is there, whoever else writes meanwhile
    movl $1, %eax
    ret
    .cfi_endproc
    .size ProbeWrite, . - ProbeWrite

    .type ProbeFailed, @function
ProbeFailed:
    .cfi_startproc
    xorl %eax, %eax
    ret
    .cfi_endproc
    .size ProbeFailed, . - ProbeFailed

    .section .rodata.fixups, "a"
    .globl ProbeFixupsEnd
ProbeFixupsEnd:

    .section .note.GNU-stack, "", @progbits
