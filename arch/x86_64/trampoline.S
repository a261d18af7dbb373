# trampoline.S - a started processor's way from real mode to C.
#
# A startup interrupt makes a processor run at the beginning of a page below 1 MiB, in real mode. smp.c
# copies [TrampolineStart, TrampolineEnd) there and fills in SMP_TRAMPOLINE at its end. All processors
# may run through it at once: it writes nothing and needs no stack.

#include "asm_offsets.h"

#define OFFSET(Label) (Label - TrampolineStart)

    .section .rodata
    .balign 16
    .globl TrampolineStart, Trampoline32, Trampoline64, TrampolineData, TrampolineEnd

    .code16
TrampolineStart:
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    movzwl %ax, %ebx
    shll $4, %ebx                       # ebx, to the end: where this page lies
    lgdtl OFFSET(TrampolineData) + TRAMPOLINE_GDT_POINTER
    movl %cr0, %eax
    orl $CR0_PE, %eax
    movl %eax, %cr0
    ljmpl *(OFFSET(TrampolineData) + TRAMPOLINE_FAR32)

    .code32
Trampoline32:
    movl $0x18, %eax                    # Gdt[3], data
    movl %eax, %ds
    movl %eax, %ss
    movl %cr4, %eax
    orl $CR4_PAE, %eax
    movl %eax, %cr4
    movl OFFSET(TrampolineData) + TRAMPOLINE_CR3(%ebx), %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_START, %eax               # no-execute too: our tables use it
    wrmsr
    movl %cr0, %eax
    orl $CR0_PAGING, %eax
    movl %eax, %cr0
    ljmpl *(OFFSET(TrampolineData) + TRAMPOLINE_FAR64)(%ebx)

    .code64
Trampoline64:
    movq OFFSET(TrampolineData) + TRAMPOLINE_KERNEL_CR3(%rbx), %rdx
    movabsq $TrampolineHigh, %rax
    jmp *%rax

    .balign 8
TrampolineData:
    .skip TRAMPOLINE_DATA_SIZE
TrampolineEnd:

# From here in the kernel's image. rdx = the kernel's tables. Find out who we are, take that slot's stack.
    .text
    .balign 16
    .type TrampolineHigh, @function
TrampolineHigh:
    .cfi_startproc
    .cfi_undefined %rip                 # nobody called us: a stack trace ends here
    movq %rdx, %cr3                     # the low page is no longer needed
    xorl %eax, %eax
    cpuid
    cmpl $0xB, %eax                     # leaf 0xB has the whole APIC id, leaf 1 its low 8 bits
    jb 1f
    movl $0xB, %eax
    xorl %ecx, %ecx
    cpuid
    testl %ebx, %ebx                    # 0: the leaf is not filled in
    jnz 2f
1:  movl $1, %eax
    cpuid
    shrl $24, %ebx
    movl %ebx, %edx
2:  leaq SmpSlots(%rip), %rcx
    movl SmpSlotCount(%rip), %eax
3:  subl $1, %eax
    jb 4f
    cmpl %edx, (%rcx)                   # SMP_SLOT.ApicId
    je 5f
    addq $SLOT_SIZE, %rcx
    jmp 3b
4:  cli                                 # nobody called this processor, or no longer
    hlt
    jmp 4b
5:  movl $SLOT_CALLED, %eax
    movl $SLOT_ARRIVED, %edx
    lock cmpxchgl %edx, SLOT_STATE(%rcx)
    jne 4b
    movq SLOT_STACK(%rcx), %rsp
    subq $32, %rsp                      # shadow space
    xorl %ebp, %ebp
    call SmpEnter                       # (slot), does not return
    ud2
    .cfi_endproc
    .size TrampolineHigh, . - TrampolineHigh

    .section .note.GNU-stack, "", @progbits
