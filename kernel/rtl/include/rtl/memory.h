/* memory.h - NT's memory routines, as functions for drivers that import them. */
#pragma once

#include <rtl/ntdef.h>

VOID RtlZeroMemory(PVOID Destination, SIZE_T Length);
VOID RtlFillMemory(PVOID Destination, SIZE_T Length, UCHAR Fill);
VOID RtlMoveMemory(PVOID Destination, const VOID *Source, SIZE_T Length);
VOID RtlCopyMemory(PVOID Destination, const VOID *Source, SIZE_T Length);
SIZE_T RtlCompareMemory(const VOID *Source1, const VOID *Source2, SIZE_T Length);
SIZE_T RtlCompareMemoryUlong(PVOID Source, SIZE_T Length, ULONG Pattern);
