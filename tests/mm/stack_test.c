/* stack_test.c - kernel stacks: a guard below each, and reuse. */
#include <ktest.h>

#include <arch/arch.h>
#include <ke/irql.h>
#include <mm/mm.h>

enum { MANY = 150 };

static void CheckStack(UCHAR *Top)
{
    UCHAR *Bottom = Top - MM_STACK_SIZE;

    EXPECT_EQ((ULONG64)Top % 16, 0);
    EXPECT_TRUE(ArchProbe(Bottom, MM_STACK_SIZE));
    EXPECT_FALSE(ArchProbe(Bottom - 1, 1));
    EXPECT_FALSE(ArchProbe(Bottom - PAGE_SIZE, 1));
    EXPECT_TRUE(MmIsStackGuard((ULONG64)Bottom - 1));
    EXPECT_TRUE(MmIsStackGuard((ULONG64)Bottom - PAGE_SIZE));
    EXPECT_FALSE(MmIsStackGuard((ULONG64)Bottom));
    EXPECT_FALSE(MmIsStackGuard((ULONG64)Top - 1));
}

TEST(mm_stack, has_an_unmapped_guard_below)
{
    UCHAR *Top = MmAllocateStack();

    REQUIRE_TRUE(Top != NULL);
    CheckStack(Top);
    MmFreeStack(Top);
    EXPECT_FALSE(MmIsStackGuard(0));
    EXPECT_FALSE(MmIsStackGuard((ULONG64)MmPhysicalToVirtual(0x100000)));
}

TEST(mm_stack, freed_stack_is_used_again_also_from_dispatch_level)
{
    PVOID Top = MmAllocateStack();
    KIRQL Irql;

    REQUIRE_TRUE(Top != NULL);
    Irql = KeRaiseIrqlToDpcLevel();     /* nobody else on this processor comes in between */
    MmFreeStack(Top);
    KeLowerIrql(Irql);
    for (ULONG i = 0; i < 4; i++) {
        PVOID Again = MmAllocateStack();

        REQUIRE_TRUE(Again != NULL);
        CheckStack(Again);
        MmFreeStack(Again);
    }
}

TEST(mm_stack, many_are_apart_and_more_than_are_kept_can_be_freed)
{
    static UCHAR *Tops[MANY];
    ULONG Wrong = 0;

    for (ULONG i = 0; i < MANY; i++) {
        Tops[i] = MmAllocateStack();
        REQUIRE_TRUE(Tops[i] != NULL);
        *(ULONG64 *)(Tops[i] - MM_STACK_SIZE) = i;
        *(ULONG64 *)(Tops[i] - 8) = i;
    }
    for (ULONG i = 0; i < MANY; i++)
        Wrong += *(ULONG64 *)(Tops[i] - MM_STACK_SIZE) != i || *(ULONG64 *)(Tops[i] - 8) != i;
    EXPECT_EQ(Wrong, 0);
    for (ULONG i = 0; i < MANY; i++)
        MmFreeStack(Tops[i]);
}
