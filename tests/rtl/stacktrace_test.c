/* stacktrace_test.c - names from the embedded table, and the trace as it is printed. */
#include <ktest.h>
#include <arch/arch.h>
#include <rtl/crt.h>
#include <rtl/dbg.h>
#include <rtl/print.h>
#include <rtl/stacktrace.h>
#include <rtl/symbols.h>

extern const char KernelTextStart[], KernelTextEnd[];

static char Seen[4096];
static SIZE_T SeenLength;

static void See(LOG_SINK *Sink, const char *Text, SIZE_T Length)
{
    UNREFERENCED_PARAMETER(Sink);
    for (SIZE_T I = 0; I < Length && SeenLength < sizeof(Seen) - 1; I++)
        Seen[SeenLength++] = Text[I];
    Seen[SeenLength] = '\0';
}

/* Listen from here on; what the ring replays is dropped. */
static void Listen(LOG_SINK *Sink)
{
    *Sink = (LOG_SINK){ .Write = See };
    LogRegisterSink(Sink);
    SeenLength = 0;
    Seen[0] = '\0';
}

static ULONG CountOf(const char *Part)
{
    ULONG Count = 0;

    for (const char *At = Seen; (At = strstr(At, Part)) != NULL; At++)
        Count++;
    return Count;
}

TEST(rtl_stacktrace, every_function_is_found_by_its_addresses)
{
    ULONG64 Offset = 99;

    REQUIRE_TRUE(KSymCount > 100);
    EXPECT_EQ(strcmp(RtlFindSymbol((ULONG64)RtlFindSymbol, &Offset), "RtlFindSymbol"), 0);
    EXPECT_EQ(Offset, 0);
    EXPECT_EQ(strcmp(RtlFindSymbol((ULONG64)RtlFindSymbol + 5, &Offset), "RtlFindSymbol"), 0);
    EXPECT_EQ(Offset, 5);
    for (ULONG I = 1; I < KSymCount; I++)
        EXPECT_LE(KSymTable[I - 1].Offset, KSymTable[I].Offset);
}

TEST(rtl_stacktrace, addresses_outside_the_text_have_no_name)
{
    ULONG64 Offset;
    char Text[40];

    EXPECT_TRUE(RtlFindSymbol((ULONG64)KernelTextStart - 1, &Offset) == NULL);
    EXPECT_TRUE(RtlFindSymbol((ULONG64)KernelTextEnd, &Offset) == NULL);
    EXPECT_TRUE(RtlFindSymbol(0, &Offset) == NULL);
    EXPECT_TRUE(RtlFindSymbol(~0ull, &Offset) == NULL);
    RtlDescribeAddress(0x1000, Text, sizeof(Text));
    EXPECT_EQ(strcmp(Text, "?"), 0);
    RtlDescribeAddress((ULONG64)RtlFindSymbol + 1, Text, sizeof(Text));
    EXPECT_EQ(strcmp(Text, "RtlFindSymbol+0x1"), 0);
}

static NOINLINE int Inner(int Depth)
{
    UNWIND_CONTEXT Context;

    RtlCaptureCaller(&Context);
    RtlPrintStack(&Context, ArchProbe);
    return Depth + 1;
}

static NOINLINE int Recurse(int Depth)
{
    volatile int Result = Depth ? Recurse(Depth - 1) : Inner(Depth);

    return Result + 1;
}

TEST(rtl_stacktrace, a_trace_reaches_the_start_of_the_thread)
{
    LOG_SINK Sink;

    Listen(&Sink);
    Recurse(0);
    LogUnregisterSink(&Sink);
    EXPECT_EQ(CountOf("  Inner+0x"), 1);
    EXPECT_EQ(CountOf("  Recurse+0x"), 1);
    EXPECT_EQ(CountOf("  KiThreadStartup+0x"), 1);
    EXPECT_EQ(CountOf("(the walk ends here"), 0);
}

TEST(rtl_stacktrace, recursion_is_folded)
{
    LOG_SINK Sink;

    Listen(&Sink);
    Recurse(70);
    LogUnregisterSink(&Sink);
    EXPECT_LE(CountOf("  Recurse+0x"), 3);
    EXPECT_GE(CountOf("... and the same "), 1);
    EXPECT_EQ(CountOf("  KiThreadStartup+0x"), 1);
}

/* A return address overwritten by rubbish: the walk says so and comes back. */
TEST(rtl_stacktrace, a_corrupt_stack_ends_the_trace_with_a_word)
{
    ULONG64 Rubbish[4] = { 0x1234567812345678, 0x1234567812345678, 0x1234567812345678, 0x1234567812345678 };
    UNWIND_CONTEXT Context = { .Rip = (ULONG64)Inner, .Exact = TRUE };
    LOG_SINK Sink;

    Context.Registers[UnwRsp] = (ULONG64)Rubbish;
    Listen(&Sink);
    RtlPrintStack(&Context, ArchProbe);
    Context.Registers[UnwRsp] = 0x10;
    RtlPrintStack(&Context, ArchProbe);
    LogUnregisterSink(&Sink);
    EXPECT_EQ(CountOf("nothing describes this code"), 1);
    EXPECT_EQ(CountOf("the stack is corrupt"), 1);
}

/* ---- DbgPrint ---- */

TEST(rtl_dbg, dbgprint_reaches_the_log_and_says_what_it_cuts)
{
    LOG_SINK Sink;

    Listen(&Sink);
    EXPECT_EQ(DbgPrint("# %ws %d\n", L"wide", 5), 0);
    EXPECT_EQ(DbgPrintEx(77, 3, "# ex %x\n", 255), 0);
    EXPECT_EQ(strcmp(Seen, "# wide 5\n# ex ff\n"), 0);
    EXPECT_EQ(DbgPrint("#%600s", "x"), 0);
    LogUnregisterSink(&Sink);
    EXPECT_EQ(CountOf("longer than 512 bytes"), 1);
    EXPECT_EQ(CountOf("x\n"), 0);
    EXPECT_TRUE(DbgQueryDebugFilterState(1, 3));
}
