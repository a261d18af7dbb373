# slist.S - a stack of entries that many processors push to and pop from, without a lock.
#
# The list is two words (ARCH_SLIST), always changed together: a count of all changes with the number of
# entries, and the first entry, whose first word leads to the next one. A pop must read that word of an entry which
# another processor may be taking away, and giving to somebody else, in the same moment. What is read then is of no
# consequence: the count has changed, so the exchange fails and the pop begins again. If the memory is not there any
# more, the read faults, and the landing does the same; only a fault on an entry that still is the first one is
# somebody's mistake, and is taken.
# Nothing here moves the stack pointer. rbx, which the exchange wants, is kept in r11.

#include "fixup.inc"

    .set ENTRY_IN, 0x10001              # one change and one entry more
    .set ENTRY_OUT, 0x1FFFF             # one entry fewer, and a change even if the number wraps around
    .set CHANGE, 0x10000

    .macro KEEP_RBX
    movq %rbx, %r11
    .cfi_register rbx, r11
    .endm

    .macro RESTORE_RBX
    movq %r11, %rbx
    .cfi_remember_state
    .cfi_restore rbx
    .endm

    .text

# PVOID ArchPushSlist(ARCH_SLIST *List, PVOID Entry): the entry that was the first before
    .balign 16
    .globl ArchPushSlist
    .type ArchPushSlist, @function
ArchPushSlist:
    .cfi_startproc
    KEEP_RBX
    movq %rcx, %r10
    movq %rdx, %rcx
    movq (%r10), %rax
    movq 8(%r10), %rdx
1:  movq %rdx, (%rcx)
    leaq ENTRY_IN(%rax), %rbx
    lock cmpxchg16b (%r10)
    jnz 1b
    movq %rdx, %rax
    RESTORE_RBX
    ret
    .cfi_endproc
    .size ArchPushSlist, . - ArchPushSlist

# PVOID ArchPopSlist(ARCH_SLIST *List): the entry that is not in it any more; NULL: it is empty
    .balign 16
    .globl ArchPopSlist
    .type ArchPopSlist, @function
ArchPopSlist:
    .cfi_startproc
    KEEP_RBX
    movq %rcx, %r10
    movq (%r10), %rax
    movq 8(%r10), %rdx
1:  testq %rdx, %rdx
    jz 3f
    MAY_FAULT .LGone
    movq (%rdx), %rcx
2:  leaq ENTRY_OUT(%rax), %rbx
    lock cmpxchg16b (%r10)
    jnz 1b
3:  movq %rdx, %rax
    RESTORE_RBX
    ret
    .cfi_restore_state
.LGone:
    cmpq (%r10), %rax
    jne 4f
    cmpq 8(%r10), %rdx
    jne 4f
    movq (%rdx), %rcx                   # nobody took it: let it fault, unless it is there by now
    jmp 2b
4:  movq (%r10), %rax
    movq 8(%r10), %rdx
    jmp 1b
    .cfi_endproc
    .size ArchPopSlist, . - ArchPopSlist

# PVOID ArchFlushSlist(ARCH_SLIST *List): the first of all entries, which are not in it any more; NULL: it is empty
    .balign 16
    .globl ArchFlushSlist
    .type ArchFlushSlist, @function
ArchFlushSlist:
    .cfi_startproc
    KEEP_RBX
    movq %rcx, %r10
    movq (%r10), %rax
    movq 8(%r10), %rdx
    xorl %ecx, %ecx
1:  testq %rdx, %rdx
    jz 2f
    leaq CHANGE(%rax), %rbx
    xorw %bx, %bx
    lock cmpxchg16b (%r10)
    jnz 1b
2:  movq %rdx, %rax
    RESTORE_RBX
    ret
    .cfi_endproc
    .size ArchFlushSlist, . - ArchFlushSlist

    .section .note.GNU-stack, "", @progbits
