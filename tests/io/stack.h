/* stack.h - a stack of devices for the tests of io: what each layer does with a request is the test's to say. */
#pragma once

#include <io/driver.h>
#include <io/irp.h>
#include <ktest.h>

enum { STACK_LAYERS = 3 };

struct _LAYER;
typedef NTSTATUS (*LAYER_ROUTINE)(struct _LAYER *Layer, PIRP Irp);

/* The device extension of each. */
typedef struct _LAYER {
    PDEVICE_OBJECT Device, Below;
    LAYER_ROUTINE Do;
    PIO_COMPLETION_ROUTINE Completion;  /* of LayerForward: NULL sets none */
    UCHAR InvokeOn;                     /* its SL_INVOKE_ON_... */
    NTSTATUS Status;                    /* of LayerComplete */
    ULONG_PTR Information;
    CCHAR Boost;
    PIRP Irp;                           /* the last request */
    IO_STACK_LOCATION Seen;             /* its location then */
    volatile LONG Calls;
} LAYER;

typedef struct _STACK {
    PDRIVER_OBJECT Driver;
    ULONG Count;
    LAYER *Layer[STACK_LAYERS];         /* 0: the lowest */
    PDEVICE_OBJECT Top;
} STACK;

void StackBuild(STACK *Stack, ULONG Count);     /* every layer forwards, the lowest completes with success */
void StackBuildNamed(STACK *Stack, ULONG Count, const char *Driver);
void StackRemove(STACK *Stack);

NTSTATUS LayerComplete(LAYER *Layer, PIRP Irp);
NTSTATUS LayerPend(LAYER *Layer, PIRP Irp);     /* keeps it: LayerFinish completes it */
NTSTATUS LayerSkip(LAYER *Layer, PIRP Irp);
NTSTATUS LayerForward(LAYER *Layer, PIRP Irp);
void LayerFinish(LAYER *Layer);

/* A request with every routine of its own: sends Irp, whose next location is filled but for the completion routine,
 * keeps it at the end, and says how it came back. */
typedef struct _SENT {
    volatile LONG Completed;
    PDEVICE_OBJECT Device;
    BOOLEAN PendingReturned;
    NTSTATUS Status;
} SENT;

NTSTATUS SendKept(PDEVICE_OBJECT Device, PIRP Irp, SENT *Sent);
