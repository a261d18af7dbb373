# probe.S - instructions that are allowed to fault.
#
# Nothing here moves the stack pointer, so a landing can return at once.

#include "fixup.inc"

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

    .section .note.GNU-stack, "", @progbits
