/* bitmap_test.c - NT's bit maps against a bit-by-bit model, and the edges by hand. */
#include <ktest.h>
#include <rtl/bitmap.h>
#include <rtl/random.h>
#include <rtl/string.h>

enum { BITS = 100, WORDS = 4 };

static ULONG Words[WORDS];
static RTL_BITMAP Map;

static void Build(ULONG Size)
{
    memset(Words, 0, sizeof(Words));
    RtlInitializeBitMap(&Map, Words, Size);
}

static BOOLEAN Bit(ULONG I) { return Words[I / 32] >> I % 32 & 1; }

static BOOLEAN ModelRun(ULONG Start, ULONG Count, BOOLEAN Value)
{
    for (ULONG I = Start; I < Start + Count; I++)
        if (I >= Map.SizeOfBitMap || Bit(I) != Value)
            return FALSE;
    return Count != 0;
}

static ULONG ModelFind(ULONG Count, ULONG Hint, BOOLEAN Value)
{
    for (ULONG I = 0; I < Map.SizeOfBitMap; I++)
        if (ModelRun((Hint + I) % Map.SizeOfBitMap, Count, Value))
            return (Hint + I) % Map.SizeOfBitMap;
    return ~0u;
}

TEST(rtl_bitmap, searches_agree_with_a_model)
{
    ULONG Seed = 1, Wrong = 0;

    for (ULONG Round = 0; Round < 300; Round++) {
        ULONG Set = 0;

        Build(1 + RtlRandomEx(&Seed) % BITS);
        for (ULONG I = 0; I < WORDS; I++)       /* long runs, and rubbish behind the map */
            Words[I] = RtlRandomEx(&Seed) & (RtlRandomEx(&Seed) << 1) & (Round & 1 ? ~0u : RtlRandomEx(&Seed));
        for (ULONG I = 0; I < Map.SizeOfBitMap; I++)
            Set += Bit(I);
        Wrong += RtlNumberOfSetBits(&Map) != Set || RtlNumberOfClearBits(&Map) != Map.SizeOfBitMap - Set;
        for (ULONG Count = 1; Count < 12; Count++) {
            ULONG Hint = RtlRandomEx(&Seed) % Map.SizeOfBitMap;

            Wrong += RtlFindClearBits(&Map, Count, Hint) != ModelFind(Count, Hint, FALSE);
            Wrong += RtlFindSetBits(&Map, Count, Hint) != ModelFind(Count, Hint, TRUE);
            Wrong += RtlAreBitsSet(&Map, Hint, Count) != ModelRun(Hint, Count, TRUE);
            Wrong += RtlAreBitsClear(&Map, Hint, Count) != ModelRun(Hint, Count, FALSE);
        }
    }
    EXPECT_EQ(Wrong, 0);
}

TEST(rtl_bitmap, changes_stay_inside_the_run)
{
    ULONG Wrong = 0;

    for (ULONG Start = 0; Start < 70; Start++) {
        for (ULONG Count = 0; Count < 70; Count++) {
            Build(BITS);
            RtlSetBits(&Map, Start, Count);
            for (ULONG I = 0; I < WORDS * 32; I++)
                Wrong += Bit(I) != (I >= Start && I < Start + Count && I < BITS);
            memset(Words, 0xFF, sizeof(Words));
            RtlClearBits(&Map, Start, Count);
            for (ULONG I = 0; I < WORDS * 32; I++)
                Wrong += Bit(I) != !(I >= Start && I < Start + Count && I < BITS);
        }
    }
    EXPECT_EQ(Wrong, 0);
}

