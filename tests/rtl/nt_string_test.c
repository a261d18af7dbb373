/* nt_string_test.c - NT's counted strings, conversions and case. */
#include <ktest.h>
#include <rtl/crt.h>
#include <rtl/memory.h>
#include <rtl/nt_string.h>
#include <rtl/status.h>

static WCHAR Buffer[64];
static WCHAR Long[0x8100];

static UNICODE_STRING U(const WCHAR *Text)
{
    UNICODE_STRING String;

    RtlInitUnicodeString(&String, Text);
    return String;
}

static UNICODE_STRING Room(USHORT Bytes)
{
    for (ULONG I = 0; I < RTL_NUMBER_OF(Buffer); I++)
        Buffer[I] = 0x5555;
    return (UNICODE_STRING){ 0, Bytes, Buffer };
}

TEST(rtl_nt_string, init)
{
    UNICODE_STRING String = U(L"abc");
    ANSI_STRING Ansi;

    EXPECT_EQ(String.Length, 6);
    EXPECT_EQ(String.MaximumLength, 8);
    String = U(NULL);
    EXPECT_EQ(String.Length | String.MaximumLength, 0);
    EXPECT_EQ((ULONG64)String.Buffer, 0);
    for (ULONG I = 0; I + 1 < RTL_NUMBER_OF(Long); I++)
        Long[I] = 'x';
    String = U(Long);
    EXPECT_EQ(String.Length, 0xFFFC);
    EXPECT_EQ(String.MaximumLength, 0xFFFE);
    EXPECT_EQ(RtlInitUnicodeStringEx(&String, Long), STATUS_NAME_TOO_LONG);
    EXPECT_EQ(String.Length, 0);
    EXPECT_EQ(RtlInitUnicodeStringEx(&String, L""), STATUS_SUCCESS);
    EXPECT_EQ(String.MaximumLength, 2);
    RtlInitAnsiString(&Ansi, "abc");
    EXPECT_EQ(Ansi.Length, 3);
    EXPECT_EQ(Ansi.MaximumLength, 4);
    RtlInitString(&Ansi, NULL);
    EXPECT_EQ(Ansi.Length | Ansi.MaximumLength, 0);
    EXPECT_EQ(RtlInitAnsiStringEx(&Ansi, "x"), STATUS_SUCCESS);
}

TEST(rtl_nt_string, copy_and_append)
{
    UNICODE_STRING Source = U(L"abcd"), To = Room(6);

    RtlCopyUnicodeString(&To, &Source);                     /* cut, and no room for a terminator */
    EXPECT_EQ(To.Length, 6);
    EXPECT_EQ(Buffer[3], 0x5555);
    To = Room(20);
    RtlCopyUnicodeString(&To, &Source);
    EXPECT_EQ(To.Length, 8);
    EXPECT_EQ(Buffer[4], 0);
    EXPECT_EQ(RtlAppendUnicodeToString(&To, L"ef"), STATUS_SUCCESS);
    EXPECT_EQ(wcscmp(Buffer, L"abcdef"), 0);
    EXPECT_EQ(RtlAppendUnicodeStringToString(&To, &Source), STATUS_SUCCESS);
    EXPECT_EQ(To.Length, 20);
    EXPECT_EQ(Buffer[10], 0x5555);
    EXPECT_EQ(RtlAppendUnicodeToString(&To, L"x"), STATUS_BUFFER_TOO_SMALL);
    EXPECT_EQ(To.Length, 20);
    EXPECT_EQ(RtlAppendUnicodeToString(&To, NULL), STATUS_SUCCESS);
    RtlCopyUnicodeString(&To, NULL);
    EXPECT_EQ(To.Length, 0);
}

