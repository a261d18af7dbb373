/* run.h - a run of drivers, from their files to a verdict. */
#pragma once

#include <rtl/boot_info.h>

/* Load and start every module of Info as a driver, wait until they have come to rest, unload them, look for
 * what they left. All of it goes to the log, the verdict with its reason last. PASSIVE_LEVEL, in a system thread.
 * Returns: the exit status. 0: all is well; 1: a driver failed or leaked; 3: one waits for ever; 4: a file was
 * refused. (2 is a bugcheck, which does not come back; one with KEDGE_UNRESOLVED_IMPORT means 4.)
 * Options: verifier=off, settle=SECONDS (end the run then, however busy it is), virtual (time jumps when idle). */
ULONG LdrRunDrivers(const BOOT_INFO *Info);
