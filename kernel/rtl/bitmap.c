/* bitmap.c - NT's bit maps.
 *
 * Everything rests on two routines that work by words: FindBit, the next bit of a given value, and
 * Change, which sets or clears a run. Bits of the last word beyond SizeOfBitMap are never looked at nor
 * changed by a run. The caller keeps others out. A range outside the map is the caller's mistake, which
 * NT's free build does not see; here a question about it is answered FALSE, and a change stops at the
 * map's end. Any IRQL. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

#include <rtl/bitmap.h>
#include <rtl/bits.h>
#include <rtl/string.h>

enum { WORD_BITS = 32 };

#define NONE 0xFFFFFFFFu

static ULONG WordCount(const RTL_BITMAP *Map)
{
    return (ULONG)(((ULONG64)Map->SizeOfBitMap + WORD_BITS - 1) / WORD_BITS);
}

/* The first bit that is Value in [From, End), or End. */
static ULONG FindBit(const RTL_BITMAP *Map, ULONG From, ULONG End, BOOLEAN Value)
{
    ULONG Flip = Value ? 0 : MAXULONG;

    while (From < End) {
        ULONG Word = (Map->Buffer[From / WORD_BITS] ^ Flip) >> From % WORD_BITS;

        if (Word) {
            From += (ULONG)__builtin_ctz(Word);
            return From < End ? From : End;
        }
        if (End - From <= WORD_BITS - From % WORD_BITS)
            return End;
        From += WORD_BITS - From % WORD_BITS;
    }
    return End;
}

/* The last bit that is Value in [0, Before), or NONE. */
static ULONG FindBitDown(const RTL_BITMAP *Map, ULONG Before, BOOLEAN Value)
{
    ULONG Flip = Value ? 0 : MAXULONG;

    while (Before) {
        ULONG Last = Before - 1, Word = (Map->Buffer[Last / WORD_BITS] ^ Flip) << (WORD_BITS - 1 - Last % WORD_BITS);

        if (Word)
            return Last - (ULONG)__builtin_clz(Word);
        Before = Last - Last % WORD_BITS;
    }
    return NONE;
}

static void Change(PRTL_BITMAP Map, ULONG Start, ULONG Count, BOOLEAN Value)
{
    ULONG End;

    if (Start >= Map->SizeOfBitMap)
        return;
    End = Count < Map->SizeOfBitMap - Start ? Start + Count : Map->SizeOfBitMap;
    while (Start < End) {
        ULONG Left = WORD_BITS - Start % WORD_BITS, Bits = End - Start < Left ? End - Start : Left;
        ULONG Mask = (MAXULONG >> (WORD_BITS - Bits)) << Start % WORD_BITS;

        if (Value)
            Map->Buffer[Start / WORD_BITS] |= Mask;
        else
            Map->Buffer[Start / WORD_BITS] &= ~Mask;
        Start += Bits;
    }
}

/* A run of Count bits that are Value, wholly in [From, End), or NONE. */
static ULONG FindRun(const RTL_BITMAP *Map, ULONG From, ULONG End, ULONG Count, BOOLEAN Value)
{
    while (From < End) {
        ULONG Start = FindBit(Map, From, End, Value), Stop;

        if (End - Start < Count)
            return NONE;
        Stop = FindBit(Map, Start, Start + Count, !Value);
        if (Stop == Start + Count)
            return Start;
        From = Stop;
    }
    return NONE;
}

/* From the hint to the end, then the runs that begin before the hint. */
static ULONG FindNear(const RTL_BITMAP *Map, ULONG Count, ULONG Hint, BOOLEAN Value)
{
    ULONG Size = Map->SizeOfBitMap, Found, Until;

    if (Hint >= Size)
        Hint = 0;
    if (Count == 0)
        return Hint & ~7u;
    if (Count > Size)
        return NONE;
    Found = FindRun(Map, Hint, Size, Count, Value);
    if (Found != NONE || Hint == 0)
        return Found;
    Until = Count - 1 < Size - Hint ? Hint + Count - 1 : Size;
    return FindRun(Map, 0, Until, Count, Value);
}

static BOOLEAN AllAre(const RTL_BITMAP *Map, ULONG Start, ULONG Count, BOOLEAN Value)
{
    if (Count == 0 || Start >= Map->SizeOfBitMap || Count > Map->SizeOfBitMap - Start)
        return FALSE;
    return FindBit(Map, Start, Start + Count, !Value) == Start + Count;
}

/* ---- Public: set up, single bits, all bits ---- */

