/* print.h - formatted text and the kernel's log.
 *
 * The log is a list of sinks (serial line, screen). What is written before a sink registers is kept in
 * a ring and replayed into it. Formats are NT's: %wZ %Z %S %ws %I64x %Iu %p and the C ones, no floats. */
#pragma once

#include <rtl/ntdef.h>

typedef struct _LOG_SINK {
    struct _LOG_SINK *Next;
    void (*Write)(struct _LOG_SINK *Sink, const char *Text, SIZE_T Length);
} LOG_SINK;

/* How writers keep out of one another's way; ke installs the real guard. A processor that stops the machine breaks
 * both. Take may wait where the caller may, and is FALSE where he may not and another has the sinks. */
typedef struct _LOG_GUARD {
    ULONG_PTR (*Enter)(void);                   /* interrupts off, for a few hundred instructions */
    void (*Leave)(ULONG_PTR Cookie);
    BOOLEAN (*Take)(ULONG_PTR *Cookie);         /* the sinks; interrupts stay as they are */
    void (*Give)(ULONG_PTR Cookie);
} LOG_GUARD;

void LogRegisterSink(LOG_SINK *Sink);
void LogUnregisterSink(LOG_SINK *Sink);
void LogSetGuard(const LOG_GUARD *Guard);
ULONG_PTR LogEnter(void);               /* sinks get nothing until LogLeave; for what they read */
void LogLeave(ULONG_PTR Cookie);
void LogWrite(const char *Text, SIZE_T Length);
void LogFlush(void);
void LogPrint(const char *Format, ...);
void LogPrintV(const char *Format, va_list Arguments);

/* Format into a buffer, always terminated. Returns the length the whole text has (as C99 snprintf). */
int RtlFormat(char *Buffer, SIZE_T Size, const char *Format, ...);
int RtlFormatV(char *Buffer, SIZE_T Size, const char *Format, va_list Arguments);
