/* obp.h - what ob's files share. */
#pragma once

#include <ob/create.h>
#include <ob/object.h>

/* ---- object.c ---- */
BOOLEAN ObpReferenceIfAlive(PVOID Object);
