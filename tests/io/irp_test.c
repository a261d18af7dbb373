/* irp_test.c - the life of an IRP. */
#include "stack.h"

#include <ke/event.h>
#include <ob/object.h>
#include <rtl/status.h>
#include <rtl/string.h>

static void CheckFresh(PIRP Irp, CCHAR StackSize, NTSTATUS Status)
{
    const UCHAR *Byte = (const UCHAR *)(Irp + 1);
    ULONG Set = 0;

    EXPECT_EQ(Irp->Type, IO_TYPE_IRP);
    EXPECT_EQ(Irp->Size, 0xD0 + 0x48 * StackSize);
    EXPECT_EQ(Irp->StackCount, StackSize);
    EXPECT_EQ(Irp->CurrentLocation, StackSize + 1);
    EXPECT_EQ(Irp->Tail.Overlay.CurrentStackLocation, (PIO_STACK_LOCATION)(Irp + 1) + StackSize);
    EXPECT_EQ(Irp->ThreadListEntry.Flink, &Irp->ThreadListEntry);
    EXPECT_EQ(Irp->ThreadListEntry.Blink, &Irp->ThreadListEntry);
    EXPECT_EQ(Irp->IoStatus.Status, Status);
    EXPECT_EQ(Irp->IoStatus.Information, 0);
    EXPECT_EQ(Irp->Tail.Overlay.Thread, NULL);
    EXPECT_EQ(Irp->CancelRoutine, NULL);
    EXPECT_FALSE(Irp->Cancel);
    EXPECT_FALSE(Irp->PendingReturned);
    EXPECT_EQ(Irp->Flags, 0);
    EXPECT_EQ(Irp->MdlAddress, NULL);
    EXPECT_EQ(Irp->AssociatedIrp.SystemBuffer, NULL);
    EXPECT_EQ(Irp->UserIosb, NULL);
    EXPECT_EQ(Irp->UserEvent, NULL);
    EXPECT_EQ(Irp->UserBuffer, NULL);
    EXPECT_EQ(Irp->RequestorMode, KernelMode);
    for (ULONG i = 0; i < (ULONG)StackSize * sizeof(IO_STACK_LOCATION); i++)
        Set += Byte[i] != 0;
    EXPECT_EQ(Set, 0);
}

/* covers IoAllocateIrp.1 */
TEST(io_irp, allocated_one_is_fresh_for_every_size)
{
    static const CCHAR Sizes[] = { 1, 2, 5, 27, 100, 126 };

    for (ULONG i = 0; i < RTL_NUMBER_OF(Sizes); i++) {
        CCHAR Size = Sizes[i];
        PIRP Irp = IoAllocateIrp(Size, FALSE);

        REQUIRE_TRUE(Irp != NULL);
        EXPECT_EQ((ULONG_PTR)Irp % 16, 0);
        CheckFresh(Irp, Size, STATUS_SUCCESS);
        IoFreeIrp(Irp);
    }
}

/* covers IoInitializeIrp.1 */
TEST(io_irp, initialized_memory_is_fresh)
{
    static UCHAR Memory[sizeof(IRP) + 4 * sizeof(IO_STACK_LOCATION) + 1];
    PIRP Irp = (PIRP)Memory;

    memset(Memory, 0xAA, sizeof Memory);
    IoInitializeIrp(Irp, IoSizeOfIrp(4), 4);
    CheckFresh(Irp, 4, STATUS_SUCCESS);
    EXPECT_EQ(Memory[sizeof Memory - 1], 0xAA);
}

/* covers IoReuseIrp.1 */
TEST(io_irp, reused_one_is_fresh_and_still_to_be_freed)
{
    PIRP Irp = IoAllocateIrp(2, FALSE);
    UCHAR Allocation = Irp->AllocationFlags;

    memset((PUCHAR)Irp + offsetof(IRP, MdlAddress), 0xAA, offsetof(IRP, StackCount) - offsetof(IRP, MdlAddress));
    memset(Irp + 1, 0xAA, 2 * sizeof(IO_STACK_LOCATION));
    Irp->CurrentLocation = 1;
    Irp->Cancel = TRUE;
    IoReuseIrp(Irp, STATUS_NOT_SUPPORTED);
    CheckFresh(Irp, 2, STATUS_NOT_SUPPORTED);
    EXPECT_EQ(Irp->AllocationFlags, Allocation);
    IoFreeIrp(Irp);
}

static void CountIrp(PVOID Context, PIRP Irp, PVOID Caller)
{
    UNREFERENCED_PARAMETER(Irp), UNREFERENCED_PARAMETER(Caller);
    (*(ULONG *)Context)++;
}

static NOINLINE PIRP Allocate(void)
{
    PIRP Irp = IoAllocateIrp(1, FALSE);

    __asm__ volatile("" : "+r"(Irp));   /* no tail call: the return address is to lie here */
    return Irp;
}

TEST(io_irp, who_allocated_one_is_known_until_it_is_freed)
{
    ULONG64 Start = (ULONG64)(ULONG_PTR)Allocate, End = Start + 64;
    ULONG Reported = 0;
    PIRP One = Allocate(), Two = Allocate();

    EXPECT_EQ(IoForEachIrpOf(Start, End, CountIrp, &Reported), 2);
    EXPECT_EQ(Reported, 2);
    EXPECT_EQ(IoForEachIrpOf(End, End + 16, CountIrp, &Reported), 0);
    IoFreeIrp(One);
    EXPECT_EQ(IoForEachIrpOf(Start, End, CountIrp, &Reported), 1);
    IoFreeIrp(Two);
    EXPECT_EQ(IoForEachIrpOf(Start, End, CountIrp, &Reported), 0);
}

/* covers IoMakeAssociatedIrp.1 */
TEST(io_irp, master_ends_with_the_last_of_its_parts)
{
    PIRP Master = IoAllocateIrp(1, FALSE), Part[3];
    SENT Sent;
    STACK Stack;

    StackBuild(&Stack, 1);
    Stack.Layer[0]->Do = LayerPend;
    EXPECT_EQ(SendKept(Stack.Top, Master, &Sent), STATUS_PENDING);
    Master->AssociatedIrp.IrpCount = 3;
    Stack.Layer[0]->Do = LayerComplete;
    Stack.Layer[0]->Status = STATUS_SUCCESS;
    for (ULONG i = 0; i < 3; i++) {
        Part[i] = IoMakeAssociatedIrp(Master, 1);
        EXPECT_EQ(Part[i]->AssociatedIrp.MasterIrp, Master);
        EXPECT_EQ(Part[i]->Flags, IRP_ASSOCIATED_IRP);
    }
    for (ULONG i = 0; i < 3; i++) {
        EXPECT_EQ(Sent.Completed, 0);
        EXPECT_EQ(IofCallDriver(Stack.Top, Part[i]), STATUS_SUCCESS);
    }
    EXPECT_EQ(Sent.Completed, 1);
    EXPECT_TRUE(Sent.PendingReturned);
    Master->AssociatedIrp.MasterIrp = NULL;
    IoFreeIrp(Master);
    StackRemove(&Stack);
}
