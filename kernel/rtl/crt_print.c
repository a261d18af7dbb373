/* crt_print.c - the printf family of Windows' C runtime over the formatter in format.c.
 *
 * Three contracts, by name:
 *   sprintf, swprintf     no bound: the caller knows the longest text
 *   _snprintf, ...        at most Count units; a text of exactly Count has no terminator; a longer one
 *                         is cut, has none either, and returns -1
 *   ..._s                 always terminated; sprintf_s makes a text that does not fit empty, _snprintf_s
 *                         cuts it at Count if that is smaller or CRT_TRUNCATE; both then return -1
 * The unbounded wide ones take no size: that is the old swprintf, the one that ntoskrnl exports.
 * All return the number of units without the terminator. Any IRQL at which the arguments can be read. */
#include "rtlp.h"
#include <rtl/crt.h>

static void Terminate(PVOID Buffer, SIZE_T At, BOOLEAN Wide)
{
    if (Wide)
        ((WCHAR *)Buffer)[At] = 0;
    else
        ((char *)Buffer)[At] = '\0';
}

/* Terminated only if there is room behind the text. */
static int PrintBounded(PVOID Buffer, SIZE_T Count, PCVOID Format, va_list Arguments, BOOLEAN Wide)
{
    BUFFER_OUTPUT Into = RtlpBufferOutput(Buffer, Count, Wide);
    SIZE_T Length = RtlpFormat(&Into.Head, Format, Arguments);

    if (Length < Count)
        Terminate(Buffer, Length, Wide);
    return Length <= Count ? (int)Length : -1;
}

/* A text longer than Size - 1 does not fit; one longer than Count is cut without complaint from Size. */
static int PrintSecure(PVOID Buffer, SIZE_T Size, SIZE_T Count, PCVOID Format, va_list Arguments, BOOLEAN Wide)
{
    BUFFER_OUTPUT Into;
    SIZE_T Length, Room;

    if (!Buffer || !Size || !Format)
        return -1;
    Room = Count < Size ? Count : Size - 1;
    Into = RtlpBufferOutput(Buffer, Room, Wide);
    Length = RtlpFormat(&Into.Head, Format, Arguments);
    if (Length <= Room) {
        Terminate(Buffer, Length, Wide);
        return (int)Length;
    }
    Terminate(Buffer, Count < Size || Count == CRT_TRUNCATE ? Into.Used : 0, Wide);
    return -1;
}

/* sprintf_s has no Count: nothing short of the buffer cuts its text. */
enum { NO_COUNT = 0x7FFFFFFF };

/* ---- Public: with a list of arguments ---- */

int vsprintf(char *Buffer, const char *Format, va_list Arguments)
{
    return PrintBounded(Buffer, NO_COUNT, Format, Arguments, FALSE);
}

int _vsnprintf(char *Buffer, SIZE_T Count, const char *Format, va_list Arguments)
{
    return PrintBounded(Buffer, Count, Format, Arguments, FALSE);
}

int _vswprintf(WCHAR *Buffer, const WCHAR *Format, va_list Arguments)
{
    return PrintBounded(Buffer, NO_COUNT, Format, Arguments, TRUE);
}

int _vsnwprintf(WCHAR *Buffer, SIZE_T Count, const WCHAR *Format, va_list Arguments)
{
    return PrintBounded(Buffer, Count, Format, Arguments, TRUE);
}

int vsprintf_s(char *Buffer, SIZE_T Size, const char *Format, va_list Arguments)
{
    return PrintSecure(Buffer, Size, NO_COUNT, Format, Arguments, FALSE);
}

int vswprintf_s(WCHAR *Buffer, SIZE_T Size, const WCHAR *Format, va_list Arguments)
{
    return PrintSecure(Buffer, Size, NO_COUNT, Format, Arguments, TRUE);
}

int _vsnprintf_s(char *Buffer, SIZE_T Size, SIZE_T Count, const char *Format, va_list Arguments)
{
    return PrintSecure(Buffer, Size, Count, Format, Arguments, FALSE);
}

int _vsnwprintf_s(WCHAR *Buffer, SIZE_T Size, SIZE_T Count, const WCHAR *Format, va_list Arguments)
{
    return PrintSecure(Buffer, Size, Count, Format, Arguments, TRUE);
}

/* ---- Public: with the arguments themselves ---- */

#define PRINT_WITH(Call)              \
    do {                              \
        va_list Arguments;            \
        int Length;                   \
        va_start(Arguments, Format);  \
        Length = Call;                \
        va_end(Arguments);            \
        return Length;                \
    } while (0)

int sprintf(char *Buffer, const char *Format, ...)
{
    PRINT_WITH(vsprintf(Buffer, Format, Arguments));
}

int _snprintf(char *Buffer, SIZE_T Count, const char *Format, ...)
{
    PRINT_WITH(_vsnprintf(Buffer, Count, Format, Arguments));
}

int swprintf(WCHAR *Buffer, const WCHAR *Format, ...)
{
    PRINT_WITH(_vswprintf(Buffer, Format, Arguments));
}

int _swprintf(WCHAR *Buffer, const WCHAR *Format, ...)
{
    PRINT_WITH(_vswprintf(Buffer, Format, Arguments));
}

int _snwprintf(WCHAR *Buffer, SIZE_T Count, const WCHAR *Format, ...)
{
    PRINT_WITH(_vsnwprintf(Buffer, Count, Format, Arguments));
}

int sprintf_s(char *Buffer, SIZE_T Size, const char *Format, ...)
{
    PRINT_WITH(vsprintf_s(Buffer, Size, Format, Arguments));
}

int swprintf_s(WCHAR *Buffer, SIZE_T Size, const WCHAR *Format, ...)
{
    PRINT_WITH(vswprintf_s(Buffer, Size, Format, Arguments));
}

int _snprintf_s(char *Buffer, SIZE_T Size, SIZE_T Count, const char *Format, ...)
{
    PRINT_WITH(_vsnprintf_s(Buffer, Size, Count, Format, Arguments));
}

int _snwprintf_s(WCHAR *Buffer, SIZE_T Size, SIZE_T Count, const WCHAR *Format, ...)
{
    PRINT_WITH(_vsnwprintf_s(Buffer, Size, Count, Format, Arguments));
}