TEST(rtl_bitmap, single_bits_and_all_bits)
{
    Build(40);
    RtlSetAllBits(&Map);
    EXPECT_EQ(Words[1], ~0u);
    EXPECT_EQ(Words[2], 0);
    EXPECT_EQ(RtlNumberOfSetBits(&Map), 40);
    RtlClearBit(&Map, 33);
    EXPECT_FALSE(RtlTestBit(&Map, 33));
    EXPECT_TRUE(RtlTestBit(&Map, 34));
    EXPECT_FALSE(RtlTestBit(&Map, 40));
    RtlClearAllBits(&Map);
    EXPECT_EQ(RtlNumberOfSetBits(&Map), 0);
    RtlSetBit(&Map, 31);
    EXPECT_EQ(Words[0], 0x80000000u);
    EXPECT_EQ(RtlNumberOfSetBitsUlongPtr(0xF0F0000000000001ull), 9);
    EXPECT_EQ(RtlFindLeastSignificantBit(0), -1);
    EXPECT_EQ(RtlFindLeastSignificantBit(0x8000000000000000ull), 63);
    EXPECT_EQ(RtlFindMostSignificantBit(0x18), 4);
    EXPECT_EQ(RtlFindMostSignificantBit(0), -1);
}

TEST(rtl_bitmap, find_and_change)
{
    Build(BITS);
    EXPECT_EQ(RtlFindClearBitsAndSet(&Map, 40, 0), 0);
    EXPECT_EQ(RtlFindClearBitsAndSet(&Map, 40, 0), 40);
    EXPECT_EQ(RtlFindClearBitsAndSet(&Map, 40, 0), 0xFFFFFFFF);
    EXPECT_EQ(RtlFindClearBitsAndSet(&Map, 20, 90), 80);    /* begins before the hint */
    EXPECT_EQ(RtlNumberOfClearBits(&Map), 0);
    EXPECT_EQ(RtlFindSetBitsAndClear(&Map, 10, 50), 50);
    EXPECT_EQ(RtlFindSetBitsAndClear(&Map, 60, 0), 0xFFFFFFFF);
    EXPECT_EQ(RtlFindClearBits(&Map, 0, 21), 16);
    EXPECT_EQ(RtlFindClearBits(&Map, 10, 5000), 50);
    EXPECT_EQ(RtlFindClearBits(&Map, BITS + 1, 0), 0xFFFFFFFF);
}

TEST(rtl_bitmap, runs)
{
    RTL_BITMAP_RUN Runs[3];
    ULONG Start;

    Build(BITS);
    RtlSetAllBits(&Map);
    EXPECT_EQ(RtlFindFirstRunClear(&Map, &Start), 0);
    EXPECT_EQ(RtlFindLongestRunClear(&Map, &Start), 0);
    RtlClearBits(&Map, 3, 5);
    RtlClearBits(&Map, 30, 40);
    RtlClearBits(&Map, 80, 2);
    RtlClearBits(&Map, 95, 5);
    EXPECT_EQ(RtlFindFirstRunClear(&Map, &Start), 5);
    EXPECT_EQ(Start, 3);
    EXPECT_EQ(RtlFindNextForwardRunClear(&Map, 40, &Start), 30);
    EXPECT_EQ(Start, 40);
    EXPECT_EQ(RtlFindNextForwardRunClear(&Map, 82, &Start), 5);
    EXPECT_EQ(RtlFindLastBackwardRunClear(&Map, 90, &Start), 2);
    EXPECT_EQ(Start, 80);
    EXPECT_EQ(RtlFindLastBackwardRunClear(&Map, 50, &Start), 21);
    EXPECT_EQ(Start, 30);
    EXPECT_EQ(RtlFindLastBackwardRunClear(&Map, 2, &Start), 0);
    EXPECT_EQ(RtlFindLongestRunClear(&Map, &Start), 40);
    EXPECT_EQ(RtlFindClearRuns(&Map, Runs, 3, FALSE), 3);
    EXPECT_EQ(Runs[2].StartingIndex, 80);
    EXPECT_EQ(RtlFindClearRuns(&Map, Runs, 3, TRUE), 3);
    EXPECT_EQ(Runs[0].StartingIndex, 30);
    EXPECT_EQ(Runs[1].StartingIndex, 3);
    EXPECT_EQ(Runs[2].StartingIndex, 95);
    EXPECT_EQ(RtlFindClearRuns(&Map, Runs, 0, TRUE), 0);
}
