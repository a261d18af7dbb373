/* debug.h - assertions, and the one build switch, DEBUG.
 *
 * A broken assertion is a bug in Kedge, never a driver's; a driver's mistake is a bugcheck with NT's
 * code. RtlAssertionFailed ends in the stop screen once ke has hooked it, and in a printed halt before. */
#pragma once

#include <rtl/ntdef.h>

#ifndef DEBUG
#define DEBUG 1
#endif

typedef void (*RTL_ASSERTION_HOOK)(const char *Expression, const char *File, int Line);
typedef void (*RTL_HALT_HOOK)(void);

DECLSPEC_NORETURN void RtlAssertionFailed(const char *Expression, const char *File, int Line);
void RtlSetAssertionHook(RTL_ASSERTION_HOOK Hook);
void RtlSetHaltHook(RTL_HALT_HOOK Hook);

/* Checked in every build: cheap, off the hot path. */
#define RtlRequire(Expression) \
    ((void)(LIKELY(Expression) || (RtlAssertionFailed(#Expression, __FILE__, __LINE__), 0)))

#if DEBUG
#define RtlAssert(Expression) RtlRequire(Expression)
#else
#define RtlAssert(Expression) ((void)(0 && (Expression)))   /* compiled, never run */
#endif