TEST(rtl_nt_string, comparison)
{
    UNICODE_STRING A = U(L"Abc"), B = U(L"aBC"), C = U(L"Abcd"), Empty = U(L""), E = U(L"\x00C4"), F = U(L"\x00E4");
    ULONG Hash1, Hash2;

    EXPECT_LT(RtlCompareUnicodeString(&A, &B, FALSE), 0);
    EXPECT_EQ(RtlCompareUnicodeString(&A, &B, TRUE), 0);
    EXPECT_LT(RtlCompareUnicodeString(&A, &C, TRUE), 0);
    EXPECT_EQ(RtlCompareUnicodeString(&C, &A, TRUE), 2);
    EXPECT_FALSE(RtlEqualUnicodeString(&A, &B, FALSE));
    EXPECT_TRUE(RtlEqualUnicodeString(&A, &B, TRUE));
    EXPECT_TRUE(RtlEqualUnicodeString(&E, &F, TRUE));
    EXPECT_FALSE(RtlEqualUnicodeString(&A, &C, TRUE));
    EXPECT_TRUE(RtlPrefixUnicodeString(&B, &C, TRUE));
    EXPECT_FALSE(RtlPrefixUnicodeString(&B, &C, FALSE));
    EXPECT_FALSE(RtlPrefixUnicodeString(&C, &A, TRUE));
    EXPECT_TRUE(RtlPrefixUnicodeString(&Empty, &A, FALSE));
    EXPECT_EQ(RtlHashUnicodeString(&A, TRUE, 0, &Hash1), STATUS_SUCCESS);
    EXPECT_EQ(RtlHashUnicodeString(&B, TRUE, 1, &Hash2), STATUS_SUCCESS);
    EXPECT_EQ(Hash1, Hash2);
    EXPECT_EQ(Hash1, (ULONG)(('A' * 65599u + 'B') * 65599u + 'C'));
    EXPECT_EQ(RtlHashUnicodeString(&A, TRUE, 2, &Hash1), STATUS_INVALID_PARAMETER);
}

TEST(rtl_nt_string, ansi)
{
    char Bytes[8] = "XXXXXXX";
    STRING Source = { 3, 4, "abc" }, Other = { 3, 4, "ABC" }, Longer = { 4, 5, "ABCD" }, To = { 0, 5, Bytes };

    RtlCopyString(&To, &Source);
    EXPECT_EQ(memcmp(Bytes, "abcX", 4), 0);
    EXPECT_EQ(RtlAppendAsciizToString(&To, "de"), STATUS_SUCCESS);
    EXPECT_EQ(RtlAppendStringToString(&To, &Source), STATUS_BUFFER_TOO_SMALL);
    EXPECT_EQ(memcmp(Bytes, "abcdeX", 6), 0);
    EXPECT_GT(RtlCompareString(&Source, &Other, FALSE), 0);
    EXPECT_EQ(RtlCompareString(&Source, &Other, TRUE), 0);
    EXPECT_LT(RtlCompareString(&Source, &Longer, TRUE), 0);
    EXPECT_TRUE(RtlEqualString(&Source, &Other, TRUE));
    EXPECT_FALSE(RtlEqualString(&Source, &Longer, TRUE));
    EXPECT_TRUE(RtlPrefixString(&Source, &Longer, TRUE));
    RtlUpperString(&To, &Source);
    EXPECT_TRUE(RtlEqualString(&To, &Other, FALSE));
    EXPECT_EQ(RtlUpperChar('z'), 'Z');
    EXPECT_EQ(RtlUpperChar((char)0xE4), (char)0xE4);
}

TEST(rtl_nt_string, case_pairs_lead_back)
{
    ULONG Pairs = 0, Broken = 0;

    for (ULONG C = 0; C < 0x10000; C++) {
        WCHAR Up = RtlUpcaseUnicodeChar((WCHAR)C);

        if (Up != C) {
            Pairs++;
            Broken += RtlDowncaseUnicodeChar(Up) != C || RtlUpcaseUnicodeChar(Up) != Up;
        }
    }
    EXPECT_EQ(Broken, 0);
    EXPECT_GT(Pairs, 900);
    EXPECT_EQ(RtlUpcaseUnicodeChar(0xFF), 0x178);
    EXPECT_EQ(RtlUpcaseUnicodeChar(0x3B1), 0x391);          /* alpha */
    EXPECT_EQ(RtlUpcaseUnicodeChar(0x44F), 0x42F);          /* ya */
    EXPECT_EQ(RtlUpcaseUnicodeChar(0xDF), 0xDF);            /* sharp s has none */
    EXPECT_EQ(RtlUpcaseUnicodeChar(0x131), 0x131);          /* dotless i: i is another letter */
    EXPECT_EQ(RtlUpcaseUnicodeChar(0xFF41), 0xFF21);
    EXPECT_EQ(RtlUpcaseUnicodeChar(0xF7), 0xF7);
}

