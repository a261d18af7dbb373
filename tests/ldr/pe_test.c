/* pe_test.c - the image checker and mapper against a small image made here, and against what can be done to it.
 *
 * The file lies so that it ends where mapped memory ends: a read beyond its length is a page fault. */
#include <arch/mmu.h>
#include <ktest.h>
#include <ldr/exports.h>
#include <ldr/image.h>
#include <ke/event.h>
#include <mm/mm.h>
#include <rtl/random.h>
#include <rtl/stacktrace.h>
#include <rtl/string.h>

/* The image: headers, .text with the entry, .data with a pointer to relocate and the import slots, .rdata with all
 * tables; then two symbols and their string table. */
enum {
    HEADERS = 0x400, TEXT = 0x400, DATA = 0x600, RDATA = 0x800, SYMBOLS = 0xC00,
    STRINGS = SYMBOLS + 2 * sizeof(PE_SYMBOL), FILE_SIZE = STRINGS + 4 + 13,
    TEXT_RVA = 0x1000, DATA_RVA = 0x2000, RDATA_RVA = 0x4000, IMAGE_SIZE = 0x5000,
    PE_AT = 0x80, OPTIONAL = PE_AT + 4 + sizeof(PE_FILE_HEADER), SECTIONS = OPTIONAL + sizeof(PE_OPTIONAL_HEADER),
    HEADERS_USED = SECTIONS + 3 * sizeof(PE_SECTION_HEADER),
    DATA_SIZE = 0x1800,                                         /* in memory; 0x200 of it come from the file */
    POINTER = DATA_RVA + 0x10, SLOTS = DATA_RVA + 0x100,
    IMPORTS = RDATA_RVA, NAMES = RDATA_RVA + 0x40, STRINGS_RVA = RDATA_RVA + 0x80,
    FUNCTIONS = RDATA_RVA + 0x100, UNWIND = RDATA_RVA + 0x120, RELOCATIONS = RDATA_RVA + 0x140,
    EXPORTS = RDATA_RVA + 0x180, FILE_PAGES = 2 * PAGE_SIZE
};
static const ULONG64 PreferredBase = 0x10000;

static UCHAR Good[FILE_SIZE];

static void Put(ULONG Offset, const void *Value, SIZE_T Size) { memcpy(Good + Offset, Value, Size); }
static void Put16(ULONG Offset, USHORT Value) { Put(Offset, &Value, sizeof Value); }
static void Put32(ULONG Offset, ULONG Value) { Put(Offset, &Value, sizeof Value); }
static void Put64(ULONG Offset, ULONG64 Value) { Put(Offset, &Value, sizeof Value); }
static ULONG InFile(ULONG Rva) { return Rva - RDATA_RVA + RDATA; }
static void PutText(ULONG Rva, const char *Text) { Put(InFile(Rva), Text, strlen(Text) + 1); }

static void PutHeaders(void)
{
    PE_FILE_HEADER File = { .Machine = PE_MACHINE_AMD64, .NumberOfSections = 3, .PointerToSymbolTable = SYMBOLS,
                            .NumberOfSymbols = 2, .SizeOfOptionalHeader = sizeof(PE_OPTIONAL_HEADER),
                            .Characteristics = PE_EXECUTABLE_IMAGE };
    PE_OPTIONAL_HEADER Optional = { .Magic = PE_MAGIC_32PLUS, .AddressOfEntryPoint = TEXT_RVA + 0x10,
                                    .ImageBase = PreferredBase, .SectionAlignment = PAGE_SIZE,
                                    .FileAlignment = 0x200, .SizeOfImage = IMAGE_SIZE,
                                    .SizeOfHeaders = HEADERS, .Subsystem = PE_SUBSYSTEM_NATIVE,
                                    .NumberOfRvaAndSizes = PE_DIRECTORIES };
    PE_SECTION_HEADER Sections[] = {
        { ".text", 0x180, TEXT_RVA, 0x200, TEXT, 0, 0, 0, 0, PE_SECTION_EXECUTE | PE_SECTION_READ },
        { ".data", DATA_SIZE, DATA_RVA, 0x200, DATA, 0, 0, 0, 0, PE_SECTION_WRITE | PE_SECTION_READ },
        { ".rdata", 0x400, RDATA_RVA, 0x400, RDATA, 0, 0, 0, 0, PE_SECTION_READ }
    };

    Optional.Directories[PE_DIRECTORY_EXPORT] = (PE_DIRECTORY){ EXPORTS, 0x80 };
    Optional.Directories[PE_DIRECTORY_IMPORT] = (PE_DIRECTORY){ IMPORTS, 2 * sizeof(PE_IMPORT_DESCRIPTOR) };
    Optional.Directories[PE_DIRECTORY_EXCEPTION] = (PE_DIRECTORY){ FUNCTIONS, 2 * sizeof(PE_FUNCTION) };
    Optional.Directories[PE_DIRECTORY_RELOCATION] = (PE_DIRECTORY){ RELOCATIONS, 12 };
    Put16(0, PE_DOS_MAGIC);
    Put32(PE_DOS_NEW_HEADER, PE_AT);
    Put32(PE_AT, PE_SIGNATURE);
    Put(PE_AT + 4, &File, sizeof File);
    Put(OPTIONAL, &Optional, sizeof Optional);
    Put(SECTIONS, Sections, sizeof Sections);
}

