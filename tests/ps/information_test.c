/* information_test.c - ZwSetInformationThread and ZwQueryInformationThread: each class, and the order of the checks. */
#include <ke/event.h>
#include <ke/init.h>
#include <ke/thread.h>
#include <ktest.h>
#include <ob/create.h>
#include <ps/information.h>
#include <ps/process.h>
#include <rtl/status.h>
#include <rtl/string.h>

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

static void NameIt(HANDLE Thread, PCWSTR Name, ULONG Bytes)
{
    UNICODE_STRING String = { (USHORT)Bytes, (USHORT)Bytes, (PWSTR)Name };

    EXPECT_EQ(ZwSetInformationThread(Thread, ThreadNameInformation, &String, sizeof String), STATUS_SUCCESS);
}

/* covers ZwSetInformationThread.10 */
TEST(ps_information, name)
{
    struct { UNICODE_STRING Name; WCHAR Text[8]; } Told;
    UNICODE_STRING Odd = { 3, 3, L"ab" }, NoText = { 2, 2, NULL };
    ULONG Length = 0;

    Open();
    EXPECT_EQ(Subject->Name, NULL);
    EXPECT_EQ(ZwQueryInformationThread(Handle, ThreadNameInformation, &Told, 15, &Length), STATUS_BUFFER_TOO_SMALL);
    EXPECT_EQ(Length, 16);
    EXPECT_EQ(ZwQueryInformationThread(Handle, ThreadNameInformation, &Told, 16, &Length), STATUS_SUCCESS);
    EXPECT_EQ(Told.Name.Length, 0);
    EXPECT_EQ(Told.Name.Buffer, NULL);
    NameIt(Handle, L"first name that is replaced", 54);
    NameIt(Handle, L"pump", 8);
    memset(&Told, 0x55, sizeof Told);
    EXPECT_EQ(ZwQueryInformationThread(Handle, ThreadNameInformation, &Told, 23, &Length), STATUS_BUFFER_TOO_SMALL);
    EXPECT_EQ(Length, 24);
    EXPECT_EQ(Told.Name.Length, 0x5555);
    EXPECT_EQ(ZwQueryInformationThread(Handle, ThreadNameInformation, &Told, sizeof Told, &Length), STATUS_SUCCESS);
    EXPECT_EQ(Length, 24);
    EXPECT_EQ(Told.Name.Length, 8);
    EXPECT_EQ(Told.Name.MaximumLength, 8);
    EXPECT_EQ(Told.Name.Buffer, Told.Text);
    EXPECT_EQ(memcmp(Told.Text, L"pump", 8), 0);
    EXPECT_EQ(Told.Text[4], 0x5555);
    EXPECT_EQ(ZwSetInformationThread(Handle, ThreadNameInformation, &Odd, sizeof Odd), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(ZwSetInformationThread(Handle, ThreadNameInformation, &NoText, sizeof NoText), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(ZwSetInformationThread(Handle, ThreadNameInformation, &Odd, 8), STATUS_INFO_LENGTH_MISMATCH);
    EXPECT_EQ(Subject->Name->Length, 8);
    NameIt(Handle, L"", 0);
    EXPECT_EQ(Subject->Name, NULL);
    NameIt(Handle, L"goes with the thread", 40);
    Close();
}

TEST(ps_information, group_affinity_and_ideal_processor)
{
    GROUP_AFFINITY Group = { .Mask = 1 }, ToldGroup;
    PROCESSOR_NUMBER Number = { .Number = 0 }, ToldNumber;
    KAFFINITY All = KeQueryActiveProcessors();
    ULONG System = 0x55555555;

    Open();
    EXPECT_EQ(ZwSetInformationThread(Handle, ThreadGroupInformation, &Group, sizeof Group), STATUS_SUCCESS);
    EXPECT_EQ(Subject->Affinity, 1);
    EXPECT_EQ(ZwQueryInformationThread(Handle, ThreadGroupInformation, &ToldGroup, sizeof ToldGroup, NULL),
              STATUS_SUCCESS);
    EXPECT_EQ(memcmp(&Group, &ToldGroup, sizeof Group), 0);
    Group.Group = 1;
    EXPECT_EQ(ZwSetInformationThread(Handle, ThreadGroupInformation, &Group, sizeof Group), STATUS_INVALID_PARAMETER);
    Group = (GROUP_AFFINITY){ .Mask = 1, .Reserved = { 0, 0, 1 } };
    EXPECT_EQ(ZwSetInformationThread(Handle, ThreadGroupInformation, &Group, sizeof Group), STATUS_INVALID_PARAMETER);
    Group = (GROUP_AFFINITY){ .Mask = 0 };
    EXPECT_EQ(ZwSetInformationThread(Handle, ThreadGroupInformation, &Group, sizeof Group), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(SetMask(Handle, All), STATUS_SUCCESS);
    Number.Number = (UCHAR)(KeQueryActiveProcessorCount(NULL) - 1);
    EXPECT_EQ(ZwSetInformationThread(Handle, ThreadIdealProcessorEx, &Number, sizeof Number), STATUS_SUCCESS);
    EXPECT_EQ(ZwQueryInformationThread(Handle, ThreadIdealProcessorEx, &ToldNumber, sizeof ToldNumber, NULL),
              STATUS_SUCCESS);
    EXPECT_EQ(memcmp(&Number, &ToldNumber, sizeof Number), 0);
    Number.Number++;
    EXPECT_EQ(ZwSetInformationThread(Handle, ThreadIdealProcessorEx, &Number, sizeof Number), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(ZwQueryInformationThread(Handle, ThreadSystemThreadInformation, &System, 4, NULL), STATUS_SUCCESS);
    EXPECT_EQ(System, 1);
    Close();
}

/* Not served, and why, is in the source: no thread has a user-mode block. */
TEST(ps_information, zero_tls_cell_is_no_class)
{
    ULONG Cell = 0;

    EXPECT_EQ(ZwSetInformationThread(CURRENT_THREAD, (THREADINFOCLASS)10, &Cell, 4), STATUS_INVALID_INFO_CLASS);
}

static volatile LONG Renamed;

static void Rename(PVOID Context)
{
    for (LONG At = 0; At < 2000; At++)
        NameIt(Context, (At & 1) != 0 ? L"aaaaaaaa" : L"bb", (At & 1) != 0 ? 16 : 4);
    Renamed = 1;
}

/* Whoever asks sees one name or the other, whole. */
TEST(ps_information, name_races_its_replacement)
{
    struct { UNICODE_STRING Name; WCHAR Text[16]; } Told;
    PKTHREAD Writers[2];
    LONG Torn = 0;

    Open();
    Renamed = 0;
    for (ULONG At = 0; At < 2; At++)
        Writers[At] = KtestThread(Rename, Handle, 8);
    while (!Renamed) {
        BOOLEAN Long;

        EXPECT_EQ(ZwQueryInformationThread(Handle, ThreadNameInformation, &Told, sizeof Told, NULL), STATUS_SUCCESS);
        Long = Told.Name.Length == 16;
        Torn += Told.Name.Length != 0 && memcmp(Told.Text, Long ? L"aaaaaaaa" : L"bb", Long ? 16 : 4) != 0;
    }
    KtestJoin(Writers[0]);
    KtestJoin(Writers[1]);
    EXPECT_EQ(Torn, 0);
    Close();
}
