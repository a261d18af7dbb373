/* information_test.c - ZwSetInformationThread and ZwQueryInformationThread: each class, and the order of the checks. */
#include <ke/event.h>
#include <ke/init.h>
#include <ke/thread.h>
#include <ktest.h>
#include <ob/create.h>
#include <ps/information.h>
#include <ps/process.h>
#include <rtl/status.h>

#define CURRENT_THREAD ((HANDLE)-2ll)
#define BAD_HANDLE ((HANDLE)0xFFFFFFFF80FFFFF0ull)

static KEVENT Hold;
static PKTHREAD Subject;
static HANDLE Handle;

static void Stay(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeWaitForSingleObject(&Hold, Executive, KernelMode, FALSE, NULL);
}

/* A blocked thread and a handle that grants SYNCHRONIZE alone. */
static void Open(void)
{
    KeInitializeEvent(&Hold, NotificationEvent, FALSE);
    Subject = KtestThread(Stay, NULL, 8);
    KtestWaitBlocked(Subject, &Hold);
    REQUIRE_EQ(ObCreateHandle(Subject, 0x00100000, NULL, &Handle), STATUS_SUCCESS);
}

static void Close(void)
{
    KeSetEvent(&Hold, 0, FALSE);
    EXPECT_EQ(ZwClose(Handle), STATUS_SUCCESS);
    KtestJoin(Subject);
}

static NTSTATUS SetLong(HANDLE Thread, ULONG Class, LONG Value)
{
    return ZwSetInformationThread(Thread, (THREADINFOCLASS)Class, &Value, sizeof Value);
}

static NTSTATUS SetMask(HANDLE Thread, KAFFINITY Value)
{
    return ZwSetInformationThread(Thread, ThreadAffinityMask, &Value, sizeof Value);
}