TEST(rtl_nt_string, conversion_with_the_callers_buffer)
{
    UNICODE_STRING To = Room(8), From = U(L"\x20AC!");
    ANSI_STRING Ansi = { 3, 4, "abc" }, Out;
    char Bytes[8];
    ULONG Written;

    EXPECT_EQ(RtlxAnsiStringToUnicodeSize(&Ansi), 8);
    EXPECT_EQ(RtlAnsiStringToUnicodeString(&To, &Ansi, FALSE), STATUS_SUCCESS);
    EXPECT_EQ(To.Length, 6);
    EXPECT_EQ(wcscmp(Buffer, L"abc"), 0);
    To = Room(6);
    EXPECT_EQ(RtlAnsiStringToUnicodeString(&To, &Ansi, FALSE), STATUS_BUFFER_OVERFLOW);
    EXPECT_EQ(Buffer[0], 0x5555);
    EXPECT_EQ(RtlxUnicodeStringToAnsiSize(&From), 5);
    Out = (ANSI_STRING){ 0, 5, Bytes };
    EXPECT_EQ(RtlUnicodeStringToAnsiString(&Out, &From, FALSE), STATUS_SUCCESS);
    EXPECT_EQ(strcmp(Bytes, "\xE2\x82\xAC!"), 0);
    EXPECT_EQ(Out.Length, 4);
    Out.MaximumLength = 4;
    EXPECT_EQ(RtlUnicodeStringToAnsiString(&Out, &From, FALSE), STATUS_BUFFER_OVERFLOW);
    EXPECT_EQ(strcmp(Bytes, "\xE2\x82\xAC"), 0);
    EXPECT_EQ(RtlUnicodeToMultiByteN(Bytes, 2, &Written, From.Buffer, From.Length), STATUS_SUCCESS);
    EXPECT_EQ(Written, 0);
    EXPECT_EQ(RtlMultiByteToUnicodeN(Buffer, 2, &Written, "ab", 2), STATUS_SUCCESS);
    EXPECT_EQ(Written, 2);
    To = Room(4);
    EXPECT_EQ(RtlUpcaseUnicodeString(&To, &From, FALSE), STATUS_SUCCESS);
    EXPECT_EQ(To.Length, 4);
    To.MaximumLength = 2;
    EXPECT_EQ(RtlUpcaseUnicodeString(&To, &From, FALSE), STATUS_BUFFER_OVERFLOW);
}