/* RtlInitializeBitMap - describe SizeOfBitMap bits at BitMapBuffer, whose bits stay as they are. */
VOID RtlInitializeBitMap(PRTL_BITMAP BitMapHeader, PULONG BitMapBuffer, ULONG SizeOfBitMap)
{
    BitMapHeader->SizeOfBitMap = SizeOfBitMap;
    BitMapHeader->Buffer = BitMapBuffer;
}

/* RtlClearBit, RtlSetBit - change one bit.  RtlTestBit - is it set? */
VOID RtlClearBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber)
{
    Change(BitMapHeader, BitNumber, 1, FALSE);
}

VOID RtlSetBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber)
{
    Change(BitMapHeader, BitNumber, 1, TRUE);
}

BOOLEAN RtlTestBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber)
{
    return AllAre(BitMapHeader, BitNumber, 1, TRUE);
}

/* RtlClearAllBits, RtlSetAllBits - whole words, as in NT: the last one entirely. */
VOID RtlClearAllBits(PRTL_BITMAP BitMapHeader)
{
    memset(BitMapHeader->Buffer, 0, WordCount(BitMapHeader) * sizeof(ULONG));
}

VOID RtlSetAllBits(PRTL_BITMAP BitMapHeader)
{
    memset(BitMapHeader->Buffer, 0xFF, WordCount(BitMapHeader) * sizeof(ULONG));
}

/* ---- Public: runs ---- */

/* RtlClearBits, RtlSetBits - change a run; what lies beyond the map is left alone. */
VOID RtlClearBits(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG NumberToClear)
{
    Change(BitMapHeader, StartingIndex, NumberToClear, FALSE);
}

VOID RtlSetBits(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG NumberToSet)
{
    Change(BitMapHeader, StartingIndex, NumberToSet, TRUE);
}

/* RtlAreBitsClear, RtlAreBitsSet - is the whole run so? FALSE for a run of none or one that is not
 * inside the map. */
BOOLEAN RtlAreBitsClear(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG Length)
{
    return AllAre(BitMapHeader, StartingIndex, Length, FALSE);
}

BOOLEAN RtlAreBitsSet(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG Length)
{
    return AllAre(BitMapHeader, StartingIndex, Length, TRUE);
}

/* RtlNumberOfSetBits, RtlNumberOfClearBits - count within the map. */
ULONG RtlNumberOfSetBits(PRTL_BITMAP BitMapHeader)
{
    ULONG Size = BitMapHeader->SizeOfBitMap, Count = 0;

    for (ULONG I = 0; I < Size / WORD_BITS; I++)
        Count += RtlCountBits(BitMapHeader->Buffer[I]);
    if (Size % WORD_BITS)
        Count += RtlCountBits(BitMapHeader->Buffer[Size / WORD_BITS] & (MAXULONG >> (WORD_BITS - Size % WORD_BITS)));
    return Count;
}

ULONG RtlNumberOfClearBits(PRTL_BITMAP BitMapHeader)
{
    return BitMapHeader->SizeOfBitMap - RtlNumberOfSetBits(BitMapHeader);
}

/* RtlNumberOfSetBitsUlongPtr - the ones in Target. */
ULONG RtlNumberOfSetBitsUlongPtr(ULONG_PTR Target)
{
    return RtlCountBits(Target);
}

/* ---- Public: search ---- */

/* RtlFindClearBits, RtlFindSetBits - a run of NumberToFind such bits, at HintIndex or after it if there
 * is one, else before it.  Returns: where it begins; 0xFFFFFFFF if there is none; for a run of none the
 * hint's byte. */
ULONG RtlFindClearBits(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex)
{
    return FindNear(BitMapHeader, NumberToFind, HintIndex, FALSE);
}

ULONG RtlFindSetBits(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex)
{
    return FindNear(BitMapHeader, NumberToFind, HintIndex, TRUE);
}

/* RtlFindClearBitsAndSet, RtlFindSetBitsAndClear - the same, and change the run that was found. */
ULONG RtlFindClearBitsAndSet(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex)
{
    ULONG Found = FindNear(BitMapHeader, NumberToFind, HintIndex, FALSE);

    if (Found != NONE)
        Change(BitMapHeader, Found, NumberToFind, TRUE);
    return Found;
}

ULONG RtlFindSetBitsAndClear(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex)
{
    ULONG Found = FindNear(BitMapHeader, NumberToFind, HintIndex, TRUE);

    if (Found != NONE)
        Change(BitMapHeader, Found, NumberToFind, FALSE);
    return Found;
}

