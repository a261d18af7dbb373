/* io.h - port input and output, and ordered access to device memory. */
#pragma once

#include <rtl/ntdef.h>

FORCEINLINE UCHAR IoIn8(USHORT Port) { UCHAR V; __asm__ volatile("inb %1, %0" : "=a"(V) : "Nd"(Port)); return V; }
FORCEINLINE USHORT IoIn16(USHORT Port) { USHORT V; __asm__ volatile("inw %1, %0" : "=a"(V) : "Nd"(Port)); return V; }
FORCEINLINE ULONG IoIn32(USHORT Port) { ULONG V; __asm__ volatile("inl %1, %0" : "=a"(V) : "Nd"(Port)); return V; }
FORCEINLINE void IoOut8(USHORT Port, UCHAR V) { __asm__ volatile("outb %0, %1" : : "a"(V), "Nd"(Port)); }
FORCEINLINE void IoOut16(USHORT Port, USHORT V) { __asm__ volatile("outw %0, %1" : : "a"(V), "Nd"(Port)); }
FORCEINLINE void IoOut32(USHORT Port, ULONG V) { __asm__ volatile("outl %0, %1" : : "a"(V), "Nd"(Port)); }

FORCEINLINE ULONG MmioRead32(volatile void *A) { return *(volatile ULONG *)A; }
FORCEINLINE ULONG64 MmioRead64(volatile void *A) { return *(volatile ULONG64 *)A; }
FORCEINLINE void MmioWrite32(volatile void *A, ULONG V) { *(volatile ULONG *)A = V; }
FORCEINLINE void MmioWrite64(volatile void *A, ULONG64 V) { *(volatile ULONG64 *)A = V; }
