/* device_test.c - device objects: made, opened, deleted; stacks of them. */
#include "stack.h"

#include <ob/object.h>
#include <rtl/status.h>
#include <rtl/string.h>

static PDRIVER_OBJECT Driver;

static PDEVICE_OBJECT Make(ULONG Extension, DEVICE_TYPE Type, BOOLEAN Exclusive)
{
    PDEVICE_OBJECT Device = (PDEVICE_OBJECT)0xAA;

    REQUIRE_EQ(IoCreateDevice(Driver, Extension, NULL, Type, 0x100, Exclusive, &Device), STATUS_SUCCESS);
    return Device;
}

static void Begin(void)
{
    Driver = IoCreateDriverObject("KtestDevice");
    REQUIRE_TRUE(Driver != NULL);
}

static void End(void)
{
    EXPECT_EQ(Driver->DeviceObject, NULL);
    IoDeleteDriverObject(Driver);
}

static LONG_PTR References(PVOID Object)
{
    ObfReferenceObject(Object);
    return ObfDereferenceObject(Object);
}

/* covers IoCreateDevice.1 */
TEST(io_device, new_one_is_as_asked_for)
{
    PDEVICE_OBJECT Device;
    ULONG Set = 0;

    Begin();
    Device = Make(100, FILE_DEVICE_UNKNOWN, FALSE);
    EXPECT_EQ(Device->Type, IO_TYPE_DEVICE);
    EXPECT_EQ(Device->Size, 0x148 + 100);
    EXPECT_EQ(Device->ReferenceCount, 0);
    EXPECT_EQ(Device->DriverObject, Driver);
    EXPECT_EQ(Device->NextDevice, NULL);
    EXPECT_EQ(Device->AttachedDevice, NULL);
    EXPECT_EQ(Device->CurrentIrp, NULL);
    EXPECT_EQ(Device->Timer, NULL);
    EXPECT_EQ(Device->Flags, DO_DEVICE_INITIALIZING);
    EXPECT_EQ(Device->Characteristics, 0x100);
    EXPECT_EQ(Device->DeviceType, FILE_DEVICE_UNKNOWN);
    EXPECT_EQ(Device->StackSize, 1);
    EXPECT_EQ(Device->SectorSize, 0);
    EXPECT_EQ(Device->DeviceQueue.Type, DeviceQueueObject);
    EXPECT_FALSE(Device->DeviceQueue.Busy);
    EXPECT_EQ(Device->DeviceObjectExtension->Type, IO_TYPE_DEVICE_OBJECT_EXTENSION);
    EXPECT_EQ(Device->DeviceObjectExtension->DeviceObject, Device);
    EXPECT_EQ((ULONG_PTR)Device->DeviceExtension % 16, 0);
    for (ULONG i = 0; i < 100; i++)
        Set += ((PUCHAR)Device->DeviceExtension)[i] != 0;
    EXPECT_EQ(Set, 0);
    memset(Device->DeviceExtension, 0xAA, 100);         /* all of it is the driver's */
    EXPECT_EQ(Device->DeviceObjectExtension->DeviceObject, Device);
    IoDeleteDevice(Device);
    End();
}

/* covers IoCreateDevice.1 */
TEST(io_device, exclusive_sectors_and_no_extension)
{
    PDEVICE_OBJECT Device;

    Begin();
    Device = Make(0, FILE_DEVICE_DISK, TRUE);
    EXPECT_EQ(Device->DeviceExtension, NULL);
    EXPECT_EQ(Device->Flags, DO_DEVICE_INITIALIZING | DO_EXCLUSIVE);
    EXPECT_EQ(Device->SectorSize, 512);
    IoDeleteDevice(Device);
    End();
}

/* covers IoCreateDevice.5 */
TEST(io_device, driver_lists_its_devices_youngest_first)
{
    PDEVICE_OBJECT One, Two, Three;

    Begin();
    One = Make(0, 0x22, FALSE), Two = Make(0, 0x22, FALSE), Three = Make(0, 0x22, FALSE);
    EXPECT_EQ(Driver->DeviceObject, Three);
    EXPECT_EQ(Three->NextDevice, Two);
    EXPECT_EQ(Two->NextDevice, One);
    EXPECT_EQ(One->NextDevice, NULL);
    IoReadyDevices(Driver);
    EXPECT_EQ(One->Flags | Two->Flags | Three->Flags, 0);
    IoDeleteDevice(Two);
    EXPECT_EQ(Three->NextDevice, One);
    IoDeleteDevice(Three);
    EXPECT_EQ(Driver->DeviceObject, One);
    IoDeleteDevice(One);
    End();
}

