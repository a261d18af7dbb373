/* time.c - system time and the time of the time zone, which is the system time less the bias of the page that all
 * drivers see. */
#include <ex/time.h>
#include <ke/clock.h>

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
