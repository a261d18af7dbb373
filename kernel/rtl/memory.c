/* memory.c - NT's memory routines. Most are macros over the C ones in a driver's headers; drivers from
 * other headers import them. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

#include <rtl/memory.h>
#include <rtl/string.h>

/* RtlZeroMemory - fill Length bytes with 0.  IRQL: any. */
VOID RtlZeroMemory(PVOID Destination, SIZE_T Length)
{
    memset(Destination, 0, Length);
}

/* RtlFillMemory - fill Length bytes with Fill.  IRQL: any. */
VOID RtlFillMemory(PVOID Destination, SIZE_T Length, UCHAR Fill)
{
    memset(Destination, Fill, Length);
}

/* RtlMoveMemory - copy; the blocks may overlap.  IRQL: any. */
VOID RtlMoveMemory(PVOID Destination, const VOID *Source, SIZE_T Length)
{
    memmove(Destination, Source, Length);
}

/* RtlCopyMemory - copy; the blocks do not overlap.  IRQL: any. */
VOID RtlCopyMemory(PVOID Destination, const VOID *Source, SIZE_T Length)
{
    memcpy(Destination, Source, Length);
}

/* RtlCompareMemory - how many bytes from the start are equal.  IRQL: any.  Returns: Length if all are. */
SIZE_T RtlCompareMemory(const VOID *Source1, const VOID *Source2, SIZE_T Length)
{
    const UCHAR *A = Source1, *B = Source2;
    SIZE_T Equal = 0;

    while (Equal < Length && A[Equal] == B[Equal])
        Equal++;
    return Equal;
}

/* RtlCompareMemoryUlong - how many bytes from the start repeat Pattern, in whole words; Length is
 * rounded down to words.  IRQL: any. */
SIZE_T RtlCompareMemoryUlong(PVOID Source, SIZE_T Length, ULONG Pattern)
{
    const ULONG *Words = Source;
    SIZE_T Equal = 0;

    while (Equal < Length / sizeof(ULONG) && Words[Equal] == Pattern)
        Equal++;
    return Equal * sizeof(ULONG);
}
