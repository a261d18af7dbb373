/* semaphore_object.h - semaphores behind handles. */
#pragma once

#include <ke/semaphore.h>
#include <ob/object.h>

enum { SEMAPHORE_QUERY_STATE = 1, SEMAPHORE_MODIFY_STATE = 2 };

NTSTATUS ZwCreateSemaphore(PHANDLE SemaphoreHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                           LONG InitialCount, LONG MaximumCount);
NTSTATUS ZwOpenSemaphore(PHANDLE SemaphoreHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes);
NTSTATUS ZwReleaseSemaphore(HANDLE SemaphoreHandle, LONG ReleaseCount, PLONG PreviousCount);
