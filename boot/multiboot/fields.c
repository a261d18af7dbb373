/* fields.c - the fields that Multiboot 1 and 2 both carry, checked and copied into BOOT_INFO.
 *
 * Nothing the loader says is believed before it has been measured: a text ends within its bounds, a
 * module lies in memory that the map calls usable, a framebuffer's rows hold its pixels. What fails is
 * refused by one line that names the field and its value, and the boot goes on without it. */
#include <rtl/print.h>
#include <rtl/string.h>
#include "parse.h"

enum { MAXIMUM_SCREEN = 16384, VGA_TEXT_BASE = 0xB8000 };
enum { FRAMEBUFFER_PALETTE, FRAMEBUFFER_RGB, FRAMEBUFFER_TEXT };

extern const UCHAR KernelImageStart[], KernelImageEnd[];

#define KERNEL_BASE 0xFFFFFFFF80000000ull

static BOOLEAN Overlap(ULONG64 StartA, ULONG64 EndA, ULONG64 StartB, ULONG64 EndB)
{
    return StartA < EndB && StartB < EndA;
}

/* The name is the file's, without directories; what follows the first blank are arguments. */
static void SplitModuleText(const char *Text, BOOT_MODULE *Module)
{
    const char *Name = Text;
    SIZE_T Length = 0;

    for (; *Text != 0 && *Text != ' '; Text++)
        if (*Text == '/')
            Name = Text + 1;
    Length = Text - Name;
    memcpy(Module->Name, Name, Length);
    Module->Name[Length] = 0;
    while (*Text == ' ')
        Text++;
    memcpy(Module->Arguments, Text, strlen(Text) + 1);
}

/* Is every page of the module memory? The last page may be one that the map gives up only in part. */
static BOOLEAN InUsableMemory(const BOOT_INFO *Info, const BOOT_MODULE *Module)
{
    ULONG64 End = (Module->Base + Module->Length) & ~(ULONG64)(PAGE_SIZE - 1);

    for (ULONG Index = 0; Index < Info->RangeCount; Index++) {
        const BOOT_RANGE *Range = &Info->Ranges[Index];
        ULONG64 RangeEnd = Range->Base + Range->Length;

        if (Range->Type == BootRangeUsable && Module->Base >= Range->Base && Module->Base < RangeEnd && End <= RangeEnd)
            return TRUE;
    }
    return FALSE;
}

/* Why module Index cannot be used; NULL if it can. An empty one is no danger: its reader names it. */
static const char *ModuleFault(const BOOT_INFO *Info, ULONG Index)
{
    const BOOT_MODULE *Module = &Info->Modules[Index];
    ULONG64 End = Module->Base + Module->Length;

    if (Module->Length == 0)
        return NULL;
    if (Overlap(Module->Base, End, (ULONG64)KernelImageStart - KERNEL_BASE, (ULONG64)KernelImageEnd - KERNEL_BASE))
        return "overlaps the kernel";
    for (const BOOT_MODULE *Other = Info->Modules; Other < Module; Other++)
        if (Overlap(Module->Base, End, Other->Base, Other->Base + Other->Length))
            return "overlaps a module before it";
    if (!InUsableMemory(Info, Module))
        return "lies outside the memory that the map calls usable";
    return NULL;
}

/* A colour channel of Bits at Shift: within the pixel, and not empty. */
static BOOLEAN GoodChannel(UCHAR Shift, UCHAR Bits, ULONG PixelBits)
{
    return Bits != 0 && Bits <= 8 && Shift + Bits <= (int)PixelBits;
}

/* Why the mode cannot be drawn in; NULL if it can. */
static const char *FramebufferFault(const BOOT_FRAMEBUFFER *F)
{
    ULONG PixelBytes = (F->BitsPerPixel + 7u) / 8;
    ULONG PixelBits = PixelBytes * 8;

    if (F->BitsPerPixel < 15 || F->BitsPerPixel > 32)
        return "its pixels are not 16, 24 or 32 bits";
    if (F->Width == 0 || F->Height == 0 || F->Width > MAXIMUM_SCREEN || F->Height > MAXIMUM_SCREEN)
        return "no screen has this size";
    if (F->Pitch < F->Width * PixelBytes || F->Pitch > MAXIMUM_SCREEN * 16)
        return "its rows do not fit its pitch";
    if (F->Base == 0 || F->Base >= 1ull << 52)
        return "its address is none";
    if (!GoodChannel(F->RedShift, F->RedBits, PixelBits) || !GoodChannel(F->GreenShift, F->GreenBits, PixelBits) ||
        !GoodChannel(F->BlueShift, F->BlueBits, PixelBits))
        return "its colour channels lie outside the pixel";
    return NULL;
}

/* ---- For the parsers ---- */

/* BootRefuse - say, in one line, what is not believed. */
void BootRefuse(BOOT_PARSER *Parser, const char *Format, ...)
{
    char Line[256];
    va_list Arguments;

    va_start(Arguments, Format);
    RtlFormatV(Line, sizeof Line, Format, Arguments);
    va_end(Arguments);
    Parser->Refusals++;
    Parser->Source->Refuse(Line);
}

