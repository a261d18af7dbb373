/* mmu_inner_test.c - who may write and who may run: the tables as they are, and as accesses find them. */
#include "ktest.h"

#include <arch/mmu.h>
#include <ke/clock.h>
#include <ke/init.h>
#include <ke/thread.h>
#include <mm/mm.h>
#include "x86.h"

static int Data = 1;
static const int Constant = 2;

static ULONG RightsOf(const volatile void *Address)
{
    ULONG Rights = ~0u;

    return MmuQuery((ULONG64)Address, &Rights) == ~0ull ? ~0u : Rights;
}

TEST(arch_mmu, text_runs_and_refuses_writes)
{
    EXPECT_EQ(RightsOf(KernelTextStart), MMU_EXECUTE);
    EXPECT_EQ(RightsOf((PVOID)((ULONG64)KernelTextEnd - 1)), MMU_EXECUTE);
    EXPECT_FALSE(ProbeWrite((PVOID)KernelTextStart));
    EXPECT_TRUE(ArchProbe(KernelTextStart, (SIZE_T)(KernelTextEnd - KernelTextStart)));
}

TEST(arch_mmu, constants_refuse_writes_and_do_not_run)
{
    EXPECT_EQ(RightsOf(&Constant), 0);
    EXPECT_FALSE(ProbeWrite((PVOID)&Constant));
}

TEST(arch_mmu, data_stacks_and_shared_page_do_not_run)
{
    int Local = 0;

    EXPECT_EQ(RightsOf(&Data), MMU_WRITE);
    EXPECT_EQ(RightsOf(&Local), MMU_WRITE);
    EXPECT_EQ(RightsOf(SharedUserData) & MMU_EXECUTE, 0);
    EXPECT_TRUE(ProbeWrite(&Data));
}

/* The direct map shows the image's frames a second time: no way around. */
TEST(arch_mmu, direct_map_gives_no_second_way_to_write_text)
{
    ULONG64 Text = MMU_DIRECT_MAP + MmuQuery((ULONG64)KernelTextStart, NULL);
    ULONG64 Behind = MMU_DIRECT_MAP + MmuQuery((ULONG64)&Data, NULL);

    EXPECT_TRUE(ArchProbe((PVOID)Text, 8));
    EXPECT_FALSE(ProbeWrite((PVOID)Text));
    EXPECT_TRUE(ProbeWrite((PVOID)Behind));
    EXPECT_EQ(RightsOf((PVOID)Behind), MMU_WRITE);
}

TEST(arch_mmu, null_page_and_lower_half_are_not_mapped)
{
    const ULONG64 *Top = MmuTopTable();
    ULONG Mapped = 0;

    EXPECT_FALSE(ArchProbe(NULL, 1));
    EXPECT_EQ(MmuQuery(0, NULL), ~0ull);
    EXPECT_EQ(MmuQuery(0x8000000000000000, NULL), ~0ull);
    for (ULONG Index = 0; Index < 256; Index++)
        Mapped += Top[Index] != 0;
    EXPECT_EQ(Mapped, 0);
}

/* Pages below Entry that are both writable and executable, or open to user mode. */
static ULONG CountLoose(ULONG64 Entry, ULONG Level)
{
    enum { PRESENT = 1, WRITE = 2, USER = 4, LARGE = 0x80 };
    const ULONG64 *Table = (const ULONG64 *)(MMU_DIRECT_MAP + (Entry & 0x000FFFFFFFFFF000));
    ULONG Loose = 0;

    if (!(Entry & PRESENT))
        return 0;
    if (Level == 0 || (Entry & LARGE))
        return (Entry & USER) || ((Entry & WRITE) && !(Entry >> 63));
    for (ULONG Index = 0; Index < 512; Index++)
        Loose += CountLoose(Table[Index], Level - 1);
    return Loose;
}

TEST(arch_mmu, no_page_at_all_is_writable_and_executable)
{
    const ULONG64 *Top = MmuTopTable();
    ULONG Loose = 0;

    for (ULONG Index = 0; Index < 512; Index++)
        Loose += CountLoose(Top[Index], 3);
    EXPECT_EQ(Loose, 0);
}

TEST(arch_mmu, rights_change_with_protect_and_end_with_free)
{
    volatile int *Page = MmAllocatePages(PAGE_SIZE);

    REQUIRE_TRUE(Page);
    *Page = 7;
    EXPECT_EQ(RightsOf(Page), MMU_WRITE);
    EXPECT_FALSE(ArchProbe((PVOID)((ULONG64)Page - 1), 1));
    EXPECT_FALSE(ArchProbe((PVOID)((ULONG64)Page + PAGE_SIZE), 1));
    MmProtectPages((PVOID)Page, PAGE_SIZE, MM_READ);
    EXPECT_FALSE(ProbeWrite((PVOID)Page));
    EXPECT_EQ(*Page, 7);
    MmProtectPages((PVOID)Page, PAGE_SIZE, MM_WRITE);
    EXPECT_TRUE(ProbeWrite((PVOID)Page));
    MmFreePages((PVOID)Page, PAGE_SIZE);
    EXPECT_FALSE(ArchProbe((PVOID)Page, 1));
}

TEST(arch_mmu, device_memory_has_its_type)
{
    PVOID Combined = MmMapDevice(0xB8000, PAGE_SIZE, MmWriteCombined);
    PVOID Uncached = MmMapDevice(0xB9000, PAGE_SIZE, MmUncached);

    REQUIRE_TRUE(Combined && Uncached);
    EXPECT_EQ(RightsOf(Combined), MMU_WRITE | MMU_WRITE_COMBINE);
    EXPECT_EQ(RightsOf(Uncached), MMU_WRITE | MMU_UNCACHED);
    EXPECT_EQ(MmuQuery((ULONG64)Combined + 0x123, NULL), 0xB8123);
    MmUnmapDevice(Combined, PAGE_SIZE);
    MmUnmapDevice(Uncached, PAGE_SIZE);
}

static void ExpectProtections(void)
{
    CPUID Features = X86CpuidOrZero(7, 0);
    ULONG64 Cr0 = X86ReadCr0(), Cr4 = X86ReadCr4();

    EXPECT_TRUE(Cr0 & CR0_WP);
    EXPECT_FALSE(Cr0 & (CR0_CD | CR0_NW | CR0_EM));
    EXPECT_TRUE(X86ReadMsr(MSR_EFER) & EFER_NXE);
    EXPECT_EQ(X86ReadMsr(MSR_PAT) >> 8 & 0xFF, 1);              /* entry 1, chosen by PWT: write-combining */
    EXPECT_TRUE(Cr4 & CR4_PGE);
    EXPECT_EQ(!!(Cr4 & CR4_SMEP), Features.Ebx >> 7 & 1);
    EXPECT_EQ(!!(Cr4 & CR4_SMAP), Features.Ebx >> 20 & 1);
    EXPECT_EQ(!!(Cr4 & CR4_UMIP), Features.Ecx >> 2 & 1);
    EXPECT_EQ(X86ReadCr3(), MmuQuery((ULONG64)MmuTopTable(), NULL));
}

TEST(arch_mmu, every_processor_enforces_what_it_offers)
{
    for (KAFFINITY Left = KeQueryActiveProcessors(); Left; Left &= Left - 1) {
        KeSetSystemAffinityThread(Left & ~(Left - 1));
        ExpectProtections();
    }
    KeRevertToUserAffinityThread();
}
