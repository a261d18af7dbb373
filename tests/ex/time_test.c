/* time_test.c - the time zone's time: east and west of Greenwich, and where there is no bias. */
#include <ex/time.h>
#include <ke/clock.h>
#include <ktest.h>

TEST(ex_time, local_time_is_system_time_less_the_bias)
{
    static const LONGLONG Biases[] = { 0, -36000000000, 5 * 36000000000, -150 * 600000000ll };
    LONGLONG Before = *(volatile LONGLONG *)&SharedUserData->TimeZoneBias;

    for (ULONG Row = 0; Row < RTL_NUMBER_OF(Biases); Row++) {
        LARGE_INTEGER System = { .QuadPart = 0x01DA000000000000 }, Local = { .QuadPart = -1 }, Again;

        *(volatile LONGLONG *)&SharedUserData->TimeZoneBias = Biases[Row];
        ExSystemTimeToLocalTime(&System, &Local);
        EXPECT_EQ(Local.QuadPart, System.QuadPart - Biases[Row]);
        ExLocalTimeToSystemTime(&Local, &Again);
        EXPECT_EQ(Again.QuadPart, System.QuadPart);
        ExLocalTimeToSystemTime(&Local, &Local);                /* in place */
        EXPECT_EQ(Local.QuadPart, System.QuadPart);
    }
    *(volatile LONGLONG *)&SharedUserData->TimeZoneBias = Before;
}
