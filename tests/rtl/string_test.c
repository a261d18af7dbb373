/* string_test.c - the memory and string routines against byte-wise expectations. */
#include <ktest.h>
#include <rtl/string.h>

enum { AREA = 200 };

static UCHAR A[AREA], B[AREA];

static void Fill(UCHAR *Area)
{
    for (ULONG I = 0; I < AREA; I++)
        Area[I] = (UCHAR)(I * 7 + 1);
}

/* Area[I] holds what Fill puts at J. */
static BOOLEAN Holds(ULONG I, ULONG J) { return A[I] == (UCHAR)(J * 7 + 1); }

static void CheckMove(ULONG To, ULONG From, ULONG Length)
{
    ULONG Wrong = 0;

    Fill(A);
    EXPECT_EQ((ULONG64)memmove(A + To, A + From, Length), (ULONG64)(A + To));
    for (ULONG I = 0; I < AREA; I++)
        Wrong += !Holds(I, I >= To && I < To + Length ? I - To + From : I);
    EXPECT_EQ(Wrong, 0);
}

TEST(rtl_string, memmove_any_overlap)
{
    for (ULONG Length = 0; Length <= 70; Length++)
        for (ULONG To = 0; To < 40; To++)
            CheckMove(To, 20, Length);
}

TEST(rtl_string, memcpy_and_memset_touch_nothing_beside)
{
    for (ULONG Start = 0; Start < 9; Start++) {
        for (ULONG Length = 0; Length <= 130; Length++) {
            ULONG Wrong = 0;

            Fill(A);
            Fill(B);
            memset(A + Start, 0x1EE, Length);
            for (ULONG I = 0; I < AREA; I++)
                Wrong += A[I] != (I >= Start && I < Start + Length ? 0xEE : B[I]);
            memcpy(A + Start, B + 3, Length);
            for (ULONG I = 0; I < AREA; I++)
                Wrong += !Holds(I, I >= Start && I < Start + Length ? I - Start + 3 : I);
            EXPECT_EQ(Wrong, 0);
        }
    }
}

TEST(rtl_string, memcmp_is_unsigned_and_finds_every_place)
{
    for (ULONG Length = 1; Length <= 40; Length++) {
        for (ULONG Place = 0; Place < Length; Place++) {
            Fill(A);
            Fill(B);
            EXPECT_EQ(memcmp(A + 1, B + 1, Length), 0);
            A[Place + 1] = 0x80;
            B[Place + 1] = 0x7F;
            EXPECT_GT(memcmp(A + 1, B + 1, Length), 0);
            EXPECT_LT(memcmp(B + 1, A + 1, Length), 0);
            EXPECT_EQ(memcmp(A + 1, B + 1, Place), 0);
        }
    }
}

TEST(rtl_string, lengths_and_comparisons)
{
    EXPECT_EQ(strlen(""), 0);
    EXPECT_EQ(strlen("abc"), 3);
    EXPECT_EQ(strnlen("abc", 2), 2);
    EXPECT_EQ(strnlen("abc", 9), 3);
    EXPECT_EQ(strcmp("abc", "abc"), 0);
    EXPECT_LT(strcmp("ab", "abc"), 0);
    EXPECT_GT(strcmp("\x80", "\x7F"), 0);
    EXPECT_EQ(strncmp("abcX", "abcY", 3), 0);
    EXPECT_LT(strncmp("abcX", "abcY", 4), 0);
    EXPECT_EQ(strncmp("a", "b", 0), 0);
    EXPECT_EQ(strncmp("ab", "ab", 10), 0);
    EXPECT_EQ(RtlCompareNoCase("NtOsKrnl.EXE", "ntoskrnl.exe"), 0);
    EXPECT_NE(RtlCompareNoCase("[", "{"), 0);
    EXPECT_LT(RtlCompareNoCase("ab", "ABC"), 0);
}

TEST(rtl_string, searching)
{
    static const char Text[] = "abcabd";

    EXPECT_EQ((ULONG64)strchr(Text, 'b'), (ULONG64)(Text + 1));
    EXPECT_EQ((ULONG64)strchr(Text, 0), (ULONG64)(Text + 6));
    EXPECT_EQ((ULONG64)strchr(Text, 'x'), 0);
    EXPECT_EQ((ULONG64)strstr(Text, "abd"), (ULONG64)(Text + 3));
    EXPECT_EQ((ULONG64)strstr(Text, ""), (ULONG64)Text);
    EXPECT_EQ((ULONG64)strstr(Text, "abda"), 0);
    EXPECT_EQ((ULONG64)strstr("", "a"), 0);
}

TEST(rtl_string, patterns)
{
    EXPECT_TRUE(RtlMatchPattern("", ""));
    EXPECT_FALSE(RtlMatchPattern("", "a"));
    EXPECT_TRUE(RtlMatchPattern("*", ""));
    EXPECT_TRUE(RtlMatchPattern("ke.event.*", "ke.event.set"));
    EXPECT_FALSE(RtlMatchPattern("ke.event.*", "ke.events"));
    EXPECT_TRUE(RtlMatchPattern("*a*b", "xxaxbxb"));
    EXPECT_FALSE(RtlMatchPattern("*a*b", "xxaxbxc"));
    EXPECT_TRUE(RtlMatchPattern("?b*", "abc"));
    EXPECT_FALSE(RtlMatchPattern("?", ""));
    EXPECT_TRUE(RtlMatchPattern("**", "x"));
}
