/* order.c - in which order locks are taken: a graph that must have no cycle.
 *
 * An edge From -> To says: To was acquired, by something that waits as long as it takes, while From was held. If To
 * can be reached from From on one day and From from To on another, two threads can come to wait for each other,
 * though in this run they may never meet. So the fault is found without the bad luck that it takes to hang.
 * Not every cycle is a fault, and a false alarm is worse than a miss:
 *   - what was tried, or waited for with a timeout, makes no edge to it (the attempt ends by itself). Held, it is the
 *     beginning of edges like any other lock: whoever waits for it cannot know how its holder came by it;
 *   - nor does another level of what the thread has already: nobody is waited for;
 *   - an edge carries its gates: the other locks that were held each time it was made. Orders that differ only under a
 *     common lock cannot meet, so a cycle whose edges share a gate is none, if one of them at least has it
 *     exclusively: threads that share a resource go through it side by side. An edge that is made again without a gate
 *     loses it, and the cycles through it are looked for anew. An edge has room for a few gates: who holds more locks
 *     than that makes none, since the gate that is left out may be the one that keeps the orders apart;
 *   - who shares a resource and who wants to share it do not wait for each other, but both may wait for a third who
 *     wants it exclusively and stands between them; so the two still make a cycle. Not so for
 *     ExAcquireSharedStarveExclusive, which passes those who wait: what it asks for, and finds shared, lets it in;
 *   - a lock on a stack makes no edges: its address is another lock's a moment later. For the same reason freeing
 *     or initialising a lock takes its edges away, and those that it was a gate of.
 * Nodes and edges are made only for locks that nest, so a lock that is taken by itself costs nothing.
 * The tables are finite; when one is full no edges are added any more, and the log says so once.
 * The search goes in depth, PATH_LONGEST edges far. It marks where it has been, apart for paths that a gate still
 * protects and paths that none does, and for those that come starving: the less held back may pass where the more held
 * back has been. */
#include "vfp.h"
#include <ke/thread.h>
#include <mm/mm.h>
#include <rtl/print.h>
#include <rtl/string.h>

enum { NODES = 2048, EDGES = 4096, BUCKETS = 512, GATES = 6, PATH_LONGEST = 12, REPORTED = 4, REPORT_SIZE = 1000 };
enum { Gated = 1, Starving = 2, BACKS = 4 };    /* what may hold a search back */

typedef struct _NODE {
    PVOID Lock;                 /* NULL: not in use */
    ULONG NextInBucket;         /* node, or in the free list; 0: none */
    ULONG FirstEdge;            /* out of it; 0: none */
    ULONG Seen[BACKS];          /* the last search that came by, by what held it back */
    UCHAR Kind;
} NODE;

typedef struct _GATE { PVOID Lock; BOOLEAN Shared; } GATE;

typedef struct _EDGE {
    ULONG From, To, Next;       /* nodes; the next edge out of From, or in the free list. From 0: not in use */
    ULONG GateCount;
    GATE Gates[GATES];
    BOOLEAN Shares, Starves;    /* every time, From was held shared; To was asked for starving */
    PVOID FromPlace, ToPlace;   /* where each was taken */
    PVOID Thread;
} EDGE;

typedef struct _SEARCH {
    const EDGE *New;            /* the way leads back to where it begins */
    ULONG Serial, Depth;
    ULONG Path[PATH_LONGEST];
} SEARCH;

static NODE *Nodes;             /* from 1 */
static EDGE *Edges;             /* from 1 */
static ULONG Buckets[BUCKETS];
static ULONG NodesUsed, EdgesUsed, FreeNodes, FreeEdges, Searches;
static BOOLEAN Full;

static ULONG *BucketOf(const void *Lock) { return &Buckets[((ULONG64)Lock >> 3 ^ (ULONG64)Lock >> 12) % BUCKETS]; }

static ULONG FindNode(const void *Lock)
{
    ULONG At = *BucketOf(Lock);

    while (At != 0 && Nodes[At].Lock != Lock)
        At = Nodes[At].NextInBucket;
    return At;
}

static void NoteFull(const char *What)
{
    if (!Full)
        LogPrint("verifier: the table of %s is full; new orders of locks are not looked at any more\n", What);
    Full = TRUE;
}

static ULONG MakeNode(const VFP_HOLD *Hold)
{
    ULONG At = FindNode(Hold->Lock), *Bucket = BucketOf(Hold->Lock);

    if (At != 0)
        return At;
    if (FreeNodes != 0) {
        At = FreeNodes;
        FreeNodes = Nodes[At].NextInBucket;
    } else if (NodesUsed + 1 < NODES) {
        At = ++NodesUsed;
    } else {
        NoteFull("nested locks");
        return 0;
    }
    Nodes[At] = (NODE){ .Lock = Hold->Lock, .NextInBucket = *Bucket, .Kind = Hold->Kind };
    *Bucket = At;
    return At;
}