/* covers ZwSetInformationThread.1, ZwSetInformationThread.9, trap 46 */
TEST(ps_information, priority)
{
    Open();
    for (LONG Priority = 1; Priority <= 31; Priority++) {
        EXPECT_EQ(SetLong(Handle, ThreadPriority, Priority), STATUS_SUCCESS);   /* no access is checked in the kernel */
        EXPECT_EQ(KeQueryPriorityThread(Subject), Priority);
    }
    EXPECT_EQ(SetLong(Handle, ThreadPriority, 0), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(SetLong(Handle, ThreadPriority, 32), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(SetLong(Handle, ThreadPriority, -1), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(KeQueryPriorityThread(Subject), 31);
    EXPECT_EQ(SetLong(CURRENT_THREAD, ThreadPriority, 9), STATUS_SUCCESS);
    EXPECT_EQ(KeQueryPriorityThread(KeGetCurrentThread()), 9);
    Close();
}

/* covers ZwSetInformationThread.2 */
TEST(ps_information, base_priority)
{
    static const LONG Sound[] = { -2, -1, 0, 1, 2, 16, -16 };
    static const LONG Unsound[] = { 3, -3, 15, -15, 17, -17, 0x7FFFFFFF };
    static const SCHAR Bases[] = { 6, 7, 8, 9, 10, 15, 1 };
    THREAD_BASIC_INFORMATION Basic;

    Open();
    for (ULONG At = 0; At < RTL_NUMBER_OF(Sound); At++) {
        EXPECT_EQ(SetLong(Handle, ThreadBasePriority, Sound[At]), STATUS_SUCCESS);
        EXPECT_EQ(Subject->BasePriority, Bases[At]);
        EXPECT_EQ(ZwQueryInformationThread(Handle, ThreadBasicInformation, &Basic, sizeof Basic, NULL), STATUS_SUCCESS);
        EXPECT_EQ(Basic.BasePriority, Sound[At]);
    }
    for (ULONG At = 0; At < RTL_NUMBER_OF(Unsound); At++)
        EXPECT_EQ(SetLong(Handle, ThreadBasePriority, Unsound[At]), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(Subject->BasePriority, 1);
    Close();
}

/* covers ZwSetInformationThread.3, ZwSetInformationThread.7, ZwSetInformationThread.9 */
TEST(ps_information, affinity)
{
    KAFFINITY All = KeQueryActiveProcessors();
    ULONG Last = KeQueryActiveProcessorCount(NULL) - 1;

    Open();
    EXPECT_EQ(SetMask(Handle, 0), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(SetMask(BAD_HANDLE, 0), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(SetMask(Handle, 1), STATUS_SUCCESS);
    EXPECT_EQ(Subject->Affinity, 1);
    EXPECT_EQ(SetMask(Handle, All), STATUS_SUCCESS);
    EXPECT_EQ(SetMask(CURRENT_THREAD, 1ull << Last), STATUS_SUCCESS);
    EXPECT_EQ(KeGetCurrentProcessorNumber(), Last);     /* at once */
    EXPECT_EQ(SetMask(CURRENT_THREAD, 1), STATUS_SUCCESS);
    EXPECT_EQ(KeGetCurrentProcessorNumber(), 0);
    EXPECT_EQ(SetMask(CURRENT_THREAD, All), STATUS_SUCCESS);
    Close();
}

TEST(ps_information, ideal_processor)
{
    Open();
    EXPECT_EQ(SetLong(Handle, ThreadIdealProcessor, 64), STATUS_INVALID_PARAMETER);
    EXPECT_TRUE(NT_SUCCESS(SetLong(Handle, ThreadIdealProcessor, 0)));
    EXPECT_EQ(SetLong(Handle, ThreadIdealProcessor, (LONG)KeQueryActiveProcessorCount(NULL) - 1), 0);
    EXPECT_EQ(SetLong(Handle, ThreadIdealProcessor, 0), (LONG)KeQueryActiveProcessorCount(NULL) - 1);
    Close();
}

/* covers ZwSetInformationThread.4 */
TEST(ps_information, boost_and_page_priority)
{
    ULONG Told = 0x55555555, Length = 0;

    Open();
    EXPECT_EQ(SetLong(Handle, ThreadPriorityBoost, 7), STATUS_SUCCESS);
    EXPECT_EQ(ZwQueryInformationThread(Handle, ThreadPriorityBoost, &Told, 4, &Length), STATUS_SUCCESS);
    EXPECT_EQ(Told, 1);
    EXPECT_EQ(Length, 4);
    EXPECT_EQ(SetLong(Handle, ThreadPriorityBoost, 0), STATUS_SUCCESS);
    EXPECT_EQ(ZwQueryInformationThread(Handle, ThreadPriorityBoost, &Told, 4, NULL), STATUS_SUCCESS);
    EXPECT_EQ(Told, 0);
    EXPECT_EQ(ZwQueryInformationThread(Handle, ThreadPagePriority, &Told, 4, NULL), STATUS_SUCCESS);
    EXPECT_EQ(Told, 5);
    EXPECT_EQ(SetLong(Handle, ThreadPagePriority, 2), STATUS_SUCCESS);
    EXPECT_EQ(SetLong(Handle, ThreadPagePriority, 0), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(SetLong(Handle, ThreadPagePriority, 6), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(ZwQueryInformationThread(Handle, ThreadPagePriority, &Told, 4, NULL), STATUS_SUCCESS);
    EXPECT_EQ(Told, 2);
    EXPECT_EQ(ZwQueryInformationThread(Handle, ThreadIsTerminated, &Told, 4, NULL), STATUS_SUCCESS);
    EXPECT_EQ(Told, 0);
    Close();
}

/* Each call is wrong in all that comes after the check that it fails: the first one decides.
 * covers ZwSetInformationThread.5, ZwSetInformationThread.6, ZwSetInformationThread.7, ZwSetInformationThread.8,
 * trap 46 */
TEST(ps_information, order_of_the_checks)
{
    ULONG64 Value = 99;
    HANDLE Process;

    Open();
    REQUIRE_EQ(ObCreateHandle(PsInitialSystemProcess, 0, NULL, &Process), STATUS_SUCCESS);
    EXPECT_EQ(ZwSetInformationThread(BAD_HANDLE, (THREADINFOCLASS)99, &Value, 77), STATUS_INVALID_INFO_CLASS);
    EXPECT_EQ(ZwSetInformationThread(BAD_HANDLE, ThreadBasicInformation, &Value, 77), STATUS_INVALID_INFO_CLASS);
    EXPECT_EQ(ZwSetInformationThread(BAD_HANDLE, (THREADINFOCLASS)-1, &Value, 4), STATUS_INVALID_INFO_CLASS);
    EXPECT_EQ(ZwSetInformationThread(BAD_HANDLE, ThreadPriority, &Value, 8), STATUS_INFO_LENGTH_MISMATCH);
    EXPECT_EQ(ZwSetInformationThread(BAD_HANDLE, ThreadAffinityMask, &Value, 4), STATUS_INFO_LENGTH_MISMATCH);
    EXPECT_EQ(ZwSetInformationThread(BAD_HANDLE, ThreadPriority, &Value, 4), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(SetLong(BAD_HANDLE, ThreadPriority, 8), STATUS_INVALID_HANDLE);
    EXPECT_EQ(SetLong(NULL, ThreadPriority, 8), STATUS_INVALID_HANDLE);
    EXPECT_EQ(SetLong(Process, ThreadPriority, 8), STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(ZwQueryInformationThread(BAD_HANDLE, ThreadPriority, &Value, 77, NULL), STATUS_INVALID_INFO_CLASS);
    EXPECT_EQ(ZwQueryInformationThread(BAD_HANDLE, ThreadPagePriority, &Value, 8, NULL), STATUS_INFO_LENGTH_MISMATCH);
    EXPECT_EQ(ZwQueryInformationThread(BAD_HANDLE, ThreadPagePriority, &Value, 4, NULL), STATUS_INVALID_HANDLE);
    EXPECT_EQ(ZwQueryInformationThread(Process, ThreadPagePriority, &Value, 4, NULL), STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(ZwClose(Process), STATUS_SUCCESS);
    Close();
}
