/* interlocked.h - what drivers are bound to with the verifier on: the routines that take a spin lock for one change. */
#pragma once

#include <ex/interlocked.h>

#define VF_INTERLOCKED(X)                                                                                             \
    X(PLIST_ENTRY, ExInterlockedInsertHeadList, (PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry, PKSPIN_LOCK Lock),      \
      (ListHead, ListEntry, Lock))                                                                                    \
    X(PLIST_ENTRY, ExInterlockedInsertTailList, (PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry, PKSPIN_LOCK Lock),      \
      (ListHead, ListEntry, Lock))                                                                                    \
    X(PLIST_ENTRY, ExInterlockedRemoveHeadList, (PLIST_ENTRY ListHead, PKSPIN_LOCK Lock), (ListHead, Lock))           \
    X(PSINGLE_LIST_ENTRY, ExInterlockedPushEntryList,                                                                 \
      (PSINGLE_LIST_ENTRY ListHead, PSINGLE_LIST_ENTRY ListEntry, PKSPIN_LOCK Lock), (ListHead, ListEntry, Lock))     \
    X(PSINGLE_LIST_ENTRY, ExInterlockedPopEntryList, (PSINGLE_LIST_ENTRY ListHead, PKSPIN_LOCK Lock),                 \
      (ListHead, Lock))                                                                                               \
    X(LARGE_INTEGER, ExInterlockedAddLargeInteger, (PLARGE_INTEGER Addend, LARGE_INTEGER Increment, PKSPIN_LOCK Lock), \
      (Addend, Increment, Lock))                                                                                      \
    X(ULONG, ExInterlockedAddUlong, (PULONG Addend, ULONG Increment, PKSPIN_LOCK Lock), (Addend, Increment, Lock))

#define VF_INTERLOCKED_PROTOTYPE(Type, Routine, Parameters, Arguments) Type Vf##Routine Parameters;
VF_INTERLOCKED(VF_INTERLOCKED_PROTOTYPE)
#undef VF_INTERLOCKED_PROTOTYPE
