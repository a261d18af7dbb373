/* crt_test.c - the C routines that drivers import. */
#include <ktest.h>
#include <rtl/crt.h>
#include <rtl/random.h>

#define EXPECT_STRING(A, B) EXPECT_EQ(strcmp(A, B), 0)
#define EXPECT_WIDE(A, B) EXPECT_EQ(wcscmp(A, B), 0)

static ULONG64 P(const void *Pointer) { return (ULONG64)Pointer; }

TEST(rtl_crt, bytes)
{
    char Text[16] = "XXXXXXXXXXXXXXX";

    EXPECT_EQ(P(strcpy(Text, "ab")), P(Text));
    EXPECT_STRING(strcat(Text, "cd"), "abcd");
    EXPECT_STRING(strncat(Text, "efgh", 2), "abcdef");
    memset(Text, 'X', sizeof(Text));
    strncpy(Text, "ab", 4);
    EXPECT_EQ(memcmp(Text, "ab\0\0X", 5), 0);
    strncpy(Text, "wxyz", 2);
    EXPECT_EQ(memcmp(Text, "wx\0", 3), 0);
    EXPECT_EQ(P(strrchr(Text, 'x')), P(Text + 1));
    EXPECT_EQ(P(strrchr(Text, 0)), P(Text + 2));
    EXPECT_EQ(P(strrchr(Text, 'q')), 0);
    EXPECT_EQ(P(memchr("abc\xFF", 0x1FF, 4)) != 0, 1);
    EXPECT_EQ(P(memchr("abc", 'c', 2)), 0);
    EXPECT_EQ(strspn("aabbc", "ab"), 4);
    EXPECT_EQ(_stricmp("ABC", "abc"), 0);
    EXPECT_LT(_stricmp("AB", "abc"), 0);
    EXPECT_EQ(_strnicmp("ABX", "aby", 2), 0);
    EXPECT_LT(_strnicmp("ABX", "aby", 3), 0);
    EXPECT_STRING(_strupr(strcpy(Text, "aZ9")), "AZ9");
    EXPECT_STRING(_strlwr(Text), "az9");
    EXPECT_STRING(_strrev(Text), "9za");
    EXPECT_STRING(_strrev(strcpy(Text, "abcd")), "dcba");
    EXPECT_STRING(_strrev(strcpy(Text, "")), "");
    EXPECT_STRING(_strnset(strcpy(Text, "abcd"), '-', 2), "--cd");
    EXPECT_STRING(_strset(Text, '*'), "****");
}

TEST(rtl_crt, classes)
{
    ULONG Digits = 0, Lowers = 0, Uppers = 0, Hex = 0, Spaces = 0, Prints = 0;

    for (int C = -1; C < 256; C++) {
        Digits += isdigit(C) != 0;
        Lowers += islower(C) != 0;
        Uppers += isupper(C) != 0;
        Hex += isxdigit(C) != 0;
        Spaces += isspace(C) != 0;
        Prints += isprint(C) != 0;
    }
    EXPECT_EQ(Digits, 10);
    EXPECT_EQ(Lowers, 26);
    EXPECT_EQ(Uppers, 26);
    EXPECT_EQ(Hex, 22);
    EXPECT_EQ(Spaces, 6);
    EXPECT_EQ(Prints, 95);
    EXPECT_EQ(toupper('q'), 'Q');
    EXPECT_EQ(tolower('Q'), 'q');
    EXPECT_EQ(toupper('['), '[');
}

