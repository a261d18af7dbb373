/* pe_format.h - the PE32+ file format, as far as a driver image uses it. Offsets are the format's own. */
#pragma once

#include <rtl/ntdef.h>

enum {
    PE_DOS_MAGIC = 0x5A4D,                  /* "MZ" */
    ELF_MAGIC_START = 0x457F,               /* what an ELF file has there */
    PE_DOS_HEADER_SIZE = 0x40,
    PE_DOS_NEW_HEADER = 0x3C,               /* where the DOS header keeps the offset of the PE signature */
    PE_SIGNATURE = 0x00004550,              /* "PE\0\0" */
    PE_MACHINE_AMD64 = 0x8664,
    PE_MAGIC_32 = 0x10B, PE_MAGIC_32PLUS = 0x20B,
    PE_SUBSYSTEM_NATIVE = 1,
    PE_MAX_SECTIONS = 96,
    PE_DIRECTORIES = 16
};

/* PE_FILE_HEADER.Characteristics */
enum { PE_RELOCATIONS_STRIPPED = 0x0001, PE_EXECUTABLE_IMAGE = 0x0002 };

/* PE_SECTION_HEADER.Characteristics */
#define PE_SECTION_UNINITIALIZED 0x00000080u
#define PE_SECTION_DISCARDABLE   0x02000000u
#define PE_SECTION_EXECUTE       0x20000000u
#define PE_SECTION_READ          0x40000000u
#define PE_SECTION_WRITE         0x80000000u

enum { PE_DIRECTORY_EXPORT = 0, PE_DIRECTORY_IMPORT = 1, PE_DIRECTORY_EXCEPTION = 3, PE_DIRECTORY_SECURITY = 4,
       PE_DIRECTORY_RELOCATION = 5, PE_DIRECTORY_LOAD_CONFIG = 10 };

enum { PE_RELOCATION_ABSOLUTE = 0, PE_RELOCATION_DIR64 = 10 };

#define PE_IMPORT_BY_ORDINAL 0x8000000000000000ull

typedef struct _PE_FILE_HEADER {
    USHORT Machine;
    USHORT NumberOfSections;
    ULONG TimeDateStamp;
    ULONG PointerToSymbolTable;
    ULONG NumberOfSymbols;
    USHORT SizeOfOptionalHeader;
    USHORT Characteristics;
} PE_FILE_HEADER;

typedef struct _PE_DIRECTORY { ULONG VirtualAddress, Size; } PE_DIRECTORY;

typedef struct _PE_OPTIONAL_HEADER {
    USHORT Magic;
    UCHAR MajorLinkerVersion, MinorLinkerVersion;
    ULONG SizeOfCode, SizeOfInitializedData, SizeOfUninitializedData;
    ULONG AddressOfEntryPoint;
    ULONG BaseOfCode;
    ULONG64 ImageBase;
    ULONG SectionAlignment, FileAlignment;
    USHORT MajorOperatingSystemVersion, MinorOperatingSystemVersion;
    USHORT MajorImageVersion, MinorImageVersion;
    USHORT MajorSubsystemVersion, MinorSubsystemVersion;
    ULONG Win32VersionValue;
    ULONG SizeOfImage, SizeOfHeaders;
    ULONG CheckSum;
    USHORT Subsystem, DllCharacteristics;
    ULONG64 SizeOfStackReserve, SizeOfStackCommit, SizeOfHeapReserve, SizeOfHeapCommit;
    ULONG LoaderFlags;
    ULONG NumberOfRvaAndSizes;
    PE_DIRECTORY Directories[PE_DIRECTORIES];
} PE_OPTIONAL_HEADER;

typedef struct _PE_SECTION_HEADER {
    char Name[8];
    ULONG VirtualSize, VirtualAddress;
    ULONG SizeOfRawData, PointerToRawData;
    ULONG PointerToRelocations, PointerToLinenumbers;
    USHORT NumberOfRelocations, NumberOfLinenumbers;
    ULONG Characteristics;
} PE_SECTION_HEADER;

typedef struct _PE_IMPORT_DESCRIPTOR {
    ULONG OriginalFirstThunk;
    ULONG TimeDateStamp;
    ULONG ForwarderChain;
    ULONG Name;
    ULONG FirstThunk;
} PE_IMPORT_DESCRIPTOR;

typedef struct _PE_EXPORT_DIRECTORY {
    ULONG Characteristics;
    ULONG TimeDateStamp;
    USHORT MajorVersion, MinorVersion;
    ULONG Name;
    ULONG Base;
    ULONG NumberOfFunctions, NumberOfNames;
    ULONG AddressOfFunctions, AddressOfNames, AddressOfNameOrdinals;
} PE_EXPORT_DIRECTORY;

typedef struct _PE_RELOCATION_BLOCK { ULONG VirtualAddress, SizeOfBlock; } PE_RELOCATION_BLOCK;

/* A row of .pdata: the function at [BeginAddress, EndAddress) and how to unwind it. */
typedef struct _PE_FUNCTION { ULONG BeginAddress, EndAddress, UnwindData; } PE_FUNCTION;

enum { PE_LOAD_CONFIG_COOKIE = 0x58 };      /* where IMAGE_LOAD_CONFIG_DIRECTORY64 keeps the cookie's address */

/* A row of the COFF symbol table, 18 bytes in the file. */
typedef struct __attribute__((packed)) _PE_SYMBOL {
    union {
        char Short[8];
        struct { ULONG Zeroes, Offset; } Long;  /* Zeroes 0: the name is in the string table */
    } Name;
    ULONG Value;
    SHORT SectionNumber;                        /* from 1 */
    USHORT Type;
    UCHAR StorageClass;
    UCHAR NumberOfAuxSymbols;
} PE_SYMBOL;

enum { PE_SYMBOL_EXTERNAL = 2, PE_SYMBOL_STATIC = 3, PE_SYMBOL_TYPE_FUNCTION = 0x20 };

C_ASSERT(sizeof(PE_FILE_HEADER) == 20);
C_ASSERT(sizeof(PE_OPTIONAL_HEADER) == 240 && offsetof(PE_OPTIONAL_HEADER, Directories) == 112);
C_ASSERT(offsetof(PE_OPTIONAL_HEADER, ImageBase) == 24 && offsetof(PE_OPTIONAL_HEADER, Subsystem) == 68);
C_ASSERT(sizeof(PE_SECTION_HEADER) == 40 && sizeof(PE_IMPORT_DESCRIPTOR) == 20);
C_ASSERT(sizeof(PE_EXPORT_DIRECTORY) == 40 && sizeof(PE_FUNCTION) == 12 && sizeof(PE_SYMBOL) == 18);
