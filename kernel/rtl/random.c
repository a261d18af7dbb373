/* random.c - NT's pseudo-random numbers: Lehmer's generator modulo 2^31 - 1.
 *
 * The whole state is the caller's seed, so a sequence repeats from the same seed whoever else draws,
 * and no lock is needed. A multiplier that is a primitive root makes the period 2^31 - 2. */
#include <rtl/random.h>

enum { MODULUS = 0x7FFFFFFF, MULTIPLIER = 48271 };

/* RtlRandomEx - the next number, 0 to MAXLONG - 1, evenly spread; *Seed becomes the next state.
 * IRQL: any.  Source: WDK nf-ntddk-rtlrandomex. */
ULONG RtlRandomEx(PULONG Seed)
{
    ULONG64 State = *Seed % MODULUS;

    if (State == 0)
        State = 1;              /* the one state that the generator cannot leave */
    State = State * MULTIPLIER % MODULUS;
    *Seed = (ULONG)State;
    return (ULONG)State - 1;
}

/* RtlRandom - the same; NT keeps it for old drivers. */
ULONG RtlRandom(PULONG Seed)
{
    return RtlRandomEx(Seed);
}
