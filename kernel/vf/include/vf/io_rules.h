/* io_rules.h - the rules of the I/O manager that the verifier checks: parameter 1 of stop 0xC9, a name, and what was
 * done.
 *
 * The numbers are Microsoft's. README's second table of rules is checked against this one. */
#pragma once

#include <rtl/ntdef.h>

#define VF_IO_RULES(X)                                                                                                \
    X(0x01, FREED_NO_IRP, "IoFreeIrp is called for what is no IRP, or was freed before.")                             \
    X(0x02, FREED_THREADS_IRP, "IoFreeIrp is called for an IRP that belongs to a thread.")                            \
    X(0x03, SENT_NO_IRP, "IoCallDriver is called with what is no IRP, or was freed.")                                 \
    X(0x04, SENT_TO_NO_DEVICE, "IoCallDriver is called with what is no device object.")                               \
    X(0x05, DISPATCH_IRQL, "A dispatch routine returned at another IRQL than it was called at.")                      \
    X(0x06, COMPLETED_AS_PENDING, "An IRP is completed with the status STATUS_PENDING, or -1.")                       \
    X(0x07, COMPLETED_CANCELABLE, "An IRP is completed while its cancel routine is still set.")                       \
    X(0x0A, TIMER_INITIALIZED_TWICE, "IoInitializeTimer is called for a device that has a timer already.")            \
    X(0x0E, COMPLETED_ABOVE_DISPATCH, "An IRP is completed above DISPATCH_LEVEL.")                                    \
    X(0x10, SENT_ABOVE_DISPATCH, "An IRP is sent above DISPATCH_LEVEL.")                                              \
    X(0x201, DELETED_WHILE_ATTACHED, "A device is deleted that is still attached to the one below it.")               \
    X(0x202, DETACHED_NOTHING, "IoDetachDevice is called for a device that nothing is attached to.")                  \
    X(0x203, SENT_CANCELABLE, "An IRP is sent while the sender's cancel routine is still set.")                       \
    X(0x206, CONTROL_COPIED, "An IRP is sent whose next stack location has the pending mark of the current one.")     \
    X(0x207, ROUTINE_COPIED, "An IRP is sent whose next stack location has the completion routine of the one above.") \
    X(0x209, COMPLETED_WHILE_BELOW, "An IRP is completed that a lower driver has not completed yet.")                 \
    X(0x20B, FREED_IN_USE, "An IRP is freed that a driver has not completed yet.")                                    \
    X(0x20D, INITIALIZED_ALLOCATED, "IoInitializeIrp is called for an IRP of IoAllocateIrp.")                         \
    X(0x224, STATUS_DIFFERS, "A dispatch routine returned another status than the IRP was completed with.")           \
    X(0x226, NEITHER_DONE_NOR_PENDING, "A dispatch routine neither completed its IRP nor returned STATUS_PENDING.")   \
    X(0x23D, PENDING_UNMARKED, "STATUS_PENDING was returned for an IRP that was not marked pending.")                 \
    X(0x23E, MARKED_NOT_PENDING, "An IRP was marked pending, and STATUS_PENDING was not returned.")                   \
    X(0x240, DELETED_TWICE, "A device is deleted a second time.")

#define VF_IO_RULE_CONSTANT(Value, Name, Text) VF_IO_##Name = Value,
enum { VF_IO_RULES(VF_IO_RULE_CONSTANT) };
#undef VF_IO_RULE_CONSTANT

/* Stop with 0xC9, as VfStop does with 0xC4. */
DECLSPEC_NORETURN void VfStopIo(ULONG Rule, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4, const char *Format, ...);