TEST(rtl_crt, wide)
{
    WCHAR Text[16];
    char Bytes[16];

    EXPECT_EQ(wcslen(L"abc"), 3);
    EXPECT_EQ(wcsnlen(L"abc", 2), 2);
    EXPECT_WIDE(wcscat(wcscpy(Text, L"ab"), L"cd"), L"abcd");
    EXPECT_WIDE(wcsncat(Text, L"efgh", 1), L"abcde");
    wcsncpy(Text, L"xy", 4);
    EXPECT_EQ(Text[3], 0);
    EXPECT_LT(wcscmp(L"ab", L"abc"), 0);
    EXPECT_EQ(wcsncmp(L"abX", L"abY", 2), 0);
    EXPECT_EQ(_wcsicmp(L"\x00C4" L"B", L"\x00E4" L"b"), 0);
    EXPECT_EQ(_wcsnicmp(L"ABx", L"abY", 2), 0);
    EXPECT_GT(_wcsnicmp(L"ABz", L"abY", 3), 0);
    EXPECT_EQ(P(wcschr(Text, 'y')), P(Text + 1));
    EXPECT_EQ(P(wcschr(Text, 0)), P(Text + 2));
    EXPECT_EQ(P(wcsrchr(Text, 'q')), 0);
    EXPECT_EQ(P(wcsstr(Text, L"y")), P(Text + 1));
    EXPECT_EQ(P(wcsstr(Text, L"yz")), 0);
    EXPECT_EQ(wcsspn(L"aab", L"a"), 2);
    EXPECT_EQ(wcscspn(L"aab", L"b"), 2);
    EXPECT_WIDE(_wcsrev(_wcsupr(wcscpy(Text, L"a\x00E4" L"c"))), L"C\x00C4" L"A");
    EXPECT_WIDE(_wcslwr(Text), L"c\x00E4" L"a");
    EXPECT_EQ(mbstowcs(NULL, "\xC3\xA4x", 0), 2);
    EXPECT_EQ(mbstowcs(Text, "\xC3\xA4x", 16), 2);
    EXPECT_WIDE(Text, L"\x00E4x");
    EXPECT_EQ(wcstombs(NULL, L"\x00E4x", 0), 3);
    EXPECT_EQ(wcstombs(Bytes, L"x\x00E4", 2), 1);           /* the second character does not fit */
    EXPECT_EQ(wcstombs(Bytes, L"x\x00E4", 16), 3);
    EXPECT_STRING(Bytes, "x\xC3\xA4");
}

TEST(rtl_crt, bounded_copies)
{
    char Text[6] = "abc";
    WCHAR Wide[6];

    EXPECT_EQ(strcat_s(Text, 6, "de"), 0);
    EXPECT_STRING(Text, "abcde");
    EXPECT_EQ(strcat_s(Text, 6, "f"), CRT_ERANGE);
    EXPECT_STRING(Text, "");
    EXPECT_EQ(strcpy_s(Text, 6, "12345"), 0);
    EXPECT_EQ(strcpy_s(Text, 5, "12345"), CRT_ERANGE);
    EXPECT_STRING(Text, "");
    EXPECT_EQ(strcpy_s(NULL, 5, "x"), CRT_EINVAL);
    Text[0] = 'x';
    EXPECT_EQ(strcpy_s(Text, 6, NULL), CRT_EINVAL);
    EXPECT_STRING(Text, "");
    EXPECT_EQ(strncpy_s(Text, 6, "abcdef", 3), 0);
    EXPECT_STRING(Text, "abc");
    EXPECT_EQ(strncpy_s(Text, 4, "abcdef", CRT_TRUNCATE), CRT_STRUNCATE);
    EXPECT_STRING(Text, "abc");
    EXPECT_EQ(strncat_s(Text, 6, "defgh", CRT_TRUNCATE), CRT_STRUNCATE);
    EXPECT_STRING(Text, "abcde");
    memset(Text, 'x', 6);
    EXPECT_EQ(strcat_s(Text, 6, "y"), CRT_EINVAL);
    EXPECT_EQ(wcscpy_s(Wide, 3, L"ab"), 0);
    EXPECT_EQ(wcscat_s(Wide, 3, L"c"), CRT_ERANGE);
    EXPECT_WIDE(Wide, L"");
    EXPECT_EQ(wcsncpy_s(Wide, 3, L"abcd", CRT_TRUNCATE), CRT_STRUNCATE);
    EXPECT_WIDE(Wide, L"ab");
    EXPECT_EQ(wcsncat_s(Wide, 6, L"cdefg", 2), 0);
    EXPECT_WIDE(Wide, L"abcd");
    EXPECT_EQ(memcpy_s(Text, 6, "ab", 2), 0);
    EXPECT_EQ(memcpy_s(Text, 2, "abc", 3), CRT_ERANGE);
    EXPECT_EQ(Text[0], 0);
    EXPECT_EQ(memmove_s(Text, 2, "abc", 3), CRT_ERANGE);
    EXPECT_EQ(memmove_s(NULL, 2, "abc", 1), CRT_EINVAL);
    EXPECT_EQ(memmove_s(NULL, 0, NULL, 0), 0);
}