static ULONG MakeEdge(ULONG From, ULONG To)
{
    ULONG At = FreeEdges;

    if (At != 0) {
        FreeEdges = Edges[At].Next;
    } else if (EdgesUsed + 1 < EDGES) {
        At = ++EdgesUsed;
    } else {
        NoteFull("lock orders");
        return 0;
    }
    Edges[At] = (EDGE){ .From = From, .To = To, .Next = Nodes[From].FirstEdge };
    Nodes[From].FirstEdge = At;
    return At;
}

static void RemoveEdge(ULONG At)
{
    ULONG *Link = &Nodes[Edges[At].From].FirstEdge;

    while (*Link != At)
        Link = &Edges[*Link].Next;
    *Link = Edges[At].Next;
    Edges[At].From = 0;
    Edges[At].Next = FreeEdges;
    FreeEdges = At;
}

static void RemoveNode(ULONG At)
{
    ULONG *Link = BucketOf(Nodes[At].Lock);

    while (*Link != At)
        Link = &Nodes[*Link].NextInBucket;
    *Link = Nodes[At].NextInBucket;
    Nodes[At].Lock = NULL;
    Nodes[At].NextInBucket = FreeNodes;
    FreeNodes = At;
}

/* ---- Gates ---- */

/* What is in both; to Both, which may be one of the two. OneShares: shared if it is so in one of them, else only if in
 * both. */
static ULONG Intersect(GATE *Both, const GATE *A, ULONG CountA, const GATE *B, ULONG CountB, BOOLEAN OneShares)
{
    ULONG Count = 0;

    for (ULONG i = 0; i < CountA; i++)
        for (ULONG j = 0; j < CountB; j++)
            if (A[i].Lock == B[j].Lock) {
                BOOLEAN Shared = OneShares ? A[i].Shared || B[j].Shared : A[i].Shared && B[j].Shared;

                Both[Count++] = (GATE){ A[i].Lock, Shared };
                break;
            }
    return Count;
}

/* Count - 1 <= GATES. */
static ULONG GatesBeside(GATE *Gates, const VFP_HOLD *Held, ULONG Count, ULONG Except)
{
    ULONG Found = 0;

    for (ULONG i = 0; i < Count; i++)
        if (i != Except)
            Gates[Found++] = (GATE){ Held[i].Lock, VfpIsShared(Held[i].Kind) };
    return Found;
}

static ULONG CountShared(const GATE *Gates, ULONG Count)
{
    ULONG Shared = 0;

    for (ULONG i = 0; i < Count; i++)
        Shared += Gates[i].Shared;
    return Shared;
}

/* ---- The search ---- */

/* Has a search been here that was held back by nothing else, or by less? */
static BOOLEAN WasSeen(NODE *Node, ULONG Serial, ULONG Back)
{
    for (ULONG Less = 0; Less < BACKS; Less++)
        if ((Less & ~Back) == 0 && Node->Seen[Less] == Serial)
            return TRUE;
    Node->Seen[Back] = Serial;
    return FALSE;
}

/* Is there a way from At to where the new edge begins on which no gate is common to all edges, those before included?
 * Starves: the last edge asked so for At. */
static BOOLEAN FindWay(SEARCH *Search, ULONG At, BOOLEAN Starves, const GATE *Gates, ULONG GateCount)
{
    if (At == Search->New->From)
        return CountShared(Gates, GateCount) == GateCount && !(Starves && Search->New->Shares);
    if (WasSeen(&Nodes[At], Search->Serial, (GateCount != 0 ? Gated : 0) | (Starves ? Starving : 0)) ||
        Search->Depth == PATH_LONGEST)
        return FALSE;
    for (ULONG Next = Nodes[At].FirstEdge; Next != 0; Next = Edges[Next].Next) {
        const EDGE *Edge = &Edges[Next];
        GATE Common[GATES];
        ULONG Count = Intersect(Common, Gates, GateCount, Edge->Gates, Edge->GateCount, FALSE);

        if (Starves && Edge->Shares)
            continue;
        Search->Path[Search->Depth++] = Next;
        if (FindWay(Search, Edge->To, Edge->Starves, Common, Count))
            return TRUE;
        Search->Depth--;
    }
    return FALSE;
}

static SIZE_T TellEdge(char *Text, SIZE_T Size, const EDGE *Edge, const char *Lead)
{
    const NODE *From = &Nodes[Edge->From], *To = &Nodes[Edge->To];
    VFP_PLACE FromName, ToName;

    RtlFormat(Text, Size, "%s%s %p, at %s\n      while %s %p was held, from %s (thread %p)", Lead,
              VfpKindName(To->Kind), To->Lock, VfpDescribe(&ToName, Edge->ToPlace), VfpKindName(From->Kind), From->Lock,
              VfpDescribe(&FromName, Edge->FromPlace), Edge->Thread);
    return strlen(Text);
}

