/* irql.h - what drivers are bound to with the verifier on: IRQL routines that check first. */
#pragma once

#include <ke/irql.h>

KIRQL VfKfRaiseIrql(KIRQL NewIrql);
KIRQL VfKeRaiseIrqlToDpcLevel(VOID);
VOID VfKeLowerIrql(KIRQL NewIrql);
