/* image.h - the list of loaded driver images. */
#pragma once

#include <ldr/pe.h>
