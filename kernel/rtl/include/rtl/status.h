/* status.h - NTSTATUS values and bugcheck codes, by the names and numbers drivers know. */
#pragma once

#include <rtl/ntdef.h>

#define NT_SUCCESS(Status) ((NTSTATUS)(Status) >= 0)

#define STATUS_SUCCESS                  ((NTSTATUS)0x00000000)
#define STATUS_WAIT_0                   ((NTSTATUS)0x00000000)
#define STATUS_ABANDONED                ((NTSTATUS)0x00000080)
#define STATUS_ABANDONED_WAIT_0         ((NTSTATUS)0x00000080)
#define STATUS_USER_APC                 ((NTSTATUS)0x000000C0)
#define STATUS_KERNEL_APC               ((NTSTATUS)0x00000100)
#define STATUS_ALERTED                  ((NTSTATUS)0x00000101)
#define STATUS_TIMEOUT                  ((NTSTATUS)0x00000102)
#define STATUS_PENDING                  ((NTSTATUS)0x00000103)
#define STATUS_SOME_NOT_MAPPED          ((NTSTATUS)0x00000107)
#define STATUS_OBJECT_NAME_EXISTS       ((NTSTATUS)0x40000000)
#define STATUS_TIMER_RESUME_IGNORED     ((NTSTATUS)0x40000025)
#define STATUS_REPARSE                  ((NTSTATUS)0x00000104)
#define STATUS_MORE_ENTRIES             ((NTSTATUS)0x00000105)
#define STATUS_DATATYPE_MISALIGNMENT    ((NTSTATUS)0x80000002)
#define STATUS_BUFFER_OVERFLOW          ((NTSTATUS)0x80000005)
#define STATUS_NO_MORE_ENTRIES          ((NTSTATUS)0x8000001A)
#define STATUS_NOT_IMPLEMENTED          ((NTSTATUS)0xC0000002)
#define STATUS_INVALID_INFO_CLASS       ((NTSTATUS)0xC0000003)
#define STATUS_INFO_LENGTH_MISMATCH     ((NTSTATUS)0xC0000004)
#define STATUS_ACCESS_VIOLATION         ((NTSTATUS)0xC0000005)
#define STATUS_INVALID_HANDLE           ((NTSTATUS)0xC0000008)
#define STATUS_NO_SUCH_DEVICE           ((NTSTATUS)0xC000000E)
#define STATUS_INVALID_DEVICE_REQUEST   ((NTSTATUS)0xC0000010)
#define STATUS_MORE_PROCESSING_REQUIRED ((NTSTATUS)0xC0000016)
#define STATUS_CONTINUE_COMPLETION      STATUS_SUCCESS
#define STATUS_CANCELLED                ((NTSTATUS)0xC0000120)
#define STATUS_INVALID_CID              ((NTSTATUS)0xC000000B)
#define STATUS_INVALID_PARAMETER        ((NTSTATUS)0xC000000D)
#define STATUS_NO_MEMORY                ((NTSTATUS)0xC0000017)
#define STATUS_ILLEGAL_INSTRUCTION      ((NTSTATUS)0xC000001D)
#define STATUS_ACCESS_DENIED            ((NTSTATUS)0xC0000022)
#define STATUS_BUFFER_TOO_SMALL         ((NTSTATUS)0xC0000023)
#define STATUS_OBJECT_TYPE_MISMATCH     ((NTSTATUS)0xC0000024)
#define STATUS_NONCONTINUABLE_EXCEPTION ((NTSTATUS)0xC0000025)
#define STATUS_INVALID_DISPOSITION      ((NTSTATUS)0xC0000026)
#define STATUS_UNWIND                   ((NTSTATUS)0xC0000027)
#define STATUS_BAD_STACK                ((NTSTATUS)0xC0000028)
#define STATUS_INVALID_UNWIND_TARGET    ((NTSTATUS)0xC0000029)
#define STATUS_INVALID_PARAMETER_MIX    ((NTSTATUS)0xC0000030)
#define STATUS_OBJECT_NAME_INVALID      ((NTSTATUS)0xC0000033)
#define STATUS_OBJECT_NAME_NOT_FOUND    ((NTSTATUS)0xC0000034)
#define STATUS_OBJECT_NAME_COLLISION    ((NTSTATUS)0xC0000035)
#define STATUS_OBJECT_PATH_INVALID      ((NTSTATUS)0xC0000039)
#define STATUS_OBJECT_PATH_NOT_FOUND    ((NTSTATUS)0xC000003A)
#define STATUS_OBJECT_PATH_SYNTAX_BAD   ((NTSTATUS)0xC000003B)
#define STATUS_MUTANT_NOT_OWNED         ((NTSTATUS)0xC0000046)
#define STATUS_SEMAPHORE_LIMIT_EXCEEDED ((NTSTATUS)0xC0000047)
#define STATUS_THREAD_IS_TERMINATING    ((NTSTATUS)0xC000004B)
#define STATUS_DELETE_PENDING           ((NTSTATUS)0xC0000056)
#define STATUS_PRIVILEGE_NOT_HELD       ((NTSTATUS)0xC0000061)
#define STATUS_PROCEDURE_NOT_FOUND      ((NTSTATUS)0xC000007A)
#define STATUS_INVALID_IMAGE_FORMAT     ((NTSTATUS)0xC000007B)
#define STATUS_ARRAY_BOUNDS_EXCEEDED    ((NTSTATUS)0xC000008C)
#define STATUS_INTEGER_DIVIDE_BY_ZERO   ((NTSTATUS)0xC0000094)
#define STATUS_INTEGER_OVERFLOW         ((NTSTATUS)0xC0000095)
#define STATUS_INSUFFICIENT_RESOURCES   ((NTSTATUS)0xC000009A)
#define STATUS_UNSUCCESSFUL             ((NTSTATUS)0xC0000001)
#define STATUS_NOT_SUPPORTED            ((NTSTATUS)0xC00000BB)
#define STATUS_INVALID_PARAMETER_1      ((NTSTATUS)0xC00000EF)
#define STATUS_INVALID_PARAMETER_2      ((NTSTATUS)0xC00000F0)
#define STATUS_INVALID_PARAMETER_3      ((NTSTATUS)0xC00000F1)
#define STATUS_INVALID_PARAMETER_4      ((NTSTATUS)0xC00000F2)
#define STATUS_INVALID_PARAMETER_5      ((NTSTATUS)0xC00000F3)
#define STATUS_INVALID_PARAMETER_6      ((NTSTATUS)0xC00000F4)
#define STATUS_STACK_OVERFLOW           ((NTSTATUS)0xC00000FD)
#define STATUS_NAME_TOO_LONG            ((NTSTATUS)0xC0000106)
#define STATUS_PROCESS_IS_TERMINATING   ((NTSTATUS)0xC000010A)
#define STATUS_MUTANT_LIMIT_EXCEEDED    ((NTSTATUS)0xC0000191)
#define STATUS_HANDLE_NOT_CLOSABLE      ((NTSTATUS)0xC0000235)
#define STATUS_IO_REPARSE_TAG_NOT_HANDLED ((NTSTATUS)0xC0000279)
#define STATUS_REPARSE_POINT_ENCOUNTERED ((NTSTATUS)0xC000050B)
#define STATUS_ASSERTION_FAILURE        ((NTSTATUS)0xC0000420)
#define STATUS_BREAKPOINT               ((NTSTATUS)0x80000003)
#define STATUS_LONGJUMP                 ((NTSTATUS)0x80000026)
#define STATUS_UNWIND_CONSOLIDATE       ((NTSTATUS)0x80000029)

