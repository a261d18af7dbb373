# entry.S - from the loader's 32-bit protected mode to C in 64 bits.
#
# In: eax = loader's magic, ebx = physical address of its information, flat 32-bit segments, paging off,
# interrupts off, no stack. Out: BootMain(magic, information) in the Microsoft x64 convention, on BootStack,
# with provisional page tables: the first 4 GiB at 0 (for this code), at the direct map and, its first 2 GiB,
# at the kernel's base. Everything there is writable and executable; MmInitialize replaces it.
#
# A processor without long mode or no-execute is told so on the screen and on the first serial port, in
# 32-bit code that any 386 can run.

#define KERNEL_BASE 0xFFFFFFFF80000000
#define PHYSICAL(Symbol) (Symbol - KERNEL_BASE)

#define CPUID_LEVEL_1 0x00000001
#define CPUID_EXTENDED 0x80000000
#define CPUID_EXTENDED_1 0x80000001
#define CPUID_EDX_PAE (1 << 6)          /* of level 1 */
#define CPUID_EDX_NX (1 << 20)          /* of extended level 1 */
#define CPUID_EDX_LONG_MODE (1 << 29)

#define EFLAGS_ID (1 << 21)
#define CR0_WP (1 << 16)
#define CR0_PG (1 << 31)
#define CR4_PAE (1 << 5)
#define MSR_EFER 0xC0000080
#define EFER_LME (1 << 8)
#define EFER_NXE (1 << 11)

#define PAGE_PRESENT_WRITE 0x003
#define PAGE_LARGE 0x080

#define SELECTOR_CODE64 0x08
#define SELECTOR_DATA 0x10

#define COM1 0x3F8
#define VGA_TEXT 0xB8000
#define BOOT_STACK_SIZE 0x6000
#define STACK_RESERVE 0x400             /* at a thread's stack top: its SSE state and first frame, written later */

    .section .text
    .code32
    .globl EntryPoint
    .type EntryPoint, @function
EntryPoint:
    cli
    cld
    movl %eax, %ebp                     # ebp, ebx: the loader's two words, kept until the call
    movl $PHYSICAL(BootStackTop - STACK_RESERVE), %esp

    # The loader was asked to clear bss. Not all do.
    xorl %eax, %eax
    movl $PHYSICAL(KernelLoadEnd), %edi
    movl $PHYSICAL(KernelImageEnd), %ecx
    subl %edi, %ecx
    shrl $2, %ecx
    rep stosl

    call CheckProcessor
    call BuildTables

    movl %cr4, %eax
    orl $CR4_PAE, %eax
    movl %eax, %cr4
    movl $PHYSICAL(BootPml4), %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $(EFER_LME | EFER_NXE), %eax
    wrmsr
    movl %cr0, %eax
    orl $(CR0_PG | CR0_WP), %eax
    movl %eax, %cr0
    lgdt PHYSICAL(BootGdtPointer)
    ljmp $SELECTOR_CODE64, $PHYSICAL(Entry64)
    .size EntryPoint, . - EntryPoint

# Does this processor have what we cannot do without? Returns, or complains and stops.
    .type CheckProcessor, @function
CheckProcessor:
    pushl %ebx
    pushfl                              # no cpuid where the ID flag cannot be changed
    popl %eax
    movl %eax, %ecx
    xorl $EFLAGS_ID, %eax
    pushl %eax
    popfl
    pushfl
    popl %eax
    xorl %ecx, %eax
    movl $PHYSICAL(NoCpuid), %esi
    testl $EFLAGS_ID, %eax
    jz Complain

    movl $CPUID_LEVEL_1, %eax
    cpuid
    movl $PHYSICAL(NoLongMode), %esi
    testl $CPUID_EDX_PAE, %edx
    jz Complain
    movl $CPUID_EXTENDED, %eax
    cpuid
    cmpl $CPUID_EXTENDED_1, %eax
    jb Complain
    movl $CPUID_EXTENDED_1, %eax
    cpuid
    testl $CPUID_EDX_LONG_MODE, %edx
    jz Complain
    movl $PHYSICAL(NoNx), %esi
    testl $CPUID_EDX_NX, %edx
    jz Complain
    popl %ebx
    ret
    .size CheckProcessor, . - CheckProcessor

# Show the line at esi on the VGA text screen and on COM1, and stop.
    .type Complain, @function
Complain:
    movw $(COM1 + 3), %dx               # 8 bits, no parity; divisor 1: 115200 baud
    movb $0x80, %al
    outb %al, %dx
    movw $COM1, %dx
    movb $1, %al
    outb %al, %dx
    movw $(COM1 + 1), %dx
    xorb %al, %al
    outb %al, %dx
    movw $(COM1 + 3), %dx
    movb $3, %al
    outb %al, %dx
    movl $VGA_TEXT, %edi
    movl $(80 * 25), %ecx
    movw $0x0720, %ax
    rep stosw                           # what the firmware wrote goes
    movl $VGA_TEXT, %edi
