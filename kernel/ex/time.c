/* time.c - system time and the time of the time zone, which is the system time less the bias of the page that all
 * drivers see; and who wants the clock to tick more often. */
#include <ex/pushlock.h>
#include <ex/time.h>
#include <ke/apc.h>
#include <ke/clock.h>

static EX_PUSH_LOCK ResolutionLock;
static ULONG Requests;                  /* ResolutionLock: for shorter ticks, that have not been taken back */

/* As one load: it may be set meanwhile. */
static LONGLONG Bias(void) { return *(volatile LONGLONG *)&SharedUserData->TimeZoneBias; }

/* ---- Public ---- */

/* ExSystemTimeToLocalTime - 100 ns since 1601 in Greenwich, as a clock of the time zone shows it. IRQL: any.
 * Source: WDK nf-wdm-exsystemtimetolocaltime. */
VOID ExSystemTimeToLocalTime(PLARGE_INTEGER SystemTime, PLARGE_INTEGER LocalTime)
{
    LocalTime->QuadPart = SystemTime->QuadPart - Bias();
}

/* ExLocalTimeToSystemTime - the reverse. IRQL: any. Source: WDK nf-wdm-exlocaltimetosystemtime. */
VOID ExLocalTimeToSystemTime(PLARGE_INTEGER LocalTime, PLARGE_INTEGER SystemTime)
{
    SystemTime->QuadPart = LocalTime->QuadPart + Bias();
}

/* ExSetTimerResolution - SetResolution: the clock is to tick every DesiredTime (100 ns) at least, in all the system,
 * until this request is taken back by a call with FALSE; with the last one the usual interval returns. The interval
 * only becomes shorter by a request, and not shorter than 1 ms. IRQL: <= APC_LEVEL. Returns: the interval now.
 * Source: WDK nf-wdm-exsettimerresolution, Remarks. */
ULONG ExSetTimerResolution(ULONG DesiredTime, BOOLEAN SetResolution)
{
    ULONG Interval, Wanted;

    KeEnterCriticalRegion();
    ExAcquirePushLockExclusiveEx(&ResolutionLock, 0);
    Interval = Wanted = KeQueryClockInterval();
    if (SetResolution) {
        Requests++;
        Wanted = DesiredTime < Interval ? DesiredTime : Interval;
        Wanted = Wanted > KE_SHORTEST_INTERVAL ? Wanted : KE_SHORTEST_INTERVAL;
    } else if (Requests != 0 && --Requests == 0) {
        Wanted = KeQueryTimeIncrement();
    }
    if (Wanted != Interval)
        KeSetClockInterval(Wanted);
    ExReleasePushLockExclusiveEx(&ResolutionLock, 0);
    KeLeaveCriticalRegion();
    return Wanted;
}

/* ExQueryTimerResolution - the longest, the shortest and the present time from tick to tick, in 100 ns. IRQL: any.
 * Source: WDK nf-wdm-exquerytimerresolution. */
VOID ExQueryTimerResolution(PULONG MaximumTime, PULONG MinimumTime, PULONG CurrentTime)
{
    *MaximumTime = KeQueryTimeIncrement();
    *MinimumTime = KE_SHORTEST_INTERVAL;
    *CurrentTime = KeQueryClockInterval();
}
