/* format_test.c - every conversion of format.c, in both widths, and the printf family over it. */
#include <ktest.h>
#include <rtl/crt.h>
#include <rtl/print.h>
#include <rtl/string.h>

static char Text[256];

/* Formats, and compares text and result; on a difference the text shows up in the log. */
#define EXPECT_TEXT(Expected, ...)                                    \
    do {                                                              \
        int Length = RtlFormat(Text, sizeof(Text), __VA_ARGS__);      \
        int Same = !strcmp(Text, Expected);                           \
        if (!Same)                                                    \
            LogPrint("  got \"%s\", not \"%s\"\n", Text, Expected);   \
        EXPECT_TRUE(Same);                                            \
        EXPECT_EQ(Length, (int)strlen(Expected));                     \
    } while (0)

TEST(rtl_format, integers)
{
    EXPECT_TEXT("0 -1 2147483647 -2147483648", "%d %i %d %d", 0, -1, MAXLONG, MINLONG);
    EXPECT_TEXT("4294967295 ffffffff FFFFFFFF 37777777777", "%u %x %X %o", -1, -1, -1, -1);
    EXPECT_TEXT("-1 ffffffffffffffff 18446744073709551615", "%I64d %I64x %I64u", -1ll, -1ll, -1ll);
    EXPECT_TEXT("-9223372036854775808", "%I64d", (LONG64)(1ull << 63));
    EXPECT_TEXT("1777777777777777777777", "%I64o", -1ll);
    EXPECT_TEXT("-1 FFFFFFFFFFFFFFFF", "%lld %llX", -1ll, -1ll);
    EXPECT_TEXT("-1 ffffffff", "%ld %lx", 0x1FFFFFFFFll, 0x1FFFFFFFFll);      /* l is 32 bits */
    EXPECT_TEXT("-2 fffffffe", "%I32d %I32x", -2, -2);
    EXPECT_TEXT("fffffffffffffffe 18446744073709551614 -2", "%Ix %Iu %Id", -2ll, -2ll, -2ll);
    EXPECT_TEXT("-2 18446744073709551614 -2 -2", "%zd %zu %jd %td", -2ll, -2ll, -2ll, -2ll);
    EXPECT_TEXT("-1 65535 -1 255 7f", "%hd %hu %hhd %hhu %hhx", 0xFFFF, 0xFFFF, 0xFF, 0xFF, 0x17F);
}

TEST(rtl_format, flags_width_precision)
{
    EXPECT_TEXT("[   42][42   ][00042][+42][ 42]", "[%5d][%-5d][%05d][%+d][% d]", 42, 42, 42, 42, 42);
    EXPECT_TEXT("[  042][00042][-0042][042  ]", "[%5.3d][%.5d][%05d][%-05.3d]", 42, 42, -42, 42);
    EXPECT_TEXT("[-42][-42][  -42]", "[%+d][% d][%*d]", -42, -42, 5, -42);
    EXPECT_TEXT("[42   ][042]", "[%*d][%.*d]", -5, 42, 3, 42);
    EXPECT_TEXT("[42][00042]", "[%.*d][%0*d]", -1, 42, 5, 42);
    EXPECT_TEXT("[][ ][+][0]", "[%.0d][%1.d][%+.0d][%#.0o]", 0, 0, 0, 0);
    EXPECT_TEXT("0x2a 0X2A 0 052 0", "%#x %#X %#x %#o %#o", 42, 42, 0, 42, 0);
    EXPECT_TEXT("[0x0000002a][    0x2a][0052][0x002a]", "[%#010x][%#8x][%#.4o][%#.4x]", 42, 42, 42, 42);
    EXPECT_TEXT("42", "%+u", 42);
    EXPECT_EQ(RtlFormat(Text, sizeof(Text), "%999999999d", 1), 4095);
    EXPECT_EQ(RtlFormat(Text, sizeof(Text), "%*d", MINLONG, 1), 4095);
}

TEST(rtl_format, pointers)
{
    EXPECT_TEXT("FFFFF80012345678", "%p", (PVOID)0xFFFFF80012345678);
    EXPECT_TEXT("0000000000000000", "%p", NULL);
    EXPECT_TEXT("[  000000000000ABCD]", "[%18p]", (PVOID)0xABCD);
    EXPECT_TEXT("[000000000000ABCD  ]", "[%-18p]", (PVOID)0xABCD);
}

