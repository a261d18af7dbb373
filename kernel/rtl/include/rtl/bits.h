/* bits.h - counting bits; the compiler's builtin would call its library. */
#pragma once

#include <rtl/ntdef.h>

FORCEINLINE ULONG RtlCountBits(ULONG64 Bits)
{
    ULONG Count = 0;

    for (; Bits != 0; Bits &= Bits - 1)
        Count++;
    return Count;
}
