/* shutdown_test.c - who is told that the machine stops. */
#include "stack.h"

#include <io/shutdown.h>
#include <ob/object.h>
#include <rtl/status.h>
#include <rtl/string.h>

static STACK Stacks[3];
static char Order[8];
static ULONG Length;

static NTSTATUS Note(LAYER *Layer, PIRP Irp)
{
    for (ULONG i = 0; i < 3; i++)
        if (Layer == Stacks[i].Layer[0])
            Order[Length++] = (char)('0' + i);
    EXPECT_EQ(IoGetCurrentIrpStackLocation(Irp)->MajorFunction, IRP_MJ_SHUTDOWN);
    EXPECT_EQ(IoGetCurrentIrpStackLocation(Irp)->FileObject, NULL);
    return LayerComplete(Layer, Irp);
}

static LONG_PTR References(PVOID Object)
{
    ObfReferenceObject(Object);
    return ObfDereferenceObject(Object);
}

static void Begin(void)
{
    static const char *const Names[] = { "KtestFirst", "KtestSecond", "KtestThird" };

    memset(Order, 0, sizeof Order);
    Length = 0;
    for (ULONG i = 0; i < 3; i++) {
        StackBuildNamed(&Stacks[i], 2, Names[i]);
        Stacks[i].Layer[0]->Do = Note;
    }
}

static void End(void)
{
    for (ULONG i = 0; i < 3; i++)
        StackRemove(&Stacks[i]);
    EXPECT_EQ(IoShutdownDevices(), 0);
}

/* covers IoRegisterShutdownNotification.1 */
TEST(io_shutdown, youngest_first_and_last_chance_last)
{
    LONG_PTR Before;

    Begin();
    Before = References(Stacks[0].Layer[0]->Device);
    EXPECT_EQ(IoRegisterLastChanceShutdownNotification(Stacks[0].Layer[0]->Device), STATUS_SUCCESS);
    EXPECT_EQ(IoRegisterShutdownNotification(Stacks[1].Layer[0]->Device), STATUS_SUCCESS);
    EXPECT_EQ(IoRegisterShutdownNotification(Stacks[2].Layer[0]->Device), STATUS_SUCCESS);
    EXPECT_TRUE(Stacks[1].Layer[0]->Device->Flags & DO_SHUTDOWN_REGISTERED);
    EXPECT_EQ(References(Stacks[0].Layer[0]->Device), Before + 1);
    EXPECT_EQ(IoShutdownDevices(), 3);
    EXPECT_EQ(strcmp(Order, "210"), 0);
    EXPECT_EQ(Stacks[1].Layer[1]->Calls, 1);            /* by way of the top of the stack */
    EXPECT_EQ(References(Stacks[0].Layer[0]->Device), Before);
    EXPECT_EQ(IoShutdownDevices(), 0);
    End();
}

/* covers IoUnregisterShutdownNotification.1 */
TEST(io_shutdown, taken_back_or_deleted_is_not_told)
{
    Begin();
    IoRegisterShutdownNotification(Stacks[0].Layer[0]->Device);
    IoRegisterLastChanceShutdownNotification(Stacks[0].Layer[0]->Device);
    IoRegisterShutdownNotification(Stacks[1].Layer[0]->Device);
    IoRegisterShutdownNotification(Stacks[2].Layer[1]->Device);
    IoUnregisterShutdownNotification(Stacks[0].Layer[0]->Device);
    EXPECT_EQ(Stacks[0].Layer[0]->Device->Flags & DO_SHUTDOWN_REGISTERED, 0);
    StackRemove(&Stacks[2]);            /* registered */
    EXPECT_EQ(IoShutdownDevices(), 1);
    EXPECT_EQ(strcmp(Order, "1"), 0);
    StackRemove(&Stacks[1]);
    StackRemove(&Stacks[0]);
}

static NTSTATUS Refuse(LAYER *Layer, PIRP Irp)
{
    Layer->Status = STATUS_UNSUCCESSFUL;
    return LayerComplete(Layer, Irp);
}

/* covers IoRegisterShutdownNotification.1 */
TEST(io_shutdown, answer_does_not_matter)
{
    Begin();
    Stacks[0].Layer[0]->Do = Refuse;
    IoRegisterShutdownNotification(Stacks[0].Layer[0]->Device);
    IoRegisterShutdownNotification(Stacks[1].Layer[0]->Device);
    EXPECT_EQ(IoShutdownDevices(), 2);
    End();
}