TEST(rtl_format, strings)
{
    EXPECT_TEXT("[abc][  abc][abc  ][ab][   ab]", "[%s][%5s][%-5s][%.2s][%5.2s]", "abc", "abc", "abc", "abc", "abc");
    EXPECT_TEXT("[][]", "[%s][%.0s]", "", "abc");
    EXPECT_TEXT("(null) (null) (null)", "%s %S %ws", NULL, NULL, NULL);
    EXPECT_TEXT("[    (null)][(nu]", "[%10s][%.3s]", NULL, NULL);
    EXPECT_TEXT("abc abc abc abc", "%S %ws %ls %hs", L"abc", L"abc", L"abc", "abc");
    EXPECT_TEXT("abc abc", "%hS %.3S", "abc", L"abcdef");
    EXPECT_TEXT("x y z 1 2", "%c %C %wc %lc %hc", 'x', L'y', L'z', L'1', '2');
    EXPECT_TEXT("[  x][x  ]", "[%3c][%-3c]", 'x', 'x');
    EXPECT_EQ(RtlFormat(Text, sizeof(Text), "a%cb", 0), 3);
    EXPECT_EQ(memcmp(Text, "a\0b", 4), 0);
    /* A precision lets text be without a terminator. */
    EXPECT_TEXT("abc", "%.3s", (const char[]){ 'a', 'b', 'c' });
    EXPECT_TEXT("ab", "%.2ws", (const WCHAR[]){ 'a', 'b' });
}

TEST(rtl_format, wide_text_becomes_utf8)
{
    static const WCHAR Face[] = { 0xD83D, 0xDE00, 0 }, Lone[] = { 0xDE00, 'x', 0 }, Cut[] = { 'x', 0xD83D, 0 };

    EXPECT_TEXT("\xC3\xA4 \xE2\x82\xAC", "%ws", L"\x00E4 \x20AC");
    EXPECT_TEXT("\xF0\x9F\x98\x80", "%ws", Face);
    EXPECT_TEXT("\xEF\xBF\xBDx", "%ws", Lone);
    EXPECT_TEXT("x\xEF\xBF\xBD", "%ws", Cut);
    EXPECT_TEXT("\xC3\xA4", "%.3ws", L"\x00E4\x20AC");      /* a character is never split */
    EXPECT_TEXT("\xC3\xA4", "%wc", 0xE4);
}

TEST(rtl_format, counted_strings)
{
    STRING Ansi = { 3, 3, "abcdef" }, Empty = { 0, 0, NULL };
    UNICODE_STRING Unicode = { 6, 6, (PWSTR)L"abcdef" }, Odd = { 5, 6, (PWSTR)L"abcdef" }, NoBuffer = { 8, 8, NULL };

    EXPECT_TEXT("abc abc", "%Z %wZ", &Ansi, &Unicode);
    EXPECT_TEXT("[  abc][abc  ][ab]", "[%5wZ][%-5wZ][%.2wZ]", &Unicode, &Unicode, &Unicode);
    EXPECT_TEXT("ab", "%wZ", &Odd);
    EXPECT_TEXT("(null) (null) (null) (null)", "%wZ %wZ %Z %Z", NULL, &NoBuffer, NULL, &Empty);
    EXPECT_TEXT("abc", "%lZ", &Unicode);
    EXPECT_TEXT("abc", "%hZ", &Ansi);
}

TEST(rtl_format, what_is_no_conversion_stays)
{
    int Untouched = 7;

    EXPECT_TEXT("100%", "100%%");
    EXPECT_TEXT("%", "%");
    EXPECT_TEXT("%5", "%5");
    EXPECT_TEXT("%y 1", "%y %d", 1);
    EXPECT_TEXT("%n 1", "%n %d", &Untouched, 1);
    EXPECT_EQ(Untouched, 7);
    EXPECT_TEXT("%8.3f 1", "%8.3f %d", 0x3FF0000000000000ll, 1);
    EXPECT_TEXT("", "%s", "");
}

TEST(rtl_format, buffers_are_bounded_and_terminated)
{
    memset(Text, 'X', sizeof(Text));
    EXPECT_EQ(RtlFormat(Text, 4, "abcdef"), 6);
    EXPECT_EQ(memcmp(Text, "abc\0X", 5), 0);
    EXPECT_EQ(RtlFormat(Text, 0, "zzz"), 3);
    EXPECT_EQ(Text[0], 'a');
    EXPECT_EQ(RtlFormat(NULL, 0, "%d", 12345), 5);
    EXPECT_EQ(RtlFormat(Text, 1, "z"), 1);
    EXPECT_EQ(Text[0], 0);
}

