/* image.c - driver images in memory, and whose an address is.
 *
 * The list is an array of pointers that the loading thread alone writes; one driver is loaded or unloaded at
 * a time. Readers take no lock, since they include the stop screen, which may have caught the writer
 * half-way: a slot is filled after its image is complete and emptied before the image goes. An image is
 * unloaded only when nothing of it runs, so no reader holds one that goes. */
#include "ldrp.h"
#include <ex/pool.h>
#include <ke/bugcheck.h>
#include <ke/clock.h>
#include <mm/mm.h>
#include <rtl/print.h>
#include <rtl/stacktrace.h>
#include <rtl/string.h>

static LDR_IMAGE *volatile Images[LDR_MAX_IMAGES];
static BOOLEAN Verifier;

/* The file's name as it may go to a screen. */
static void CopyName(char *To, const char *From)
{
    SIZE_T i;

    for (i = 0; i < LDR_NAME_SIZE - 1 && From[i] != 0; i++)
        To[i] = From[i] > ' ' && From[i] <= '~' ? From[i] : '_';
    To[i] = 0;
}

static PVOID ResolveImport(void *Context, const char *Module, const char *Name)
{
    LDR_IMAGE *Image = Context;
    PVOID Target = LdrpFindExport(Module, Name);

    Image->Imports++;
    if (Target != NULL)
        return Target;
    Image->Unresolved++;
    return LdrpBindStop(Image, Module, Name);
}

static BOOLEAN BuildImage(LDR_IMAGE *Image, PE_REFUSAL *Refusal)
{
    const PE_FILE *File = &Image->File;
    const PE_LAYOUT *Layout = &Image->Layout;

    if (!PeCheck(File, &Image->Layout, Refusal))
        return FALSE;
    Image->Base = MmAllocatePages(Layout->SizeOfImage);
    if (Image->Base == NULL)
        return LdrpRefuse(Refusal, File, "SizeOfImage is 0x%x, and so much memory is not free", Layout->SizeOfImage);
    if (!PeMap(File, Layout, Image->Base, Refusal))
        return FALSE;
    PeSetSecurityCookie(Layout, Image->Base, (ULONG64)KeQueryPerformanceCounter(NULL).QuadPart);
    if (!PeBindImports(File, Layout, Image->Base, ResolveImport, Image, Refusal))
        return FALSE;
    PeProtect(Layout, Image->Base);
    return TRUE;
}

static void FreeImage(LDR_IMAGE *Image)
{
    if (Image->Base != NULL)
        MmFreePages(Image->Base, Image->Layout.SizeOfImage);
    ExFreePoolWithTag(Image, LDR_TAG);
}

static ULONG FindSlot(const LDR_IMAGE *Image)
{
    ULONG i = 0;

    while (i < LDR_MAX_IMAGES && Images[i] != Image)
        i++;
    return i;
}

/* The drivers' part of the stop screen. */
static void PrintImages(void)
{
    for (ULONG i = 0; i < LDR_MAX_IMAGES; i++) {
        const LDR_IMAGE *Image = Images[i];

        if (Image == NULL)
            continue;
        LogPrint("driver %s at %p, 0x%x bytes", Image->Name, Image->Base, Image->Layout.SizeOfImage);
        if (Image->Unresolved != 0)
            LogPrint(", imports %u, %u of them not there", Image->Imports, Image->Unresolved);
        LogPrint("\n");
    }
}

/* Where in which driver Address lies: the offset in the image, and the function where symbols or exports tell. */
static void DescribeAddress(ULONG64 Address, char *Text, SIZE_T Size)
{
    const LDR_IMAGE *Image = LdrFindImage(Address);
    char Symbol[96];
    ULONG64 Offset;
    ULONG Rva;

    Text[0] = 0;
    if (Image == NULL)
        return;
    Rva = (ULONG)(Address - (ULONG64)(ULONG_PTR)Image->Base);
    Offset = PeFindSymbol(&Image->File, &Image->Layout, Image->Base, Rva, Symbol, sizeof Symbol);
    if (Offset != ~0ull)
        RtlFormat(Text, Size, "%s+0x%x (%s+0x%llx)", Image->Name, Rva, Symbol, Offset);
    else
        RtlFormat(Text, Size, "%s+0x%x", Image->Name, Rva);
}

static BOOLEAN FindUnwindImage(ULONG64 Address, UNWIND_IMAGE *Out)
{
    const LDR_IMAGE *Image = LdrFindImage(Address);

    if (Image == NULL)
        return FALSE;
    *Out = (UNWIND_IMAGE){ .Base = (ULONG64)(ULONG_PTR)Image->Base, .Size = Image->Layout.SizeOfImage,
                           .FunctionTable = Image->Layout.Functions.Rva,
                           .FunctionTableSize = Image->Layout.Functions.Size };
    return TRUE;
}

static const STACK_IMAGES StackImages = { .Find = FindUnwindImage, .Describe = DescribeAddress };
static BUGCHECK_SECTION StopSection = { .Print = PrintImages };

/* ---- Public: LdrInitialize, LdrLoadImage, LdrUnloadImage, LdrFindImage ---- */

void LdrInitialize(BOOLEAN VerifierOn)
{
    static BOOLEAN Done;

    Verifier = VerifierOn;
    if (Done)
        return;
    Done = TRUE;
    LdrpInitializeExports();
    LdrpInitializeStops();
    LdrpInitializeTap();
    RtlSetStackImages(&StackImages);
    KeRegisterBugCheckSection(&StopSection);
}

BOOLEAN LdrVerifierIsOn(void) { return Verifier; }

/* LdrLoadImage - bring a driver's file into memory, ready to run.
 * Bytes, Length: the file, which must stay as long as the image. Returns: the image, or NULL with Refusal one
 * line that names file, field and value.  IRQL: PASSIVE_LEVEL, one caller at a time. */
LDR_IMAGE *LdrLoadImage(const char *Name, const void *Bytes, ULONG64 Length, PE_REFUSAL *Refusal)
{
    PE_FILE Nameless = { .Name = Name };
    ULONG Slot = FindSlot(NULL);
    LDR_IMAGE *Image;

    if (Slot == LDR_MAX_IMAGES) {
        LdrpRefuse(Refusal, &Nameless, "%u drivers are loaded, and there is no place for more", LDR_MAX_IMAGES);
        return NULL;
    }
    Image = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Image, LDR_TAG);
    if (Image == NULL) {
        LdrpRefuse(Refusal, &Nameless, "there is no memory for it");
        return NULL;
    }
    memset(Image, 0, sizeof *Image);
    CopyName(Image->Name, Name);
    Image->File = (PE_FILE){ .Name = Image->Name, .Bytes = Bytes, .Length = Length };
    if (!BuildImage(Image, Refusal)) {
        FreeImage(Image);
        return NULL;
    }
    __atomic_store_n(&Images[Slot], Image, __ATOMIC_RELEASE);
    return Image;
}

void LdrUnloadImage(LDR_IMAGE *Image)
{
    __atomic_store_n(&Images[FindSlot(Image)], NULL, __ATOMIC_RELEASE);
    FreeImage(Image);
}

LDR_IMAGE *LdrFindImage(ULONG64 Address)
{
    for (ULONG i = 0; i < LDR_MAX_IMAGES; i++) {
        LDR_IMAGE *Image = __atomic_load_n(&Images[i], __ATOMIC_ACQUIRE);

        if (Image != NULL && Address - (ULONG64)(ULONG_PTR)Image->Base < Image->Layout.SizeOfImage)
            return Image;
    }
    return NULL;
}
