/* time_test.c - the calendar, day by day, and the other epochs. */
#include <ktest.h>
#include <rtl/random.h>
#include <rtl/time.h>

enum { DAYS_1601_TO_2401 = 2 * 146097 };

#define TICKS_DAY 864000000000ll

static LONG Length(LONG Year, LONG Month)
{
    if (Month == 2)
        return (Year % 4 == 0 && Year % 100 != 0) || Year % 400 == 0 ? 29 : 28;
    return Month == 4 || Month == 6 || Month == 9 || Month == 11 ? 30 : 31;
}

/* Two whole cycles of the calendar, counted by hand beside it. */
TEST(rtl_time, every_day_of_eight_centuries)
{
    LONG Year = 1601, Month = 1, Day = 1, Weekday = 1;
    ULONG Wrong = 0;

    for (LONG64 Count = 0; Count < DAYS_1601_TO_2401; Count++) {
        LARGE_INTEGER Time = { .QuadPart = Count * TICKS_DAY }, Back;
        TIME_FIELDS F;

        RtlTimeToTimeFields(&Time, &F);
        Wrong += F.Year != Year || F.Month != Month || F.Day != Day || F.Weekday != Weekday || F.Hour != 0;
        Wrong += !RtlTimeFieldsToTime(&F, &Back) || Back.QuadPart != Time.QuadPart;
        Weekday = (Weekday + 1) % 7;
        if (++Day > Length(Year, Month)) {
            Day = 1;
            Year += Month == 12;
            Month = Month % 12 + 1;
        }
    }
    EXPECT_EQ(Wrong, 0);
    EXPECT_EQ(Year, 2401);
}

TEST(rtl_time, clock_of_a_day)
{
    LARGE_INTEGER Time = { .QuadPart = TICKS_DAY - 1 }, Back;
    TIME_FIELDS F;

    RtlTimeToTimeFields(&Time, &F);
    EXPECT_EQ(F.Hour, 23);
    EXPECT_EQ(F.Minute, 59);
    EXPECT_EQ(F.Second, 59);
    EXPECT_EQ(F.Milliseconds, 999);
    EXPECT_EQ(F.Day, 1);
    EXPECT_TRUE(RtlTimeFieldsToTime(&F, &Back));
    EXPECT_EQ(Back.QuadPart, TICKS_DAY - 10000);            /* what is below a millisecond is lost */
}

static BOOLEAN Valid(CSHORT Year, CSHORT Month, CSHORT Day, CSHORT Hour, CSHORT Minute, CSHORT Second, CSHORT Milli)
{
    TIME_FIELDS F = { Year, Month, Day, Hour, Minute, Second, Milli, 0 };
    LARGE_INTEGER Time = { .QuadPart = 77 };
    BOOLEAN Good = RtlTimeFieldsToTime(&F, &Time);

    EXPECT_EQ(Time.QuadPart == 77, !Good);
    return Good;
}

TEST(rtl_time, fields_out_of_range_are_refused)
{
    EXPECT_TRUE(Valid(2024, 2, 29, 23, 59, 59, 999));
    EXPECT_FALSE(Valid(2023, 2, 29, 0, 0, 0, 0));
    EXPECT_FALSE(Valid(1900, 2, 29, 0, 0, 0, 0));
    EXPECT_TRUE(Valid(2000, 2, 29, 0, 0, 0, 0));
    EXPECT_FALSE(Valid(1600, 12, 31, 0, 0, 0, 0));
    EXPECT_TRUE(Valid(30827, 12, 31, 0, 0, 0, 0));
    EXPECT_FALSE(Valid(30828, 1, 1, 0, 0, 0, 0));
    EXPECT_FALSE(Valid(2024, 0, 1, 0, 0, 0, 0));
    EXPECT_FALSE(Valid(2024, 13, 1, 0, 0, 0, 0));
    EXPECT_FALSE(Valid(2024, 4, 31, 0, 0, 0, 0));
    EXPECT_FALSE(Valid(2024, 4, 0, 0, 0, 0, 0));
    EXPECT_FALSE(Valid(2024, 4, 1, 24, 0, 0, 0));
    EXPECT_FALSE(Valid(2024, 4, 1, 0, 60, 0, 0));
    EXPECT_FALSE(Valid(2024, 4, 1, 0, 0, 60, 0));
    EXPECT_FALSE(Valid(2024, 4, 1, 0, 0, 0, 1000));
    EXPECT_FALSE(Valid(2024, 4, 1, -1, 0, 0, 0));
}

TEST(rtl_time, other_epochs)
{
    TIME_FIELDS F = { 1970, 1, 1, 0, 0, 1, 0, 0 };
    LARGE_INTEGER Time, Back;
    ULONG Seconds = 0;

    EXPECT_TRUE(RtlTimeFieldsToTime(&F, &Time));
    EXPECT_TRUE(RtlTimeToSecondsSince1970(&Time, &Seconds));
    EXPECT_EQ(Seconds, 1);
    EXPECT_FALSE(RtlTimeToSecondsSince1980(&Time, &Seconds));
    RtlSecondsSince1970ToTime(1, &Back);
    EXPECT_EQ(Back.QuadPart, Time.QuadPart);
    F.Year = 1980;
    EXPECT_TRUE(RtlTimeFieldsToTime(&F, &Time));
    EXPECT_TRUE(RtlTimeToSecondsSince1980(&Time, &Seconds));
    EXPECT_EQ(Seconds, 1);
    RtlSecondsSince1980ToTime(~0u, &Time);
    EXPECT_TRUE(RtlTimeToSecondsSince1980(&Time, &Seconds));
    EXPECT_EQ(Seconds, ~0u);
    Time.QuadPart += 10000000;
    EXPECT_FALSE(RtlTimeToSecondsSince1980(&Time, &Seconds));
}

TEST(rtl_time, elapsed_fields)
{
    LARGE_INTEGER Time = { .QuadPart = 400 * TICKS_DAY + 3661ll * 10000000 + 50000 };
    TIME_FIELDS F;

    RtlTimeToElapsedTimeFields(&Time, &F);
    EXPECT_EQ(F.Year | F.Month, 0);
    EXPECT_EQ(F.Day, 400);
    EXPECT_EQ(F.Hour, 1);
    EXPECT_EQ(F.Minute, 1);
    EXPECT_EQ(F.Second, 1);
    EXPECT_EQ(F.Milliseconds, 5);
}

TEST(rtl_time, random_numbers_repeat_from_a_seed_and_spread)
{
    ULONG A = 42, B = 42, Zero = 0, Low = 0;

    for (ULONG I = 0; I < 1000; I++) {
        ULONG Value = RtlRandomEx(&A);

        EXPECT_EQ(Value, RtlRandom(&B));
        EXPECT_LT(Value, MAXLONG);
        Low += Value < MAXLONG / 2;
    }
    EXPECT_GT(Low, 400);
    EXPECT_LT(Low, 600);
    RtlRandomEx(&Zero);
    EXPECT_NE(Zero, 0);
}