static void PutTables(void)
{
    PE_IMPORT_DESCRIPTOR Import = { .OriginalFirstThunk = NAMES, .Name = STRINGS_RVA, .FirstThunk = SLOTS };
    PE_FUNCTION Functions[] = { { TEXT_RVA, TEXT_RVA + 0x10, UNWIND }, { TEXT_RVA + 0x10, TEXT_RVA + 0x40, UNWIND } };
    PE_RELOCATION_BLOCK Block = { DATA_RVA, 12 };
    PE_EXPORT_DIRECTORY Exports = { .NumberOfFunctions = 1, .NumberOfNames = 1, .AddressOfFunctions = EXPORTS + 0x28,
                                    .AddressOfNames = EXPORTS + 0x2C, .AddressOfNameOrdinals = EXPORTS + 0x30 };

    Put(InFile(IMPORTS), &Import, sizeof Import);
    Put64(InFile(NAMES), STRINGS_RVA + 0x1E);           /* each behind its 2-byte hint */
    Put64(InFile(NAMES) + 8, STRINGS_RVA + 0x3E);
    PutText(STRINGS_RVA, "NTOSKRNL.EXE");
    PutText(STRINGS_RVA + 0x20, "KeSetEvent");
    PutText(STRINGS_RVA + 0x40, "NobodyHasThis");
    Put(InFile(FUNCTIONS), Functions, sizeof Functions);
    Put32(InFile(UNWIND), 1);
    Put(InFile(RELOCATIONS), &Block, sizeof Block);
    Put16(InFile(RELOCATIONS) + 8, PE_RELOCATION_DIR64 << 12 | (POINTER - DATA_RVA));
    Put(InFile(EXPORTS), &Exports, sizeof Exports);
    Put32(InFile(EXPORTS) + 0x28, TEXT_RVA + 0x100);
    Put32(InFile(EXPORTS) + 0x2C, EXPORTS + 0x40);
    PutText(EXPORTS + 0x40, "Exported");
    Put64(POINTER - DATA_RVA + DATA, PreferredBase + TEXT_RVA + 0x20);
}

static void PutSymbols(void)
{
    PE_SYMBOL Short = { .Name.Short = "Entry", .Value = 0x10, .SectionNumber = 1, .Type = PE_SYMBOL_TYPE_FUNCTION,
                        .StorageClass = PE_SYMBOL_STATIC };
    PE_SYMBOL Long = { .Value = 0x80, .SectionNumber = 1, .Type = PE_SYMBOL_TYPE_FUNCTION,
                       .StorageClass = PE_SYMBOL_EXTERNAL };

    Long.Name.Long.Zeroes = 0;
    Long.Name.Long.Offset = 4;
    Put(SYMBOLS, &Short, sizeof Short);
    Put(SYMBOLS + sizeof Short, &Long, sizeof Long);
    Put32(STRINGS, FILE_SIZE - STRINGS);
    Put(STRINGS + 4, "LongFunction", 13);
}

/* ---- One trial: a file at the end of its memory ---- */

typedef struct _TRIAL {
    UCHAR *Pages;
    PE_LAYOUT Layout;
    PE_REFUSAL Refusal;
    ULONG Imports;
    PVOID Bound[2];
} TRIAL;

static TRIAL T;

static void Begin(void)
{
    memset(Good, 0, sizeof Good);
    PutHeaders();
    PutTables();
    PutSymbols();
    memset(&T, 0, sizeof T);
    T.Pages = MmAllocatePages(FILE_PAGES);
    REQUIRE_TRUE(T.Pages != NULL);
}

