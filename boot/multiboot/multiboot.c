/* multiboot.c - reads what the loader left, by either protocol, into a BOOT_INFO.
 *
 * The loader's memory is read through BOOT_SOURCE and only after its extent has been asked for, so the
 * same code runs on a buffer of hostile bytes in tests/boot/multiboot_test.c. Refusing is not failing:
 * what is wrong is named and left out, and the kernel boots with what remains. */
#include <rtl/string.h>
#include "parse.h"

/* ---- Public: BootParse ---- */

/* BootParse - fill Info from the information structure at physical address Information; Magic is the
 * loader's eax and tells its protocol.  IRQL: any; one caller at a time.
 * Returns: how many things were refused, each with one line to Source->Refuse. Info is valid in any case. */
ULONG BootParse(ULONG Magic, ULONG64 Information, const BOOT_SOURCE *Source, BOOT_INFO *Info)
{
    BOOT_PARSER Parser = { .Source = Source, .Info = Info };

    memset(Info, 0, sizeof *Info);
    BootMapReset();
    if (Magic == MULTIBOOT1_MAGIC)
        BootParse1(&Parser, Information);
    else if (Magic == MULTIBOOT2_MAGIC)
        BootParse2(&Parser, Information);
    else
        BootRefuse(&Parser, "loader magic 0x%x: neither Multiboot 1 nor 2", Magic);
    BootMapFinish(&Parser);
    BootCheckModules(&Parser);
    return Parser.Refusals;
}
