/* log_test.c - the log's sinks: who calls them, and who may write while they are busy. */
#include <arch/arch.h>
#include <ke/irql.h>
#include <ke/processor.h>
#include <ke/thread.h>
#include <ktest.h>
#include <rtl/print.h>
#include <rtl/string.h>

enum { LINES = 16 };

static char Seen[2048];
static volatile ULONG SeenLength;
static KIRQL SeenIrql;
static BOOLEAN SeenInterrupts;
static void (*Interrupt)(void);         /* called once, in the middle of a line */
static LONG Inside;

static void See(LOG_SINK *Sink, const char *Text, SIZE_T Length)
{
    void (*Now)(void) = Interrupt;

    UNREFERENCED_PARAMETER(Sink);
    EXPECT_EQ(__atomic_fetch_add(&Inside, 1, __ATOMIC_SEQ_CST), 0);
    for (ULONG Round = 0; Round < 50; Round++)
        ArchPause();
    SeenIrql = KeGetCurrentIrql();
    SeenInterrupts = ArchInterruptsAreOn();
    Interrupt = NULL;
    if (Now != NULL)
        Now();
    for (SIZE_T I = 0; I < Length && SeenLength < sizeof(Seen) - 1; I++)
        Seen[SeenLength++] = Text[I];
    Seen[SeenLength] = '\0';
    __atomic_fetch_sub(&Inside, 1, __ATOMIC_SEQ_CST);
}

/* What the ring replays is dropped. */
static void Listen(LOG_SINK *Sink)
{
    memset(Sink, 0xA5, sizeof *Sink);
    Sink->Write = See;
    Interrupt = NULL;
    Inside = 0;
    LogRegisterSink(Sink);
    SeenLength = 0;
    Seen[0] = '\0';
}

TEST(rtl_log, sinks_are_called_with_interrupts_on)
{
    LOG_SINK Sink;

    Listen(&Sink);
    LogPrint("# from PASSIVE_LEVEL\n");
    EXPECT_EQ(SeenIrql, DISPATCH_LEVEL);
    EXPECT_TRUE(SeenInterrupts);
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    EXPECT_TRUE(ArchInterruptsAreOn());
    EXPECT_EQ(strcmp(Seen, "# from PASSIVE_LEVEL\n"), 0);
    LogUnregisterSink(&Sink);
}

TEST(rtl_log, whoever_may_not_wait_finds_free_sinks_and_shows_his_text_himself)
{
    LOG_SINK Sink;
    ULONG64 Flags;
    KIRQL Irql;

    Listen(&Sink);
    KeRaiseIrql(HIGH_LEVEL, &Irql);
    LogPrint("# from HIGH_LEVEL\n");
    EXPECT_EQ(KeGetCurrentIrql(), HIGH_LEVEL);
    EXPECT_EQ(SeenIrql, HIGH_LEVEL);
    EXPECT_EQ(strcmp(Seen, "# from HIGH_LEVEL\n"), 0);
    KeLowerIrql(Irql);
    SeenLength = 0;
    Flags = ArchDisableInterrupts();
    LogPrint("# without interrupts\n");
    EXPECT_FALSE(SeenInterrupts);
    EXPECT_FALSE(ArchInterruptsAreOn());
    EXPECT_EQ(strcmp(Seen, "# without interrupts\n"), 0);
    ArchRestoreInterrupts(Flags);
    LogUnregisterSink(&Sink);
}

/* As an interrupt routine that prints; the sinks are busy, so its text waits for their holder. */
static void PrintTwo(void)
{
    ULONG Before = SeenLength;
    KIRQL Irql;

    KeRaiseIrql(DISPATCH_LEVEL + 1, &Irql);
    LogPrint("# second\n");
    LogPrint("# third\n");
    EXPECT_EQ(SeenLength, Before);
    KeLowerIrql(Irql);
}

TEST(rtl_log, text_from_the_middle_of_a_line_comes_after_it)
{
    static const char All[] = "# first, and it has been interrupted\n# second\n# third\n";
    LOG_SINK Sink;

    Listen(&Sink);
    Interrupt = PrintTwo;
    LogPrint("# first, and it has been interrupted\n");
    EXPECT_EQ(strcmp(Seen, All), 0);
    LogUnregisterSink(&Sink);
}

/* The sinks are given back before the end of it. */
TEST(rtl_log, text_from_the_middle_of_a_change_of_sinks_comes_after_it)
{
    LOG_SINK Sink;
    ULONG_PTR Cookie;

    Listen(&Sink);
    Cookie = LogEnter();
    EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    PrintTwo();
    LogLeave(Cookie);
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    EXPECT_EQ(strcmp(Seen, "# second\n# third\n"), 0);
    LogUnregisterSink(&Sink);
}

TEST(rtl_log, a_text_longer_than_a_piece_arrives_whole)
{
    char Long[400];
    LOG_SINK Sink;

    for (ULONG At = 0; At < sizeof Long; At++)
        Long[At] = At % 100 == 99 ? '\n' : (char)('a' + At % 23);
    Long[0] = '#';
    memset(Long + 200, '-', 199);       /* two lines become one that is longer than a piece */
    Listen(&Sink);
    LogWrite(Long, sizeof Long);
    EXPECT_EQ(SeenLength, sizeof Long);
    EXPECT_EQ(memcmp(Seen, Long, sizeof Long), 0);
    LogUnregisterSink(&Sink);
}

static volatile LONG Started;

static BOOLEAN Contains(const char *Line)
{
    SIZE_T Length = strlen(Line);

    for (ULONG At = 0; At + Length <= SeenLength; At++)
        if (memcmp(Seen + At, Line, Length) == 0)
            return TRUE;
    return FALSE;
}

static void PrintLines(PVOID Name)
{
    for (LONG At = 0; At < LINES; At++) {
        char Line[64];

        __atomic_fetch_add(&Started, 1, __ATOMIC_SEQ_CST);
        while (Started < 2 * (At + 1))  /* both begin each line together */
            ArchPause();
        RtlFormat(Line, sizeof Line, "# %s, line %u of several\n", (const char *)Name, At);
        LogPrint("%s", Line);
        EXPECT_TRUE(Contains(Line));
    }
}

/* Each line is whole, and is there when its writer goes on, whoever showed it. */
TEST(rtl_log, two_processors_write_whole_lines)
{
    PKTHREAD Other;
    LOG_SINK Sink;

    if (KeQueryActiveProcessorCount(NULL) < 2) {
        KtestSkip("one processor");
        return;
    }
    Listen(&Sink);
    Started = 0;
    Other = KtestThread(PrintLines, "one processor", 8);
    PrintLines("and another");
    KtestJoin(Other);
    LogUnregisterSink(&Sink);
}