TEST(rtl_nt_string, utf8_says_what_it_could_not_map)
{
    static const WCHAR Lone[] = { 'x', 0xD800 };
    WCHAR Wide[8];
    char Bytes[8];
    ULONG Written;

    EXPECT_EQ(RtlUTF8ToUnicodeN(Wide, sizeof(Wide), &Written, "\xC3\xA4x", 3), STATUS_SUCCESS);
    EXPECT_EQ(Written, 4);
    EXPECT_EQ(RtlUTF8ToUnicodeN(NULL, 0, &Written, "\xF0\x9F\x98\x80", 4), STATUS_SUCCESS);
    EXPECT_EQ(Written, 4);
    EXPECT_EQ(RtlUTF8ToUnicodeN(Wide, 3, &Written, "ab", 2), STATUS_BUFFER_TOO_SMALL);
    EXPECT_EQ(Written, 2);
    EXPECT_EQ(RtlUTF8ToUnicodeN(Wide, sizeof(Wide), &Written, "a\xC3", 2), STATUS_SOME_NOT_MAPPED);
    EXPECT_EQ(Wide[1], 0xFFFD);
    EXPECT_EQ(RtlUTF8ToUnicodeN(Wide, sizeof(Wide), &Written, "\xC0\x80", 2), STATUS_SOME_NOT_MAPPED);   /* overlong */
    EXPECT_EQ(RtlUTF8ToUnicodeN(Wide, sizeof(Wide), &Written, "\xED\xA0\x80", 3), STATUS_SOME_NOT_MAPPED);
    EXPECT_EQ(RtlUTF8ToUnicodeN(Wide, sizeof(Wide), &Written, "\xEF\xBF\xBD", 3), STATUS_SUCCESS);
    EXPECT_EQ(RtlUTF8ToUnicodeN(Wide, sizeof(Wide), NULL, "a", 1), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(RtlUnicodeToUTF8N(Bytes, sizeof(Bytes), &Written, L"\x20AC", 2), STATUS_SUCCESS);
    EXPECT_EQ(Written, 3);
    EXPECT_EQ(RtlUnicodeToUTF8N(Bytes, 2, &Written, L"\x20AC", 2), STATUS_BUFFER_TOO_SMALL);
    EXPECT_EQ(Written, 0);
    EXPECT_EQ(RtlUnicodeToUTF8N(Bytes, sizeof(Bytes), &Written, Lone, 4), STATUS_SOME_NOT_MAPPED);
    EXPECT_EQ(Written, 4);
    EXPECT_EQ(RtlUnicodeToUTF8N(Bytes, sizeof(Bytes), &Written, L"a", 1), STATUS_INVALID_PARAMETER);
}

static NTSTATUS Parse(const WCHAR *Text, ULONG Base, ULONG *Value)
{
    UNICODE_STRING String = U(Text);

    *Value = 0x77777777;
    return RtlUnicodeStringToInteger(&String, Base, Value);
}

#define EXPECT_NUMBER(Text, Base, Expected)                          \
    do {                                                             \
        ULONG Value;                                                 \
        EXPECT_EQ(Parse(Text, Base, &Value), STATUS_SUCCESS);        \
        EXPECT_EQ(Value, Expected);                                  \
    } while (0)

TEST(rtl_nt_string, text_to_integer)
{
    ULONG Value;

    EXPECT_NUMBER(L"123", 0, 123);
    EXPECT_NUMBER(L"  \t-1", 10, 0xFFFFFFFF);
    EXPECT_NUMBER(L"+7x", 10, 7);
    EXPECT_NUMBER(L"0xfF", 0, 255);
    EXPECT_NUMBER(L"0b101", 0, 5);
    EXPECT_NUMBER(L"0o17", 0, 15);
    EXPECT_NUMBER(L"0x10", 16, 0);                          /* a prefix only with base 0 */
    EXPECT_NUMBER(L"ff", 16, 255);
    EXPECT_NUMBER(L"129", 8, 10);
    EXPECT_NUMBER(L"", 10, 0);
    EXPECT_NUMBER(L"zz", 0, 0);
    EXPECT_EQ(Parse(L"1", 3, &Value), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(RtlCharToInteger("-0x10", 0, &Value), STATUS_SUCCESS);
    EXPECT_EQ(Value, (ULONG)-16);
}

TEST(rtl_nt_string, integer_to_text)
{
    UNICODE_STRING To = Room(128);

    EXPECT_EQ(RtlIntegerToUnicodeString(0, 0, &To), STATUS_SUCCESS);
    EXPECT_EQ(wcscmp(Buffer, L"0"), 0);
    EXPECT_EQ(RtlIntegerToUnicodeString(0xBEEF, 16, &To), STATUS_SUCCESS);
    EXPECT_EQ(wcscmp(Buffer, L"BEEF"), 0);
    EXPECT_EQ(RtlIntegerToUnicodeString(~0u, 2, &To), STATUS_SUCCESS);
    EXPECT_EQ(To.Length, 64);
    EXPECT_EQ(RtlInt64ToUnicodeString(~0ull, 10, &To), STATUS_SUCCESS);
    EXPECT_EQ(wcscmp(Buffer, L"18446744073709551615"), 0);
    To = Room(6);
    EXPECT_EQ(RtlIntegerToUnicodeString(12, 10, &To), STATUS_SUCCESS);
    EXPECT_EQ(RtlIntegerToUnicodeString(123, 10, &To), STATUS_BUFFER_OVERFLOW);
    EXPECT_EQ(To.Length, 4);
    EXPECT_EQ(RtlIntegerToUnicodeString(1, 7, &To), STATUS_INVALID_PARAMETER);
}

TEST(rtl_nt_string, memory)
{
    ULONG Words[4] = { 5, 5, 6, 5 };
    UCHAR Bytes[4];

    RtlFillMemory(Bytes, 4, 0xAB);
    EXPECT_EQ(Bytes[3], 0xAB);
    RtlZeroMemory(Bytes, 3);
    EXPECT_EQ(RtlCompareMemory(Bytes, "\0\0\0\0", 4), 3);
    EXPECT_EQ(RtlCompareMemory(Bytes, "\0\0\0\xAB", 4), 4);
    EXPECT_EQ(RtlCompareMemoryUlong(Words, 16, 5), 8);
    EXPECT_EQ(RtlCompareMemoryUlong(Words, 7, 5), 4);
    RtlMoveMemory(Words + 1, Words, 12);
    EXPECT_EQ(Words[3], 6);
    RtlCopyMemory(Bytes, "abc", 3);
    EXPECT_EQ(Bytes[2], 'c');
}