1:  lodsb
    testb %al, %al
    jz 4f
    cmpb $' ', %al                      # the line's end is for the serial port alone
    jb 2f
    movb %al, (%edi)
    movb $0x4F, 1(%edi)                 # white on red
    addl $2, %edi
2:  movb %al, %ah
    movw $(COM1 + 5), %dx
    movl $0x10000, %ecx                 # a port that is not there must not hold us
3:  inb %dx, %al
    testb $0x20, %al
    loopz 3b
    movb %ah, %al
    movw $COM1, %dx
    outb %al, %dx
    jmp 1b
4:  hlt
    jmp 4b
    .size Complain, . - Complain

# Fill the provisional tables (cleared with bss): 2048 large pages for 4 GiB, and the three ways to them.
    .type BuildTables, @function
BuildTables:
    movl $PHYSICAL(BootDirectories), %edi
    movl $(PAGE_PRESENT_WRITE | PAGE_LARGE), %eax
    movl $2048, %ecx
1:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    loop 1b

    movl $PHYSICAL(BootPdptLow), %edi
    movl $(PHYSICAL(BootDirectories) + PAGE_PRESENT_WRITE), %eax
    movl $4, %ecx
2:  movl %eax, (%edi)
    addl $0x1000, %eax
    addl $8, %edi
    loop 2b

    movl $(PHYSICAL(BootDirectories) + PAGE_PRESENT_WRITE), PHYSICAL(BootPdptHigh) + 510 * 8
    movl $(PHYSICAL(BootDirectories) + 0x1000 + PAGE_PRESENT_WRITE), PHYSICAL(BootPdptHigh) + 511 * 8
    movl $(PHYSICAL(BootPdptLow) + PAGE_PRESENT_WRITE), PHYSICAL(BootPml4)
    movl $(PHYSICAL(BootPdptLow) + PAGE_PRESENT_WRITE), PHYSICAL(BootPml4) + 256 * 8
    movl $(PHYSICAL(BootPdptHigh) + PAGE_PRESENT_WRITE), PHYSICAL(BootPml4) + 511 * 8
    ret
    .size BuildTables, . - BuildTables

    .code64
    .type Entry64, @function
Entry64:
    movabsq $EntryHigh, %rax            # leave the identity mapping
    jmp *%rax
    .size Entry64, . - Entry64

    .type EntryHigh, @function
EntryHigh:
    .cfi_startproc
    .cfi_undefined %rip                 # nobody called us: a stack trace ends here
    movl $SELECTOR_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movabsq $(BootStackTop - STACK_RESERVE), %rsp
    lgdt BootGdtPointerHigh(%rip)       # the low one goes away with the identity mapping
    movl %ebp, %ecx
    movl %ebx, %edx
    xorl %ebp, %ebp
    subq $32, %rsp                      # the callee's shadow space
    call BootMain
    ud2
    .cfi_endproc
    .size EntryHigh, . - EntryHigh

    .section .rodata
    .balign 8
BootGdt:
    .quad 0
    .quad 0x00AF9B000000FFFF            # 64-bit code, ring 0
    .quad 0x00CF93000000FFFF            # data, ring 0
BootGdtEnd:
BootGdtPointer:
    .word BootGdtEnd - BootGdt - 1
    .long PHYSICAL(BootGdt)
BootGdtPointerHigh:
    .word BootGdtEnd - BootGdt - 1
    .quad BootGdt

NoCpuid:
    .asciz "Kedge needs a 64-bit x86 processor; this one does not even have CPUID.\r\n"
NoLongMode:
    .asciz "Kedge needs a 64-bit x86 processor; this one has no long mode.\r\n"
NoNx:
    .asciz "Kedge needs no-execute pages: not in this processor, or off in its setup.\r\n"

    .section .bss.page, "aw", @nobits
    .balign 0x1000
BootPml4:
    .skip 0x1000
BootPdptLow:
    .skip 0x1000
BootPdptHigh:
    .skip 0x1000
BootDirectories:
    .skip 0x4000

# The boot processor's two stacks: the first becomes its idle thread's, its DPCs run on the second. Each
# grows towards a page that boot/main.c unmaps.
    .globl BootStackGuard, BootStackTop, BootDispatchGuard, BootDispatchTop
BootStackGuard:
    .skip 0x1000
    .skip BOOT_STACK_SIZE
BootStackTop:
BootDispatchGuard:
    .skip 0x1000
    .skip BOOT_STACK_SIZE
BootDispatchTop:

    .section .note.GNU-stack, "", @progbits
