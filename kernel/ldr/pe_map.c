/* pe_map.c - from a checked file to an image in memory: copy, relocate, bind, protect, look up.
 *
 * Here the image's own tables are read (relocations, imports, unwind rows, names), after the copy. Whoever
 * made the file chose them, and an import's slot may even lie in the table being walked; so each number is
 * checked at the moment it is read, and used from a copy. Every walk is bounded by the section that holds it
 * and by a count, so that no file can keep the loader busy.
 * Order: PeMap, PeSetSecurityCookie, PeBindImports, PeProtect; only then may code run. */
#include "ldrp.h"
#include <mm/mm.h>
#include <rtl/print.h>
#include <rtl/string.h>

typedef struct _MAPPING {
    const PE_FILE *File;
    const PE_LAYOUT *Layout;
    UCHAR *Base;
    PE_REFUSAL *Refusal;
} MAPPING;

#define Refuse(M, ...) LdrpRefuse((M)->Refusal, (M)->File, __VA_ARGS__)

/* ---- Relocation ---- */

static BOOLEAN RelocateOne(const MAPPING *M, ULONG Rva, ULONG Type)
{
    ULONG64 Value;

    if (Type == PE_RELOCATION_ABSOLUTE)     /* padding */
        return TRUE;
    if (Type != PE_RELOCATION_DIR64)
        return Refuse(M, "relocation at 0x%x has type %u; a driver for x64 has only %u (DIR64)", Rva, Type,
                      PE_RELOCATION_DIR64);
    if (PeFindSection(M->Layout, Rva, sizeof Value) == NULL)
        return Refuse(M, "relocation at 0x%x lies in no section", Rva);
    memcpy(&Value, M->Base + Rva, sizeof Value);
    Value += (ULONG64)(ULONG_PTR)M->Base - M->Layout->PreferredBase;
    memcpy(M->Base + Rva, &Value, sizeof Value);
    return TRUE;
}

/* The entries of the block at Rva: 12 bits of offset in its page, 4 bits of type. */
static BOOLEAN RelocateBlock(const MAPPING *M, ULONG Rva, PE_RELOCATION_BLOCK Block)
{
    for (ULONG At = sizeof Block; At < Block.SizeOfBlock; At += sizeof(USHORT)) {
        USHORT Entry;

        memcpy(&Entry, M->Base + Rva + At, sizeof Entry);
        if (!RelocateOne(M, Block.VirtualAddress + (Entry & 0xFFF), Entry >> 12))
            return FALSE;
    }
    return TRUE;
}

static BOOLEAN Relocate(const MAPPING *M)
{
    const PE_RANGE *R = &M->Layout->Relocations;
    ULONG At = 0;

    while (R->Size - At >= sizeof(PE_RELOCATION_BLOCK)) {
        PE_RELOCATION_BLOCK Block;

        memcpy(&Block, M->Base + R->Rva + At, sizeof Block);
        if (Block.VirtualAddress == 0 && Block.SizeOfBlock == 0)    /* a linker's padding at the end */
            return TRUE;
        if (Block.SizeOfBlock < sizeof Block || Block.SizeOfBlock % 2 != 0 || Block.SizeOfBlock > R->Size - At)
            return Refuse(M, "relocation block at 0x%x: SizeOfBlock is 0x%x, with 0x%x left", R->Rva + At,
                          Block.SizeOfBlock, R->Size - At);
        if (Block.VirtualAddress % PAGE_SIZE != 0 || Block.VirtualAddress >= M->Layout->SizeOfImage)
            return Refuse(M, "relocation block at 0x%x: VirtualAddress is 0x%x, no page of the image", R->Rva + At,
                          Block.VirtualAddress);
        if (!RelocateBlock(M, R->Rva + At, Block))
            return FALSE;
        At += Block.SizeOfBlock;
    }
    return At == R->Size || Refuse(M, "relocation directory: 0x%x bytes are left behind its last block", R->Size - At);
}

/* ---- Unwind rows ---- */

/* Rising and apart, as the search by halves needs them, with unwind data inside the image. */
static BOOLEAN CheckFunctions(const MAPPING *M)
{
    const PE_RANGE *R = &M->Layout->Functions;
    ULONG Before = 0;

    if (R->Rva % 4 != 0)
        return Refuse(M, "exception directory: VirtualAddress 0x%x is not a multiple of 4", R->Rva);
    for (ULONG At = 0; At < R->Size; At += sizeof(PE_FUNCTION)) {
        PE_FUNCTION F;

        memcpy(&F, M->Base + R->Rva + At, sizeof F);
        if (F.BeginAddress < Before || F.EndAddress <= F.BeginAddress || F.EndAddress > M->Layout->SizeOfImage)
            return Refuse(M, ".pdata row %u: 0x%x to 0x%x, after 0x%x and in an image of 0x%x bytes", At / 12,
                          F.BeginAddress, F.EndAddress, Before, M->Layout->SizeOfImage);
        if (F.UnwindData % 4 > 1 || PeFindSection(M->Layout, F.UnwindData & ~1u, 4) == NULL)
            return Refuse(M, ".pdata row %u: unwind data at 0x%x lies in no section", At / 12, F.UnwindData);
        Before = F.EndAddress;
    }
    return TRUE;
}

