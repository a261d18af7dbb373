/* mutex.h - what drivers are bound to with the verifier on: mutexes and mutants. */
#pragma once

#include <ke/mutant.h>

VOID VfKeInitializeMutex(PRKMUTEX Mutex, ULONG Level);
VOID VfKeInitializeMutant(PRKMUTANT Mutant, BOOLEAN InitialOwner);
LONG VfKeReleaseMutex(PRKMUTEX Mutex, BOOLEAN Wait);
LONG VfKeReleaseMutant(PRKMUTANT Mutant, KPRIORITY Increment, BOOLEAN Abandoned, BOOLEAN Wait);