static DECLSPEC_NORETURN void StopAtCycle(const EDGE *New, const SEARCH *Search)
{
    SIZE_T Length;
    char Text[REPORT_SIZE];

    Length = TellEdge(Text, sizeof Text, New, "now:    ");
    for (ULONG i = 0; i < Search->Depth && i < REPORTED; i++)
        Length += TellEdge(Text + Length, sizeof Text - Length, &Edges[Search->Path[i]], "\n  before: ");
    VfStop(VF_LOCK_ORDER, (ULONG_PTR)Nodes[New->To].Lock, (ULONG_PTR)Nodes[New->From].Lock, Search->Depth + 1, "%s",
           Text);
}

static void CheckEdge(const EDGE *Edge)
{
    SEARCH Search = { .New = Edge, .Serial = ++Searches };

    if (FindWay(&Search, Edge->To, Edge->Starves, Edge->Gates, Edge->GateCount))
        StopAtCycle(Edge, &Search);
}

/* The edge is made once more, and nothing holds it back that does not each time. Returns: FALSE if it is as before. */
static BOOLEAN Loosen(EDGE *Edge, const GATE *Gates, ULONG GateCount, BOOLEAN Shares, BOOLEAN Starves)
{
    EDGE Before = *Edge;

    Edge->GateCount = Intersect(Edge->Gates, Before.Gates, Before.GateCount, Gates, GateCount, TRUE);
    Edge->Shares &= Shares;
    Edge->Starves &= Starves;
    return Edge->GateCount != Before.GateCount || Edge->Shares != Before.Shares || Edge->Starves != Before.Starves ||
           CountShared(Edge->Gates, Edge->GateCount) != CountShared(Before.Gates, Before.GateCount);
}

/* Hold -> Wanted, with these gates now. */
static void NoteOrder(const VFP_HOLD *Hold, const VFP_HOLD *Wanted, const GATE *Gates, ULONG GateCount)
{
    BOOLEAN Shares = VfpIsShared(Hold->Kind), Starves = Wanted->Kind == VfpResourceStarving;
    ULONG From = MakeNode(Hold), To = MakeNode(Wanted), At;
    EDGE *Edge;

    if (From == 0 || To == 0)
        return;
    for (At = Nodes[From].FirstEdge; At != 0 && Edges[At].To != To; At = Edges[At].Next) {
    }
    if (At != 0 && !Loosen(&Edges[At], Gates, GateCount, Shares, Starves))
        return;
    if (At == 0) {
        At = MakeEdge(From, To);
        if (At == 0)
            return;
        memcpy(Edges[At].Gates, Gates, GateCount * sizeof *Gates);
        Edges[At].GateCount = GateCount;
        Edges[At].Shares = Shares;
        Edges[At].Starves = Starves;
    }
    Edge = &Edges[At];
    Edge->FromPlace = Hold->Place;
    Edge->ToPlace = Wanted->Place;
    Edge->Thread = KeGetCurrentThread();
    CheckEdge(Edge);
}

/* ---- Shared: inside VfpEnter ---- */

void VfpInitializeOrder(void)
{
    Nodes = MmAllocatePages(NODES * sizeof *Nodes);
    Edges = MmAllocatePages(EDGES * sizeof *Edges);
    if (Nodes == NULL || Edges == NULL) {
        LogPrint("verifier: no memory for the order of locks, which is not looked at\n");
        Full = TRUE;
    }
}

void VfpCheckOrder(const VFP_HOLD *Held, ULONG Count, const VFP_HOLD *Wanted)
{
    GATE Gates[GATES];

    if (Full || Count > GATES + 1 || VfpIsOnStack(Wanted->Lock))
        return;
    for (ULONG i = 0; i < Count; i++)
        if (Held[i].Lock != Wanted->Lock && !VfpIsOnStack(Held[i].Lock))
            NoteOrder(&Held[i], Wanted, Gates, GatesBeside(Gates, Held, Count, i));
}

static BOOLEAN Touches(const EDGE *Edge, const void *Start, SIZE_T Size)
{
    if ((ULONG64)Nodes[Edge->From].Lock - (ULONG64)Start < Size ||
        (ULONG64)Nodes[Edge->To].Lock - (ULONG64)Start < Size)
        return TRUE;
    for (ULONG i = 0; i < Edge->GateCount; i++)
        if ((ULONG64)Edge->Gates[i].Lock - (ULONG64)Start < Size)
            return TRUE;
    return FALSE;
}

void VfpForgetOrder(const void *Start, SIZE_T Size)
{
    for (ULONG At = 1; At <= EdgesUsed; At++)
        if (Edges[At].From != 0 && Touches(&Edges[At], Start, Size))
            RemoveEdge(At);
    for (ULONG At = 1; At <= NodesUsed; At++)
        if (Nodes[At].Lock != NULL && (ULONG64)Nodes[At].Lock - (ULONG64)Start < Size)
            RemoveNode(At);
}

void VfpForgetFastMutex(const void *Mutex)
{
    ULONG At = FindNode(Mutex);

    if (At != 0 && VfpIsFastMutex(Nodes[At].Kind))
        VfpForgetOrder(Mutex, 1);
}
