/* pe.c - is this file a driver image that can be loaded?
 *
 * A file comes from outside and may say anything. PeCheck reads it once, front to back, and either fills a
 * PE_LAYOUT whose every number may be trusted, or refuses with one line. Nothing is loaded "as far as
 * possible": a driver that runs half mapped would fail later in a way that nobody can read.
 *
 * Method: all sums are made in 64 bits from 32-bit fields, so none can wrap; a range is checked where
 * it is first read; the file is read through memcpy, since nothing in it need be aligned.
 * Stricter than NT where NT's leniency serves no driver of today: sections start on pages of their own
 * (no page needs two kinds of rights), lie in rising order, and no section may be both written and executed.
 * One exception to the last rule: linkers of older kits flag a discardable INIT section so, because its
 * import slots are written by the loader. It is taken and mapped without the right to write. */
#include "ldrp.h"
#include <rtl/print.h>
#include <rtl/string.h>

/* What one check carries from step to step. */
typedef struct _CHECK {
    const PE_FILE *File;
    PE_LAYOUT *Layout;
    PE_REFUSAL *Refusal;
    PE_FILE_HEADER Header;
    PE_OPTIONAL_HEADER Optional;
    ULONG64 OptionalOffset;
    ULONG64 SectionsOffset;
} CHECK;

BOOLEAN LdrpRefuse(PE_REFUSAL *Refusal, const PE_FILE *File, const char *Format, ...)
{
    char *Text = Refusal->Text;
    int Length = RtlFormat(Text, sizeof Refusal->Text, "%s refused: ", File->Name);
    va_list Arguments;

    if (Length < 0 || (SIZE_T)Length >= sizeof Refusal->Text)
        return FALSE;
    va_start(Arguments, Format);
    RtlFormatV(Text + Length, sizeof Refusal->Text - (SIZE_T)Length, Format, Arguments);
    va_end(Arguments);
    return FALSE;
}

#define Refuse(C, ...) LdrpRefuse((C)->Refusal, (C)->File, __VA_ARGS__)

static BOOLEAN FileHas(const PE_FILE *File, ULONG64 Offset, ULONG64 Size)
{
    return Offset <= File->Length && Size <= File->Length - Offset;
}

static BOOLEAN ReadFile(CHECK *C, ULONG64 Offset, void *To, SIZE_T Size, const char *What)
{
    if (!FileHas(C->File, Offset, Size))
        return Refuse(C, "%s at 0x%llx needs %llu bytes, the file ends at 0x%llx", What, Offset, Size, C->File->Length);
    memcpy(To, C->File->Bytes + Offset, Size);
    return TRUE;
}

static BOOLEAN IsPowerOfTwo(ULONG Value) { return Value != 0 && (Value & (Value - 1)) == 0; }

static const char *MachineName(USHORT Machine)
{
    switch (Machine) {
    case 0x014C: return "32-bit x86";
    case 0x01C4: return "32-bit ARM";
    case 0xAA64: return "ARM64";
    default: return "unknown";
    }
}

static BOOLEAN CheckDosHeader(CHECK *C, ULONG *NewHeader)
{
    USHORT Magic;

    if (C->File->Length == 0)
        return Refuse(C, "the file is empty (length 0)");
    if (!ReadFile(C, 0, &Magic, sizeof Magic, "e_magic"))
        return FALSE;
    if (Magic == ELF_MAGIC_START)
        return Refuse(C, "e_magic is 0x%04x, not 0x%04x (MZ): an ELF file; build it as a PE image, by mingw-w64 "
                      "or MSVC", Magic, PE_DOS_MAGIC);
    if (Magic != PE_DOS_MAGIC)
        return Refuse(C, "e_magic is 0x%04x, not 0x%04x (MZ): no PE image", Magic, PE_DOS_MAGIC);
    return ReadFile(C, PE_DOS_NEW_HEADER, NewHeader, sizeof *NewHeader, "e_lfanew");
}

