/* rtc.c - the battery clock (CMOS), read once at boot.
 *
 * The clock is taken to run on UTC. A PC that was set up for local time shows system time off by its
 * zone; the machine has no trustworthy record of which it is.
 *
 * The chip updates its registers once a second and they are not to be read while it does, which it
 * announces 244 us ahead. So a set is accepted when no update was announced before it and a second
 * reading is equal: then both lie in the same second. Nothing here waits without a bound. */

#include "x86.h"
#include <arch/io.h>
#include <rtl/print.h>
#include <rtl/string.h>

enum {
    CMOS_INDEX = 0x70, CMOS_DATA = 0x71,
    RTC_SECOND = 0, RTC_MINUTE = 2, RTC_HOUR = 4, RTC_DAY = 7, RTC_MONTH = 8, RTC_YEAR = 9, RTC_A = 10, RTC_B = 11,
    RTC_A_UPDATING = 0x80, RTC_B_24_HOURS = 2, RTC_B_BINARY = 4, HOUR_PM = 0x80,
    POLLS = 50000
};

static BOOLEAN Present;
static UCHAR CenturyIndex;

static UCHAR ReadCmos(UCHAR Index)
{
    IoOut8(CMOS_INDEX, Index);
    return IoIn8(CMOS_DATA);
}

static void ReadSet(RTC_TIME *Raw)
{
    Raw->Second = ReadCmos(RTC_SECOND);
    Raw->Minute = ReadCmos(RTC_MINUTE);
    Raw->Hour = ReadCmos(RTC_HOUR);
    Raw->Day = ReadCmos(RTC_DAY);
    Raw->Month = ReadCmos(RTC_MONTH);
    Raw->Year = ReadCmos(RTC_YEAR);
    Raw->Century = CenturyIndex ? ReadCmos(CenturyIndex) : 0;
    Raw->StatusB = ReadCmos(RTC_B);
}

/* Between updates, twice alike; FALSE when the chip does not come to rest. */
static BOOLEAN ReadStable(RTC_TIME *Raw)
{
    RTC_TIME Again;

    for (ULONG i = 0; i < POLLS; i++) {
        if (ReadCmos(RTC_A) & RTC_A_UPDATING) {
            ArchPause();
            continue;
        }
        ReadSet(Raw);
        ReadSet(&Again);
        if (!memcmp(Raw, &Again, sizeof(Again)))
            return TRUE;
    }
    return FALSE;
}

/* One register's number; ~0 when it is not one. */
static ULONG Decode(UCHAR Value, BOOLEAN Binary)
{
    if (Binary)
        return Value;
    return (Value & 0xF) > 9 || Value >> 4 > 9 ? ~0u : (ULONG)(Value >> 4) * 10 + (Value & 0xF);
}

/* 12 o'clock is the first hour of its half day. */
static ULONG DecodeHour(const RTC_TIME *Raw, BOOLEAN Binary)
{
    ULONG Hour;

    if (Raw->StatusB & RTC_B_24_HOURS)
        return Decode(Raw->Hour, Binary);
    Hour = Decode(Raw->Hour & ~HOUR_PM, Binary);
    if (Hour < 1 || Hour > 12)
        return ~0u;
    return Hour % 12 + (Raw->Hour & HOUR_PM ? 12 : 0);
}

/* Without a century register that makes sense, two digits mean 1980 to 2079: no PC is older. */
static ULONG DecodeYear(const RTC_TIME *Raw, BOOLEAN Binary)
{
    ULONG Year = Decode(Raw->Year, Binary), Century = Decode(Raw->Century, Binary);

    if (Year > 99)
        return ~0u;
    if (Century >= 19 && Century <= 29)
        return Century * 100 + Year;
    return Year < 80 ? 2000 + Year : 1900 + Year;
}

static BOOLEAN IsLeap(ULONG Year)
{
    return (Year % 4 == 0 && Year % 100 != 0) || Year % 400 == 0;
}

static ULONG DaysInMonth(ULONG Year, ULONG Month)
{
    static const UCHAR Days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return Days[Month - 1] + (Month == 2 && IsLeap(Year));
}

/* Whole days from 1601-01-01, the first day of a 400-year cycle. */
static ULONG64 DaysSince1601(ULONG Year, ULONG Month, ULONG Day)
{
    ULONG Years = Year - 1601;
    ULONG64 Days = Years * 365ull + Years / 4 - Years / 100 + Years / 400;

    while (--Month > 0)
        Days += DaysInMonth(Year, Month);
    return Days + Day - 1;
}

/* RtcToSeconds - what a set of registers means, in seconds since 1601-01-01; ~0 when it is no date. */
ULONG64 RtcToSeconds(const RTC_TIME *Raw)
{
    BOOLEAN Binary = (Raw->StatusB & RTC_B_BINARY) != 0;
    ULONG Second = Decode(Raw->Second, Binary), Minute = Decode(Raw->Minute, Binary), Hour = DecodeHour(Raw, Binary);
    ULONG Day = Decode(Raw->Day, Binary), Month = Decode(Raw->Month, Binary), Year = DecodeYear(Raw, Binary);

    if (Second > 59 || Minute > 59 || Hour > 23 || Year == ~0u || Month < 1 || Month > 12)
        return ~0ull;
    if (Day < 1 || Day > DaysInMonth(Year, Month))
        return ~0ull;
    return DaysSince1601(Year, Month, Day) * 86400 + Hour * 3600 + Minute * 60 + Second;
}

/* Indexes below 14 are the clock's own registers: a firmware that names one means none. */
void RtcInitialize(const PLATFORM *Platform)
{
    Present = Platform->HasBatteryClock;
    CenturyIndex = Platform->CenturyRegister >= 14 && Platform->CenturyRegister < 128 ? Platform->CenturyRegister : 0;
}

/* ---- Public: ArchReadWallClock ---- */

/* ArchReadWallClock - the battery clock, taken as UTC. Returns: seconds since 1601-01-01; 0 with a line in
 * the log when the machine has no such clock or it holds no date. Boot processor, after
 * PlatformInitialize; up to 2 ms. */
ULONG64 ArchReadWallClock(void)
{
    RTC_TIME Raw;
    ULONG64 Seconds = ~0ull;

    if (Present && ReadStable(&Raw))
        Seconds = RtcToSeconds(&Raw);
    if (Seconds != ~0ull)
        return Seconds;
    LogPrint("rtc: the battery clock holds no date; system time starts in 1601\n");
    return 0;
}
