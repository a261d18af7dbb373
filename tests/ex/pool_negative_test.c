/* pool_negative_test.c - pool misuse that stops the machine, for tests/pool.t. */
#include <ktest.h>

#include <ex/pool.h>
#include <ke/irql.h>

enum { TAG = 0x74736554 };

/* covers ExFreePoolWithTag.1 */
TEST(negative, pool_double_free)
{
    PVOID Block = ExAllocatePoolWithTag(NonPagedPoolNx, 100, TAG);

    ExFreePoolWithTag(Block, TAG);
    ExFreePoolWithTag(Block, TAG);
}

/* covers ExFreePoolWithTag.1 */
TEST(negative, pool_wrong_tag)
{
    ExFreePoolWithTag(ExAllocatePoolWithTag(NonPagedPoolNx, 100, TAG), 0x72687441);
}

TEST(negative, pool_no_block)
{
    ExFreePool((PVOID)negative_pool_no_block);
}

TEST(negative, pool_at_high_irql)
{
    KfRaiseIrql(HIGH_LEVEL);
    ExAllocatePoolWithTag(NonPagedPoolNx, 100, TAG);
}

TEST(negative, pool_freed_at_high_irql)
{
    PVOID Block = ExAllocatePoolWithTag(NonPagedPoolNx, 100, TAG);

    KfRaiseIrql(HIGH_LEVEL);
    ExFreePoolWithTag(Block, TAG);
}

TEST(negative, pool_overrun)
{
    char *Block;

    ExEnablePoolVerifier();
    Block = ExAllocatePoolWithTag(NonPagedPoolNx, 100, TAG);
    Block[100] = 0;
    ExFreePoolWithTag(Block, TAG);
}

TEST(negative, pool_write_after_free)
{
    char *Block;

    ExEnablePoolVerifier();
    Block = ExAllocatePoolWithTag(NonPagedPoolNx, 100, TAG);
    ExFreePoolWithTag(Block, TAG);
    Block[3] = 0;
    ExCheckFreedPool();
}

TEST(negative, pool_pages_after_free)
{
    volatile char *Block;

    ExEnablePoolVerifier();
    Block = ExAllocatePoolWithTag(NonPagedPoolNx, 20000, TAG);
    ExFreePoolWithTag((PVOID)Block, TAG);
    Block[3] = 0;
}

TEST(negative, pool_paged_at_dispatch)
{
    ExEnablePoolVerifier();
    KeRaiseIrqlToDpcLevel();
    ExAllocatePoolWithTag(PagedPool, 100, TAG);
}

/* Down the stack, page by page, until the guard stops it. */
TEST(negative, stack_overflow)
{
    volatile UCHAR Here = 0;

    for (ULONG64 Down = 0; Down < 0x10000; Down += 0x1000)
        *(&Here - Down) = Here;
}