static BOOLEAN CheckFileHeader(CHECK *C)
{
    ULONG NewHeader, Signature;
    PE_FILE_HEADER *H = &C->Header;

    if (!CheckDosHeader(C, &NewHeader))
        return FALSE;
    if (NewHeader < PE_DOS_HEADER_SIZE || NewHeader % 4 != 0)
        return Refuse(C, "e_lfanew is 0x%x, not a multiple of 4 from 0x40 on", NewHeader);
    if (!ReadFile(C, NewHeader, &Signature, sizeof Signature, "the PE signature (e_lfanew)"))
        return FALSE;
    if (Signature != PE_SIGNATURE)
        return Refuse(C, "the signature at e_lfanew 0x%x is 0x%08x, not 0x%08x (PE)", NewHeader, Signature,
                      PE_SIGNATURE);
    if (!ReadFile(C, (ULONG64)NewHeader + 4, H, sizeof *H, "the file header"))
        return FALSE;
    if (H->Machine != PE_MACHINE_AMD64)
        return Refuse(C, "Machine is 0x%04x (%s), not 0x%04x (x64)", H->Machine, MachineName(H->Machine),
                      PE_MACHINE_AMD64);
    if (H->NumberOfSections == 0 || H->NumberOfSections > PE_MAX_SECTIONS)
        return Refuse(C, "NumberOfSections is %u, not 1 to %u", H->NumberOfSections, PE_MAX_SECTIONS);
    if (!(H->Characteristics & PE_EXECUTABLE_IMAGE))
        return Refuse(C, "Characteristics is 0x%04x, without EXECUTABLE_IMAGE (an object file?)", H->Characteristics);
    if (H->Characteristics & PE_RELOCATIONS_STRIPPED)
        return Refuse(C, "Characteristics is 0x%04x, with RELOCS_STRIPPED: it cannot be moved to where drivers live",
                      H->Characteristics);
    C->OptionalOffset = (ULONG64)NewHeader + 4 + sizeof *H;
    C->SectionsOffset = C->OptionalOffset + H->SizeOfOptionalHeader;
    return TRUE;
}

/* Read the optional header. Its directories may be fewer than 16; those not there read as empty. */
static BOOLEAN ReadOptionalHeader(CHECK *C)
{
    PE_OPTIONAL_HEADER *O = &C->Optional;
    const ULONG Fixed = offsetof(PE_OPTIONAL_HEADER, Directories);
    ULONG Have = C->Header.SizeOfOptionalHeader;

    memset(O, 0, sizeof *O);
    if (!ReadFile(C, C->OptionalOffset, &O->Magic, sizeof O->Magic, "OptionalHeader.Magic"))
        return FALSE;
    if (O->Magic == PE_MAGIC_32)
        return Refuse(C, "OptionalHeader.Magic is 0x%03x (PE32, a 32-bit image), not 0x%03x (PE32+)", O->Magic,
                      PE_MAGIC_32PLUS);
    if (O->Magic != PE_MAGIC_32PLUS)
        return Refuse(C, "OptionalHeader.Magic is 0x%03x, not 0x%03x (PE32+)", O->Magic, PE_MAGIC_32PLUS);
    if (Have < Fixed)
        return Refuse(C, "SizeOfOptionalHeader is %u, less than %u", Have, Fixed);
    if (!ReadFile(C, C->OptionalOffset, O, Fixed, "the optional header"))
        return FALSE;
    if (O->NumberOfRvaAndSizes > PE_DIRECTORIES)
        return Refuse(C, "NumberOfRvaAndSizes is %u, more than %u", O->NumberOfRvaAndSizes, PE_DIRECTORIES);
    if (Have < Fixed + O->NumberOfRvaAndSizes * sizeof(PE_DIRECTORY))
        return Refuse(C, "SizeOfOptionalHeader is %u, too small for %u directories", Have, O->NumberOfRvaAndSizes);
    return ReadFile(C, C->OptionalOffset + Fixed, O->Directories, O->NumberOfRvaAndSizes * sizeof(PE_DIRECTORY),
                    "the data directories");
}

