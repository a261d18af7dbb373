/* exception.c - raises: a status that a routine reports to its caller's handler instead of returning it. */
#include "ki.h"

/* A raise that nothing handles stops the machine. */
void KiRaiseStatus(NTSTATUS Status)
{
    ULONG Code = ArchReadIrql() < DISPATCH_LEVEL && KiCurrentThread() != KiCurrentPcr()->IdleThread
                     ? SYSTEM_THREAD_EXCEPTION_NOT_HANDLED : KMODE_EXCEPTION_NOT_HANDLED;

    KeBugCheckWith(Code, (ULONG)Status, (ULONG_PTR)__builtin_return_address(0), 0, 0,
                   "status 0x%08X was raised and nothing handled it", Status);
}
