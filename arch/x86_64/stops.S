# stops.S - a table of addresses of which each, when called, says which one it was.
#
# A row is a call of Stopped: what it pushes gives the row's number. Stopped takes that word off again, so
# that the stack, and with it a stack trace, is as after the driver's own call. Nothing here returns.
# The table is fixed text: an image's slots need no code made at run time.

#define ROWS 1024                       /* ARCH_STOPS, arch/stops.h */
#define ROW_SHIFT 3

        .section .bss
        .balign 8
StopRoutine:
        .quad   0

        .text
        .balign 16
StopTable:
        .rept   ROWS
        .balign 1 << ROW_SHIFT, 0xCC
        call    Stopped
        .endr

        .balign 16
        .type   Stopped, @function
Stopped:
        .cfi_startproc
        .cfi_def_cfa_offset 16          # the caller's return address, and the row's on top of it
        .cfi_offset rip, -8
        pop     %rcx                    # just behind the row's call
        .cfi_def_cfa_offset 8
        sub     $StopTable, %rcx
        shr     $ROW_SHIFT, %rcx
        mov     (%rsp), %rdx
        jmp     *StopRoutine(%rip)
        .cfi_endproc
        .size   Stopped, . - Stopped

# PVOID ArchStopAddress(ULONG Index)
        .globl  ArchStopAddress
        .type   ArchStopAddress, @function
ArchStopAddress:
        .cfi_startproc
        mov     %ecx, %eax
        shl     $ROW_SHIFT, %rax
        add     $StopTable, %rax
        ret
        .cfi_endproc
        .size   ArchStopAddress, . - ArchStopAddress

# void ArchSetStopRoutine(void (*Routine)(ULONG Index, PVOID Caller))
        .globl  ArchSetStopRoutine
        .type   ArchSetStopRoutine, @function
ArchSetStopRoutine:
        .cfi_startproc
        mov     %rcx, StopRoutine(%rip)
        ret
        .cfi_endproc
        .size   ArchSetStopRoutine, . - ArchSetStopRoutine

        .section .note.GNU-stack, "", @progbits
