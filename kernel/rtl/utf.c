/* utf.c - UTF-8 and UTF-16, one character at a time.
 *
 * Kedge's ANSI code page is UTF-8 (NT's code page 65001): the log is a terminal, terminals speak UTF-8,
 * and no text is lost on the way there. What is not valid (an overlong form, a lone surrogate, a
 * truncated sequence) decodes as U+FFFD and takes one unit, so that a walk always goes on. */
#include "rtlp.h"

static BOOLEAN IsSurrogate(ULONG Character)
{
    return Character >= 0xD800 && Character <= 0xDFFF;
}

ULONG RtlpDecodeUtf8(const char *Text, SIZE_T Length, ULONG *Used)
{
    static const ULONG Least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    UCHAR First = (UCHAR)Text[0];
    ULONG Size = First < 0x80 ? 1 : First < 0xC0 ? 0 : First < 0xE0 ? 2 : First < 0xF0 ? 3 : First < 0xF8 ? 4 : 0;
    ULONG Character = Size < 2 ? First : First & (0x7Fu >> Size);

    *Used = 1;
    if (Size == 0 || Size > Length)
        return UTF_REPLACEMENT;
    for (ULONG I = 1; I < Size; I++) {
        if (((UCHAR)Text[I] & 0xC0) != 0x80)
            return UTF_REPLACEMENT;
        Character = Character << 6 | ((UCHAR)Text[I] & 0x3F);
    }
    if (Character < Least[Size] || Character > 0x10FFFF || IsSurrogate(Character))
        return UTF_REPLACEMENT;
    *Used = Size;
    return Character;
}

ULONG RtlpDecodeUtf16(const WCHAR *Text, SIZE_T Length, ULONG *Used)
{
    WCHAR First = Text[0];

    *Used = 1;
    if (!IsSurrogate(First))
        return First;
    if (First >= 0xDC00 || Length < 2 || Text[1] < 0xDC00 || Text[1] > 0xDFFF)
        return UTF_REPLACEMENT;
    *Used = 2;
    return 0x10000 + ((ULONG)(First - 0xD800) << 10) + (Text[1] - 0xDC00u);
}

ULONG RtlpEncodeUtf8(ULONG Character, char Bytes[UTF8_LONGEST])
{
    static const UCHAR Lead[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
    ULONG Size = Character < 0x80 ? 1 : Character < 0x800 ? 2 : Character < 0x10000 ? 3 : 4;

    for (ULONG I = Size; I-- > 1; Character >>= 6)
        Bytes[I] = (char)(0x80 | (Character & 0x3F));
    Bytes[0] = (char)(Lead[Size] | Character);
    return Size;
}

ULONG RtlpEncodeUtf16(ULONG Character, WCHAR Units[UTF16_LONGEST])
{
    if (Character < 0x10000) {
        Units[0] = (WCHAR)Character;
        return 1;
    }
    Units[0] = (WCHAR)(0xD800 + ((Character - 0x10000) >> 10));
    Units[1] = (WCHAR)(0xDC00 + ((Character - 0x10000) & 0x3FF));
    return 2;
}
