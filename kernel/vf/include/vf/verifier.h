/* verifier.h - switching the verifier on, and what the loader tells it. */
#pragma once

#include <vf/rules.h>

void VfInitialize(void);
void VfForgetMemory(const void *Start, SIZE_T Size);    /* a driver's image goes away: its locks are no more */
