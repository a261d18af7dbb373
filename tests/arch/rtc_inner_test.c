/* rtc_inner_test.c - what the battery clock's registers mean. */
#include <ktest.h>
#include "x86.h"

#define SECONDS_1601_TO_1970 11644473600ull
enum { BINARY = 4, HOURS_24 = 2 };

static ULONG64 Unix(RTC_TIME Raw)
{
    ULONG64 Seconds = RtcToSeconds(&Raw);

    return Seconds == ~0ull ? ~0ull : Seconds - SECONDS_1601_TO_1970;
}

TEST(arch_rtc, bcd_and_binary_dates)
{
    EXPECT_EQ(Unix((RTC_TIME){ 0x00, 0x00, 0x00, 0x01, 0x01, 0x70, 0x19, HOURS_24 }), 0);
    EXPECT_EQ(Unix((RTC_TIME){ 0x59, 0x59, 0x23, 0x31, 0x12, 0x99, 0x19, HOURS_24 }), 946684799);
    EXPECT_EQ(Unix((RTC_TIME){ 0x40, 0x46, 0x01, 0x09, 0x09, 0x01, 0x20, HOURS_24 }), 1000000000);
    EXPECT_EQ(Unix((RTC_TIME){ 40, 46, 1, 9, 9, 1, 20, HOURS_24 | BINARY }), 1000000000);
}

TEST(arch_rtc, twelve_hour_clock)
{
    EXPECT_EQ(Unix((RTC_TIME){ 0, 0, 0x12, 0x01, 0x01, 0x70, 0x19, 0 }), 0);            /* 12 am */
    EXPECT_EQ(Unix((RTC_TIME){ 0, 0, 0x92, 0x01, 0x01, 0x70, 0x19, 0 }), 43200);        /* 12 pm */
    EXPECT_EQ(Unix((RTC_TIME){ 0, 0, 0x91, 0x01, 0x01, 0x70, 0x19, 0 }), 82800);        /* 11 pm */
    EXPECT_EQ(Unix((RTC_TIME){ 0, 0, 0x8B, 0x01, 0x01, 70, 19, BINARY }), 82800);
    EXPECT_EQ(Unix((RTC_TIME){ 0, 0, 0x00, 0x01, 0x01, 0x70, 0x19, 0 }), ~0ull);        /* there is no 0 */
    EXPECT_EQ(Unix((RTC_TIME){ 0, 0, 0x13, 0x01, 0x01, 0x70, 0x19, 0 }), ~0ull);
}

TEST(arch_rtc, leap_years)
{
    EXPECT_EQ(Unix((RTC_TIME){ 0, 0, 0, 0x29, 0x02, 0x00, 0x20, HOURS_24 }), 951782400);
    EXPECT_EQ(Unix((RTC_TIME){ 0, 0, 0, 0x01, 0x03, 0x24, 0x20, HOURS_24 }), 1709251200);
    EXPECT_EQ(Unix((RTC_TIME){ 0, 0, 0, 0x29, 0x02, 0x23, 0x20, HOURS_24 }), ~0ull);
    EXPECT_EQ(Unix((RTC_TIME){ 0, 0, 0, 0x29, 0x02, 0x00, 0x21, HOURS_24 }), ~0ull);    /* 2100 */
    EXPECT_EQ(Unix((RTC_TIME){ 0, 0, 0, 0x31, 0x04, 0x23, 0x20, HOURS_24 }), ~0ull);
}

TEST(arch_rtc, two_digits_without_a_century)
{
    EXPECT_EQ(Unix((RTC_TIME){ 0, 0, 0, 0x01, 0x01, 0x26, 0x00, HOURS_24 }), 1767225600);
    EXPECT_EQ(Unix((RTC_TIME){ 0, 0, 0, 0x01, 0x01, 0x85, 0xFF, HOURS_24 }), 473385600);
}

TEST(arch_rtc, no_clock_is_no_date)
{
    EXPECT_EQ(Unix((RTC_TIME){ 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF }), ~0ull);
    EXPECT_EQ(Unix((RTC_TIME){ 0 }), ~0ull);
    EXPECT_EQ(Unix((RTC_TIME){ 0x5A, 0, 0, 1, 1, 0x70, 0x19, HOURS_24 }), ~0ull);
}