/* ---- Imports ---- */

/* The string at Rva, ended within its section and within PE_NAME_LIMIT; NULL if it is not. */
static const char *StringAt(const MAPPING *M, ULONG64 Rva)
{
    const PE_SECTION *S = PeFindSection(M->Layout, Rva, 1);
    SIZE_T Room, Length;

    if (S == NULL)
        return NULL;
    Room = S->Rva + S->Size - Rva;
    if (Room > PE_NAME_LIMIT + 1)
        Room = PE_NAME_LIMIT + 1;
    Length = strnlen((const char *)M->Base + Rva, Room);
    return Length < Room && Length > 0 ? (const char *)M->Base + Rva : NULL;
}

/* A name that goes to the log and into tables: printable, no blanks. */
static BOOLEAN IsPlainName(const char *Text)
{
    for (; *Text != 0; Text++)
        if (*Text <= ' ' || *Text > '~')
            return FALSE;
    return TRUE;
}

static BOOLEAN BindOne(const MAPPING *M, const char *Module, ULONG64 Lookup, ULONG SlotRva, PE_RESOLVE Resolve,
                       void *Context)
{
    const char *Name;
    PVOID Target;

    if (Lookup & PE_IMPORT_BY_ORDINAL)
        return Refuse(M, "import from %s by ordinal %u; Kedge serves imports by name", Module,
                      (ULONG)(Lookup & 0xFFFF));
    Name = Lookup < M->Layout->SizeOfImage ? StringAt(M, Lookup + 2) : NULL;    /* behind a 2-byte hint */
    if (Name == NULL || !IsPlainName(Name))
        return Refuse(M, "import from %s: its name at 0x%llx lies in no section, has no end, or cannot be printed",
                      Module, Lookup);
    Target = Resolve(Context, Module, Name);
    memcpy(M->Base + SlotRva, &Target, sizeof Target);
    return TRUE;
}

/* All imports from one module. OriginalFirstThunk lists the names, FirstThunk the slots; a linker may leave
 * the first out, then the slots hold the names until they are bound. */
static BOOLEAN BindModule(const MAPPING *M, const PE_IMPORT_DESCRIPTOR *D, ULONG *Total, PE_RESOLVE Resolve,
                          void *Context)
{
    const char *Name = StringAt(M, D->Name);
    char Module[PE_NAME_LIMIT + 1];
    ULONG64 From = D->OriginalFirstThunk != 0 ? D->OriginalFirstThunk : D->FirstThunk;

    if (Name == NULL || !IsPlainName(Name))
        return Refuse(M, "import module name at 0x%x lies in no section, has no end, or cannot be printed", D->Name);
    RtlFormat(Module, sizeof Module, "%s", Name);
    for (ULONG64 i = 0;; i++) {
        ULONG64 Lookup, SlotRva = D->FirstThunk + i * sizeof Lookup;

        if (PeFindSection(M->Layout, From + i * sizeof Lookup, sizeof Lookup) == NULL)
            return Refuse(M, "imports from %s: the list at 0x%llx runs out of its section", Module, From);
        memcpy(&Lookup, M->Base + From + i * sizeof Lookup, sizeof Lookup);
        if (Lookup == 0)
            return TRUE;
        if (PeFindSection(M->Layout, SlotRva, sizeof Lookup) == NULL)
            return Refuse(M, "imports from %s: FirstThunk 0x%x runs out of its section", Module, D->FirstThunk);
        if (++*Total > PE_IMPORT_LIMIT)
            return Refuse(M, "more than %u imports", PE_IMPORT_LIMIT);
        if (!BindOne(M, Module, Lookup, (ULONG)SlotRva, Resolve, Context))
            return FALSE;
    }
}

/* ---- Names ---- */

/* Up to 8 characters in the row itself, or anything in the string table; not always terminated. */
static void CopySymbolName(const PE_FILE *File, const PE_LAYOUT *L, const PE_SYMBOL *Symbol, char *Name, SIZE_T Size)
{
    ULONG Offset = Symbol->Name.Long.Offset, Room;

    Name[0] = 0;
    if (Symbol->Name.Long.Zeroes != 0) {
        RtlFormat(Name, Size, "%.8s", Symbol->Name.Short);
    } else if (Offset < L->StringSize) {
        Room = L->StringSize - Offset < PE_NAME_LIMIT ? L->StringSize - Offset : PE_NAME_LIMIT;
        RtlFormat(Name, Size, "%.*s", (int)Room, (const char *)File->Bytes + L->StringOffset + Offset);
    }
}