static BOOLEAN CheckOptionalHeader(CHECK *C)
{
    PE_OPTIONAL_HEADER *O = &C->Optional;
    ULONG64 HeadersEnd = C->SectionsOffset + C->Header.NumberOfSections * sizeof(PE_SECTION_HEADER);

    if (!ReadOptionalHeader(C))
        return FALSE;
    if (O->Subsystem != PE_SUBSYSTEM_NATIVE)
        return Refuse(C, "Subsystem is %u, not %u (native): a program, not a driver; the linker's --subsystem makes "
                      "one", O->Subsystem, PE_SUBSYSTEM_NATIVE);
    if (!IsPowerOfTwo(O->SectionAlignment) || O->SectionAlignment < PAGE_SIZE)
        return Refuse(C, "SectionAlignment is 0x%x, not a power of two from 0x%x on", O->SectionAlignment, PAGE_SIZE);
    if (!IsPowerOfTwo(O->FileAlignment) || O->FileAlignment < 0x200 || O->FileAlignment > O->SectionAlignment)
        return Refuse(C, "FileAlignment is 0x%x, not a power of two from 0x200 to SectionAlignment 0x%x",
                      O->FileAlignment, O->SectionAlignment);
    if (O->ImageBase % 0x10000 != 0)
        return Refuse(C, "ImageBase is 0x%llx, not a multiple of 0x10000", O->ImageBase);
    if (O->SizeOfImage == 0 || O->SizeOfImage > PE_IMAGE_LIMIT)
        return Refuse(C, "SizeOfImage is 0x%x, not 1 to 0x%x", O->SizeOfImage, PE_IMAGE_LIMIT);
    if (O->SizeOfImage % O->SectionAlignment != 0)
        return Refuse(C, "SizeOfImage is 0x%x, not a multiple of SectionAlignment 0x%x", O->SizeOfImage,
                      O->SectionAlignment);
    if (O->SizeOfHeaders < HeadersEnd)
        return Refuse(C, "SizeOfHeaders is 0x%x, but the section table ends at 0x%llx", O->SizeOfHeaders, HeadersEnd);
    if (O->SizeOfHeaders > C->File->Length)
        return Refuse(C, "SizeOfHeaders is 0x%x, beyond the end of the file at 0x%llx", O->SizeOfHeaders,
                      C->File->Length);
    if (O->SizeOfHeaders > O->SizeOfImage)
        return Refuse(C, "SizeOfHeaders is 0x%x, beyond SizeOfImage 0x%x", O->SizeOfHeaders, O->SizeOfImage);
    C->Layout->PreferredBase = O->ImageBase;
    C->Layout->SizeOfImage = O->SizeOfImage;
    C->Layout->SizeOfHeaders = O->SizeOfHeaders;
    return TRUE;
}

/* A section's name is 8 bytes, not always terminated, and goes to the log: make it fit to print. */
static void CopySectionName(PE_SECTION *Section, const PE_SECTION_HEADER *H)
{
    for (ULONG i = 0; i < sizeof H->Name && H->Name[i] != 0; i++)
        Section->Name[i] = H->Name[i] >= ' ' && H->Name[i] <= '~' ? H->Name[i] : '?';
}

static BOOLEAN CheckSectionInMemory(CHECK *C, PE_SECTION *S, const PE_SECTION_HEADER *H, ULONG64 *NextRva)
{
    const PE_OPTIONAL_HEADER *O = &C->Optional;

    S->Rva = H->VirtualAddress;
    S->Size = H->VirtualSize != 0 ? H->VirtualSize : H->SizeOfRawData;
    S->Flags = H->Characteristics;
    if (S->Rva % O->SectionAlignment != 0)
        return Refuse(C, "section '%s': VirtualAddress 0x%x is not a multiple of SectionAlignment 0x%x", S->Name,
                      S->Rva, O->SectionAlignment);
    if (S->Rva < *NextRva)
        return Refuse(C, "section '%s': VirtualAddress 0x%x overlaps what is before it (ends at 0x%llx)", S->Name,
                      S->Rva, *NextRva);
    if ((ULONG64)S->Rva + S->Size > O->SizeOfImage)
        return Refuse(C, "section '%s': VirtualAddress 0x%x + size 0x%x is beyond SizeOfImage 0x%x", S->Name, S->Rva,
                      S->Size, O->SizeOfImage);
    *NextRva = (ULONG64)S->Rva + S->Size;
    if ((S->Flags & PE_SECTION_WRITE) && (S->Flags & PE_SECTION_EXECUTE)) {
        if (!(S->Flags & PE_SECTION_DISCARDABLE) || strcmp(S->Name, "INIT") != 0)
            return Refuse(C, "section '%s': Characteristics 0x%08x make it writable and executable at once", S->Name,
                          S->Flags);
        S->Flags &= ~PE_SECTION_WRITE;
    }
    return TRUE;
}