/* One row per code: value, NT's name, the line a person reads on the stop screen. bugcheck.c
 * prints from this table; X gives the constants. */
#define BUGCHECK_TABLE(X)                                                                                         \
    X(0x01, APC_INDEX_MISMATCH, "A worker routine or system call returned with kernel APCs still disabled.")      \
    X(0x05, INVALID_PROCESS_ATTACH_ATTEMPT,                                                                       \
      "A thread attached to a process while in a DPC or while attached elsewhere.")                               \
    X(0x06, INVALID_PROCESS_DETACH_ATTEMPT,                                                                       \
      "A thread left a process that it is not attached to, or with APCs queued there.")                           \
    X(0x08, IRQL_NOT_DISPATCH_LEVEL, "A routine that needs DISPATCH_LEVEL was called at another IRQL.")           \
    X(0x09, IRQL_NOT_GREATER_OR_EQUAL, "The IRQL is lower than this routine needs.")                              \
    X(0x0A, IRQL_NOT_LESS_OR_EQUAL,                                                                               \
      "Memory that is not there was touched, or a blocking call was made, at too high an IRQL.")                  \
    X(0x0C, MAXIMUM_WAIT_OBJECTS_EXCEEDED, "A wait names more objects than its wait blocks can hold.")            \
    X(0x0F, SPIN_LOCK_ALREADY_OWNED, "A spin lock was acquired again by the processor that holds it.")            \
    X(0x10, SPIN_LOCK_NOT_OWNED, "A spin lock was released that the releaser does not hold.")                     \
    X(0x18, REFERENCE_BY_POINTER, "An object's reference count is wrong: released more often than referenced.")   \
    X(0x1E, KMODE_EXCEPTION_NOT_HANDLED, "An exception was raised and nothing handled it.")                       \
    X(0x20, KERNEL_APC_PENDING_DURING_EXIT,                                                                       \
      "A thread ended with an APC pending or with its APC-disable count changed.")                                \
    X(0x2A, INCONSISTENT_IRP, "An IRP, or what belongs to it, contradicts itself.")                               \
    X(0x35, NO_MORE_IRP_STACK_LOCATIONS, "An IRP was sent to a driver for which it has no stack location.")       \
    X(0x44, MULTIPLE_IRP_COMPLETE_REQUESTS, "An IRP was used that is completed or freed already, or is none.")    \
    X(0x48, CANCEL_STATE_IN_COMPLETED_IRP, "An IRP was completed while its cancel routine was still set.")        \
    X(0x50, PAGE_FAULT_IN_NONPAGED_AREA, "Memory that does not exist was touched.")                               \
    X(0x7E, SYSTEM_THREAD_EXCEPTION_NOT_HANDLED, "A system thread raised an exception that nothing handled.")     \
    X(0x7F, UNEXPECTED_KERNEL_MODE_TRAP, "The processor raised a trap that the kernel does not expect.")          \
    X(0x80, NMI_HARDWARE_FAILURE, "A non-maskable interrupt reports a hardware failure.")                         \
    X(0x94, KERNEL_STACK_LOCKED_AT_EXIT, "A thread ended while it ran on an expanded stack.")                     \
    X(0x96, INVALID_WORK_QUEUE_ITEM, "A work item's list links are broken.")                                      \
    X(0x9C, MACHINE_CHECK_EXCEPTION, "The processor reports a fatal hardware error.")                             \
    X(0xB8, ATTEMPTED_SWITCH_FROM_DPC, "A DPC routine tried to wait.")                                            \
    X(0xC1, SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION,                                                              \
      "Pool memory was written outside a block, or after the block was freed.")                                   \
    X(0xC2, BAD_POOL_CALLER, "A pool block was freed twice, overrun, or freed with the wrong tag.")               \
    X(0xC4, DRIVER_VERIFIER_DETECTED_VIOLATION, "The verifier saw a driver break a rule.")                        \
    X(0xC7, TIMER_OR_DPC_INVALID, "A timer or DPC lies in freed memory, or a DPC changed the APC-disable count.") \
    X(0xC8, IRQL_UNEXPECTED_VALUE, "A DPC or APC routine returned at another IRQL than it was called at.")        \
    X(0xC9, DRIVER_VERIFIER_IOMANAGER_VIOLATION, "The verifier saw a driver break a rule of the I/O manager.")    \
    X(0xD1, DRIVER_IRQL_NOT_LESS_OR_EQUAL, "A driver touched memory that is not there.")                          \
    X(0xE1, WORKER_THREAD_RETURNED_AT_BAD_IRQL, "A work routine returned at a raised IRQL.")                      \
    X(0xE2, MANUALLY_INITIATED_CRASH, "The stop was asked for by hand.")                                          \
    X(0xE3, RESOURCE_NOT_OWNED, "A resource was released by a thread that does not own it.")                      \
    X(0xE4, WORKER_INVALID, "A work item is invalid: queued twice, of a bad type, or freed while queued.")        \
    X(0xE9, ACTIVE_EX_WORKER_THREAD_TERMINATION, "A work routine ended its worker thread.")                       \
    X(0x132, RESOURCE_OWNER_POINTER_INVALID, "An ERESOURCE owner pointer is invalid.")                            \
    X(0x139, KERNEL_SECURITY_CHECK_FAILURE, "A list of the kernel is broken: its links do not agree.")            \
    X(0x152, INVALID_PUSH_LOCK_FLAGS, "A push lock routine was called with flags that there are not.")            \
    X(0x162, KERNEL_AUTO_BOOST_INVALID_LOCK_RELEASE, "A push lock was released that is not owned so.")            \
    X(0x4000008A, THREAD_TERMINATE_HELD_MUTEX, "A thread ended while it held a mutex.")                           \
    X(0x4B454447, KEDGE_INTERNAL_ERROR, "Kedge found its own state inconsistent: this is a bug in Kedge.")        \
    X(0x4B454448, KEDGE_UNRESOLVED_IMPORT, "A driver used an import that Kedge does not have.")

#define BUGCHECK_CONSTANT(Value, Name, Text) Name = (int)(Value),
enum { BUGCHECK_TABLE(BUGCHECK_CONSTANT) };
#undef BUGCHECK_CONSTANT
