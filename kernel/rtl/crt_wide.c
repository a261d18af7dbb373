/* crt_wide.c - the C routines for UTF-16 text. Case is that of upcase.c. Any IRQL. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

#include "rtlp.h"
#include <rtl/crt.h>
#include <rtl/nt_string.h>

/* wcslen - the number of units before the terminator. */
SIZE_T wcslen(const WCHAR *Text)
{
    SIZE_T Length = 0;

    while (Text[Length])
        Length++;
    return Length;
}

/* wcsnlen - as wcslen, but at most Limit, and never reads further. */
SIZE_T wcsnlen(const WCHAR *Text, SIZE_T Limit)
{
    SIZE_T Length = 0;

    while (Length < Limit && Text[Length])
        Length++;
    return Length;
}

/* wcscpy - copy with the terminator.  Returns: Destination. */
WCHAR *wcscpy(WCHAR *Destination, const WCHAR *Source)
{
    return memcpy(Destination, Source, (wcslen(Source) + 1) * sizeof(WCHAR));
}

/* wcsncpy - copy at most Count units and fill the rest with zeros; no terminator if Source is that long. */
WCHAR *wcsncpy(WCHAR *Destination, const WCHAR *Source, SIZE_T Count)
{
    SIZE_T Length = wcsnlen(Source, Count);

    memcpy(Destination, Source, Length * sizeof(WCHAR));
    memset(Destination + Length, 0, (Count - Length) * sizeof(WCHAR));
    return Destination;
}

/* wcscat - append with the terminator.  Returns: Destination. */
WCHAR *wcscat(WCHAR *Destination, const WCHAR *Source)
{
    wcscpy(Destination + wcslen(Destination), Source);
    return Destination;
}

/* wcsncat - append at most Count units, and always a terminator.  Returns: Destination. */
WCHAR *wcsncat(WCHAR *Destination, const WCHAR *Source, SIZE_T Count)
{
    WCHAR *End = Destination + wcslen(Destination);
    SIZE_T Length = wcsnlen(Source, Count);

    memcpy(End, Source, Length * sizeof(WCHAR));
    End[Length] = 0;
    return Destination;
}

/* wcscmp - compare by units.  Returns: negative, 0 or positive. */
int wcscmp(const WCHAR *A, const WCHAR *B)
{
    while (*A && *A == *B)
        A++, B++;
    return *A - *B;
}

/* wcsncmp - the same over at most Count units. */
int wcsncmp(const WCHAR *A, const WCHAR *B, SIZE_T Count)
{
    for (; Count && *A && *A == *B; Count--)
        A++, B++;
    return Count ? *A - *B : 0;
}

/* _wcsicmp - compare in lower case. */
int _wcsicmp(const WCHAR *A, const WCHAR *B)
{
    while (*A && towlower(*A) == towlower(*B))
        A++, B++;
    return towlower(*A) - towlower(*B);
}

/* _wcsnicmp - the same over at most Count units. */
int _wcsnicmp(const WCHAR *A, const WCHAR *B, SIZE_T Count)
{
    for (; Count && *A && towlower(*A) == towlower(*B); Count--)
        A++, B++;
    return Count ? towlower(*A) - towlower(*B) : 0;
}

/* wcschr - the first place of Character, which may be the terminator.  Returns: NULL if there is none. */
WCHAR *wcschr(const WCHAR *Text, WCHAR Character)
{
    for (;; Text++) {
        if (*Text == Character)
            return (WCHAR *)Text;
        if (!*Text)
            return NULL;
    }
}

/* wcsrchr - the last place of Character, which may be the terminator.  Returns: NULL if there is none. */
WCHAR *wcsrchr(const WCHAR *Text, WCHAR Character)
{
    const WCHAR *Found = NULL;

    do {
        if (*Text == Character)
            Found = Text;
    } while (*Text++);
    return (WCHAR *)Found;
}

/* wcsstr - the first place where Part occurs; an empty Part is found at once.  Returns: NULL if none. */
WCHAR *wcsstr(const WCHAR *Text, const WCHAR *Part)
{
    SIZE_T Length = wcslen(Part);

    for (;; Text++) {
        if (!wcsncmp(Text, Part, Length))
            return (WCHAR *)Text;
        if (!*Text)
            return NULL;
    }
}

/* wcsspn - how many units from the start are in Set. */
SIZE_T wcsspn(const WCHAR *Text, const WCHAR *Set)
{
    SIZE_T Length = 0;

    while (Text[Length] && wcschr(Set, Text[Length]))
        Length++;
    return Length;
}

/* wcscspn - how many units from the start are not in Set. */
SIZE_T wcscspn(const WCHAR *Text, const WCHAR *Set)
{
    SIZE_T Length = 0;

    while (Text[Length] && !wcschr(Set, Text[Length]))
        Length++;
    return Length;
}

/* _wcslwr - lower-case in place.  Returns: Text. */
WCHAR *_wcslwr(WCHAR *Text)
{
    for (WCHAR *At = Text; *At; At++)
        *At = towlower(*At);
    return Text;
}

/* _wcsupr - upper-case in place.  Returns: Text. */
WCHAR *_wcsupr(WCHAR *Text)
{
    for (WCHAR *At = Text; *At; At++)
        *At = towupper(*At);
    return Text;
}

/* _wcsrev - reverse in place, unit by unit.  Returns: Text. */
WCHAR *_wcsrev(WCHAR *Text)
{
    WCHAR *Last = Text + wcslen(Text);

    for (WCHAR *First = Text; First < Last--; First++) {
        WCHAR Kept = *First;

        *First = *Last;
        *Last = Kept;
    }
    return Text;
}

/* towlower, towupper - the other case of a unit, or itself. */
WCHAR towlower(WCHAR Character)
{
    return RtlDowncaseUnicodeChar(Character);
}

WCHAR towupper(WCHAR Character)
{
    return RtlUpcaseUnicodeChar(Character);
}

/* mbstowcs - UTF-8 to UTF-16, at most Count units, terminated if there is room; a NULL Destination only
 * counts.  Returns: the units without the terminator. */
SIZE_T mbstowcs(WCHAR *Destination, const char *Source, SIZE_T Count)
{
    SIZE_T Length = strlen(Source), Done = 0;

    for (SIZE_T At = 0; At < Length;) {
        WCHAR Units[UTF16_LONGEST];
        ULONG Used, Added = RtlpEncodeUtf16(RtlpDecodeUtf8(Source + At, Length - At, &Used), Units);

        if (Destination && Done + Added > Count)
            return Done;
        for (ULONG I = 0; Destination && I < Added; I++)
            Destination[Done + I] = Units[I];
        Done += Added;
        At += Used;
    }
    if (Destination && Done < Count)
        Destination[Done] = 0;
    return Done;
}

/* wcstombs - the way back, in bytes. */
SIZE_T wcstombs(char *Destination, const WCHAR *Source, SIZE_T Count)
{
    SIZE_T Length = wcslen(Source), Done = 0;

    for (SIZE_T At = 0; At < Length;) {
        char Bytes[UTF8_LONGEST];
        ULONG Used, Added = RtlpEncodeUtf8(RtlpDecodeUtf16(Source + At, Length - At, &Used), Bytes);

        if (Destination && Done + Added > Count)
            return Done;
        if (Destination)
            memcpy(Destination + Done, Bytes, Added);
        Done += Added;
        At += Used;
    }
    if (Destination && Done < Count)
        Destination[Done] = '\0';
    return Done;
}