static BOOLEAN CheckSectionInFile(CHECK *C, PE_SECTION *S, const PE_SECTION_HEADER *H)
{
    const PE_OPTIONAL_HEADER *O = &C->Optional;

    /* Some linkers give a zero-filled section its size here too, without any bytes in the file. */
    if (H->SizeOfRawData == 0 || (H->PointerToRawData == 0 && (H->Characteristics & PE_SECTION_UNINITIALIZED)))
        return TRUE;
    if (H->PointerToRawData % O->FileAlignment != 0)
        return Refuse(C, "section '%s': PointerToRawData 0x%x is not a multiple of FileAlignment 0x%x", S->Name,
                      H->PointerToRawData, O->FileAlignment);
    if (H->PointerToRawData < O->SizeOfHeaders)
        return Refuse(C, "section '%s': PointerToRawData 0x%x lies in the headers (0x%x bytes)", S->Name,
                      H->PointerToRawData, O->SizeOfHeaders);
    if (!FileHas(C->File, H->PointerToRawData, H->SizeOfRawData))
        return Refuse(C, "section '%s': PointerToRawData 0x%x + SizeOfRawData 0x%x is beyond the end of the file "
                      "at 0x%llx", S->Name, H->PointerToRawData, H->SizeOfRawData, C->File->Length);
    S->FileOffset = H->PointerToRawData;
    S->FileSize = H->SizeOfRawData < S->Size ? H->SizeOfRawData : S->Size;
    return TRUE;
}

static BOOLEAN CheckSections(CHECK *C)
{
    PE_LAYOUT *L = C->Layout;
    ULONG64 NextRva = L->SizeOfHeaders;

    for (ULONG i = 0; i < C->Header.NumberOfSections; i++) {
        PE_SECTION *S = &L->Sections[i];
        PE_SECTION_HEADER H;

        if (!ReadFile(C, C->SectionsOffset + i * sizeof H, &H, sizeof H, "the section table"))
            return FALSE;
        CopySectionName(S, &H);
        if (!CheckSectionInMemory(C, S, &H, &NextRva) || !CheckSectionInFile(C, S, &H))
            return FALSE;
        L->SectionCount = i + 1;
    }
    return TRUE;
}

static BOOLEAN CheckEntry(CHECK *C)
{
    ULONG Entry = C->Optional.AddressOfEntryPoint;
    const PE_SECTION *S = PeFindSection(C->Layout, Entry, 1);

    if (Entry == 0)
        return Refuse(C, "AddressOfEntryPoint is 0: there is no DriverEntry");
    if (S == NULL)
        return Refuse(C, "AddressOfEntryPoint 0x%x lies in no section", Entry);
    if (!(S->Flags & PE_SECTION_EXECUTE))
        return Refuse(C, "AddressOfEntryPoint 0x%x lies in section '%s', which is not executable", Entry, S->Name);
    C->Layout->EntryRva = Entry;
    return TRUE;
}

/* One data directory. Unit: its size must be a multiple of this; Minimum: and at least that. */
static BOOLEAN CheckDirectory(CHECK *C, ULONG Index, const char *Name, ULONG Unit, ULONG Minimum, PE_RANGE *Out)
{
    PE_DIRECTORY D = C->Optional.Directories[Index];

    if (D.VirtualAddress == 0 && D.Size == 0)
        return TRUE;
    if (D.Size % Unit != 0 || D.Size < Minimum)
        return Refuse(C, "%s directory: Size is 0x%x, not a multiple of %u from %u on", Name, D.Size, Unit, Minimum);
    if (PeFindSection(C->Layout, D.VirtualAddress, D.Size) == NULL)
        return Refuse(C, "%s directory: VirtualAddress 0x%x + Size 0x%x is in no section", Name, D.VirtualAddress,
                      D.Size);
    Out->Rva = D.VirtualAddress;
    Out->Size = D.Size;
    return TRUE;
}

