/* callback.h - callback objects: routines that are called when whoever owns the object says so. */
#pragma once

#include <ob/object.h>

typedef struct _CALLBACK_OBJECT *PCALLBACK_OBJECT;
typedef VOID (*PCALLBACK_FUNCTION)(PVOID CallbackContext, PVOID Argument1, PVOID Argument2);

NTSTATUS ExCreateCallback(PCALLBACK_OBJECT *CallbackObject, POBJECT_ATTRIBUTES ObjectAttributes, BOOLEAN Create,
                          BOOLEAN AllowMultipleCallbacks);
PVOID ExRegisterCallback(PCALLBACK_OBJECT CallbackObject, PCALLBACK_FUNCTION CallbackFunction, PVOID CallbackContext);
VOID ExUnregisterCallback(PVOID CallbackRegistration);
VOID ExNotifyCallback(PVOID CallbackObject, PVOID Argument1, PVOID Argument2);

/* Leak reports: calls Report for each registration whose routine lies in [Start, End). Returns their number.
 * Report may print, not register or unregister. */
ULONG ObForEachCallbackOf(ULONG64 Start, ULONG64 End,
                          void (*Report)(PVOID Context, PVOID Registration, PVOID Routine), PVOID Context);