/* RtlFindNextForwardRunClear - the first clear run at or after FromIndex.  Returns: its length, 0 if
 * there is none; *StartingRunIndex where it begins (FromIndex if none). */
ULONG RtlFindNextForwardRunClear(PRTL_BITMAP BitMapHeader, ULONG FromIndex, PULONG StartingRunIndex)
{
    ULONG Size = BitMapHeader->SizeOfBitMap, Start = FindBit(BitMapHeader, FromIndex, Size, FALSE);

    if (Start >= Size) {
        *StartingRunIndex = FromIndex;
        return 0;
    }
    *StartingRunIndex = Start;
    return FindBit(BitMapHeader, Start, Size, TRUE) - Start;
}

/* RtlFindLastBackwardRunClear - the last clear run that ends at or before FromIndex, or is cut there.
 * Returns: its length, 0 if there is none; *StartingRunIndex where it begins (FromIndex if none). */
ULONG RtlFindLastBackwardRunClear(PRTL_BITMAP BitMapHeader, ULONG FromIndex, PULONG StartingRunIndex)
{
    ULONG Size = BitMapHeader->SizeOfBitMap, Last, Below;

    *StartingRunIndex = FromIndex;
    Last = FindBitDown(BitMapHeader, FromIndex < Size ? FromIndex + 1 : Size, FALSE);
    if (Last == NONE)
        return 0;
    Below = FindBitDown(BitMapHeader, Last, TRUE);
    *StartingRunIndex = Below == NONE ? 0 : Below + 1;
    return Last + 1 - *StartingRunIndex;
}

/* RtlFindFirstRunClear - the first clear run.  Returns: its length, 0 if there is none. */
ULONG RtlFindFirstRunClear(PRTL_BITMAP BitMapHeader, PULONG StartingIndex)
{
    return RtlFindNextForwardRunClear(BitMapHeader, 0, StartingIndex);
}

/* RtlFindLongestRunClear - the longest clear run, the first of equals.  Returns: its length. */
ULONG RtlFindLongestRunClear(PRTL_BITMAP BitMapHeader, PULONG StartingIndex)
{
    ULONG Longest = 0, Start, Length;

    *StartingIndex = 0;
    for (ULONG From = 0;; From = Start + Length) {
        Length = RtlFindNextForwardRunClear(BitMapHeader, From, &Start);
        if (Length == 0)
            return Longest;
        if (Length > Longest) {
            Longest = Length;
            *StartingIndex = Start;
        }
    }
}

/* Put Run where it belongs among the Count longest; the shortest falls out of a full array. */
static ULONG InsertByLength(PRTL_BITMAP_RUN Runs, ULONG Count, ULONG Room, RTL_BITMAP_RUN Run)
{
    ULONG At = Count;

    while (At > 0 && Runs[At - 1].NumberOfBits < Run.NumberOfBits)
        At--;
    if (At == Room)
        return Count;
    if (Count < Room)
        Count++;
    for (ULONG I = Count - 1; I > At; I--)
        Runs[I] = Runs[I - 1];
    Runs[At] = Run;
    return Count;
}

/* RtlFindClearRuns - the first SizeOfRunArray clear runs, or with LocateLongestRuns the longest, longest
 * first.  Returns: how many entries of RunArray are filled. */
ULONG RtlFindClearRuns(PRTL_BITMAP BitMapHeader, PRTL_BITMAP_RUN RunArray, ULONG SizeOfRunArray,
                       BOOLEAN LocateLongestRuns)
{
    ULONG Count = 0, From = 0;
    RTL_BITMAP_RUN Run;

    if (SizeOfRunArray == 0)
        return 0;
    while ((Run.NumberOfBits = RtlFindNextForwardRunClear(BitMapHeader, From, &Run.StartingIndex)) != 0) {
        From = Run.StartingIndex + Run.NumberOfBits;
        if (LocateLongestRuns)
            Count = InsertByLength(RunArray, Count, SizeOfRunArray, Run);
        else if (Count < SizeOfRunArray)
            RunArray[Count++] = Run;
        else
            break;
    }
    return Count;
}

/* RtlFindLeastSignificantBit, RtlFindMostSignificantBit - its number, -1 if Set is 0. */
CCHAR RtlFindLeastSignificantBit(ULONGLONG Set)
{
    return Set ? (CCHAR)__builtin_ctzll(Set) : -1;
}

CCHAR RtlFindMostSignificantBit(ULONGLONG Set)
{
    return Set ? (CCHAR)(63 - __builtin_clzll(Set)) : -1;
}
