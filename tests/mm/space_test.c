/* space_test.c - address spaces: what they refuse, what they map, and the kernel half that all of them share. */
#include "ktest.h"

#include <arch/arch.h>
#include <arch/mmu.h>
#include <ke/irql.h>
#include <mm/mm.h>
#include "x86.h"

/* Rights of a page in Space; ~0 when it is not mapped. */
static ULONG RightsIn(ARCH_SPACE Space, ULONG64 Address)
{
    ULONG Rights = ~0u;

    return MmuQueryInSpace(Space, Address, &Rights) == ~0ull ? ~0u : Rights;
}

/* The entry itself: the emulator forgets global pages with the others, a processor does not. */
static ULONG64 LeafIn(ARCH_SPACE Space, ULONG64 Address)
{
    ULONG64 Entry = Space;

    for (int Shift = 39; Shift >= 12; Shift -= 9)
        Entry = ((const ULONG64 *)MmPhysicalToVirtual(Entry & 0x000FFFFFFFFFF000))[Address >> Shift & 511];
    return Entry;
}

TEST(mm_space, commits_zeroed_pages_with_their_rights)
{
    ARCH_SPACE Space = MmCreateSpace();

    REQUIRE_TRUE(Space != 0);
    EXPECT_TRUE(MmCommitInSpace(Space, 0x1000, 2 * PAGE_SIZE, MM_WRITE));
    EXPECT_TRUE(MmCommitInSpace(Space, 0x3000, PAGE_SIZE, MM_READ));
    EXPECT_TRUE(MmCommitInSpace(Space, MMU_SPACE_END - PAGE_SIZE, PAGE_SIZE, MM_EXECUTE));
    EXPECT_EQ(RightsIn(Space, 0x2FFF), MMU_WRITE);
    EXPECT_EQ(RightsIn(Space, 0x3000), 0);
    EXPECT_EQ(RightsIn(Space, MMU_SPACE_END - 1), MMU_EXECUTE);
    EXPECT_EQ(LeafIn(Space, 0x3000) & 0x105, 1);        /* present; neither global nor open to user mode */
    EXPECT_EQ(RightsIn(Space, 0x4000), ~0u);
    EXPECT_EQ(RightsIn(Space, 0), ~0u);
    for (ULONG At = 0; At < 2 * PAGE_SIZE; At += 8)
        EXPECT_EQ(*(ULONG64 *)MmLookInSpace(Space, 0x1000 + At), 0);
    EXPECT_EQ(MmLookInSpace(Space, 0x4000), NULL);
    EXPECT_EQ(RightsIn(0, 0x1000), ~0u);                /* the kernel's own lower half stays empty */
    MmDeleteSpace(Space);
}

TEST(mm_space, refuses_what_a_space_must_not_hold)
{
    ARCH_SPACE Space = MmCreateSpace();

    REQUIRE_TRUE(Space != 0);
    EXPECT_FALSE(MmCommitInSpace(Space, 0, PAGE_SIZE, MM_WRITE));
    EXPECT_FALSE(MmCommitInSpace(Space, 0x1800, PAGE_SIZE, MM_WRITE));
    EXPECT_FALSE(MmCommitInSpace(Space, 0x1000, 0, MM_WRITE));
    EXPECT_FALSE(MmCommitInSpace(Space, 0x1000, 0x1800, MM_WRITE));
    EXPECT_FALSE(MmCommitInSpace(Space, MMU_SPACE_END, PAGE_SIZE, MM_WRITE));
    EXPECT_FALSE(MmCommitInSpace(Space, MMU_SPACE_END - PAGE_SIZE, 2 * PAGE_SIZE, MM_WRITE));
    EXPECT_FALSE(MmCommitInSpace(Space, 0x1000, ~0ull - 0xFFF, MM_WRITE));
    EXPECT_FALSE(MmCommitInSpace(Space, MMU_KERNEL_BASE, PAGE_SIZE, MM_WRITE));
    EXPECT_FALSE(MmCommitInSpace(Space, 0x1000, PAGE_SIZE, MM_WRITE | MM_EXECUTE));
    EXPECT_FALSE(MmCommitInSpace(0, 0x1000, PAGE_SIZE, MM_WRITE));
    EXPECT_TRUE(MmCommitInSpace(Space, 0x1000, PAGE_SIZE, MM_WRITE));
    EXPECT_FALSE(MmCommitInSpace(Space, 0x1000, PAGE_SIZE, MM_WRITE));
    MmDeleteSpace(Space);
}

/* The processor agrees: in the space the page is there with its rights, outside it is not. */
TEST(mm_space, processor_sees_it_in_the_space_only)
{
    ARCH_SPACE Space = MmCreateSpace();
    BOOLEAN Seen, Written, Constant;
    KIRQL OldIrql;

    REQUIRE_TRUE(Space != 0);
    REQUIRE_TRUE(MmCommitInSpace(Space, 0x1000, PAGE_SIZE, MM_WRITE));
    REQUIRE_TRUE(MmCommitInSpace(Space, 0x2000, PAGE_SIZE, MM_READ));
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    ArchSwitchSpace(Space);
    Seen = ArchProbe((PVOID)0x1000, 2 * PAGE_SIZE);
    Written = ProbeWrite((PVOID)0x1000);
    Constant = !ProbeWrite((PVOID)0x2000);
    ArchSwitchSpace(0);
    KeLowerIrql(OldIrql);
    EXPECT_TRUE(Seen);
    EXPECT_TRUE(Written);
    EXPECT_TRUE(Constant);
    EXPECT_FALSE(ArchProbe((PVOID)0x1000, 1));          /* no translation stays behind */
    MmDeleteSpace(Space);
}

/* A top-level entry that the kernel half gains later is in every space; the middle one is deleted in between. */
TEST(mm_space, kernel_half_is_shared_also_when_it_grows)
{
    const ULONG64 Far = 0xFFFFE80000000000ull;          /* nobody's part of the kernel half */
    const ULONG64 *Top = MmuTopTable();
    ARCH_SPACE Spaces[3];
    ULONG64 Frame = MmAllocateFrames(0);
    ULONG Index = (ULONG)(Far >> 39 & 511), Differing = 0;
    KIRQL OldIrql;

    REQUIRE_TRUE(Frame != 0);
    for (int At = 0; At < 3; At++)
        REQUIRE_TRUE((Spaces[At] = MmCreateSpace()) != 0);
    MmDeleteSpace(Spaces[1]);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);              /* this test's address: nobody else changes it */
    REQUIRE_TRUE(MmuMap(Far, Frame, PAGE_SIZE, MMU_WRITE));
    KeLowerIrql(OldIrql);
    EXPECT_NE(Top[Index], 0);
    for (int At = 0; At < 3; At += 2) {
        const ULONG64 *Own = MmPhysicalToVirtual(Spaces[At]);

        EXPECT_EQ(MmuQueryInSpace(Spaces[At], Far, NULL), Frame);
        for (ULONG Each = 256; Each < 512; Each++)
            Differing += Own[Each] != Top[Each];
    }
    EXPECT_EQ(Differing, 0);
    MmuUnmap(Far, PAGE_SIZE);
    MmDeleteSpace(Spaces[0]);
    MmDeleteSpace(Spaces[2]);
    MmFreeFrames(Frame, 0);
}
