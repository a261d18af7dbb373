/* list.h - NT's doubly linked list: a ring through a head that holds no data. */
#pragma once

#include <rtl/ntdef.h>

FORCEINLINE void InitializeListHead(PLIST_ENTRY Head) { Head->Flink = Head->Blink = Head; }
FORCEINLINE BOOLEAN IsListEmpty(const LIST_ENTRY *Head) { return Head->Flink == Head; }

FORCEINLINE void InsertBetween(PLIST_ENTRY Before, PLIST_ENTRY Entry, PLIST_ENTRY After)
{
    Entry->Flink = After;
    Entry->Blink = Before;
    Before->Flink = Entry;
    After->Blink = Entry;
}

FORCEINLINE void InsertTailList(PLIST_ENTRY Head, PLIST_ENTRY Entry) { InsertBetween(Head->Blink, Entry, Head); }
FORCEINLINE void InsertHeadList(PLIST_ENTRY Head, PLIST_ENTRY Entry) { InsertBetween(Head, Entry, Head->Flink); }

/* Returns TRUE if the list is empty after the removal. */
FORCEINLINE BOOLEAN RemoveEntryList(PLIST_ENTRY Entry)
{
    PLIST_ENTRY After = Entry->Flink, Before = Entry->Blink;

    Before->Flink = After;
    After->Blink = Before;
    return Before == After;
}

FORCEINLINE PLIST_ENTRY RemoveHeadList(PLIST_ENTRY Head)
{
    PLIST_ENTRY Entry = Head->Flink;

    RemoveEntryList(Entry);
    return Entry;
}
