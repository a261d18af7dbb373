/* time.c - NT's time and the calendar.
 *
 * Days are counted in years that begin in March, so that the leap day is the last day of a year and the
 * lengths of the months before it follow one linear rule: month m (March = 0) begins on day
 * (153 m + 2) / 5. Four hundred years have 146097 days; 1601 begins such a cycle less two months. */
#include <rtl/time.h>

enum {
    DAYS_400_YEARS = 146097, DAYS_100_YEARS = 36524, DAYS_4_YEARS = 1461, DAYS_YEAR = 365,
    DAYS_MARCH_1600 = 306,      /* from 1600-03-01 to 1601-01-01 */
    FIRST_YEAR = 1601, LAST_YEAR = 30827, CYCLE_YEAR = 1600,
    DAYS_WEEK = 7, FIRST_WEEKDAY = 1    /* 1601-01-01 was a Monday */
};

#define TICKS_MILLISECOND 10000ll
#define TICKS_SECOND 10000000ll
#define SECONDS_DAY 86400ll
#define TICKS_DAY (SECONDS_DAY * TICKS_SECOND)
#define SECONDS_TO_1970 11644473600ll
#define SECONDS_TO_1980 11960006400ll

static BOOLEAN IsLeapYear(LONG Year)
{
    return Year % 4 == 0 && (Year % 100 != 0 || Year % 400 == 0);
}

static LONG DaysInMonth(LONG Year, LONG Month)
{
    static const UCHAR Days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return Days[Month - 1] + (Month == 2 && IsLeapYear(Year));
}

/* Days since 1601-01-01. */
static LONG64 DaysFromDate(LONG Year, LONG Month, LONG Day)
{
    LONG Shifted = (Month + 9) % 12, MarchYear = Year - (Month < 3) - CYCLE_YEAR;
    LONG64 Leaps = MarchYear / 4 - MarchYear / 100 + MarchYear / 400;

    return (LONG64)MarchYear * DAYS_YEAR + Leaps + (153 * Shifted + 2) / 5 + Day - 1 - DAYS_MARCH_1600;
}

static void DateFromDays(LONG64 Days, PTIME_FIELDS Fields)
{
    LONG64 Left = Days + DAYS_MARCH_1600, Cycle = Left / DAYS_400_YEARS, Century, Four, Year, Shifted;

    Left %= DAYS_400_YEARS;
    Century = Left / DAYS_100_YEARS - Left / (DAYS_400_YEARS - 1);     /* the cycle's last day ends century 3 */
    Left -= Century * DAYS_100_YEARS;
    Four = Left / DAYS_4_YEARS;
    Left %= DAYS_4_YEARS;
    Year = Left / DAYS_YEAR - Left / (DAYS_4_YEARS - 1);
    Left -= Year * DAYS_YEAR;
    Shifted = (5 * Left + 2) / 153;
    Fields->Day = (CSHORT)(Left - (153 * Shifted + 2) / 5 + 1);
    Fields->Month = (CSHORT)(Shifted < 10 ? Shifted + 3 : Shifted - 9);
    Fields->Year = (CSHORT)(CYCLE_YEAR + Cycle * 400 + Century * 100 + Four * 4 + Year + (Shifted >= 10));
}

static void ClockFields(LONG64 Ticks, PTIME_FIELDS Fields)
{
    LONG64 Seconds = Ticks / TICKS_SECOND;

    Fields->Hour = (CSHORT)(Seconds / 3600);
    Fields->Minute = (CSHORT)(Seconds / 60 % 60);
    Fields->Second = (CSHORT)(Seconds % 60);
    Fields->Milliseconds = (CSHORT)(Ticks % TICKS_SECOND / TICKS_MILLISECOND);
}

static BOOLEAN Between(LONG Value, LONG Least, LONG Most)
{
    return Value >= Least && Value <= Most;
}

