/* driver_test.c - driver objects, and what drivers hang on them. */
#include <io/driver.h>
#include <ktest.h>
#include <ob/object.h>
#include <rtl/nt_string.h>
#include <rtl/status.h>
#include <rtl/string.h>

static BOOLEAN Is(const UNICODE_STRING *Name, PCWSTR Text)
{
    UNICODE_STRING Expected;

    RtlInitUnicodeString(&Expected, Text);
    return RtlEqualUnicodeString(Name, &Expected, FALSE);
}

TEST(io_driver, new_object_has_its_names_and_refuses_requests)
{
    PDRIVER_OBJECT Driver = IoCreateDriverObject("KtestNames");

    REQUIRE_TRUE(Driver != NULL);
    EXPECT_EQ(Driver->Type, IO_TYPE_DRIVER);
    EXPECT_EQ(Driver->Size, 0x150);
    EXPECT_TRUE(Is(&Driver->DriverName, L"\\Driver\\KtestNames"));
    EXPECT_TRUE(Is(&Driver->DriverExtension->ServiceKeyName, L"KtestNames"));
    EXPECT_EQ(Driver->DriverName.Buffer[Driver->DriverName.Length / 2], 0);
    EXPECT_EQ(Driver->DriverExtension->DriverObject, Driver);
    EXPECT_EQ(Driver->DeviceObject, NULL);
    EXPECT_EQ(Driver->DriverUnload, NULL);
    EXPECT_EQ(Driver->DriverStartIo, NULL);
    for (ULONG i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        EXPECT_NE(Driver->MajorFunction[i], NULL);
    IoDeleteDriverObject(Driver);
}

/* A DriverEntry that clears the table, or a row of it, does not send requests to address 0. */
/* covers IofCallDriver.3 */
TEST(io_driver, missing_dispatch_routine_refuses)
{
    PDRIVER_OBJECT Driver = IoCreateDriverObject("KtestNames");
    PDRIVER_DISPATCH Refuse = Driver->MajorFunction[IRP_MJ_READ];

    Driver->MajorFunction[IRP_MJ_READ] = Driver->MajorFunction[IRP_MJ_MAXIMUM_FUNCTION] = NULL;
    IoReadyDevices(Driver);
    EXPECT_EQ(Driver->MajorFunction[IRP_MJ_READ], Refuse);
    EXPECT_EQ(Driver->MajorFunction[IRP_MJ_MAXIMUM_FUNCTION], Refuse);
    IoDeleteDriverObject(Driver);
}

TEST(io_driver, name_that_is_too_long_is_refused)
{
    char Long[80];

    memset(Long, 'x', sizeof Long - 1);
    Long[sizeof Long - 1] = 0;
    EXPECT_EQ(IoCreateDriverObject(Long), NULL);
}

/* covers IoAllocateDriverObjectExtension.1 */
TEST(io_driver, extensions_are_found_by_their_client)
{
    PDRIVER_OBJECT Driver = IoCreateDriverObject("KtestClients");
    static UCHAR Client[2];
    PVOID One = NULL, Two = NULL, Again = (PVOID)1;
    ULONG Set = 0;

    EXPECT_EQ(IoGetDriverObjectExtension(Driver, &Client[0]), NULL);
    EXPECT_EQ(IoAllocateDriverObjectExtension(Driver, &Client[0], 48, &One), STATUS_SUCCESS);
    EXPECT_EQ(IoAllocateDriverObjectExtension(Driver, &Client[1], 1, &Two), STATUS_SUCCESS);
    EXPECT_EQ((ULONG_PTR)One % 16, 0);
    for (ULONG i = 0; i < 48; i++)
        Set += ((PUCHAR)One)[i] != 0;
    EXPECT_EQ(Set, 0);
    memset(One, 0xAA, 48);
    EXPECT_EQ(IoAllocateDriverObjectExtension(Driver, &Client[0], 1, &Again), STATUS_OBJECT_NAME_COLLISION);
    EXPECT_EQ(Again, NULL);
    EXPECT_EQ(IoGetDriverObjectExtension(Driver, &Client[0]), One);
    EXPECT_EQ(IoGetDriverObjectExtension(Driver, &Client[1]), Two);
    EXPECT_EQ(IoGetDriverObjectExtension(Driver, &Client[2]), NULL);
    IoDeleteDriverObject(Driver);
}

static ULONG Counts[4], Calls;

static VOID Again(PDRIVER_OBJECT DriverObject, PVOID Context, ULONG Count)
{
    EXPECT_EQ(Context, Counts);
    Counts[Calls++] = Count;
    if (Count < 3)
        IoRegisterDriverReinitialization(DriverObject, Again, Context);
}

/* covers IoRegisterDriverReinitialization.1 */
TEST(io_driver, reinitialization_is_called_once_a_round_and_counted)
{
    PDRIVER_OBJECT Driver = IoCreateDriverObject("KtestAgain");

    Calls = 0;
    EXPECT_FALSE(IoCallReinitializations(Driver));
    IoRegisterDriverReinitialization(Driver, Again, Counts);
    EXPECT_EQ(Calls, 0);
    for (ULONG Round = 1; Round <= 3; Round++) {
        EXPECT_TRUE(IoCallReinitializations(Driver));
        EXPECT_EQ(Calls, Round);
        EXPECT_EQ(Counts[Round - 1], Round);
    }
    EXPECT_FALSE(IoCallReinitializations(Driver));
    EXPECT_EQ(Driver->DriverExtension->Count, 3);
    IoRegisterBootDriverReinitialization(Driver, Again, Counts);        /* never called: it goes with the object */
    IoDeleteDriverObject(Driver);
}
