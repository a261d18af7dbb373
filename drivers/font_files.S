# font_files.S - the fonts' files, as build.mk unpacked them: each from FontFile_NAME to FontFileEnd_NAME.

.macro FONT_FILE name, file
    .balign 8
    .globl FontFile_\name, FontFileEnd_\name
FontFile_\name:
    .incbin "\file"
FontFileEnd_\name:
.endm

.section .rodata.fonts, "a", @progbits
    FONT_FILE Regular16, "fonts/Lat15-Terminus16.psf"
    FONT_FILE Bold16, "fonts/Lat15-TerminusBold16.psf"
    FONT_FILE Regular24, "fonts/Lat15-Terminus24x12.psf"
    FONT_FILE Bold24, "fonts/Lat15-TerminusBold24x12.psf"
    FONT_FILE Regular32, "fonts/Lat15-Terminus32x16.psf"
    FONT_FILE Bold32, "fonts/Lat15-TerminusBold32x16.psf"

.section .note.GNU-stack, "", @progbits
