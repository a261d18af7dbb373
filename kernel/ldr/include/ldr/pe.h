/* pe.h - check a driver's file, lay it out in memory, relocate it, walk its imports. */
#pragma once

#include <ldr/pe_format.h>

/* The largest image that is loaded, and how much it may import. Both are far above any driver and keep a
 * hostile file from taking the machine's memory or time. */
enum { PE_IMAGE_LIMIT = 64 << 20, PE_IMPORT_LIMIT = 16384, PE_NAME_LIMIT = 255 };

typedef struct _PE_FILE {
    const char *Name;           /* for the refusal line */
    const UCHAR *Bytes;
    ULONG64 Length;
} PE_FILE;

/* Why a file is refused: one line that names file, field and value. */
typedef struct _PE_REFUSAL { char Text[240]; } PE_REFUSAL;

typedef struct _PE_RANGE { ULONG Rva, Size; } PE_RANGE;

typedef struct _PE_SECTION {
    char Name[9];
    ULONG Rva, Size;            /* in memory */
    ULONG FileOffset, FileSize; /* what of it comes from the file, <= Size; the rest is zero */
    ULONG Flags;                /* PE_SECTION_* */
} PE_SECTION;

/* What PeCheck has found to be true of a file: every number here may be used without looking again. */
typedef struct _PE_LAYOUT {
    ULONG64 PreferredBase;
    ULONG SizeOfImage;          /* multiple of PAGE_SIZE */
    ULONG SizeOfHeaders;
    ULONG EntryRva;
    ULONG SymbolOffset, SymbolCount;    /* COFF symbols in the file; 0: none */
    ULONG StringOffset, StringSize;
    PE_RANGE Exports, Imports, Functions, Relocations, LoadConfig; /* each inside one section; Size 0: none */
    ULONG SectionCount;
    PE_SECTION Sections[PE_MAX_SECTIONS];
} PE_LAYOUT;

/* Check everything that the file alone can tell. FALSE: Refusal says why. Any IRQL, reads only File. */
BOOLEAN PeCheck(const PE_FILE *File, PE_LAYOUT *Layout, PE_REFUSAL *Refusal);

/* Copy headers and sections to Base, SizeOfImage zeroed bytes, and relocate for it. */
BOOLEAN PeMap(const PE_FILE *File, const PE_LAYOUT *Layout, UCHAR *Base, PE_REFUSAL *Refusal);

/* Give Layout's image at Base the rights of its sections. From now on nothing is writable and executable. */
void PeProtect(const PE_LAYOUT *Layout, UCHAR *Base);

/* Called for each import; returns what its slot shall hold. */
typedef PVOID (*PE_RESOLVE)(void *Context, const char *Module, const char *Name);

/* Bind every import of a mapped, still writable image. */
BOOLEAN PeBindImports(const PE_FILE *File, const PE_LAYOUT *Layout, UCHAR *Base, PE_RESOLVE Resolve, void *Context,
                      PE_REFUSAL *Refusal);

/* Give a /GS image that still has the linker's default cookie one of its own, as its entry code demands. */
void PeSetSecurityCookie(const PE_LAYOUT *Layout, UCHAR *Base, ULONG64 Seed);

/* The section that holds all of [Rva, Rva + Size), or NULL. */
const PE_SECTION *PeFindSection(const PE_LAYOUT *Layout, ULONG64 Rva, ULONG64 Size);

/* The name of what lies at or closest below Rva, from the file's symbols, else from the image's exports.
 * Returns its offset from there; ~0 and an empty Name if nothing is known. Touches only File and image. */
ULONG64 PeFindSymbol(const PE_FILE *File, const PE_LAYOUT *Layout, const UCHAR *Base, ULONG Rva, char *Name,
                     SIZE_T Size);