static void End(void) { MmFreePages(T.Pages, FILE_PAGES); }

static PE_FILE Place(const UCHAR *Bytes, ULONG64 Length)
{
    UCHAR *At = T.Pages + FILE_PAGES - Length;

    memcpy(At, Bytes, Length);
    return (PE_FILE){ .Name = "unit.sys", .Bytes = At, .Length = Length };
}

static PVOID Resolve(void *Context, const char *Module, const char *Name)
{
    UNREFERENCED_PARAMETER(Context);
    EXPECT_TRUE(Module[0] != 0 && Name[0] != 0);
    T.Imports++;
    return (PVOID)(ULONG_PTR)(0x1000 + T.Imports);
}

/* Check, and when that passes map, bind and look around. Refused: there must be a line. */
static BOOLEAN Try(const UCHAR *Bytes, ULONG64 Length)
{
    PE_FILE File = Place(Bytes, Length);
    char Name[32];
    BOOLEAN Passed = PeCheck(&File, &T.Layout, &T.Refusal);
    UCHAR *Base;

    if (Passed) {
        Base = MmAllocatePages(T.Layout.SizeOfImage);
        REQUIRE_TRUE(Base != NULL);
        T.Imports = 0;
        Passed = PeMap(&File, &T.Layout, Base, &T.Refusal) &&
                 PeBindImports(&File, &T.Layout, Base, Resolve, NULL, &T.Refusal);
        if (Passed) {
            PeSetSecurityCookie(&T.Layout, Base, 1);
            for (ULONG Rva = 0; Rva < T.Layout.SizeOfImage; Rva += PAGE_SIZE + 0x10)
                PeFindSymbol(&File, &T.Layout, Base, Rva, Name, sizeof Name);
            PeProtect(&T.Layout, Base);
        }
        MmFreePages(Base, T.Layout.SizeOfImage);
    }
    if (!Passed)
        EXPECT_TRUE(strncmp(T.Refusal.Text, "unit.sys refused: ", 18) == 0 && T.Refusal.Text[18] != 0);
    return Passed;
}

/* ---- Tests ---- */

TEST(ldr_pe, takes_a_good_image)
{
    Begin();
    EXPECT_TRUE(Try(Good, FILE_SIZE));
    EXPECT_EQ(T.Layout.SizeOfImage, IMAGE_SIZE);
    EXPECT_EQ(T.Layout.EntryRva, TEXT_RVA + 0x10);
    EXPECT_EQ(T.Layout.SectionCount, 3);
    EXPECT_EQ(T.Layout.SymbolCount, 2);
    EXPECT_EQ(T.Imports, 2);
    End();
}

static ULONG RightsAt(const UCHAR *Address)
{
    ULONG Rights = 0;

    EXPECT_NE(MmuQuery((ULONG64)(ULONG_PTR)Address, &Rights), ~0ull);
    return Rights & (MMU_WRITE | MMU_EXECUTE);
}

TEST(ldr_pe, maps_relocates_binds_and_protects)
{
    UCHAR *Base = MmAllocatePages(IMAGE_SIZE);
    ULONG64 Value;
    PE_FILE File;

    Begin();
    REQUIRE_TRUE(Base != NULL);
    File = Place(Good, FILE_SIZE);
    REQUIRE_TRUE(PeCheck(&File, &T.Layout, &T.Refusal) && PeMap(&File, &T.Layout, Base, &T.Refusal));
    REQUIRE_TRUE(PeBindImports(&File, &T.Layout, Base, Resolve, NULL, &T.Refusal));
    PeProtect(&T.Layout, Base);
    EXPECT_EQ(memcmp(Base, Good, HEADERS), 0);
    memcpy(&Value, Base + POINTER, sizeof Value);
    EXPECT_EQ(Value, (ULONG64)(ULONG_PTR)Base + TEXT_RVA + 0x20);
    memcpy(&Value, Base + SLOTS, sizeof Value);
    EXPECT_EQ(Value, 0x1001);
    memcpy(&Value, Base + SLOTS + 8, sizeof Value);
    EXPECT_EQ(Value, 0x1002);
    for (ULONG i = 0x200; i < DATA_SIZE; i++)
        EXPECT_EQ(Base[DATA_RVA + i], 0);
    EXPECT_EQ(RightsAt(Base), 0);
    EXPECT_EQ(RightsAt(Base + TEXT_RVA), MMU_EXECUTE);
    EXPECT_EQ(RightsAt(Base + DATA_RVA), MMU_WRITE);
    EXPECT_EQ(RightsAt(Base + DATA_RVA + PAGE_SIZE), MMU_WRITE);
    EXPECT_EQ(RightsAt(Base + RDATA_RVA), 0);
    End();
    MmFreePages(Base, IMAGE_SIZE);
}

