/* crt_sort.c - C's qsort and bsearch.
 *
 * Heap sort: no recursion (kernel stacks are small), no memory, never worse than N log N, which is worth
 * more here than the speed of a quick sort. Equal elements change places freely, as C allows. */
#include <rtl/crt.h>

typedef struct _HEAP {
    char *Base;
    SIZE_T Size;
    int (*Compare)(const void *, const void *);
} HEAP;

static void Swap(char *A, char *B, SIZE_T Size)
{
    for (; Size >= sizeof(ULONG64); Size -= sizeof(ULONG64), A += sizeof(ULONG64), B += sizeof(ULONG64)) {
        ULONG64 Left, Right;

        __builtin_memcpy(&Left, A, sizeof(Left));
        __builtin_memcpy(&Right, B, sizeof(Right));
        __builtin_memcpy(A, &Right, sizeof(Right));
        __builtin_memcpy(B, &Left, sizeof(Left));
    }
    for (; Size; Size--, A++, B++) {
        char Kept = *A;

        *A = *B;
        *B = Kept;
    }
}

static char *At(const HEAP *Heap, SIZE_T Index)
{
    return Heap->Base + Index * Heap->Size;
}

/* Restore the heap below Parent, in the first Count elements. */
static void SiftDown(const HEAP *Heap, SIZE_T Parent, SIZE_T Count)
{
    for (SIZE_T Child; (Child = 2 * Parent + 1) < Count; Parent = Child) {
        if (Child + 1 < Count && Heap->Compare(At(Heap, Child), At(Heap, Child + 1)) < 0)
            Child++;
        if (Heap->Compare(At(Heap, Parent), At(Heap, Child)) >= 0)
            return;
        Swap(At(Heap, Parent), At(Heap, Child), Heap->Size);
    }
}

/* ---- Public ---- */

/* qsort - sort Count elements of Size bytes, ascending by Compare.  IRQL: as Compare and the data have it. */
void qsort(void *Base, SIZE_T Count, SIZE_T Size, int (*Compare)(const void *, const void *))
{
    HEAP Heap = { Base, Size, Compare };

    for (SIZE_T Parent = Count / 2; Parent-- > 0;)
        SiftDown(&Heap, Parent, Count);
    for (SIZE_T Last = Count; Last-- > 1;) {
        Swap(At(&Heap, 0), At(&Heap, Last), Size);
        SiftDown(&Heap, 0, Last);
    }
}

/* bsearch - an element of the ascending array that Compare(Key, element) calls equal.
 * Returns: NULL if there is none. */
void *bsearch(const void *Key, const void *Base, SIZE_T Count, SIZE_T Size, int (*Compare)(const void *, const void *))
{
    SIZE_T Low = 0, High = Count;

    while (Low < High) {
        SIZE_T Middle = Low + (High - Low) / 2;
        const void *Element = (const char *)Base + Middle * Size;
        int Order = Compare(Key, Element);

        if (Order == 0)
            return (void *)Element;
        if (Order < 0)
            High = Middle;
        else
            Low = Middle + 1;
    }
    return NULL;
}