/* covers IoCreateDevice.5 */
TEST(io_device, holds_its_driver_object)
{
    PDEVICE_OBJECT Device;
    LONG_PTR Before;

    Begin();
    Before = References(Driver);
    Device = Make(0, 0x22, FALSE);
    EXPECT_EQ(References(Driver), Before + 1);
    ObfReferenceObject(Device);
    IoDeleteDevice(Device);
    EXPECT_EQ(Driver->DeviceObject, NULL);
    EXPECT_EQ(References(Driver), Before + 1);          /* the memory is still there */
    EXPECT_EQ(Device->DriverObject, Driver);
    ObfDereferenceObject(Device);
    EXPECT_EQ(References(Driver), Before);
    End();
}

/* ---- Stacks ---- */

/* covers IoAttachDeviceToDeviceStack.1, IoDetachDevice.1, IoGetAttachedDeviceReference.1 */
TEST(io_device, attaching_goes_to_the_top_and_adds_a_location)
{
    PDEVICE_OBJECT Device[3];

    Begin();
    for (ULONG i = 0; i < 3; i++)
        Device[i] = Make(0, 0x22, FALSE);
    IoReadyDevices(Driver);
    Device[0]->AlignmentRequirement = 7;
    Device[0]->SectorSize = 99;
    EXPECT_EQ(IoAttachDeviceToDeviceStack(Device[1], Device[0]), Device[0]);
    EXPECT_EQ(IoAttachDeviceToDeviceStack(Device[2], Device[0]), Device[1]);
    for (ULONG i = 0; i < 3; i++) {
        PDEVICE_OBJECT Below = IoGetLowerDeviceObject(Device[i]), Base = IoGetDeviceAttachmentBaseRef(Device[i]);
        PDEVICE_OBJECT Top = IoGetAttachedDeviceReference(Device[i]);
        LONG_PTR Before = References(Device[2]);

        EXPECT_EQ(Device[i]->StackSize, i + 1);
        EXPECT_EQ(Device[i]->AlignmentRequirement, 7);
        EXPECT_EQ(Device[i]->SectorSize, 99);
        EXPECT_EQ(Device[i]->AttachedDevice, i < 2 ? Device[i + 1] : NULL);
        EXPECT_EQ(IoGetAttachedDevice(Device[i]), Device[2]);
        EXPECT_EQ(Top, Device[2]);
        EXPECT_EQ(Base, Device[0]);
        EXPECT_EQ(Below, i > 0 ? Device[i - 1] : NULL);
        ObfDereferenceObject(Top);
        EXPECT_EQ(References(Device[2]), Before - 1);
        ObfDereferenceObject(Base);
        if (Below != NULL)
            ObfDereferenceObject(Below);
    }
    IoDetachDevice(Device[1]);
    EXPECT_EQ(IoGetAttachedDevice(Device[0]), Device[1]);
    EXPECT_EQ(IoGetLowerDeviceObject(Device[2]), NULL);
    IoDetachDevice(Device[0]);
    for (ULONG i = 0; i < 3; i++)
        IoDeleteDevice(Device[i]);
    End();
}

/* covers IoCreateDevice.2, IoAttachDeviceToDeviceStack.2 */
TEST(io_device, nothing_attaches_to_one_that_is_not_ready_or_goes)
{
    PDEVICE_OBJECT Lower, Upper, Below = (PDEVICE_OBJECT)1;

    Begin();
    Lower = Make(0, 0x22, FALSE), Upper = Make(0, 0x22, FALSE);
    EXPECT_EQ(IoAttachDeviceToDeviceStack(Upper, Lower), NULL);
    EXPECT_EQ(IoAttachDeviceToDeviceStackSafe(Upper, Lower, &Below), STATUS_NO_SUCH_DEVICE);
    EXPECT_EQ(Below, (PDEVICE_OBJECT)1);
    EXPECT_EQ(Lower->AttachedDevice, NULL);
    EXPECT_EQ(Upper->StackSize, 1);
    IoReadyDevices(Driver);
    ObfReferenceObject(Lower);
    IoDeleteDevice(Lower);
    EXPECT_EQ(IoAttachDeviceToDeviceStack(Upper, Lower), NULL);
    ObfDereferenceObject(Lower);
    IoDeleteDevice(Upper);
    End();
}

/* Requests may come from above as long as something is attached. */
/* covers IoDeleteDevice.1 */
TEST(io_device, deletion_waits_for_the_device_above)
{
    PDEVICE_OBJECT Lower, Upper, Below = NULL;

    Begin();
    Lower = Make(0, 0x22, FALSE), Upper = Make(0, 0x22, FALSE);
    IoReadyDevices(Driver);
    EXPECT_EQ(IoAttachDeviceToDeviceStackSafe(Upper, Lower, &Below), STATUS_SUCCESS);
    EXPECT_EQ(Below, Lower);
    IoDeleteDevice(Lower);
    EXPECT_EQ(Driver->DeviceObject, Upper);
    EXPECT_EQ(Upper->NextDevice, Lower);
    EXPECT_EQ(IoGetLowerDeviceObject(Upper), NULL);     /* it is going */
    IoDetachDevice(Lower);
    EXPECT_EQ(Upper->NextDevice, NULL);
    IoDeleteDevice(Upper);
    End();
}
