/* irpp.h - what the verifier's sources for IRPs share. */
#pragma once

#include "vfp.h"
#include <io/irp.h>

/* sent.c */
void VfpInitializeIrps(void);
/* Has Irp been sent to a driver at a location below Above, which has not completed it? */
BOOLEAN VfpIsSent(PIRP Irp, PIO_STACK_LOCATION Above);
