/* init.c - bringing the I/O manager up. */
#include <io/init.h>

#include "iop.h"

void IoInitialize(void)
{
    IopInitializeRundown();
    IopInitializeWorkItems();
    IopInitializeTimers();
}
