#!/usr/bin/perl
# breakage.pl - broken driver files, each made of a good one by a single change.
#
#   breakage.pl GOOD.sys DIRECTORY    writes the files there, and to stdout a line for each: its path, a blank, and
#                                     a pattern that the line with which Kedge refuses it must match
# Offsets are those of the PE format; a field of 2, 4 or 8 bytes is written with W, L or Q.
use strict;
use warnings;
no warnings 'portable';                   # 64-bit numbers

my ($Source, $Directory) = @ARGV;
open my $In, '<:raw', $Source or die "$Source: $!\n";
my $Good = do { local $/; <$In> };

my $Pe = unpack 'L<', substr $Good, 0x3C, 4;
my $File = $Pe + 4;                     # the file header
my $Optional = $File + 20;              # the optional header
my $Directories = $Optional + 112;
my $Sections = $Optional + unpack 'S<', substr $Good, $File + 16, 2;
my $SectionCount = unpack 'S<', substr $Good, $File + 2, 2;
my %Template = (W => 'S<', L => 'L<', Q => 'Q<');

sub field { my ($At, $Kind) = @_; return unpack $Template{$Kind}, substr $Good, $At, length pack $Template{$Kind}, 0 }

# Good with one field changed.
sub with { my @Changes = @_; my $Bytes = $Good;
    while (my ($At, $Kind, $Value) = splice @Changes, 0, 3) {
        my $New = pack $Template{$Kind}, $Value;
        substr $Bytes, $At, length $New, $New;
    }
    return $Bytes;
}

sub emit { my ($Name, $Bytes, $Pattern) = @_;
    my $Path = "$Directory/$Name.sys";
    open my $Out, '>:raw', $Path or die "$Path: $!\n";
    print $Out $Bytes;
    close $Out or die "$Path: $!\n";
    print "$Path $Name\\.sys refused: $Pattern\n";
}

# The header of the section of this name, and a file offset for an RVA.
sub section { my ($Name) = @_;
    for my $i (0 .. $SectionCount - 1) {
        my $At = $Sections + 40 * $i;
        return $At if unpack('Z8', substr $Good, $At, 8) eq $Name;
    }
    die "$Source has no section $Name\n";
}

sub offset { my ($Rva) = @_;
    for my $i (0 .. $SectionCount - 1) {
        my ($Size, $Start, $Raw, $Pointer) = unpack 'x8 L<4', substr $Good, $Sections + 40 * $i, 40;
        return $Rva - $Start + $Pointer if $Rva >= $Start && $Rva < $Start + $Raw;
    }
    die sprintf "%s: RVA 0x%x is not in the file\n", $Source, $Rva;
}

my ($Text, $Data) = (section('.text'), section('.data'));
my $Imports = offset(field($Directories + 8, 'L'));
my $Names = offset(field($Imports, 'L'));               # the first module's list of names
my $Relocations = offset(field($Directories + 40, 'L'));

# The file as a whole.
emit('empty', '', 'the file is empty');
emit('text', "This is not a driver.\n", 'e_magic is 0x6854');
emit('elf', "\x7FELF\x02\x01\x01" . "\0" x 200, 'e_magic is 0x457f.*an ELF file');
emit('dos_only', substr($Good, 0, 0x40), 'the PE signature .*the file ends at 0x40');
emit('cut_in_headers', substr($Good, 0, $Optional + 50), 'the optional header');
emit('cut_in_section', substr($Good, 0, field($Text + 20, 'L') + 16), "section '.text': .*beyond the end of the file");
emit('cut_in_symbols', substr($Good, 0, length($Good) - 1), 'the string table');

# DOS and file header.
emit('lfanew_far', with(0x3C, 'L', 0xFFFFFFF0), 'the PE signature');
emit('lfanew_odd', with(0x3C, 'L', $Pe + 1), 'e_lfanew is ');
emit('signature', with($Pe, 'L', 0x4541), 'the signature ');
emit('arm64', with($File, 'W', 0xAA64), 'Machine is 0xaa64');
emit('i386', with($File, 'W', 0x14C), 'Machine is 0x014c \\(32-bit x86\\)');
emit('no_sections', with($File + 2, 'W', 0), 'NumberOfSections is 0');
emit('many_sections', with($File + 2, 'W', 97), 'NumberOfSections is 97');
emit('not_executable', with($File + 18, 'W', field($File + 18, 'W') & ~2), 'Characteristics is ');
emit('not_relocatable', with($File + 18, 'W', field($File + 18, 'W') | 1), 'Characteristics is .*RELOCS_STRIPPED');
emit('small_optional', with($File + 16, 'W', 100), 'SizeOfOptionalHeader is 100');