TEST(rtl_crt, numbers)
{
    char Text[40];
    WCHAR Wide[40], *End;

    EXPECT_EQ(atoi(" \t-42x"), -42);
    EXPECT_EQ(atol("+2147483648"), MAXLONG);
    EXPECT_EQ(atol("-99999999999999999999"), MINLONG);
    EXPECT_EQ(atoi("x"), 0);
    EXPECT_EQ(_wtoi(L"123"), 123);
    EXPECT_EQ(_wtol(L"-2147483649"), MINLONG);
    EXPECT_EQ(wcstoul(L" 0x1fz", &End, 0), 31);
    EXPECT_EQ(*End, 'z');
    EXPECT_EQ(wcstoul(L"017", NULL, 0), 15);
    EXPECT_EQ(wcstoul(L"-1", NULL, 10), MAXULONG);
    EXPECT_EQ(wcstoul(L"4294967296", NULL, 10), MAXULONG);
    EXPECT_EQ(wcstoul(L"zz", NULL, 36), 35 * 36 + 35);
    EXPECT_EQ(wcstoul(L"0x", &End, 16), 0);
    EXPECT_EQ(*End, 'x');
    EXPECT_EQ(wcstoul(L"8", &End, 8), 0);
    EXPECT_EQ(*End, '8');
    EXPECT_STRING(_itoa(MINLONG, Text, 10), "-2147483648");
    EXPECT_STRING(_itoa(-1, Text, 16), "ffffffff");
    EXPECT_STRING(_itoa(-1, Text, 2), "11111111111111111111111111111111");
    EXPECT_STRING(_itoa(1, Text, 99), "");
    EXPECT_WIDE(_itow(-35, Wide, 10), L"-35");
    EXPECT_WIDE(_itow(35, Wide, 36), L"z");
}

/* The first values of Windows' rand() from seed 1 are well known. */
TEST(rtl_crt, rand_is_windows)
{
    srand(1);
    EXPECT_EQ(rand(), 41);
    EXPECT_EQ(rand(), 18467);
    EXPECT_EQ(rand(), 6334);
}

typedef struct { ULONG Key; UCHAR Tail[9]; } __attribute__((packed)) ITEM;

static int CompareItems(const void *A, const void *B)
{
    ULONG Left = ((const ITEM *)A)->Key, Right = ((const ITEM *)B)->Key;

    return Left < Right ? -1 : Left > Right;
}

TEST(rtl_crt, sort_and_search)
{
    static ITEM Items[200];
    ULONG Seed = 7, Wrong = 0;

    for (ULONG Count = 0; Count <= RTL_NUMBER_OF(Items); Count += 1 + Count / 8) {
        ULONG64 Before = 0, After = 0;

        for (ULONG I = 0; I < Count; I++) {
            Items[I].Key = RtlRandomEx(&Seed) % 100 * 2;
            Before += Items[I].Key;
            memset(Items[I].Tail, (int)Items[I].Key, sizeof(Items[I].Tail));
        }
        qsort(Items, Count, sizeof(ITEM), CompareItems);
        for (ULONG I = 0; I < Count; I++) {
            ITEM *Found = bsearch(&Items[I], Items, Count, sizeof(ITEM), CompareItems);
            ITEM Odd = { .Key = Items[I].Key + 1 };

            After += Items[I].Key;
            Wrong += I > 0 && Items[I - 1].Key > Items[I].Key;
            Wrong += Items[I].Tail[0] != (UCHAR)Items[I].Key || Items[I].Tail[8] != (UCHAR)Items[I].Key;
            Wrong += !Found || Found->Key != Items[I].Key;
            Wrong += bsearch(&Odd, Items, Count, sizeof(ITEM), CompareItems) != NULL;
        }
        Wrong += Before != After;
    }
    EXPECT_EQ(Wrong, 0);
    EXPECT_EQ(P(bsearch(Items, Items, 0, sizeof(ITEM), CompareItems)), 0);
}
