/* crt_secure.c - the bounded copies of Windows' C runtime.
 *
 * Size is the destination's, in characters. A text that does not fit leaves the destination empty and
 * returns ERANGE, or, with a Count of CRT_TRUNCATE, is cut and returns STRUNCATE. A NULL pointer or a
 * Size of 0 returns EINVAL: a kernel has no invalid-parameter handler to call. Any IRQL. */
#include <rtl/crt.h>

static BOOLEAN ValidCopy(const void *Destination, SIZE_T Size, const void *Source)
{
    return Destination && Size && Source;
}

/* Put Length units of Source at unit Start of Destination. Count: the caller's limit, for CRT_TRUNCATE. */
static int PutBytes(char *Destination, SIZE_T Size, SIZE_T Start, const char *Source, SIZE_T Length, SIZE_T Count)
{
    int Result = 0;

    if (Length >= Size - Start) {
        if (Count != CRT_TRUNCATE) {
            Destination[0] = '\0';
            return CRT_ERANGE;
        }
        Length = Size - Start - 1;
        Result = CRT_STRUNCATE;
    }
    memmove(Destination + Start, Source, Length);
    Destination[Start + Length] = '\0';
    return Result;
}

static int PutWide(WCHAR *Destination, SIZE_T Size, SIZE_T Start, const WCHAR *Source, SIZE_T Length, SIZE_T Count)
{
    int Result = 0;

    if (Length >= Size - Start) {
        if (Count != CRT_TRUNCATE) {
            Destination[0] = 0;
            return CRT_ERANGE;
        }
        Length = Size - Start - 1;
        Result = CRT_STRUNCATE;
    }
    memmove(Destination + Start, Source, Length * sizeof(WCHAR));
    Destination[Start + Length] = 0;
    return Result;
}

/* ---- Public: memory ---- */

/* memcpy_s - copy Count bytes if they fit; else clear the destination.  Returns: 0, EINVAL or ERANGE. */
int memcpy_s(void *Destination, SIZE_T Size, const void *Source, SIZE_T Count)
{
    if (Count == 0)
        return 0;
    if (!Destination)
        return CRT_EINVAL;
    if (!Source || Size < Count) {
        memset(Destination, 0, Size);
        return Source ? CRT_ERANGE : CRT_EINVAL;
    }
    memmove(Destination, Source, Count);
    return 0;
}

/* memmove_s - the same, but a destination that is too small stays as it is. */
int memmove_s(void *Destination, SIZE_T Size, const void *Source, SIZE_T Count)
{
    if (Count == 0)
        return 0;
    if (!Destination || !Source)
        return CRT_EINVAL;
    if (Size < Count)
        return CRT_ERANGE;
    memmove(Destination, Source, Count);
    return 0;
}

/* ---- Public: bytes ---- */

/* strncpy_s - copy at most Count bytes and a terminator. */
int strncpy_s(char *Destination, SIZE_T Size, const char *Source, SIZE_T Count)
{
    if (Count == 0 && Destination && Size) {
        Destination[0] = '\0';
        return 0;
    }
    if (!ValidCopy(Destination, Size, Source)) {
        if (Destination && Size)
            Destination[0] = '\0';
        return CRT_EINVAL;
    }
    return PutBytes(Destination, Size, 0, Source, strnlen(Source, Count), Count);
}

/* strcpy_s - copy all of Source. */
int strcpy_s(char *Destination, SIZE_T Size, const char *Source)
{
    if (!ValidCopy(Destination, Size, Source))
        return strncpy_s(Destination, Size, NULL, 1);
    return PutBytes(Destination, Size, 0, Source, strlen(Source), 0);
}

/* strncat_s - append at most Count bytes and a terminator. A destination that is not terminated within
 * Size returns EINVAL and becomes empty. */
int strncat_s(char *Destination, SIZE_T Size, const char *Source, SIZE_T Count)
{
    SIZE_T Start = Destination ? strnlen(Destination, Size) : 0;

    if (!ValidCopy(Destination, Size, Source) || Start == Size)
        return strncpy_s(Destination, Size, NULL, 1);
    return PutBytes(Destination, Size, Start, Source, strnlen(Source, Count), Count);
}

/* strcat_s - append all of Source. */
int strcat_s(char *Destination, SIZE_T Size, const char *Source)
{
    SIZE_T Start = Destination ? strnlen(Destination, Size) : 0;

    if (!ValidCopy(Destination, Size, Source) || Start == Size)
        return strncpy_s(Destination, Size, NULL, 1);
    return PutBytes(Destination, Size, Start, Source, strlen(Source), 0);
}

/* ---- Public: the same for UTF-16 ---- */

int wcsncpy_s(WCHAR *Destination, SIZE_T Size, const WCHAR *Source, SIZE_T Count)
{
    if (Count == 0 && Destination && Size) {
        Destination[0] = 0;
        return 0;
    }
    if (!ValidCopy(Destination, Size, Source)) {
        if (Destination && Size)
            Destination[0] = 0;
        return CRT_EINVAL;
    }
    return PutWide(Destination, Size, 0, Source, wcsnlen(Source, Count), Count);
}

int wcscpy_s(WCHAR *Destination, SIZE_T Size, const WCHAR *Source)
{
    if (!ValidCopy(Destination, Size, Source))
        return wcsncpy_s(Destination, Size, NULL, 1);
    return PutWide(Destination, Size, 0, Source, wcslen(Source), 0);
}

int wcsncat_s(WCHAR *Destination, SIZE_T Size, const WCHAR *Source, SIZE_T Count)
{
    SIZE_T Start = Destination ? wcsnlen(Destination, Size) : 0;

    if (!ValidCopy(Destination, Size, Source) || Start == Size)
        return wcsncpy_s(Destination, Size, NULL, 1);
    return PutWide(Destination, Size, Start, Source, wcsnlen(Source, Count), Count);
}

int wcscat_s(WCHAR *Destination, SIZE_T Size, const WCHAR *Source)
{
    SIZE_T Start = Destination ? wcsnlen(Destination, Size) : 0;

    if (!ValidCopy(Destination, Size, Source) || Start == Size)
        return wcsncpy_s(Destination, Size, NULL, 1);
    return PutWide(Destination, Size, Start, Source, wcslen(Source), 0);
}
