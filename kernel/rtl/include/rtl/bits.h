/* bits.h - counting bits; the compiler's builtin would call its library. */
#pragma once

#include <rtl/ntdef.h>

/* Neighbouring fields are added in place: bits to pairs, pairs to nibbles, nibbles to bytes; the
 * multiplication adds the bytes into the highest. */
FORCEINLINE ULONG RtlCountBits(ULONG64 Bits)
{
    Bits -= Bits >> 1 & 0x5555555555555555;
    Bits = (Bits & 0x3333333333333333) + (Bits >> 2 & 0x3333333333333333);
    Bits = (Bits + (Bits >> 4)) & 0x0F0F0F0F0F0F0F0F;
    return (ULONG)(Bits * 0x0101010101010101 >> 56);
}
