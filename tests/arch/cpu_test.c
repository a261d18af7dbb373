/* cpu_test.c - the block behind gs:, as compiled drivers read it, and the counter all processors share. */
#include "ktest.h"

#include <arch/arch.h>
#include <ke/init.h>
#include <ke/irql.h>
#include <ke/thread.h>

enum { ROUNDS = 20 };

static ULONG64 ReadGs64(ULONG Offset)
{
    return *(__seg_gs ULONG64 *)(ULONG_PTR)Offset;
}

TEST(arch_cpu, block_has_the_fields_that_drivers_load)
{
    KIRQL OldIrql;
    ULONG64 Self, Prcb, Thread;
    USHORT Number, Major;

    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    Self = ReadGs64(0x18);
    Prcb = ReadGs64(0x20);
    Thread = ReadGs64(0x188);
    Number = *(__seg_gs USHORT *)(ULONG_PTR)0x184;
    Major = *(USHORT *)(Self + 0x60);
    EXPECT_EQ(*(ULONG64 *)(Self + 0x18), Self);
    EXPECT_EQ(Prcb, Self + 0x180);
    EXPECT_EQ(Thread, (ULONG64)KeGetCurrentThread());
    EXPECT_EQ(Number, KeGetCurrentProcessorNumber());
    EXPECT_EQ(Major, 1);
    EXPECT_TRUE(*(ULONG64 *)(Self + 0x38));     /* IdtBase */
    KeLowerIrql(OldIrql);
}

TEST(arch_cpu, counter_never_steps_back_across_processors)
{
    KAFFINITY Active = KeQueryActiveProcessors();
    ULONG64 Last = ArchReadCounter(), Now;
    ULONG Back = 0, Strayed = 0;

    if ((Active & (Active - 1)) == 0) {
        KtestSkip("one processor");
        return;
    }
    for (ULONG Round = 0; Round < ROUNDS; Round++)
        for (KAFFINITY Left = Active; Left; Left &= Left - 1) {
            ULONG Number = (ULONG)__builtin_ctzll(Left);

            KeSetSystemAffinityThread(1ull << Number);
            Now = ArchReadCounter();
            Strayed += ARCH_THIS_CPU->Number != Number;
            Back += Now < Last;
            Last = Now;
        }
    KeRevertToUserAffinityThread();
    EXPECT_EQ(Strayed, 0);
    EXPECT_EQ(Back, 0);
}
