# header.S - how a loader recognises the kernel: one Multiboot 1 and one Multiboot 2 header.
#
# Both ask to be loaded by address fields and not as ELF: QEMU's -kernel refuses an ELF64 otherwise, and
# so there is one way of loading to verify. linker.ld keeps the file linear and this section in front.

#define KERNEL_BASE 0xFFFFFFFF80000000
#define PHYSICAL(Symbol) (Symbol - KERNEL_BASE)

#define MB1_MAGIC 0x1BADB002
#define MB1_FLAGS 0x00010003            /* modules on pages, memory map, address fields */

#define MB2_MAGIC 0xE85250D6
#define MB2_I386 0                      /* entered in 32-bit protected mode, on EFI as well */
#define MB2_TAG_END 0
#define MB2_TAG_INFORMATION 1
#define MB2_TAG_ADDRESS 2
#define MB2_TAG_ENTRY 3
#define MB2_TAG_FRAMEBUFFER 5
#define MB2_TAG_MODULE_ALIGN 6
#define MB2_OPTIONAL 1

    .section .multiboot, "a"

    .balign 8
Header1:
    .long MB1_MAGIC
    .long MB1_FLAGS
    .long -(MB1_MAGIC + MB1_FLAGS)
    .long PHYSICAL(Header1)
    .long PHYSICAL(KernelImageStart)
    .long PHYSICAL(KernelLoadEnd)
    .long PHYSICAL(KernelImageEnd)
    .long PHYSICAL(EntryPoint)

    .balign 8
Header2:
    .long MB2_MAGIC
    .long MB2_I386
    .long Header2End - Header2
    .long -(MB2_MAGIC + MB2_I386 + (Header2End - Header2)) & 0xFFFFFFFF

    .balign 8
Information:                            # what we read; all optional, so that a loader lacking one still boots us
    .short MB2_TAG_INFORMATION, MB2_OPTIONAL
    .long InformationEnd - Information
    .long 1, 2, 3, 6, 8, 12, 14, 15     # command line, loader, modules, map, framebuffer, EFI64, RSDP 1 and 2
InformationEnd:

    .balign 8
    .short MB2_TAG_ADDRESS, 0
    .long 24
    .long PHYSICAL(Header2)
    .long PHYSICAL(KernelImageStart)
    .long PHYSICAL(KernelLoadEnd)
    .long PHYSICAL(KernelImageEnd)

    .balign 8
    .short MB2_TAG_ENTRY, 0
    .long 12
    .long PHYSICAL(EntryPoint)

    .balign 8
    .short MB2_TAG_FRAMEBUFFER, MB2_OPTIONAL
    .long 20
    .long 1280, 800, 32

    .balign 8
    .short MB2_TAG_MODULE_ALIGN, MB2_OPTIONAL
    .long 8

    .balign 8
    .short MB2_TAG_END, 0
    .long 8
Header2End:

    .section .note.GNU-stack, "", @progbits
