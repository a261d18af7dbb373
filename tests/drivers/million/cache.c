/* million/cache.c - the readers and writers of ../cache.c with a million lookups and a change for each fourth.
 *
 * expect: status 0
 * expect: log ^ok 1 - no reader saw half a change
 * expect: log ^ok 2 - every change that was posted was made
 * expect: log ^ok 3 - every record came back
 * expect: log ^ok 4 - the cache holds the sum of the changes
 * expect: log ^ok 5 - after the shutdown nothing is posted
 * expect: log 5 ok, 0 not ok
 * expect: log 0 leaked
 * run: SMP=2
 * run: SMP=2 ACCEL=parallel */
#define LOOKUPS    250000
#define REST_EVERY 4096
#include "../cache.c"