/* Look through the file's COFF symbols for the function that starts closest at or below Rva. */
static ULONG64 FindInSymbols(const PE_FILE *File, const PE_LAYOUT *L, ULONG Rva, char *Name, SIZE_T Size)
{
    ULONG64 Best = ~0ull;
    const PE_SECTION *S = PeFindSection(L, Rva, 1);
    PE_SYMBOL Symbol, Found;

    for (ULONG i = 0; S != NULL && i < L->SymbolCount; i += 1u + Symbol.NumberOfAuxSymbols) {
        memcpy(&Symbol, File->Bytes + L->SymbolOffset + (ULONG64)i * sizeof Symbol, sizeof Symbol);
        if (Symbol.Type != PE_SYMBOL_TYPE_FUNCTION || Symbol.SectionNumber != S - L->Sections + 1)
            continue;
        if (Symbol.Value <= Rva - S->Rva && Rva - S->Rva - Symbol.Value < Best) {
            Best = Rva - S->Rva - Symbol.Value;
            Found = Symbol;
        }
    }
    if (Best == ~0ull)
        return Best;
    CopySymbolName(File, L, &Found, Name, Size);
    return IsPlainName(Name) && Name[0] != 0 ? Best : ~0ull;
}

/* The export directory's three arrays, each inside a section; FALSE if not. */
static BOOLEAN ReadExports(const PE_LAYOUT *L, const UCHAR *Base, PE_EXPORT_DIRECTORY *D)
{
    if (L->Exports.Size == 0)
        return FALSE;
    memcpy(D, Base + L->Exports.Rva, sizeof *D);
    return PeFindSection(L, D->AddressOfFunctions, (ULONG64)D->NumberOfFunctions * 4) != NULL &&
           PeFindSection(L, D->AddressOfNames, (ULONG64)D->NumberOfNames * 4) != NULL &&
           PeFindSection(L, D->AddressOfNameOrdinals, (ULONG64)D->NumberOfNames * 2) != NULL;
}

static ULONG64 FindInExports(const PE_FILE *File, const PE_LAYOUT *L, const UCHAR *Base, ULONG Rva, char *Name,
                             SIZE_T Size)
{
    MAPPING M = { .File = File, .Layout = L, .Base = (UCHAR *)Base };
    ULONG64 Best = ~0ull;
    PE_EXPORT_DIRECTORY D;

    if (!ReadExports(L, Base, &D))
        return Best;
    for (ULONG i = 0; i < D.NumberOfNames; i++) {
        ULONG NameRva, Function;
        USHORT Ordinal;
        const char *Text;

        memcpy(&Ordinal, Base + D.AddressOfNameOrdinals + i * 2ull, sizeof Ordinal);
        if (Ordinal >= D.NumberOfFunctions)
            continue;
        memcpy(&Function, Base + D.AddressOfFunctions + Ordinal * 4ull, sizeof Function);
        memcpy(&NameRva, Base + D.AddressOfNames + i * 4ull, sizeof NameRva);
        Text = StringAt(&M, NameRva);
        if (Function > Rva || Rva - Function >= Best || Text == NULL || !IsPlainName(Text))
            continue;
        Best = Rva - Function;
        RtlFormat(Name, Size, "%s", Text);
    }
    return Best;
}

/* ---- Public: mapping ---- */

/* PeMap - copy File's headers and sections to Base and relocate the image for that place.
 * Base: Layout->SizeOfImage bytes, zeroed and writable; stays writable.  IRQL: any.
 * Returns: FALSE if a relocation or unwind row is wrong; Refusal says which. */
BOOLEAN PeMap(const PE_FILE *File, const PE_LAYOUT *Layout, UCHAR *Base, PE_REFUSAL *Refusal)
{
    MAPPING M = { .File = File, .Layout = Layout, .Base = Base, .Refusal = Refusal };

    memcpy(Base, File->Bytes, Layout->SizeOfHeaders);
    for (ULONG i = 0; i < Layout->SectionCount; i++) {
        const PE_SECTION *S = &Layout->Sections[i];

        memcpy(Base + S->Rva, File->Bytes + S->FileOffset, S->FileSize);
    }
    return CheckFunctions(&M) && Relocate(&M);
}

/* PeProtect - headers and gaps read-only, each section as its flags say. The layout has no section with
 * both rights.  IRQL: PASSIVE_LEVEL. */