/* ---- The printf family ---- */

TEST(rtl_format, bounded_printf_as_windows_has_it)
{
    memset(Text, 'X', sizeof(Text));
    EXPECT_EQ(_snprintf(Text, 5, "%d", 1234), 4);
    EXPECT_EQ(memcmp(Text, "1234\0X", 6), 0);
    EXPECT_EQ(_snprintf(Text, 4, "%d", 5678), 4);
    EXPECT_EQ(memcmp(Text, "5678\0X", 6), 0);              /* the terminator is the old one: none written */
    EXPECT_EQ(_snprintf(Text, 3, "%d", 9999), -1);
    EXPECT_EQ(memcmp(Text, "9998", 4), 0);
    EXPECT_EQ(_snprintf(NULL, 0, "x"), -1);
    EXPECT_EQ(sprintf(Text, "%s-%d", "a", 5), 3);
    EXPECT_EQ(strcmp(Text, "a-5"), 0);
}

TEST(rtl_format, secure_printf)
{
    EXPECT_EQ(sprintf_s(Text, 5, "%d", 1234), 4);
    EXPECT_EQ(sprintf_s(Text, 4, "%d", 1234), -1);
    EXPECT_EQ(Text[0], 0);
    EXPECT_EQ(_snprintf_s(Text, 4, CRT_TRUNCATE, "%d", 1234), -1);
    EXPECT_EQ(strcmp(Text, "123"), 0);
    EXPECT_EQ(_snprintf_s(Text, 10, 2, "%d", 1234), -1);
    EXPECT_EQ(strcmp(Text, "12"), 0);
    EXPECT_EQ(_snprintf_s(Text, 10, 9, "%d", 1234), 4);
    EXPECT_EQ(sprintf_s(NULL, 5, "x"), -1);
    EXPECT_EQ(sprintf_s(Text, 0, "x"), -1);
}

TEST(rtl_format, wide_printf)
{
    WCHAR Wide[64];

    EXPECT_EQ(_snwprintf(Wide, 64, L"%s %S %hs %ws %c %d %#x", L"wide", "narrow", "h", L"w", L'c', -5, 255), 25);
    EXPECT_EQ(wcscmp(Wide, L"wide narrow h w c -5 0xff"), 0);
    EXPECT_EQ(swprintf(Wide, L"%hs", "\xC3\xA4\xF0\x9F\x98\x80"), 3);
    EXPECT_EQ(Wide[0], 0xE4);
    EXPECT_EQ(Wide[1], 0xD83D);
    EXPECT_EQ(_snwprintf(Wide, 3, L"abcd"), -1);
    EXPECT_EQ(swprintf_s(Wide, 3, L"abc"), -1);
    EXPECT_EQ(Wide[0], 0);
    EXPECT_EQ(_snwprintf_s(Wide, 3, CRT_TRUNCATE, L"abc"), -1);
    EXPECT_EQ(wcscmp(Wide, L"ab"), 0);
    EXPECT_EQ(_swprintf(Wide, L"%%%y"), 3);
}

/* ---- The log ---- */

static char Seen[128];
static SIZE_T SeenLength;

static void See(LOG_SINK *Sink, const char *Written, SIZE_T Length)
{
    UNREFERENCED_PARAMETER(Sink);
    for (SIZE_T I = 0; I < Length; I++)
        Seen[SeenLength++ % sizeof(Seen)] = Written[I];
}

static BOOLEAN SeenEndsWith(const char *End)
{
    SIZE_T Length = strlen(End);

    for (SIZE_T I = 0; I < Length; I++)
        if (SeenLength < Length || Seen[(SeenLength - Length + I) % sizeof(Seen)] != End[I])
            return FALSE;
    return TRUE;
}

TEST(rtl_print, a_late_sink_hears_what_came_before)
{
    LOG_SINK Sink = { .Write = See };

    SeenLength = 0;
    LogPrint("# a line %d for the ring\n", 17);
    LogRegisterSink(&Sink);
    EXPECT_TRUE(SeenEndsWith("# a line 17 for the ring\n"));
    LogPrint("# %s\n", "and one more");
    EXPECT_TRUE(SeenEndsWith("# and one more\n"));
    LogUnregisterSink(&Sink);
    SeenLength = 0;
    LogPrint("# this one is not seen\n");
    EXPECT_EQ(SeenLength, 0);
}