static BOOLEAN CheckDirectories(CHECK *C)
{
    PE_LAYOUT *L = C->Layout;

    return CheckDirectory(C, PE_DIRECTORY_EXPORT, "export", 1, sizeof(PE_EXPORT_DIRECTORY), &L->Exports) &&
           CheckDirectory(C, PE_DIRECTORY_IMPORT, "import", 1, sizeof(PE_IMPORT_DESCRIPTOR), &L->Imports) &&
           CheckDirectory(C, PE_DIRECTORY_EXCEPTION, "exception", sizeof(PE_FUNCTION), 0, &L->Functions) &&
           CheckDirectory(C, PE_DIRECTORY_RELOCATION, "relocation", 1, 0, &L->Relocations) &&
           CheckDirectory(C, PE_DIRECTORY_LOAD_CONFIG, "load config", 1, 4, &L->LoadConfig);
}

/* What lies in the file behind the sections: symbols, which name functions on the stop screen, and the
 * signature, which is not used. Checked all the same: a file cut off there has been cut off. */
static BOOLEAN CheckTail(CHECK *C)
{
    PE_LAYOUT *L = C->Layout;
    PE_DIRECTORY Signature = C->Optional.Directories[PE_DIRECTORY_SECURITY];
    ULONG Symbols = C->Header.PointerToSymbolTable, Count = C->Header.NumberOfSymbols;
    ULONG64 Strings = (ULONG64)Symbols + (ULONG64)Count * sizeof(PE_SYMBOL);

    if (!FileHas(C->File, Signature.VirtualAddress, Signature.Size))
        return Refuse(C, "security directory: 0x%x + Size 0x%x is beyond the end of the file at 0x%llx",
                      Signature.VirtualAddress, Signature.Size, C->File->Length);
    if (Symbols == 0 || Count == 0)
        return TRUE;
    if (!ReadFile(C, Strings, &L->StringSize, sizeof L->StringSize, "the string table (after NumberOfSymbols symbols)"))
        return FALSE;
    if (!FileHas(C->File, Strings, L->StringSize))
        return Refuse(C, "the string table at 0x%llx says 0x%x bytes, beyond the end of the file at 0x%llx", Strings,
                      L->StringSize, C->File->Length);
    L->SymbolOffset = Symbols;
    L->SymbolCount = Count;
    L->StringOffset = (ULONG)Strings;
    return TRUE;
}

/* ---- Public: PeFindSection, PeCheck ---- */

const PE_SECTION *PeFindSection(const PE_LAYOUT *Layout, ULONG64 Rva, ULONG64 Size)
{
    for (ULONG i = 0; i < Layout->SectionCount; i++) {
        const PE_SECTION *S = &Layout->Sections[i];

        if (Rva >= S->Rva && Rva - S->Rva <= S->Size && Size <= S->Size - (Rva - S->Rva))
            return S;
    }
    return NULL;
}

/* PeCheck - find out whether File can be loaded as a driver, and how it lies in memory.
 * Returns: TRUE and Layout complete; FALSE and Refusal one line that names file, field and value.
 * IRQL: any. Reads File's bytes only, never past Length.
 * Source: Microsoft PE format specification, "PE Format"; limits and strictness: theory above. */
BOOLEAN PeCheck(const PE_FILE *File, PE_LAYOUT *Layout, PE_REFUSAL *Refusal)
{
    CHECK C = { .File = File, .Layout = Layout, .Refusal = Refusal };

    memset(Layout, 0, sizeof *Layout);
    Refusal->Text[0] = 0;
    return CheckFileHeader(&C) && CheckOptionalHeader(&C) && CheckSections(&C) && CheckEntry(&C) &&
           CheckDirectories(&C) && CheckTail(&C);
}
