/* symbols.c - address to function name, by binary search in the embedded table. */
#include <rtl/symbols.h>

extern const char KernelTextStart[] __attribute__((weak)), KernelTextEnd[] __attribute__((weak));

/* RtlFindSymbol - see symbols.h.  IRQL: any.  Returns: NULL outside the kernel's text, below the first
 * function, or in an image without a table. */
const char *RtlFindSymbol(ULONG64 Address, ULONG64 *Offset)
{
    ULONG Low = 0, High = &KSymCount ? KSymCount : 0;

    if (Address < (ULONG64)KernelTextStart || Address >= (ULONG64)KernelTextEnd)
        return NULL;
    while (Low < High) {
        ULONG Middle = Low + (High - Low) / 2;

        if (KSYM_BASE + KSymTable[Middle].Offset <= Address)
            Low = Middle + 1;
        else
            High = Middle;
    }
    if (Low == 0)
        return NULL;
    *Offset = Address - KSYM_BASE - KSymTable[Low - 1].Offset;
    return KSymNames + KSymTable[Low - 1].NameOffset;
}
