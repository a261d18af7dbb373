/* crt_string.c - the C routines for bytes that string.h lacks. Characters are those of the C locale.
 *
 * These may be called at any IRQL. They are what C says; only the differences are remarked on. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

#include <rtl/crt.h>

/* memchr - the first of Length bytes that is Value.  Returns: NULL if there is none. */
void *memchr(const void *Block, int Value, SIZE_T Length)
{
    const UCHAR *Bytes = Block;

    for (; Length; Length--, Bytes++)
        if (*Bytes == (UCHAR)Value)
            return (void *)Bytes;
    return NULL;
}

/* strcpy - copy with the terminator.  Returns: Destination. */
char *strcpy(char *Destination, const char *Source)
{
    return memcpy(Destination, Source, strlen(Source) + 1);
}

/* strncpy - copy at most Count bytes and fill the rest with zeros; no terminator if Source is that long. */
char *strncpy(char *Destination, const char *Source, SIZE_T Count)
{
    SIZE_T Length = strnlen(Source, Count);

    memcpy(Destination, Source, Length);
    memset(Destination + Length, 0, Count - Length);
    return Destination;
}

/* strcat - append with the terminator.  Returns: Destination. */
char *strcat(char *Destination, const char *Source)
{
    strcpy(Destination + strlen(Destination), Source);
    return Destination;
}

/* strncat - append at most Count bytes, and always a terminator.  Returns: Destination. */
char *strncat(char *Destination, const char *Source, SIZE_T Count)
{
    char *End = Destination + strlen(Destination);
    SIZE_T Length = strnlen(Source, Count);

    memcpy(End, Source, Length);
    End[Length] = '\0';
    return Destination;
}

/* strrchr - the last place of Character, which may be the terminator.  Returns: NULL if there is none. */
char *strrchr(const char *Text, int Character)
{
    const char *Found = NULL;

    do {
        if (*Text == (char)Character)
            Found = Text;
    } while (*Text++);
    return (char *)Found;
}

/* strspn - how many bytes from the start are in Set. */
SIZE_T strspn(const char *Text, const char *Set)
{
    SIZE_T Length = 0;

    while (Text[Length] && strchr(Set, Text[Length]))
        Length++;
    return Length;
}

/* _stricmp - compare with A to Z taken as lower case. */
int _stricmp(const char *A, const char *B)
{
    return RtlCompareNoCase(A, B);
}

/* _strnicmp - the same over at most Count bytes. */
int _strnicmp(const char *A, const char *B, SIZE_T Count)
{
    for (; Count && *A && tolower((UCHAR)*A) == tolower((UCHAR)*B); Count--)
        A++, B++;
    return Count ? tolower((UCHAR)*A) - tolower((UCHAR)*B) : 0;
}

/* _strlwr - lower-case in place.  Returns: Text. */
char *_strlwr(char *Text)
{
    for (char *At = Text; *At; At++)
        *At = (char)tolower((UCHAR)*At);
    return Text;
}

/* _strupr - upper-case in place.  Returns: Text. */
char *_strupr(char *Text)
{
    for (char *At = Text; *At; At++)
        *At = (char)toupper((UCHAR)*At);
    return Text;
}

/* _strrev - reverse in place.  Returns: Text. */
char *_strrev(char *Text)
{
    char *Last = Text + strlen(Text);

    for (char *First = Text; First < Last--; First++) {
        char Kept = *First;

        *First = *Last;
        *Last = Kept;
    }
    return Text;
}

/* _strset - overwrite all of the text with Character.  Returns: Text. */
char *_strset(char *Text, int Character)
{
    return memset(Text, Character, strlen(Text));
}

/* _strnset - overwrite at most Count bytes of the text.  Returns: Text. */
char *_strnset(char *Text, int Character, SIZE_T Count)
{
    return memset(Text, Character, strnlen(Text, Count));
}

/* ---- Character classes: nonzero or 0 ---- */

int isdigit(int Character)
{
    return Character >= '0' && Character <= '9';
}

int islower(int Character)
{
    return Character >= 'a' && Character <= 'z';
}

int isprint(int Character)
{
    return Character >= ' ' && Character <= '~';
}

int isspace(int Character)
{
    return Character == ' ' || (Character >= '\t' && Character <= '\r');
}

int isupper(int Character)
{
    return Character >= 'A' && Character <= 'Z';
}

int isxdigit(int Character)
{
    return isdigit(Character) || (Character >= 'a' && Character <= 'f') || (Character >= 'A' && Character <= 'F');
}

int tolower(int Character)
{
    return isupper(Character) ? Character + ('a' - 'A') : Character;
}

int toupper(int Character)
{
    return islower(Character) ? Character - ('a' - 'A') : Character;
}
