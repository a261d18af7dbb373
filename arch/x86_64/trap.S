# trap.S - every way into the kernel from an interrupt or an exception.
#
# There are two. An exception saves all registers as ARCH_TRAP_FRAME: someone may print, unwind or change
# them. An interrupt saves only what the Microsoft x64 convention lets a callee destroy (rax rcx rdx r8 to
# r11); the rest survives the call by itself, and floating point is not touched by kernel code. The four
# vectors that a running system takes (clock, IPI, dispatch, APC) have entries of their own, which know
# their IRQL and their row of the client table as constants.
#
# All gates turn interrupts off. The stack is the interrupted thread's, aligned by the processor to 16
# bytes before it pushes 5 words; NMI, double fault and machine check are on stacks of their own.
#
# CFI: these are signal frames. The CFA is the end of what the processor pushed, so the interrupted rsp is
# not the CFA but a saved register like others: an unwinder must honour a rule for rsp.

#include "asm_offsets.h"

    .text

# State on entry: the processor's five words are on the stack.
    .macro TRAP_PROC Name
    .balign 16
    .globl \Name
    .type \Name, @function
\Name:
    .cfi_startproc simple
    .cfi_signal_frame
    .cfi_def_cfa %rsp, 40
    .cfi_offset %rip, -40
    .cfi_offset %rsp, -16
    .endm

    .macro TRAP_END Name
    .cfi_endproc
    .size \Name, . - \Name
    .endm

    .macro SAVE Registers:vararg
    .irp Register, \Registers
    pushq %\Register
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %\Register, 0
    .endr
    .endm

    .macro RESTORE Registers:vararg
    .irp Register, \Registers
    popq %\Register
    .cfi_adjust_cfa_offset -8
    .cfi_restore %\Register
    .endr
    .endm

    .macro MOVE_STACK Bytes
    .if \Bytes < 0
    subq $-(\Bytes), %rsp
    .else
    addq $\Bytes, %rsp
    .endif
    .cfi_adjust_cfa_offset -(\Bytes)
    .endm

# ---- One stub per vector: make the stack look alike, tell the vector, go on. ----

#define WITH_ERROR_CODE 0x60227D00      /* vectors 8, 10 to 14, 17, 21, 29, 30 */

    .macro VECTOR_ENTRY Vector
    .balign TRAP_STUB_SIZE
    .set HasErrorCode, 0
    .if \Vector < 32
    .set HasErrorCode, (WITH_ERROR_CODE >> \Vector) & 1
    .endif
    .if HasErrorCode
    .cfi_def_cfa_offset 48              # the processor has pushed an error code
    pushq $\Vector
    .cfi_adjust_cfa_offset 8
    jmp TrapEnterException
    .elseif \Vector < 32 || \Vector == TRAP_FAST_FAIL || \Vector == TRAP_ASSERT || \Vector == TRAP_DEBUG_SERVICE
    .cfi_def_cfa_offset 40
    pushq $0                            # in place of an error code
    .cfi_adjust_cfa_offset 8
    pushq $\Vector
    .cfi_adjust_cfa_offset 8
    jmp TrapEnterException
    .else
    .cfi_def_cfa_offset 40
    pushq $\Vector
    .cfi_adjust_cfa_offset 8
    jmp TrapEnterInterrupt
    .endif
    .endm

    TRAP_PROC TrapStubs
    .altmacro
    .set Number, 0
    .rept 256
    VECTOR_ENTRY %Number
    .set Number, Number + 1
    .endr
    .noaltmacro
    TRAP_END TrapStubs

# ---- Exceptions: the whole frame, then TrapException(Frame). ----

    TRAP_PROC TrapEnterException
    .cfi_def_cfa_offset 56              # error code and vector lie below the five words
    MOVE_STACK -8                       # room for Irql
    SAVE r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
    movq %cr8, %rax
    movq %rax, FRAME_IRQL(%rsp)
    movq %rsp, %rcx                     # first argument: the frame
    MOVE_STACK -40                      # shadow space, and 8 that align the call
    cld                                 # C expects it clear; the interrupted code may not
    call TrapException
    MOVE_STACK 40
    movq FRAME_IRQL(%rsp), %rax         # as the frame says now, like every register below
    movq %rax, %cr8
    RESTORE rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
    MOVE_STACK 24                       # Irql, Vector, ErrorCode
    iretq
    TRAP_END TrapEnterException

# ---- Interrupts. ----

# Save what C may destroy and raise CR8 to the vector's level, as drivers can read it. 13 instructions.
# Seven registers after the five words leave rsp aligned: 32 bytes of shadow space, the old IRQL, 8 to align.
#define OLD_IRQL 32

    .macro ENTER Irql
    SAVE rax, rcx, rdx, r8, r9, r10, r11
    movq %cr8, %rax
    MOVE_STACK -48
    movq %rax, OLD_IRQL(%rsp)           # on this thread's stack: it may be switched away from
    movl $\Irql, %eax
    movq %rax, %cr8
    cld                                 # C expects it clear; the interrupted code may not
    .endm

# Back to the interrupted instruction. 11 instructions. Interrupts are off, so what CR8 now lets through
# comes after iretq, when this frame is gone: interrupts never pile up on a stack.
    .macro LEAVE
    movq OLD_IRQL(%rsp), %rax
    movq %rax, %cr8
    MOVE_STACK 48
    RESTORE r11, r10, r9, r8, rdx, rcx, rax
    iretq
    .endm

