/* boot_options_test.c - what BootOption finds on a command line, and what it does not. */
#include <ktest.h>
#include <rtl/boot_info.h>
#include <rtl/string.h>

TEST(rtl_boot_options, words_values_and_the_last_mention)
{
    static BOOT_INFO Options;
    char Value[8];

    memcpy(Options.CommandLine, "smp=1  verbose test=a,b smp=22 xverbose=9 empty=", 49);
    EXPECT_EQ(strcmp(BootOption(&Options, "smp", Value, sizeof Value), "22"), 0);
    EXPECT_EQ(strcmp(BootOption(&Options, "verbose", Value, sizeof Value), ""), 0);
    EXPECT_EQ(strcmp(BootOption(&Options, "test", Value, sizeof Value), "a,b"), 0);
    EXPECT_EQ(strcmp(BootOption(&Options, "empty", Value, sizeof Value), ""), 0);
    EXPECT_TRUE(BootOption(&Options, "sm", Value, sizeof Value) == NULL);
    EXPECT_TRUE(BootOption(&Options, "verb", Value, sizeof Value) == NULL);
    EXPECT_TRUE(BootOption(&Options, "9", Value, sizeof Value) == NULL);
    Options.CommandLine[0] = 0;
    EXPECT_TRUE(BootOption(&Options, "smp", Value, sizeof Value) == NULL);
}
