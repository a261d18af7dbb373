/* mdl_test.c - memory descriptor lists. */
#include <ex/pool.h>
#include <io/irp.h>
#include <ke/process.h>
#include <ktest.h>
#include <mm/mm.h>
#include <ob/object.h>
#include <ps/process.h>
#include <rtl/string.h>

static PFN_NUMBER FrameOf(const void *Address) { return MmVirtualToPhysical(Address) >> PAGE_SHIFT; }

static const PFN_NUMBER *Frames(PMDL Mdl) { return (const PFN_NUMBER *)(Mdl + 1); }

/* covers IoAllocateMdl.1, MmBuildMdlForNonPagedPool.1 */
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

/* covers IoAllocateMdl.1 */
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

/* covers IoAllocateMdl.2 */
TEST(io_mdl, too_long_a_list_is_refused)
{
    EXPECT_EQ(IoAllocateMdl((PVOID)0x1000, MAXULONG, FALSE, FALSE, NULL), NULL);
}

/* Its Size cannot tell how large it is; nothing else depends on that. */
/* covers IoAllocateMdl.2 */
TEST(io_mdl, large_buffer_has_all_its_frames)
{
    enum { LARGE = 20 << 20 };
    PUCHAR Buffer = ExAllocatePoolWithTag(NonPagedPool, LARGE, 'tseT');
    PMDL Whole, Same, Part;

    if (Buffer == NULL) {
        KtestSkip("needs 20 MiB");
        return;
    }
    Whole = IoAllocateMdl(Buffer, LARGE, FALSE, FALSE, NULL);
    Same = IoAllocateMdl(Buffer, LARGE, FALSE, FALSE, NULL);
    Part = IoAllocateMdl(Buffer, PAGE_SIZE + 1, FALSE, FALSE, NULL);
    REQUIRE_TRUE(Whole != NULL && Same != NULL && Part != NULL);
    EXPECT_EQ(Whole->ByteCount, LARGE);
    MmBuildMdlForNonPagedPool(Whole);
    EXPECT_EQ(Frames(Whole)[LARGE / PAGE_SIZE - 1], FrameOf(Buffer + LARGE - 1));
    IoBuildPartialMdl(Whole, Same, Buffer, 0);
    EXPECT_EQ(memcmp(Frames(Whole), Frames(Same), LARGE / PAGE_SIZE * sizeof(PFN_NUMBER)), 0);
    IoBuildPartialMdl(Whole, Part, Buffer + LARGE - PAGE_SIZE - 1, 0);
    EXPECT_EQ(Frames(Part)[1], FrameOf(Buffer + LARGE - 1));
    IoFreeMdl(Part), IoFreeMdl(Same), IoFreeMdl(Whole);
    ExFreePool(Buffer);
}

/* covers IoBuildPartialMdl.1 */
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

/* covers MmProbeAndLockPages.1 */
TEST(io_mdl, locked_kernel_buffer_is_mapped_where_it_is)
{
    PUCHAR Buffer = ExAllocatePoolWithTag(NonPagedPool, 2 * PAGE_SIZE, 'tseT');
    PMDL Mdl = IoAllocateMdl(Buffer + 5, PAGE_SIZE + 1, FALSE, FALSE, NULL);

    MmProbeAndLockPages(Mdl, KernelMode, IoReadAccess);
    EXPECT_EQ(Mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_WRITE_OPERATION | MDL_MAPPED_TO_SYSTEM_VA), MDL_PAGES_LOCKED);
    EXPECT_EQ(Frames(Mdl)[0], FrameOf(Buffer));
    EXPECT_EQ(Frames(Mdl)[1], FrameOf(Buffer + PAGE_SIZE));
    EXPECT_EQ(MmMapLockedPagesSpecifyCache(Mdl, KernelMode, MmCachedType, NULL, FALSE, 16), Buffer + 5);
    EXPECT_EQ(Mdl->MappedSystemVa, Buffer + 5);
    EXPECT_TRUE(Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA);
    MmUnmapLockedPages(Mdl->MappedSystemVa, Mdl);
    EXPECT_EQ(Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA, 0);
    MmUnlockPages(Mdl);
    EXPECT_EQ(Mdl->MdlFlags & MDL_PAGES_LOCKED, 0);
    MmProbeAndLockPages(Mdl, KernelMode, IoWriteAccess);
    EXPECT_TRUE(Mdl->MdlFlags & MDL_WRITE_OPERATION);
    MmMapLockedPagesSpecifyCache(Mdl, KernelMode, MmCachedType, NULL, FALSE, 16);
    MmUnlockPages(Mdl);
    EXPECT_EQ(Mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_WRITE_OPERATION | MDL_MAPPED_TO_SYSTEM_VA), 0);
    IoFreeMdl(Mdl);
    ExFreePool(Buffer);
}

/* covers MmProbeAndLockPages.1 */
TEST(io_mdl, buffer_of_a_process_is_reached_by_the_system)
{
    enum { USER = 0x400000 };
    PKPROCESS Process = PsCreateProcess();
    PMDL Mdl = IoAllocateMdl((PVOID)(USER + 16), 100, FALSE, FALSE, NULL);
    KAPC_STATE State;
    PUCHAR System;

    REQUIRE_TRUE(MmCommitInSpace(Process->Space, USER, PAGE_SIZE, MM_WRITE));
    KeStackAttachProcess(Process, &State);
    MmProbeAndLockPages(Mdl, UserMode, IoWriteAccess);
    *(volatile UCHAR *)(USER + 16) = 0x5A;
    KeUnstackDetachProcess(&State);
    EXPECT_EQ(Mdl->Process, Process);
    System = MmMapLockedPagesSpecifyCache(Mdl, KernelMode, MmCachedType, NULL, FALSE, 16);
    REQUIRE_TRUE(System != NULL);
    EXPECT_EQ(*System, 0x5A);
    MmUnlockPages(Mdl);
    IoFreeMdl(Mdl);
    ObfDereferenceObject(Process);
}