TEST(ldr_pe, refuses_a_file_cut_off_anywhere)
{
    Begin();
    for (ULONG64 Length = 0; Length < FILE_SIZE; Length++)
        EXPECT_FALSE(Try(Good, Length));
    End();
}

TEST(ldr_pe, survives_every_changed_header_byte)
{
    ULONG Passed = 0, Refused = 0;

    Begin();
    for (ULONG At = 0; At < HEADERS_USED; At++) {
        UCHAR Old = Good[At];

        for (ULONG i = 0; i < 10; i++) {
            Good[At] = i < 8 ? Old ^ 1u << i : i == 8 ? 0xFF : 0;
            *(Try(Good, FILE_SIZE) ? &Passed : &Refused) += 1;
        }
        Good[At] = Old;
    }
    EXPECT_GT(Refused, 100);
    EXPECT_GT(Passed, 100);             /* time stamps, versions, what the file does not use */
    EXPECT_TRUE(Try(Good, FILE_SIZE));
    End();
}

TEST(ldr_pe, survives_changes_anywhere)
{
    static UCHAR Changed[FILE_SIZE];
    ULONG Seed = 0x4B454447;

    Begin();
    for (ULONG Round = 0; Round < 4000; Round++) {
        memcpy(Changed, Good, FILE_SIZE);
        for (ULONG i = RtlRandomEx(&Seed) % 6; i != ~0u; i--) {
            ULONG At = RtlRandomEx(&Seed);
            /* Half of the changes hit the tables of .rdata. */
            At = At % 2 != 0 ? RDATA + At / 2 % 0x200 : At / 2 % FILE_SIZE;
            Changed[At] = (UCHAR)(RtlRandomEx(&Seed) >> 8);
        }
        Try(Changed, FILE_SIZE);
    }
    End();
}

/* The check says what the field is called and what it holds. */
static void ExpectRefusal(ULONG Offset, ULONG Value, ULONG Size, const char *Part)
{
    UCHAR Old[4];

    memcpy(Old, Good + Offset, sizeof Old);
    Put(Offset, &Value, Size);
    EXPECT_FALSE(Try(Good, FILE_SIZE));
    EXPECT_TRUE(strstr(T.Refusal.Text, Part) != NULL);
    Put(Offset, Old, sizeof Old);
}

TEST(ldr_pe, names_field_and_value)
{
    Begin();
    ExpectRefusal(PE_AT + 4, 0x1C4, 2, "Machine is 0x01c4");
    ExpectRefusal(OPTIONAL, PE_MAGIC_32, 2, "Magic is 0x10b (PE32,");
    ExpectRefusal(OPTIONAL + 68, 2, 2, "Subsystem is 2");
    ExpectRefusal(OPTIONAL + 56, 0x80000000, 4, "SizeOfImage is 0x80000000");
    ExpectRefusal(SECTIONS + 40 + 12, TEXT_RVA, 4, "section '.data': VirtualAddress 0x1000 overlaps");
    ExpectRefusal(SECTIONS + 36, PE_SECTION_WRITE | PE_SECTION_EXECUTE, 4,
                  "section '.text': Characteristics 0xa0000000");
    ExpectRefusal(OPTIONAL + 16, DATA_RVA, 4, "AddressOfEntryPoint 0x2000 lies in section '.data'");
    ExpectRefusal(InFile(RELOCATIONS) + 8, 3 << 12, 2, "relocation at 0x2000 has type 3");
    ExpectRefusal(InFile(NAMES) + 4, 0x80000000, 4, "import from NTOSKRNL.EXE by ordinal");
    End();
}

TEST(ldr_pe, takes_a_writable_init_section_without_the_right_to_write)
{
    Begin();
    Put(SECTIONS, "INIT\0\0\0", 8);
    Put32(SECTIONS + 36, PE_SECTION_READ | PE_SECTION_WRITE | PE_SECTION_EXECUTE | PE_SECTION_DISCARDABLE);
    EXPECT_TRUE(Try(Good, FILE_SIZE));
    EXPECT_FALSE(T.Layout.Sections[0].Flags & PE_SECTION_WRITE);
    End();
}

