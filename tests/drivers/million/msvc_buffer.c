/* million/msvc_buffer.c - a bounded buffer as in the textbook: two semaphores count its full and its empty places, a
 * fast mutex guards them. Compiled for Microsoft's own target, with nothing but the declarations below: the imports
 * go through __imp_ pointers, data too, and nothing of mingw is in it but the linker.
 *
 * expect: status 0
 * expect: log ^ok 1 - a million items came out
 * expect: log ^ok 2 - their sum is that of what went in
 * expect: log ^ok 3 - the places are empty and none is lost
 * expect: log ^ok 4 - a thread handle is one by the type that was imported as data
 * expect: log 4 ok, 0 not ok
 * expect: log 0 leaked
 * run: SMP=2
 * run: SMP=2 ACCEL=parallel */
#define IMPORT __declspec(dllimport)

typedef unsigned char UCHAR;
typedef long LONG;
typedef unsigned long ULONG;
typedef unsigned long long ULONG64;
typedef void *PVOID;
typedef struct _LIST_ENTRY { struct _LIST_ENTRY *Flink, *Blink; } LIST_ENTRY;
typedef struct _HEADER { UCHAR Type, Flags, Size, Hand; LONG SignalState; LIST_ENTRY WaitListHead; } HEADER;
typedef struct _KEVENT { HEADER Header; } KEVENT;
typedef struct _KSEMAPHORE { HEADER Header; LONG Limit; } KSEMAPHORE;
typedef struct _FAST_MUTEX { LONG Count; PVOID Owner; LONG Contention; KEVENT Event; ULONG OldIrql; } FAST_MUTEX;
typedef struct _UNICODE_STRING { unsigned short Length, MaximumLength; unsigned short *Buffer; } UNICODE_STRING;
typedef struct _DRIVER_OBJECT {
    UCHAR Before[0x68];
    void (*DriverUnload)(struct _DRIVER_OBJECT *);
} DRIVER_OBJECT;

_Static_assert(sizeof(ULONG) == 4 && sizeof(KSEMAPHORE) == 0x20 && sizeof(FAST_MUTEX) == 0x38, "the model is LLP64");

IMPORT ULONG DbgPrint(const char *Format, ...);
IMPORT void KeInitializeEvent(KEVENT *Event, int Type, UCHAR State);
IMPORT void KeInitializeSemaphore(KSEMAPHORE *Semaphore, LONG Count, LONG Limit);
IMPORT LONG KeReleaseSemaphore(KSEMAPHORE *Semaphore, LONG Increment, LONG Adjustment, UCHAR Wait);
IMPORT LONG KeReadStateSemaphore(KSEMAPHORE *Semaphore);
IMPORT LONG KeWaitForSingleObject(PVOID Object, int Reason, char Mode, UCHAR Alertable, ULONG64 *Timeout);
IMPORT void ExAcquireFastMutex(FAST_MUTEX *Mutex);
IMPORT void ExReleaseFastMutex(FAST_MUTEX *Mutex);
IMPORT LONG PsCreateSystemThread(PVOID *Handle, ULONG Access, PVOID Attributes, PVOID Process, PVOID Id,
                                 void (*Routine)(PVOID), PVOID Context);
IMPORT LONG ObReferenceObjectByHandle(PVOID Handle, ULONG Access, PVOID Type, char Mode, PVOID *Object,
                                      PVOID Information);
IMPORT LONG ObOpenObjectByPointer(PVOID Object, ULONG Attributes, PVOID State, ULONG Access, PVOID Type, char Mode,
                                  PVOID *Handle);
IMPORT long long ObfDereferenceObject(PVOID Object);
IMPORT LONG ZwClose(PVOID Handle);
IMPORT PVOID IoGetCurrentProcess(void);
IMPORT PVOID *PsThreadType, *PsProcessType;

#define PRODUCERS 2
#define CONSUMERS 2
#define ITEMS     500000                /* of each producer */
#define PLACES    32
#define TYPE_MISMATCH ((LONG)0xC0000024)

static struct {
    KSEMAPHORE Full, Empty;
    FAST_MUTEX Mutex;
    ULONG Items[PLACES], First, Used;
    ULONG64 In, Out, InSum, OutSum;     /* under Mutex */
} Buffer;

static PVOID Threads[PRODUCERS + CONSUMERS];
static ULONG Started;
static volatile LONG Consuming = CONSUMERS;

/* As the DDK's inline does it: OldIrql stays what it is. */
static void InitializeFastMutex(FAST_MUTEX *Mutex)
{
    Mutex->Count = 1;
    Mutex->Owner = 0;
    Mutex->Contention = 0;
    KeInitializeEvent(&Mutex->Event, 1, 0);
}