static BOOLEAN ToSeconds(LONG64 Time, LONG64 Epoch, PULONG Seconds)
{
    LONG64 Elapsed = Time / TICKS_SECOND - Epoch;

    if (Elapsed < 0 || Elapsed > (LONG64)MAXULONG)
        return FALSE;
    *Seconds = (ULONG)Elapsed;
    return TRUE;
}

/* ---- Public: calendar ---- */

/* RtlTimeToTimeFields - break a time not before 1601 down.  IRQL: any.  Weekday: 0 is Sunday. */
VOID RtlTimeToTimeFields(PLARGE_INTEGER Time, PTIME_FIELDS TimeFields)
{
    LONG64 Days = Time->QuadPart / TICKS_DAY;

    DateFromDays(Days, TimeFields);
    ClockFields(Time->QuadPart % TICKS_DAY, TimeFields);
    TimeFields->Weekday = (CSHORT)((Days + FIRST_WEEKDAY) % DAYS_WEEK);
}

/* RtlTimeFieldsToTime - put a time together; Weekday is not looked at.  IRQL: any.
 * Returns: FALSE, and *Time as before, if a field is out of range.
 * Source: WDK nf-wdm-rtltimefieldstotime. */
BOOLEAN RtlTimeFieldsToTime(PTIME_FIELDS TimeFields, PLARGE_INTEGER Time)
{
    const TIME_FIELDS *F = TimeFields;

    if (!Between(F->Year, FIRST_YEAR, LAST_YEAR) || !Between(F->Month, 1, 12) ||
        !Between(F->Day, 1, DaysInMonth(F->Year, F->Month)) || !Between(F->Hour, 0, 23) ||
        !Between(F->Minute, 0, 59) || !Between(F->Second, 0, 59) || !Between(F->Milliseconds, 0, 999))
        return FALSE;
    Time->QuadPart = DaysFromDate(F->Year, F->Month, F->Day) * TICKS_DAY +
                     ((F->Hour * 60ll + F->Minute) * 60 + F->Second) * TICKS_SECOND +
                     F->Milliseconds * TICKS_MILLISECOND;
    return TRUE;
}

/* RtlTimeToElapsedTimeFields - an interval as days, hours, minutes, seconds and milliseconds; year and
 * month are 0.  IRQL: any. */
VOID RtlTimeToElapsedTimeFields(PLARGE_INTEGER Time, PTIME_FIELDS TimeFields)
{
    *TimeFields = (TIME_FIELDS){ .Day = (CSHORT)(Time->QuadPart / TICKS_DAY) };
    ClockFields(Time->QuadPart % TICKS_DAY, TimeFields);
}

/* ---- Public: seconds since other epochs ---- */

/* RtlTimeToSecondsSince1970, ...1980 - IRQL: any.  Returns: FALSE if the result is not 32 bits wide. */
BOOLEAN RtlTimeToSecondsSince1970(PLARGE_INTEGER Time, PULONG ElapsedSeconds)
{
    return ToSeconds(Time->QuadPart, SECONDS_TO_1970, ElapsedSeconds);
}

BOOLEAN RtlTimeToSecondsSince1980(PLARGE_INTEGER Time, PULONG ElapsedSeconds)
{
    return ToSeconds(Time->QuadPart, SECONDS_TO_1980, ElapsedSeconds);
}

/* RtlSecondsSince1970ToTime, ...1980ToTime - the way back.  IRQL: any. */
VOID RtlSecondsSince1970ToTime(ULONG ElapsedSeconds, PLARGE_INTEGER Time)
{
    Time->QuadPart = (ElapsedSeconds + SECONDS_TO_1970) * TICKS_SECOND;
}

VOID RtlSecondsSince1980ToTime(ULONG ElapsedSeconds, PLARGE_INTEGER Time)
{
    Time->QuadPart = (ElapsedSeconds + SECONDS_TO_1980) * TICKS_SECOND;
}
