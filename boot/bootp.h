/* bootp.h - private to boot/, grouped by source file. */
#pragma once

#include <arch/platform.h>
#include <boot/multiboot.h>

/* cpus.c */
void BootStartProcessors(const PLATFORM *Platform, ULONG Limit);

/* verdict.c */
void BootSetStop(void);
DECLSPEC_NORETURN void BootRun(const BOOT_INFO *Info);
