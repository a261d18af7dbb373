/* string.c - the memory and string routines that the compiler calls and everything else builds on.
 *
 * Promise: C's semantics, no SSE register touched (a thread that never uses SSE pays nothing for it),
 * no call from one of these into itself.
 * Method: memcpy and memset are single built-ins that the compiler expands in place: overlapping word
 * moves for short blocks, a string instruction for long ones. memmove and memcmp go by 8-byte words;
 * unaligned words cost nothing worth an alignment loop on this processor.
 * Two traps of the compiler shape this file. It turns a plain copy loop into a call of memcpy, here a
 * recursion without end, so that pass is off for the file. And a function with a target attribute
 * forgets -mabi, so the expanding ones name their calling convention. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

#include <rtl/string.h>

#define EXPAND_BUILTINS __attribute__((ms_abi, target("inline-all-stringops")))

typedef ULONG64 __attribute__((may_alias, aligned(1))) WORD64;

static void CopyUp(UCHAR *To, const UCHAR *From, SIZE_T Length)
{
    for (; Length >= 16; Length -= 16, To += 16, From += 16) {
        ULONG64 First = ((const WORD64 *)From)[0], Second = ((const WORD64 *)From)[1];

        ((WORD64 *)To)[0] = First;
        ((WORD64 *)To)[1] = Second;
    }
    while (Length--)
        *To++ = *From++;
}

static void CopyDown(UCHAR *To, const UCHAR *From, SIZE_T Length)
{
    for (; Length >= 16; Length -= 16) {
        ULONG64 Last = *(const WORD64 *)(From + Length - 8), BeforeLast = *(const WORD64 *)(From + Length - 16);

        *(WORD64 *)(To + Length - 8) = Last;
        *(WORD64 *)(To + Length - 16) = BeforeLast;
    }
    while (Length--)
        To[Length] = From[Length];
}

static int LowerAscii(int Character)
{
    return Character >= 'A' && Character <= 'Z' ? Character + ('a' - 'A') : Character;
}

/* ---- Public: memory ---- */

/* memcpy - copy Length bytes between blocks that do not overlap.  IRQL: any.  Returns: Destination. */
EXPAND_BUILTINS void *memcpy(void *Destination, const void *Source, SIZE_T Length)
{
    __builtin_memcpy(Destination, Source, Length);
    return Destination;
}

/* memset - fill Length bytes with the low byte of Value.  IRQL: any.  Returns: Destination. */
EXPAND_BUILTINS void *memset(void *Destination, int Value, SIZE_T Length)
{
    __builtin_memset(Destination, Value, Length);
    return Destination;
}

/* memmove - copy Length bytes; the blocks may overlap in any way.  IRQL: any.  Returns: Destination. */
void *memmove(void *Destination, const void *Source, SIZE_T Length)
{
    ULONG64 Above = (ULONG64)Destination - (ULONG64)Source, Below = (ULONG64)Source - (ULONG64)Destination;

    if (Above >= Length && Below >= Length)
        return memcpy(Destination, Source, Length);
    /* A word is loaded whole before its store can reach it: going up is right when the destination
     * lies below the source, going down when it lies above. */
    if (Above >= Length)
        CopyUp(Destination, Source, Length);
    else
        CopyDown(Destination, Source, Length);
    return Destination;
}

/* memcmp - compare as unsigned bytes.  IRQL: any.  Returns: negative, 0 or positive, by the first
 * byte that differs. */
int memcmp(const void *A, const void *B, SIZE_T Length)
{
    const UCHAR *Left = A, *Right = B;

    for (; Length >= 8; Length -= 8, Left += 8, Right += 8) {
        ULONG64 LeftWord = *(const WORD64 *)Left, RightWord = *(const WORD64 *)Right;

        if (LeftWord != RightWord)
            return __builtin_bswap64(LeftWord) < __builtin_bswap64(RightWord) ? -1 : 1;
    }
    for (; Length; Length--, Left++, Right++)
        if (*Left != *Right)
            return *Left < *Right ? -1 : 1;
    return 0;
}

/* ---- Public: strings ---- */

/* strlen - the number of bytes before the terminator. */
SIZE_T strlen(const char *Text)
{
    const char *End = Text;

    while (*End)
        End++;
    return (SIZE_T)(End - Text);
}

/* strnlen - as strlen, but at most Limit, and never reads further. */
SIZE_T strnlen(const char *Text, SIZE_T Limit)
{
    SIZE_T Length = 0;

    while (Length < Limit && Text[Length])
        Length++;
    return Length;
}

/* strcmp - compare as unsigned bytes.  Returns: negative, 0 or positive. */
int strcmp(const char *A, const char *B)
{
    while (*A && *A == *B)
        A++, B++;
    return (UCHAR)*A - (UCHAR)*B;
}

/* strncmp - as strcmp, over at most Limit bytes. */
int strncmp(const char *A, const char *B, SIZE_T Limit)
{
    for (; Limit && *A && *A == *B; Limit--)
        A++, B++;
    return Limit ? (UCHAR)*A - (UCHAR)*B : 0;
}

/* RtlCompareNoCase - as strcmp, with the letters A to Z taken as lower case. */
int RtlCompareNoCase(const char *A, const char *B)
{
    while (*A && LowerAscii((UCHAR)*A) == LowerAscii((UCHAR)*B))
        A++, B++;
    return LowerAscii((UCHAR)*A) - LowerAscii((UCHAR)*B);
}

/* strchr - the first place of Character, which may be the terminator.  Returns: NULL if there is none. */
char *strchr(const char *Text, int Character)
{
    for (;; Text++) {
        if (*Text == (char)Character)
            return (char *)Text;
        if (!*Text)
            return NULL;
    }
}

/* strstr - the first place where Part occurs; an empty Part is found at once.  Returns: NULL if none. */
char *strstr(const char *Text, const char *Part)
{
    SIZE_T Length = strlen(Part);

    for (;; Text++) {
        if (!strncmp(Text, Part, Length))
            return (char *)Text;
        if (!*Text)
            return NULL;
    }
}

/* RtlMatchPattern - does the whole Text match Pattern, where '*' stands for any text and '?' for any
 * one character? Runs in constant space: on a mismatch only the last '*' takes one character more. */
BOOLEAN RtlMatchPattern(const char *Pattern, const char *Text)
{
    const char *AfterStar = NULL, *StarText = NULL;

    while (*Text) {
        if (*Pattern == '*') {
            AfterStar = ++Pattern;
            StarText = Text;
        } else if (*Pattern == '?' || *Pattern == *Text) {
            Pattern++;
            Text++;
        } else if (AfterStar) {
            Pattern = AfterStar;
            Text = ++StarText;
        } else {
            return FALSE;
        }
    }
    while (*Pattern == '*')
        Pattern++;
    return *Pattern == '\0';
}
