/* exports.h - the routines and variables that drivers find by name. */
#pragma once

#include <rtl/ntdef.h>

PVOID MmGetSystemRoutineAddress(PUNICODE_STRING SystemRoutineName);