TEST(ldr_pe, names_functions_from_symbols_and_exports)
{
    UCHAR *Base = MmAllocatePages(IMAGE_SIZE);
    char Name[32];
    PE_FILE File;

    Begin();
    REQUIRE_TRUE(Base != NULL);
    File = Place(Good, FILE_SIZE);
    REQUIRE_TRUE(PeCheck(&File, &T.Layout, &T.Refusal) && PeMap(&File, &T.Layout, Base, &T.Refusal));
    EXPECT_EQ(PeFindSymbol(&File, &T.Layout, Base, TEXT_RVA + 0x14, Name, sizeof Name), 4);
    EXPECT_EQ(strcmp(Name, "Entry"), 0);
    EXPECT_EQ(PeFindSymbol(&File, &T.Layout, Base, TEXT_RVA + 0x90, Name, sizeof Name), 0x10);
    EXPECT_EQ(strcmp(Name, "LongFunction"), 0);
    EXPECT_EQ(PeFindSymbol(&File, &T.Layout, Base, TEXT_RVA, Name, sizeof Name), ~0ull);
    T.Layout.SymbolCount = 0;
    EXPECT_EQ(PeFindSymbol(&File, &T.Layout, Base, TEXT_RVA + 0x104, Name, sizeof Name), 4);
    EXPECT_EQ(strcmp(Name, "Exported"), 0);
    End();
    MmFreePages(Base, IMAGE_SIZE);
}

TEST(ldr_image, is_found_by_address_until_unloaded)
{
    ULONG64 Base;
    LDR_IMAGE *Image;
    PVOID Slot;
    char Text[64];
    PE_FILE File;

    Begin();
    LdrInitialize(FALSE);
    File = Place(Good, FILE_SIZE);
    Image = LdrLoadImage("bad name.sys", File.Bytes, FILE_SIZE, &T.Refusal);
    REQUIRE_TRUE(Image != NULL);
    Base = (ULONG64)(ULONG_PTR)Image->Base;
    EXPECT_EQ(strcmp(Image->Name, "bad_name.sys"), 0);
    EXPECT_EQ(Image->Imports, 2);
    EXPECT_EQ(Image->Unresolved, 1);
    memcpy(&Slot, Image->Base + SLOTS, sizeof Slot);
    EXPECT_EQ((ULONG_PTR)Slot, (ULONG_PTR)KeSetEvent);
    EXPECT_EQ((ULONG_PTR)LdrFindImage(Base), (ULONG_PTR)Image);
    EXPECT_EQ((ULONG_PTR)LdrFindImage(Base + IMAGE_SIZE - 1), (ULONG_PTR)Image);
    EXPECT_EQ((ULONG_PTR)LdrFindImage(Base + IMAGE_SIZE), 0);
    EXPECT_EQ((ULONG_PTR)LdrFindImage(Base - 1), 0);
    RtlDescribeAddress(Base + TEXT_RVA + 0x14, Text, sizeof Text);
    EXPECT_EQ(strcmp(Text, "bad_name.sys+0x1014 (Entry+0x4)"), 0);
    LdrUnloadImage(Image);
    EXPECT_EQ((ULONG_PTR)LdrFindImage(Base), 0);
    End();
}

static PVOID FindRoutine(const WCHAR *Name, USHORT Length)
{
    UNICODE_STRING String = { Length, Length, (PWSTR)Name };

    return MmGetSystemRoutineAddress(&String);
}

TEST(ldr_exports, are_found_by_their_exact_counted_name)
{
    LdrInitialize(FALSE);
    EXPECT_EQ((ULONG_PTR)FindRoutine(L"KeSetEventually", 20), (ULONG_PTR)KeSetEvent);
    EXPECT_EQ((ULONG_PTR)FindRoutine(L"KeSetEventually", 30), 0);
    EXPECT_EQ((ULONG_PTR)FindRoutine(L"kesetevent", 20), 0);
    EXPECT_EQ((ULONG_PTR)FindRoutine(L"\u212AeSetEvent", 20), 0);
    EXPECT_EQ((ULONG_PTR)FindRoutine(L"KeSetEvent\0 and more", 40), 0);
    EXPECT_EQ((ULONG_PTR)FindRoutine(L"", 0), 0);
}