# Tell the APIC before the client runs: the client may switch threads, and CR8 keeps lower vectors out.
    .macro END_OF_INTERRUPT
    cmpb $0, %gs:CPU_X2APIC             # the register is in memory, or an MSR
    jne 8f
    movl $0, APIC_EOI_REGISTER
9:
    .endm

# The MSR's way, out of the straight path.
    .macro END_OF_INTERRUPT_X2APIC
8:  movl $MSR_X2APIC_EOI, %ecx
    xorl %eax, %eax
    xorl %edx, %edx
    wrmsr
    jmp 9b
    .endm

# The clock: a deadline has passed. TRUE from the client: its Dispatch is to run soon. If the interrupted
# code was below DISPATCH_LEVEL that is now, on the way out, for the price of no second interrupt; else it
# is when that code lowers its IRQL, which an interrupt to ourselves waits for.
    TRAP_PROC TrapEnterClock
    ENTER IRQL_CLOCK
    incq %gs:CPU_INTERRUPT_COUNT
    incb %gs:CPU_IN_INTERRUPT
    END_OF_INTERRUPT
    movl OLD_IRQL(%rsp), %ecx
    call *TrapClient + CLIENT_CLOCK(%rip)
    decb %gs:CPU_IN_INTERRUPT
    testb %al, %al
    jnz 1f
    .cfi_remember_state
    LEAVE
    .cfi_restore_state
1:  cmpb $IRQL_DISPATCH, OLD_IRQL(%rsp)
    jae 2f
    movl $IRQL_DISPATCH, %eax
    movq %rax, %cr8
    jmp TrapRunDispatch
2:  call ArchRequestDispatch
    .cfi_remember_state
    LEAVE
    .cfi_restore_state
    END_OF_INTERRUPT_X2APIC
    TRAP_END TrapEnterClock

# Another processor asks for something that cannot wait for DISPATCH_LEVEL.
    TRAP_PROC TrapEnterIpi
    ENTER IRQL_IPI
    incq %gs:CPU_INTERRUPT_COUNT
    incb %gs:CPU_IN_INTERRUPT
    END_OF_INTERRUPT
    call *TrapClient + CLIENT_IPI(%rip)
    decb %gs:CPU_IN_INTERRUPT
    .cfi_remember_state
    LEAVE
    .cfi_restore_state
    END_OF_INTERRUPT_X2APIC
    TRAP_END TrapEnterIpi

# DPCs and preemption. Interrupts are on meanwhile: only CR8 holds back what is at this level or below.
    TRAP_PROC TrapEnterDispatch
    ENTER IRQL_DISPATCH
    incq %gs:CPU_INTERRUPT_COUNT
    END_OF_INTERRUPT
TrapRunDispatch:
    sti
    call *TrapClient + CLIENT_DISPATCH(%rip)
    cli
    .cfi_remember_state
    LEAVE
    .cfi_restore_state
    END_OF_INTERRUPT_X2APIC
    TRAP_END TrapEnterDispatch

# Asynchronous procedure calls to the current thread.
    TRAP_PROC TrapEnterApc
    ENTER IRQL_APC
    incq %gs:CPU_INTERRUPT_COUNT
    END_OF_INTERRUPT
    sti
    call *TrapClient + CLIENT_APC(%rip)
    cli
    .cfi_remember_state
    LEAVE
    .cfi_restore_state
    END_OF_INTERRUPT_X2APIC
    TRAP_END TrapEnterApc

# Any other vector, which its stub has pushed: counted in C, at the level that its number says.
    TRAP_PROC TrapEnterInterrupt
    .cfi_def_cfa_offset 48
    SAVE rax, rcx, rdx, r8, r9, r10, r11
    movq %cr8, %rax
    MOVE_STACK -40
    movq %rax, OLD_IRQL(%rsp)
    movl 40 + 56(%rsp), %ecx            # the vector: above this room and the seven registers
    movl %ecx, %eax
    shrl $4, %eax
    movq %rax, %cr8
    cld
    call TrapInterrupt
    movq OLD_IRQL(%rsp), %rax
    movq %rax, %cr8
    MOVE_STACK 40
    RESTORE r11, r10, r9, r8, rdx, rcx, rax
    MOVE_STACK 8
    iretq
    TRAP_END TrapEnterInterrupt

# ---- The first SSE instruction since this thread got the processor: fetch its state and let it go on. ----

    TRAP_PROC TrapEnterNoFpu
    SAVE rax
    cmpb $0, %gs:CPU_FPU_LIVE           # live state and CR0.TS contradict each other
    jne 1f
    movq %gs:CPU_FPU_AREA, %rax
    testq %rax, %rax                    # no thread yet whose state it could be
    jz 1f
    clts
    fxrstor64 (%rax)
    movb $1, %gs:CPU_FPU_LIVE
    .cfi_remember_state
    RESTORE rax
    iretq
    .cfi_restore_state
1:  RESTORE rax
    jmp TrapStubs + 7 * TRAP_STUB_SIZE
    TRAP_END TrapEnterNoFpu

    .section .note.GNU-stack, "", @progbits
