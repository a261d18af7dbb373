/* init.h - what the roof calls to bring the I/O manager up. */
#pragma once

void IoInitialize(void);                /* once, after ps and ob */