/* BootTakeText - copy a text of at most Limit bytes, terminator included, into Target of Size bytes. A
 * text too long is cut and said to be; bytes that are not printable become '?', for they go to a terminal. */
void BootTakeText(BOOT_PARSER *Parser, const char *What, char *Target, SIZE_T Size, const char *Text, SIZE_T Limit)
{
    SIZE_T Length = Text != NULL ? strnlen(Text, Limit) : 0;

    if (Text == NULL)
        BootRefuse(Parser, "%s: its address is not memory", What);
    else if (Length == Limit)
        BootRefuse(Parser, "%s: not terminated within its %Iu bytes", What, Limit);
    if (Length >= Size) {
        BootRefuse(Parser, "%s: cut after %Iu bytes", What, Size - 1);
        Length = Size - 1;
    }
    for (SIZE_T Index = 0; Index < Length; Index++)
        Target[Index] = Text[Index] >= ' ' && Text[Index] < 0x7F ? Text[Index] : '?';
    Target[Length] = 0;
}

/* BootTakeModule - note a module; where it lies is checked by BootCheckModules once the map is known. */
void BootTakeModule(BOOT_PARSER *Parser, ULONG64 Start, ULONG64 End, const char *Text, SIZE_T Limit)
{
    BOOT_INFO *Info = Parser->Info;
    BOOT_MODULE *Module = &Info->Modules[Info->ModuleCount];
    char Line[BOOT_MODULE_NAME];

    if (Info->ModuleCount == BOOT_MAX_MODULES) {
        BootRefuse(Parser, "module at 0x%I64x: there are more than %u", Start, BOOT_MAX_MODULES);
        return;
    }
    BootTakeText(Parser, "module text", Line, sizeof Line, Text, Limit);
    if (End < Start) {
        BootRefuse(Parser, "module %s: ends at 0x%I64x before it starts at 0x%I64x", Line, End, Start);
        return;
    }
    SplitModuleText(Line, Module);
    if (Module->Name[0] == 0)
        RtlFormat(Module->Name, sizeof Module->Name, "module%u", Info->ModuleCount + 1);
    Module->Base = Start;
    Module->Length = End - Start;
    Info->ModuleCount++;
}

/* BootCheckModules - drop the modules that cannot be where they are said to be. */
void BootCheckModules(BOOT_PARSER *Parser)
{
    BOOT_INFO *Info = Parser->Info;
    ULONG Index = 0;

    while (Index < Info->ModuleCount) {
        const BOOT_MODULE *Module = &Info->Modules[Index];
        const char *Fault = ModuleFault(Info, Index);

        if (Fault == NULL) {
            Index++;
            continue;
        }
        BootRefuse(Parser, "module %s at 0x%I64x with 0x%I64x bytes: %s", Module->Name, Module->Base, Module->Length,
                   Fault);
        Info->ModuleCount--;
        memmove(&Info->Modules[Index], &Info->Modules[Index + 1], (Info->ModuleCount - Index) * sizeof *Module);
    }
}

/* BootTakeFramebuffer - Tag: address (8), pitch, width, height (4 each), bits per pixel, type (1 each), the
 * layout of both protocols. Colours: position and size of red, green, blue; NULL if the tag ends before. */
void BootTakeFramebuffer(BOOT_PARSER *Parser, const UCHAR *Tag, const UCHAR *Colours)
{
    BOOT_INFO *Info = Parser->Info;
    BOOT_FRAMEBUFFER F = {
        .Base = Load64(Tag), .Pitch = Load32(Tag + 8), .Width = Load32(Tag + 12), .Height = Load32(Tag + 16),
        .BitsPerPixel = Tag[20]
    };
    UCHAR Type = Tag[21];
    const char *Fault;

    Info->VgaText = FALSE;
    if (Type == FRAMEBUFFER_TEXT) {
        Info->VgaText = F.Base == VGA_TEXT_BASE && F.Width == 80 && F.Height == 25;
        if (!Info->VgaText)
            BootRefuse(Parser, "text screen of %ux%u at 0x%I64x: only 80x25 at 0xb8000 is used", F.Width, F.Height,
                       F.Base);
        return;
    }
    if (Type != FRAMEBUFFER_RGB || Colours == NULL) {
        BootRefuse(Parser, "framebuffer of type %u: only direct colour is drawn in", Type);
        return;
    }
    F.RedShift = Colours[0], F.RedBits = Colours[1];
    F.GreenShift = Colours[2], F.GreenBits = Colours[3];
    F.BlueShift = Colours[4], F.BlueBits = Colours[5];
    Fault = FramebufferFault(&F);
    if (Fault != NULL) {
        BootRefuse(Parser, "framebuffer %ux%ux%u, pitch %u, at 0x%I64x: %s", F.Width, F.Height, F.BitsPerPixel, F.Pitch,
                   F.Base, Fault);
        return;
    }
    Info->Framebuffer = F;
}