static void Put(ULONG Item)
{
    KeWaitForSingleObject(&Buffer.Empty, 0, 0, 0, 0);
    ExAcquireFastMutex(&Buffer.Mutex);
    Buffer.Items[(Buffer.First + Buffer.Used++) % PLACES] = Item;
    Buffer.In++;
    Buffer.InSum += Item;
    ExReleaseFastMutex(&Buffer.Mutex);
    KeReleaseSemaphore(&Buffer.Full, 0, 1, 0);
}

static ULONG Get(void)
{
    ULONG Item;

    KeWaitForSingleObject(&Buffer.Full, 0, 0, 0, 0);
    ExAcquireFastMutex(&Buffer.Mutex);
    Item = Buffer.Items[Buffer.First];
    Buffer.First = (Buffer.First + 1) % PLACES;
    Buffer.Used--;
    Buffer.Out++;
    Buffer.OutSum += Item;
    ExReleaseFastMutex(&Buffer.Mutex);
    KeReleaseSemaphore(&Buffer.Empty, 0, 1, 0);
    return Item;
}

static const char *Word(int Ok) { return Ok ? "ok" : "not ok"; }

/* A handle to a process is not one to a thread. */
static int TypesAreTold(void)
{
    PVOID Handle, Object;
    LONG Wrong, Right;

    if (ObOpenObjectByPointer(IoGetCurrentProcess(), 0, 0, 0, *PsProcessType, 0, &Handle) != 0)
        return 0;
    Wrong = ObReferenceObjectByHandle(Handle, 0, *PsThreadType, 0, &Object, 0);
    Right = ObReferenceObjectByHandle(Handle, 0, *PsProcessType, 0, &Object, 0);
    if (Right == 0)
        ObfDereferenceObject(Object);
    ZwClose(Handle);
    return Wrong == TYPE_MISMATCH && Right == 0;
}

static void Report(void)
{
    DbgPrint("%s 1 - a million items came out (%I64u)\n", Word(Buffer.Out == PRODUCERS * ITEMS + CONSUMERS),
             Buffer.Out);
    DbgPrint("%s 2 - their sum is that of what went in\n",
             Word(Buffer.InSum == Buffer.OutSum && Buffer.In == Buffer.Out));
    DbgPrint("%s 3 - the places are empty and none is lost\n",
             Word(Buffer.Used == 0 && KeReadStateSemaphore(&Buffer.Empty) == PLACES &&
                  KeReadStateSemaphore(&Buffer.Full) == 0));
    DbgPrint("%s 4 - a thread handle is one by the type that was imported as data\n", Word(TypesAreTold()));
}

static volatile LONG Producing = PRODUCERS;

static void Producer(PVOID Context)
{
    ULONG i;

    for (i = 1; i <= ITEMS; i++)
        Put(i * (ULONG)(ULONG64)Context);
    if (__atomic_sub_fetch(&Producing, 1, __ATOMIC_SEQ_CST) == 0)
        for (i = 0; i < CONSUMERS; i++)
            Put(0);                     /* go home */
}

static void Consumer(PVOID Context)
{
    (void)Context;
    while (Get() != 0)
        ;
    if (__atomic_sub_fetch(&Consuming, 1, __ATOMIC_SEQ_CST) == 0)
        Report();
}

static void Unload(DRIVER_OBJECT *Driver)
{
    ULONG i;

    (void)Driver;
    for (i = 0; i < Started; i++) {
        KeWaitForSingleObject(Threads[i], 0, 0, 0, 0);
        ObfDereferenceObject(Threads[i]);
    }
}

static LONG Start(void (*Routine)(PVOID), ULONG Number)
{
    PVOID Handle;
    LONG Status = PsCreateSystemThread(&Handle, 0x1FFFFF, 0, 0, 0, Routine, (PVOID)(ULONG64)Number);

    if (Status != 0)
        return Status;
    Status = ObReferenceObjectByHandle(Handle, 0x100000, *PsThreadType, 0, &Threads[Started], 0);
    Started += Status == 0;
    ZwClose(Handle);
    return Status;
}

LONG DriverEntry(DRIVER_OBJECT *Driver, UNICODE_STRING *RegistryPath)
{
    LONG Status = 0;
    ULONG i;

    (void)RegistryPath;
    DbgPrint("1..4\n");
    KeInitializeSemaphore(&Buffer.Full, 0, PLACES);
    KeInitializeSemaphore(&Buffer.Empty, PLACES, PLACES);
    InitializeFastMutex(&Buffer.Mutex);
    Driver->DriverUnload = Unload;
    for (i = 0; i < CONSUMERS && Status == 0; i++)
        Status = Start(Consumer, i);
    for (i = 0; i < PRODUCERS && Status == 0; i++)
        Status = Start(Producer, i + 1);
    return Status;
}
