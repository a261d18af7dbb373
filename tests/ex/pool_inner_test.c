/* pool_inner_test.c - what the pool finds wrong, looked at before it stops the machine. */
#include <ktest.h>

#include "exp.h"

#include <ke/irql.h>

enum { TAG = 0x74736554, OTHER = 0x72687441 };

static UCHAR *Guarded(SIZE_T Size)
{
    UCHAR *Block = ExpAllocateGuarded(Size, TAG, 0, (PVOID)Guarded);

    REQUIRE_TRUE(Block != NULL);
    return Block;
}

static void ExpectFault(PVOID Block, ULONG Tag, ULONG Code, ULONG_PTR First)
{
    POOL_FAULT Fault;

    EXPECT_FALSE(ExpCheckBlock(Block, Tag, &Fault));
    EXPECT_EQ(Fault.Code, Code);
    EXPECT_EQ(Fault.Parameter[0], First);
}

static void ExpectWrite(PVOID Block, LONG64 Offset, ULONG Reason)
{
    POOL_FAULT Fault;

    EXPECT_FALSE(ExpCheckBlock(Block, TAG, &Fault));
    EXPECT_EQ(Fault.Code, SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION);
    EXPECT_EQ(Fault.Offset, Offset);
    EXPECT_EQ(Fault.Parameter[3], Reason);
    EXPECT_EQ(Fault.Tag, TAG);
    EXPECT_EQ(Fault.Allocator, (ULONG64)Guarded);
}

static void ExpectGood(PVOID Block)
{
    POOL_FAULT Fault;

    EXPECT_TRUE(ExpCheckBlock(Block, TAG, &Fault));
}

TEST(ex_pool_inner, second_free_wrong_tag_and_strange_pointers)
{
    static const SIZE_T Sizes[] = { 0, 100, 4000, 4096, 9000 };
    ULONG64 OnStack[4] __attribute__((aligned(16))) = { 0 };

    for (ULONG i = 0; i < RTL_NUMBER_OF(Sizes); i++) {
        UCHAR *Block = ExAllocatePoolWithTag(NonPagedPoolNx, Sizes[i], TAG);

        REQUIRE_TRUE(Block != NULL);
        ExpectGood(Block);
        ExpectFault(Block, OTHER, BAD_POOL_CALLER, 0x0A);
        ExpectFault(Block + 8, 0, BAD_POOL_CALLER, 0x42);
        ExFreePoolWithTag(Block, TAG);
        ExpectFault(Block, TAG, BAD_POOL_CALLER, Sizes[i] < PAGE_SIZE ? 7 : 0x46);
    }
    ExpectFault(NULL, 0, BAD_POOL_CALLER, 0x46);
    ExpectFault((PVOID)0x10010, 0, BAD_POOL_CALLER, 0x40);
    ExpectFault(OnStack, 0, BAD_POOL_CALLER, 0x42);
    ExpectFault((PVOID)(((ULONG64)ExpectFault & ~0xFFFull) + 16), 0, BAD_POOL_CALLER, 0x42);
    ExpectFault((PVOID)0xFFFFFFFFFFFFFFF0ull, 0, BAD_POOL_CALLER, 0x42);
}

TEST(ex_pool_inner, damaged_header_is_seen)
{
    UCHAR *Block = ExAllocatePoolWithTag(NonPagedPoolNx, 64, TAG);
    POOL_HEADER *Header = (POOL_HEADER *)Block - 1, Good;

    REQUIRE_TRUE(Block != NULL);
    Good = *Header;
    Header->Owner = 0x4141414141414141;
    ExpectFault(Block, TAG, BAD_POOL_CALLER, 1);
    *Header = Good;
    Header->Class ^= 1;
    ExpectFault(Block, TAG, BAD_POOL_CALLER, 1);
    *Header = Good;
    ExFreePoolWithTag(Block, TAG);
}

TEST(ex_pool_inner, one_byte_past_any_exact_size_is_seen)
{
    for (SIZE_T Size = 0; Size < 9000; Size += 1 + Size / 40) {
        UCHAR *Block = Guarded(Size), Was = POOL_RED;

        ExpectGood(Block);
        if (Size % PAGE_SIZE != 0 || Size == 0) {       /* otherwise the guard page is there */
            Block[Size] = 0;
            ExpectWrite(Block, (LONG64)Size, 0x24);
            Block[Size] = Was;
        }
        ExpFreeChecked(Block, NULL);
    }
}

TEST(ex_pool_inner, write_in_front_is_seen)
{
    UCHAR *Block = Guarded(40);

    Block[-17] ^= 1;
    ExpectWrite(Block, -32, 0x23);
    Block[-17] ^= 1;
    ExpectGood(Block);
    Block[-1] ^= 1;
    ExpectFault(Block, TAG, BAD_POOL_CALLER, 1);
    Block[-1] ^= 1;
    ExpFreeChecked(Block, NULL);
}

TEST(ex_pool_inner, new_memory_is_filled_and_freed_memory_is_watched)
{
    UCHAR *Block = Guarded(40);
    POOL_FAULT Fault;

    EXPECT_EQ(Block[0], POOL_NEW);
    EXPECT_EQ(Block[39], POOL_NEW);
    EXPECT_FALSE(ExIsFreedPool(Block));
    ExpFreeChecked(Block, (PVOID)ExpectGood);
    EXPECT_TRUE(ExIsFreedPool(Block));
    EXPECT_TRUE(ExIsFreedPool(Block + 39));
    EXPECT_EQ(Block[0], POOL_POISON);
    EXPECT_TRUE(ExpCheckQuarantine(&Fault));
    Block[7] = 0;
    REQUIRE_TRUE(!ExpCheckQuarantine(&Fault));
    EXPECT_EQ(Fault.Code, SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION);
    EXPECT_EQ((ULONG64)Fault.Block, (ULONG64)Block);
    EXPECT_EQ(Fault.Offset, 7);
    EXPECT_EQ(Fault.Allocator, (ULONG64)Guarded);
    EXPECT_EQ(Fault.Freer, (ULONG64)ExpectGood);
    Block[7] = POOL_POISON;
    EXPECT_TRUE(ExpCheckQuarantine(&Fault));
    ExpectFault(Block, TAG, BAD_POOL_CALLER, 7);
    EXPECT_TRUE(ExpEmptyQuarantine());
    ExpectFault(Block, TAG, BAD_POOL_CALLER, 7);        /* still free, no longer kept */
}

TEST(ex_pool_inner, freed_pages_are_unmapped_and_known_by_name)
{
    UCHAR *Block = Guarded(10000);
    POOL_FAULT Fault;

    ExpFreeChecked(Block, (PVOID)ExpectGood);
    EXPECT_TRUE(ExIsFreedPool(Block + 9999));
    EXPECT_FALSE(ExpCheckBlock(Block, TAG, &Fault));
    EXPECT_EQ(Fault.Parameter[0], 7);
    EXPECT_EQ(Fault.Size, 10000);
    EXPECT_EQ(Fault.Freer, (ULONG64)ExpectGood);
}