void PeProtect(const PE_LAYOUT *Layout, UCHAR *Base)
{
    MmProtectPages(Base, Layout->SizeOfImage, MM_READ);
    for (ULONG i = 0; i < Layout->SectionCount; i++) {
        const PE_SECTION *S = &Layout->Sections[i];
        ULONG Rights = (S->Flags & PE_SECTION_WRITE ? MM_WRITE : 0) | (S->Flags & PE_SECTION_EXECUTE ? MM_EXECUTE : 0);

        if (Rights != MM_READ && S->Size != 0)
            MmProtectPages(Base + S->Rva, (S->Size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1), Rights);
    }
}

/* PeBindImports - ask Resolve for each import and store what it returns in the import's slot.
 * Names handed to Resolve are printable, at most PE_NAME_LIMIT long, and valid during the call only.
 * Returns: FALSE if a table or name is wrong, or an import is by ordinal.  IRQL: as Resolve needs. */
BOOLEAN PeBindImports(const PE_FILE *File, const PE_LAYOUT *Layout, UCHAR *Base, PE_RESOLVE Resolve, void *Context,
                      PE_REFUSAL *Refusal)
{
    MAPPING M = { .File = File, .Layout = Layout, .Base = Base, .Refusal = Refusal };
    ULONG Total = 0;

    if (Layout->Imports.Size == 0)
        return TRUE;
    for (ULONG i = 0;; i++) {
        ULONG64 Rva = Layout->Imports.Rva + (ULONG64)i * sizeof(PE_IMPORT_DESCRIPTOR);
        PE_IMPORT_DESCRIPTOR D;

        if (PeFindSection(Layout, Rva, sizeof D) == NULL)
            return Refuse(&M, "import directory at 0x%x: descriptor %u runs out of its section", Layout->Imports.Rva,
                          i);
        if (i >= PE_IMPORT_LIMIT)
            return Refuse(&M, "import directory: more than %u modules", PE_IMPORT_LIMIT);
        memcpy(&D, Base + Rva, sizeof D);
        if (D.Name == 0 && D.FirstThunk == 0)
            return TRUE;
        if (!BindModule(&M, &D, &Total, Resolve, Context))
            return FALSE;
    }
}

/* PeSetSecurityCookie - the entry code of an image built with /GS stops the machine if the cookie is still the
 * linker's default, for the loader is to have replaced it. Done for a mapped image before its first instruction;
 * an image without a cookie, or with a value of its own, is left alone. Seed: differs per boot and image.
 * Source: Microsoft "IMAGE_LOAD_CONFIG_DIRECTORY64", SecurityCookie; "/GS (Buffer Security Check)". */
void PeSetSecurityCookie(const PE_LAYOUT *Layout, UCHAR *Base, ULONG64 Seed)
{
    const ULONG64 Default = 0x00002B992DDFA232ull;
    const ULONG64 Mask = 0x0000FFFFFFFFFFFFull;         /* the top 16 bits of a cookie are 0 */
    ULONG64 Address, Cookie, Rva = Layout->LoadConfig.Rva;
    ULONG Size;

    if (Layout->LoadConfig.Size == 0)
        return;
    memcpy(&Size, Base + Rva, sizeof Size);
    if (Size < PE_LOAD_CONFIG_COOKIE + sizeof Address ||
        PeFindSection(Layout, Rva, PE_LOAD_CONFIG_COOKIE + sizeof Address) == NULL)
        return;
    memcpy(&Address, Base + Rva + PE_LOAD_CONFIG_COOKIE, sizeof Address);
    Rva = Address - (ULONG64)(ULONG_PTR)Base;           /* wraps to something huge when outside */
    if (PeFindSection(Layout, Rva, sizeof Cookie) == NULL)
        return;
    memcpy(&Cookie, Base + Rva, sizeof Cookie);
    if (Cookie != Default)
        return;
    Cookie = (Seed * 0x9E3779B97F4A7C15ull ^ Address) & Mask;
    if (Cookie == 0 || Cookie == Default)
        Cookie ^= 0x5A5A;
    memcpy(Base + Rva, &Cookie, sizeof Cookie);
}

/* ---- Public: looking up ---- */

ULONG64 PeFindSymbol(const PE_FILE *File, const PE_LAYOUT *Layout, const UCHAR *Base, ULONG Rva, char *Name,
                     SIZE_T Size)
{
    ULONG64 Offset = FindInSymbols(File, Layout, Rva, Name, Size);

    if (Offset == ~0ull)
        Offset = FindInExports(File, Layout, Base, Rva, Name, Size);
    if (Offset == ~0ull)
        Name[0] = 0;
    return Offset;
}
