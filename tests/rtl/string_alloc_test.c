/* string_alloc_test.c - the string routines that allocate, on the real pool. */
#include <ktest.h>
#include <ex/pool.h>
#include <rtl/crt.h>
#include <rtl/nt_string.h>
#include <rtl/status.h>

static char Many[0xFFFF];

TEST(rtl_string_alloc, ansi_to_unicode_and_back)
{
    ANSI_STRING Ansi = { 5, 6, "a\xC3\xA4z!" }, Back = { 0 };
    UNICODE_STRING Unicode = { 0 };

    REQUIRE_EQ(RtlAnsiStringToUnicodeString(&Unicode, &Ansi, TRUE), STATUS_SUCCESS);
    EXPECT_EQ(Unicode.Length, 8);
    EXPECT_EQ(Unicode.MaximumLength, 10);
    EXPECT_EQ(wcscmp(Unicode.Buffer, L"a\x00E4z!"), 0);
    REQUIRE_EQ(RtlUnicodeStringToAnsiString(&Back, &Unicode, TRUE), STATUS_SUCCESS);
    EXPECT_EQ(Back.MaximumLength, 6);
    EXPECT_EQ(strcmp(Back.Buffer, "a\xC3\xA4z!"), 0);
    RtlFreeAnsiString(&Back);
    EXPECT_EQ((ULONG64)Back.Buffer, 0);
    RtlFreeUnicodeString(&Unicode);
    EXPECT_EQ((ULONG64)Unicode.Buffer | Unicode.MaximumLength, 0);
    RtlFreeUnicodeString(&Unicode);                         /* without a buffer: nothing */
}

TEST(rtl_string_alloc, case_and_copies)
{
    UNICODE_STRING Source, Upper, Lower, Copy, Empty = { 0 };

    RtlInitUnicodeString(&Source, L"x\x00E4Y");
    REQUIRE_EQ(RtlUpcaseUnicodeString(&Upper, &Source, TRUE), STATUS_SUCCESS);
    EXPECT_EQ(Upper.MaximumLength, 6);
    EXPECT_EQ(memcmp(Upper.Buffer, L"X\x00C4Y", 6), 0);
    REQUIRE_EQ(RtlDowncaseUnicodeString(&Lower, &Upper, TRUE), STATUS_SUCCESS);
    EXPECT_EQ(memcmp(Lower.Buffer, L"x\x00E4y", 6), 0);
    REQUIRE_TRUE(RtlCreateUnicodeString(&Copy, L"copy"));
    EXPECT_EQ(wcscmp(Copy.Buffer, L"copy"), 0);
    EXPECT_EQ(Copy.MaximumLength, 10);
    RtlFreeUnicodeString(&Upper);
    RtlFreeUnicodeString(&Lower);
    RtlFreeUnicodeString(&Copy);
    REQUIRE_EQ(RtlUpcaseUnicodeString(&Upper, &Empty, TRUE), STATUS_SUCCESS);
    EXPECT_EQ(Upper.Length, 0);
    RtlFreeUnicodeString(&Upper);
}

TEST(rtl_string_alloc, duplicates)
{
    UNICODE_STRING Source, Copy, Empty = { 0 }, Wrong = { 8, 6, (PWSTR)L"abcd" };

    RtlInitUnicodeString(&Source, L"abc");
    REQUIRE_EQ(RtlDuplicateUnicodeString(0, &Source, &Copy), STATUS_SUCCESS);
    EXPECT_EQ(Copy.MaximumLength, 6);
    EXPECT_TRUE(RtlEqualUnicodeString(&Source, &Copy, FALSE));
    RtlFreeUnicodeString(&Copy);
    REQUIRE_EQ(RtlDuplicateUnicodeString(1, &Source, &Copy), STATUS_SUCCESS);
    EXPECT_EQ(Copy.MaximumLength, 8);
    EXPECT_EQ(wcscmp(Copy.Buffer, L"abc"), 0);
    RtlFreeUnicodeString(&Copy);
    EXPECT_EQ(RtlDuplicateUnicodeString(1, &Empty, &Copy), STATUS_SUCCESS);
    EXPECT_EQ((ULONG64)Copy.Buffer, 0);
    REQUIRE_EQ(RtlDuplicateUnicodeString(3, &Empty, &Copy), STATUS_SUCCESS);
    EXPECT_EQ(Copy.MaximumLength, 2);
    EXPECT_EQ(Copy.Buffer[0], 0);
    RtlFreeUnicodeString(&Copy);
    EXPECT_EQ(RtlDuplicateUnicodeString(2, &Source, &Copy), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(RtlDuplicateUnicodeString(4, &Source, &Copy), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(RtlDuplicateUnicodeString(0, &Wrong, &Copy), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(RtlDuplicateUnicodeString(0, NULL, &Copy), STATUS_INVALID_PARAMETER);
}

TEST(rtl_string_alloc, what_no_string_can_hold_is_refused)
{
    ANSI_STRING Ansi = { 0x8000, 0x8000, Many };
    UNICODE_STRING Unicode = { 0 };

    memset(Many, 'x', sizeof(Many));
    EXPECT_EQ(RtlAnsiStringToUnicodeString(&Unicode, &Ansi, TRUE), STATUS_INVALID_PARAMETER_2);
    EXPECT_EQ((ULONG64)Unicode.Buffer, 0);
    Ansi.Length = 0x7FFE;
    REQUIRE_EQ(RtlAnsiStringToUnicodeString(&Unicode, &Ansi, TRUE), STATUS_SUCCESS);
    EXPECT_EQ(Unicode.Length, 0xFFFC);
    RtlFreeUnicodeString(&Unicode);
}

TEST(rtl_string_alloc, a_buffer_of_the_drivers_own_pool_is_given_back_too)
{
    UNICODE_STRING Mine = { 0, 64, ExAllocatePoolWithTag(NonPagedPool, 64, 0x656E694D) };

    REQUIRE_TRUE(Mine.Buffer != NULL);
    RtlFreeUnicodeString(&Mine);
    EXPECT_EQ((ULONG64)Mine.Buffer, 0);
}