# Optional header.
emit('pe32', with($Optional, 'W', 0x10B), 'OptionalHeader.Magic is 0x10b');
emit('rom_image', with($Optional, 'W', 0x107), 'OptionalHeader.Magic is 0x107');
emit('console', with($Optional + 68, 'W', 3), 'Subsystem is 3');
emit('section_alignment', with($Optional + 32, 'L', 0x200), 'SectionAlignment is 0x200');
emit('file_alignment', with($Optional + 36, 'L', 0x300), 'FileAlignment is 0x300');
emit('image_base', with($Optional + 24, 'Q', 0x12345), 'ImageBase is 0x12345');
emit('huge_image', with($Optional + 56, 'L', 0xFFFFF000), 'SizeOfImage is 0xfffff000');
emit('odd_image', with($Optional + 56, 'L', field($Optional + 56, 'L') + 1), 'SizeOfImage is .*not a multiple');
emit('small_image', with($Optional + 56, 'L', 0x2000), "section '.*SizeOfImage 0x2000");
emit('small_headers', with($Optional + 60, 'L', 0x100), 'SizeOfHeaders is 0x100');
emit('huge_headers', with($Optional + 60, 'L', 0x7FFFFFFF), 'SizeOfHeaders is 0x7fffffff');
emit('many_directories', with($Optional + 108, 'L', 17), 'NumberOfRvaAndSizes is 17');

# Sections.
emit('section_outside', with($Text + 20, 'L', 0x7FFFFE00), "section '.text': PointerToRawData 0x7ffffe00");
emit('section_huge', with($Text + 16, 'L', 0xFFFFFFFF), "section '.text': .*SizeOfRawData 0xffffffff");
emit('section_huge_in_memory', with($Text + 8, 'L', 0xFFFFFFFF), "section '.text': .*SizeOfImage");
emit('section_misaligned', with($Text + 12, 'L', field($Text + 12, 'L') + 8), "section '.text': VirtualAddress .*multiple");
emit('section_misaligned_in_file', with($Text + 20, 'L', field($Text + 20, 'L') + 1), "section '.text': PointerToRawData .*multiple");
emit('sections_overlap', with($Data + 12, 'L', field($Text + 12, 'L')), "section '.data': VirtualAddress .*overlaps");
emit('section_in_headers', with($Text + 20, 'L', 0), "section '.text': PointerToRawData 0x0 lies in the headers");
emit('writable_code', with($Text + 36, 'L', field($Text + 36, 'L') | 0x80000000), "section '.text': .*writable and executable");

# Entry.
emit('no_entry', with($Optional + 16, 'L', 0), 'AddressOfEntryPoint is 0');
emit('entry_outside', with($Optional + 16, 'L', 0x7FFFFFFF), 'AddressOfEntryPoint 0x7fffffff lies in no section');
emit('entry_in_data', with($Optional + 16, 'L', field($Data + 12, 'L')), "AddressOfEntryPoint .*'.data', which is not executable");

# Directories and what they point to.
emit('imports_outside', with($Directories + 8, 'L', 0x7FFFF000), 'import directory: VirtualAddress 0x7ffff000');
emit('exports_small', with($Directories, 'L', field($Data + 12, 'L'), $Directories + 4, 'L', 4), 'export directory: Size is 0x4');
emit('pdata_size', with($Directories + 28, 'L', 13), 'exception directory: Size is 0xd');
emit('pdata_backwards', with(offset(field($Directories + 24, 'L')), 'L', 0x7FFFFFFF), '.pdata row 0');
emit('certificate_outside', with($Directories + 32, 'L', length($Good), $Directories + 36, 'L', 64), 'security directory');
emit('import_by_ordinal', with($Names, 'Q', 0x8000000000000007), 'import from .* by ordinal 7');
emit('import_name_outside', with($Names, 'Q', 0x7FFFFFFF), 'import from .*its name at 0x7fffffff');
emit('import_module_outside', with($Imports + 12, 'L', 0x7FFFFFFF), 'import module name at 0x7fffffff');
emit('import_list_outside', with($Imports, 'L', 0x7FFFFFF0), 'imports from .*the list at 0x7ffffff0');
emit('import_slots_outside', with($Imports + 16, 'L', 0x7FFFFFF0), 'imports from .*FirstThunk 0x7ffffff0');
emit('relocation_page_outside', with($Relocations, 'L', 0x7FFFF000), 'relocation block .*VirtualAddress is 0x7ffff000');
emit('relocation_block_huge', with($Relocations + 4, 'L', 0xFFFFFFFE), 'relocation block .*SizeOfBlock is 0xfffffffe');
emit('relocation_block_small', with($Relocations + 4, 'L', 4), 'relocation block .*SizeOfBlock is 0x4');
emit('relocation_type', with($Relocations + 8, 'W', 0x3000), 'relocation at 0x.* has type 3');
emit('relocation_in_gap', with($Relocations, 'L', 0, $Relocations + 8, 'W', 0xA000), 'relocation at 0x0 lies in no section');
