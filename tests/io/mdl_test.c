/* mdl_test.c - memory descriptor lists. */
#include <ex/pool.h>
#include <io/irp.h>
#include <ktest.h>
#include <mm/mm.h>
#include <rtl/string.h>

static PFN_NUMBER FrameOf(const void *Address) { return MmVirtualToPhysical(Address) >> PAGE_SHIFT; }

static const PFN_NUMBER *Frames(PMDL Mdl) { return (const PFN_NUMBER *)(Mdl + 1); }

TEST(io_mdl, describes_every_page_that_is_touched)
{
    PUCHAR Buffer = ExAllocatePoolWithTag(NonPagedPool, 4 * PAGE_SIZE, 'tseT');
    static const struct { ULONG Offset, Length, Pages; } Rows[] = {
        { 0, 1, 1 }, { 0, PAGE_SIZE, 1 }, { 1, PAGE_SIZE, 2 }, { PAGE_SIZE - 1, 2, 2 }, { 100, 3 * PAGE_SIZE, 4 },
    };

    for (ULONG i = 0; i < RTL_NUMBER_OF(Rows); i++) {
        PMDL Mdl = IoAllocateMdl(Buffer + Rows[i].Offset, Rows[i].Length, FALSE, FALSE, NULL);

        REQUIRE_TRUE(Mdl != NULL);
        EXPECT_EQ(Mdl->Next, NULL);
        EXPECT_EQ(Mdl->Size, sizeof(MDL) + 8 * Rows[i].Pages);
        EXPECT_EQ(Mdl->MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL | MDL_PAGES_LOCKED), 0);
        EXPECT_EQ(Mdl->ByteCount, Rows[i].Length);
        EXPECT_EQ(Mdl->ByteOffset, Rows[i].Offset % PAGE_SIZE);
        EXPECT_EQ((PUCHAR)Mdl->StartVa + Mdl->ByteOffset, Buffer + Rows[i].Offset);
        MmBuildMdlForNonPagedPool(Mdl);
        EXPECT_EQ(Mdl->MappedSystemVa, Buffer + Rows[i].Offset);
        EXPECT_TRUE(Mdl->MdlFlags & MDL_SOURCE_IS_NONPAGED_POOL);
        for (ULONG Page = 0; Page < Rows[i].Pages; Page++)
            EXPECT_EQ(Frames(Mdl)[Page], FrameOf((PUCHAR)Mdl->StartVa + Page * PAGE_SIZE));
        IoFreeMdl(Mdl);
    }
    ExFreePool(Buffer);
}

TEST(io_mdl, belongs_to_its_irp_first_or_last)
{
    static UCHAR Buffer[3];
    PIRP Irp = IoAllocateIrp(1, FALSE);
    PMDL One = IoAllocateMdl(Buffer, 1, FALSE, FALSE, Irp), Two = IoAllocateMdl(Buffer, 2, TRUE, FALSE, Irp);
    PMDL Three = IoAllocateMdl(Buffer, 3, TRUE, FALSE, Irp);

    EXPECT_EQ(Irp->MdlAddress, One);
    EXPECT_EQ(One->Next, Two);
    EXPECT_EQ(Two->Next, Three);
    EXPECT_EQ(Three->Next, NULL);
    IoFreeMdl(One), IoFreeMdl(Two), IoFreeMdl(Three);
    Irp->MdlAddress = NULL;
    IoFreeIrp(Irp);
}

TEST(io_mdl, too_long_a_list_is_refused)
{
    EXPECT_EQ(IoAllocateMdl((PVOID)0x1000, MAXULONG, FALSE, FALSE, NULL), NULL);
}

TEST(io_mdl, partial_one_has_a_part_of_the_frames)
{
    PUCHAR Buffer = ExAllocatePoolWithTag(NonPagedPool, 4 * PAGE_SIZE, 'tseT');
    PMDL Whole = IoAllocateMdl(Buffer, 4 * PAGE_SIZE, FALSE, FALSE, NULL);
    PMDL Part = IoAllocateMdl(Buffer, 4 * PAGE_SIZE, FALSE, FALSE, NULL);

    MmBuildMdlForNonPagedPool(Whole);
    IoBuildPartialMdl(Whole, Part, Buffer + PAGE_SIZE + 10, PAGE_SIZE);
    EXPECT_EQ(Part->StartVa, Buffer + PAGE_SIZE);
    EXPECT_EQ(Part->ByteOffset, 10);
    EXPECT_EQ(Part->ByteCount, PAGE_SIZE);
    EXPECT_EQ(Part->MappedSystemVa, Buffer + PAGE_SIZE + 10);
    EXPECT_TRUE(Part->MdlFlags & MDL_PARTIAL);
    EXPECT_EQ(Frames(Part)[0], FrameOf(Buffer + PAGE_SIZE));
    EXPECT_EQ(Frames(Part)[1], FrameOf(Buffer + 2 * PAGE_SIZE));
    IoBuildPartialMdl(Whole, Part, Buffer + 3 * PAGE_SIZE - 1, 0);      /* the rest */
    EXPECT_EQ(Part->ByteCount, PAGE_SIZE + 1);
    EXPECT_EQ(Frames(Part)[1], FrameOf(Buffer + 3 * PAGE_SIZE));
    IoFreeMdl(Part);
    IoFreeMdl(Whole);
    ExFreePool(Buffer);
}

TEST(io_mdl, unlocking_takes_the_mark_away)
{
    static UCHAR Buffer[3];
    PMDL Mdl = IoAllocateMdl(Buffer, sizeof Buffer, FALSE, FALSE, NULL);

    MmBuildMdlForNonPagedPool(Mdl);
    Mdl->MdlFlags |= MDL_PAGES_LOCKED;
    MmUnlockPages(Mdl);
    EXPECT_EQ(Mdl->MdlFlags & MDL_PAGES_LOCKED, 0);
    EXPECT_TRUE(Mdl->MdlFlags & MDL_SOURCE_IS_NONPAGED_POOL);
    IoFreeMdl(Mdl);
}
