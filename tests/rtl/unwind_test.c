/* unwind_test.c - the DWARF unwinder on real frames, and on corrupt descriptions and stacks.
 *
 * unwind_frames.S builds a chain in which each function disturbs callee-saved registers and describes
 * that in another way. After every step the registers must be those of the level reached. */
#include <ktest.h>
#include <rtl/stacktrace.h>
#include <rtl/string.h>
#include <rtl/unwind.h>

enum { CHAIN_FRAMES = 5, CIE_SIZE = 24, FDE_OFFSET = CIE_SIZE, SECTION_SIZE = 96 };

void UnwindTestChain(void);
void UnwindTestOutermost(void (*Routine)(void));
void UnwindTestCapture(void);
void UnwindTestBottom(void);
extern const char UnwindTestReturn[];

ULONG64 UnwindTestRsp;
UNWIND_CONTEXT UnwindTestContext;       /* unwind_frames.S fills in the registers and rip */

static void (*AtBottom)(void);
static ULONG64 StackLow, StackHigh;     /* what the narrow probe allows */

static BOOLEAN ProbeAll(const void *Address, SIZE_T Length)
{
    UNREFERENCED_PARAMETER(Length);
    return Address != NULL;
}

static BOOLEAN ProbeNarrow(const void *Address, SIZE_T Length)
{
    return (ULONG64)Address >= StackLow && (ULONG64)Address + Length <= StackHigh;
}

void UnwindTestBottom(void)
{
    UnwindTestContext.Exact = FALSE;
    AtBottom();
}

static void CheckMarks(const UNWIND_CONTEXT *Context)
{
    const ULONG64 *R = Context->Registers;

    EXPECT_EQ(R[UnwRbx], 0x1111111111111111ull);
    EXPECT_EQ(R[UnwRbp], 0x2222222222222222ull);
    EXPECT_EQ(R[UnwRsi], 0x3333333333333333ull);
    EXPECT_EQ(R[UnwRdi], 0x4444444444444444ull);
    EXPECT_EQ(R[UnwR12], 0xCCCCCCCCCCCCCCCCull);
    EXPECT_EQ(R[UnwR13], 0xDDDDDDDDDDDDDDDDull);
    EXPECT_EQ(R[UnwR14], 0xEEEEEEEEEEEEEEEEull);
    EXPECT_EQ(R[UnwR15], 0xFFFFFFFFFFFFFFF0ull);
    EXPECT_EQ(R[UnwRsp], UnwindTestRsp);
}

/* Step from the capture to UnwindTestChain. */
static void WalkChain(void)
{
    UNWIND_CONTEXT Context = UnwindTestContext;
    UNWIND_FRAME Frame;
    ULONG Signals = 0;

    for (ULONG I = 0; I < CHAIN_FRAMES; I++) {
        UNWIND_RESULT Result = RtlUnwindCfi(RtlKernelCfi(), &Context, ProbeAll, &Frame);

        EXPECT_EQ(Result, UnwindStepped);
        if (Result != UnwindStepped)
            return;             /* no REQUIRE: this runs on a stack that is not the thread's */
        Signals += Frame.Signal;
        EXPECT_EQ(Context.Exact, Frame.Signal);
    }
    EXPECT_EQ(Signals, 1);
    EXPECT_EQ(Context.Rip, (ULONG64)UnwindTestReturn);
    CheckMarks(&Context);
}

TEST(rtl_unwind, every_kind_of_frame_gives_back_all_registers)
{
    AtBottom = WalkChain;
    UnwindTestChain();
}

static void WalkOutermost(void)
{
    UNWIND_CONTEXT Context = UnwindTestContext;
    UNWIND_FRAME Frame;
    UNWIND_RESULT Result = UnwindStepped;
    ULONG Steps = 0;

    while (Result == UnwindStepped && ++Steps < 20)
        Result = RtlUnwindCfi(RtlKernelCfi(), &Context, ProbeAll, &Frame);
    EXPECT_EQ(Result, UnwindEnd);
    EXPECT_EQ(Steps, CHAIN_FRAMES + 2);
}

TEST(rtl_unwind, undefined_return_address_ends_the_walk)
{
    AtBottom = WalkOutermost;
    UnwindTestOutermost(UnwindTestChain);
}

/* Every window of readable stack, down to none: a walk ends by a result, and never reads outside. */
static void WalkWithHoles(void)
{
    ULONG BadStacks = 0;

    StackHigh = ~0ull;
    for (StackLow = UnwindTestRsp + 0x100; StackLow > UnwindTestRsp - 0x400; StackLow -= 8) {
        UNWIND_CONTEXT Context = UnwindTestContext, Before;
        UNWIND_FRAME Frame;
        UNWIND_RESULT Result = UnwindStepped;

        for (ULONG Steps = 0; Result == UnwindStepped && Steps < 20; Steps++) {
            Before = Context;
            Result = RtlUnwindCfi(RtlKernelCfi(), &Context, ProbeNarrow, &Frame);
        }
        EXPECT_NE(Result, UnwindStepped);
        EXPECT_EQ(memcmp(&Before, &Context, sizeof(Context)), 0);
        BadStacks += Result == UnwindBadStack;
    }
    EXPECT_GT(BadStacks, 10);
}

TEST(rtl_unwind, unreadable_stack_ends_the_walk_and_leaves_the_context)
{
    AtBottom = WalkWithHoles;
    UnwindTestOutermost(UnwindTestChain);
}

/* ---- Hand-made and corrupt sections ---- */

static UCHAR Header[20], Section[SECTION_SIZE];
static UCHAR Code[16];
static const UNWIND_CFI Handmade = { Header, Header + sizeof(Header), Section, Section + SECTION_SIZE };
static ULONG64 Stack[8];

static void Write32(UCHAR *At, ULONG Value)
{
    memcpy(At, &Value, sizeof(Value));
}

static void Write64(UCHAR *At, ULONG64 Value)
{
    memcpy(At, &Value, sizeof(Value));
}

/* A CIE with absolute addresses and the rows of a function just entered, and an FDE for Code with
 * Program. */
static void Build(const UCHAR *Program, ULONG Length)
{
    static const UCHAR Cie[CIE_SIZE] = {
        20, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x00, 0x0C, 7, 8, 0x90, 1, 0, 0 };
    UCHAR *Fde = Section + FDE_OFFSET;

    memset(Section, 0, sizeof(Section));
    memcpy(Section, Cie, sizeof(Cie));
    Write32(Fde, 21 + Length);
    Write32(Fde + 4, FDE_OFFSET + 4);
    Write64(Fde + 8, (ULONG64)Code);
    Write64(Fde + 16, sizeof(Code));
    Fde[24] = 0;
    memcpy(Fde + 25, Program, Length);

    memset(Header, 0, sizeof(Header));
    memcpy(Header, (const UCHAR[]){ 1, 0x1B, 3, 0x3B }, 4);
    Write32(Header + 8, 1);
    Write32(Header + 12, (ULONG)((ULONG64)Code - (ULONG64)Header));
    Write32(Header + 16, (ULONG)((ULONG64)Fde - (ULONG64)Header));
}

static UNWIND_CONTEXT Entered(void)
{
    UNWIND_CONTEXT Context = { .Rip = (ULONG64)Code + 4, .Exact = TRUE };

    for (ULONG I = 0; I < UNW_REGISTERS; I++)
        Context.Registers[I] = 0x100 + I;
    for (ULONG I = 0; I < RTL_NUMBER_OF(Stack); I++)
        Stack[I] = 0x5000 + I;
    Context.Registers[UnwRsp] = (ULONG64)Stack;
    StackLow = (ULONG64)Stack;
    StackHigh = (ULONG64)(Stack + RTL_NUMBER_OF(Stack));
    return Context;
}

static UNWIND_RESULT Run(const UCHAR *Program, ULONG Length, UNWIND_CONTEXT *Context)
{
    UNWIND_FRAME Frame;

    Build(Program, Length);
    *Context = Entered();
    return RtlUnwindCfi(&Handmade, Context, ProbeNarrow, &Frame);
}

#define RUN(Context, ...) Run((const UCHAR[]){ __VA_ARGS__ }, sizeof((const UCHAR[]){ __VA_ARGS__ }), Context)

TEST(rtl_unwind, handmade_rules)
{
    UNWIND_CONTEXT Context;

    EXPECT_EQ(RUN(&Context, 0), UnwindStepped);
    EXPECT_EQ(Context.Rip, 0x5000);
    EXPECT_EQ(Context.Registers[UnwRsp], (ULONG64)(Stack + 1));
    EXPECT_EQ(RUN(&Context, 0x0E, 32, 0x83, 2, 0x86, 3), UnwindStepped);          /* frame of 32 */
    EXPECT_EQ(Context.Rip, 0x5003);
    EXPECT_EQ(Context.Registers[UnwRbx], 0x5002);
    EXPECT_EQ(Context.Registers[UnwRbp], 0x5001);
    EXPECT_EQ(RUN(&Context, 0x45, 0x0E, 32), UnwindStepped);                      /* beyond rip */
    EXPECT_EQ(Context.Rip, 0x5000);
    EXPECT_EQ(RUN(&Context, 0x14, 3, 2, 0x15, 6, 0x7F, 0x09, 12, 13), UnwindStepped);
    EXPECT_EQ(Context.Registers[UnwRbx], (ULONG64)(Stack + 1) - 16);
    EXPECT_EQ(Context.Registers[UnwRbp], (ULONG64)(Stack + 1) + 8);
    EXPECT_EQ(Context.Registers[UnwR12], 0x100 + UnwR13);
    EXPECT_EQ(RUN(&Context, 0x05, 17, 2, 0x06, 16, 0x90, 1), UnwindStepped);      /* SSE: dropped */
    EXPECT_EQ(RUN(&Context, 0x07, 16), UnwindEnd);
}

TEST(rtl_unwind, corrupt_programs_are_refused)
{
    UNWIND_CONTEXT Context;

    EXPECT_EQ(RUN(&Context, 0x3F), UnwindBadInfo);                                /* unknown operation */
    EXPECT_EQ(RUN(&Context, 0x0B), UnwindBadInfo);                                /* nothing remembered */
    EXPECT_EQ(RUN(&Context, 0x0A, 0x0A, 0x0A, 0x0A, 0x0A), UnwindBadInfo);
    EXPECT_EQ(RUN(&Context, 0x0C, 40, 8), UnwindBadInfo);                         /* CFA from no register */
    EXPECT_EQ(RUN(&Context, 0x0F, 100, 0x77, 0), UnwindBadInfo);                  /* block beyond the record */
    EXPECT_EQ(RUN(&Context, 0x0E, 0x80, 0x80), UnwindBadInfo);                    /* number beyond the record */
    EXPECT_EQ(RUN(&Context, 0x0F, 3, 0x2F, 0xFD, 0xFF), UnwindBadInfo);           /* a loop */
    EXPECT_EQ(RUN(&Context, 0x0F, 1, 0x22), UnwindBadInfo);                       /* empty machine */
    EXPECT_EQ(RUN(&Context, 0x0F, 3, 0x31, 0x30, 0x1B), UnwindBadInfo);           /* 1 / 0 */
    EXPECT_EQ(RUN(&Context, 0x0F, 2, 0x30, 0x06), UnwindBadStack);                /* *NULL */
    EXPECT_EQ(RUN(&Context, 0x0E, 0x80, 8), UnwindBadStack);                      /* frame beyond the stack */
    EXPECT_EQ(RUN(&Context, 0x09, 3, 99), UnwindBadInfo);
}

/* Every byte of a good section set to every value: a result comes back, and no read goes astray. */
TEST(rtl_unwind, corrupt_bytes_never_fault)
{
    static const UCHAR Program[] = { 0x0E, 32, 0x83, 2, 0x41, 0x0F, 3, 0x77, 8, 0x06, 0x16, 6, 1, 0x31 };
    ULONG Stepped = 0;

    for (ULONG Place = 0; Place < SECTION_SIZE + sizeof(Header); Place++) {
        for (ULONG Value = 0; Value < 256; Value++) {
            UNWIND_CONTEXT Context = Entered();
            UNWIND_FRAME Frame;

            Build(Program, sizeof(Program));
            *(Place < SECTION_SIZE ? &Section[Place] : &Header[Place - SECTION_SIZE]) = (UCHAR)Value;
            Stepped += RtlUnwindCfi(&Handmade, &Context, ProbeNarrow, &Frame) == UnwindStepped;
        }
    }
    EXPECT_GT(Stepped, 0);
}

static UNWIND_RESULT Expression(ULONG64 *Rbx, const UCHAR *Bytes, ULONG Length)
{
    UCHAR Program[40] = { 0x16, 3, (UCHAR)Length };
    UNWIND_CONTEXT Context;
    UNWIND_RESULT Result;

    memcpy(Program + 3, Bytes, Length);
    Result = Run(Program, Length + 3, &Context);
    *Rbx = Context.Registers[UnwRbx];
    return Result;
}

#define EXPECT_EXPRESSION(Value, ...)                                                                       \
    do {                                                                                                    \
        ULONG64 Got = 0;                                                                                    \
        EXPECT_EQ(Expression(&Got, (const UCHAR[]){ __VA_ARGS__ }, sizeof((const UCHAR[]){ __VA_ARGS__ })), \
                  UnwindStepped);                                                                           \
        EXPECT_EQ(Got, Value);                                                                              \
    } while (0)

TEST(rtl_unwind, expression_operations)
{
    EXPECT_EXPRESSION(5, 0x35);
    EXPECT_EXPRESSION(0xFF, 0x08, 0xFF);
    EXPECT_EXPRESSION(-1, 0x09, 0xFF);
    EXPECT_EXPRESSION(0x1234, 0x0A, 0x34, 0x12);
    EXPECT_EXPRESSION(-2, 0x0B, 0xFE, 0xFF);
    EXPECT_EXPRESSION(0x80000000ull, 0x0C, 0, 0, 0, 0x80);
    EXPECT_EXPRESSION((LONG64)MINLONG, 0x0D, 0, 0, 0, 0x80);
    EXPECT_EXPRESSION(0x0807060504030201ull, 0x0E, 1, 2, 3, 4, 5, 6, 7, 8);
    EXPECT_EXPRESSION(0x80, 0x10, 0x80, 1);
    EXPECT_EXPRESSION(-128, 0x11, 0x80, 0x7F);
    EXPECT_EXPRESSION(0x100 + UnwRcx, 0x72, 0);
    EXPECT_EXPRESSION(0x100 + UnwR15 - 1, 0x7F, 0x7F);
    EXPECT_EXPRESSION(0x102, 0x92, 1, 0);                   /* bregx: DWARF 1 is rdx */
    EXPECT_EXPRESSION(0x5002, 0x77, 16, 0x06);
    EXPECT_EXPRESSION(0x50, 0x77, 17, 0x94, 1);
    EXPECT_EXPRESSION(6, 0x33, 0x12, 0x22);                 /* dup plus */
    EXPECT_EXPRESSION(3, 0x33, 0x34, 0x13);                 /* drop */
    EXPECT_EXPRESSION(3, 0x33, 0x34, 0x14);                 /* over */
    EXPECT_EXPRESSION(3, 0x33, 0x34, 0x35, 0x15, 2);        /* pick */
    EXPECT_EXPRESSION(1, 0x33, 0x34, 0x16, 0x1C);           /* swap minus: 4 - 3 */
    EXPECT_EXPRESSION(4, 0x33, 0x34, 0x35, 0x17);           /* rot: 5 3 4 */
    EXPECT_EXPRESSION(7, 0x09, 0xF9, 0x19);                 /* abs */
    EXPECT_EXPRESSION(-3, 0x39, 0x09, 0xFD, 0x1B);          /* 9 / -3 */
    EXPECT_EXPRESSION(2, 0x38, 0x33, 0x1D);                 /* mod */
    EXPECT_EXPRESSION(24, 0x38, 0x33, 0x1E);
    EXPECT_EXPRESSION(-8, 0x38, 0x1F);
    EXPECT_EXPRESSION(~8ull, 0x38, 0x20);
    EXPECT_EXPRESSION(11, 0x38, 0x33, 0x21);
    EXPECT_EXPRESSION(0, 0x38, 0x33, 0x1A);
    EXPECT_EXPRESSION(136, 0x38, 0x23, 0x80, 1);
    EXPECT_EXPRESSION(64, 0x38, 0x33, 0x24);
    EXPECT_EXPRESSION(0x1FFFFFFFFFFFFFFFull, 0x09, 0xFF, 0x33, 0x25);
    EXPECT_EXPRESSION(-1, 0x09, 0xF8, 0x33, 0x26);
    EXPECT_EXPRESSION(11, 0x38, 0x33, 0x27);
    EXPECT_EXPRESSION(1, 0x09, 0xFF, 0x31, 0x2D);           /* -1 < 1: comparisons are signed */
    EXPECT_EXPRESSION(0, 0x33, 0x34, 0x2A);
    EXPECT_EXPRESSION(1, 0x33, 0x33, 0x29);
    EXPECT_EXPRESSION(1, 0x33, 0x34, 0x2E);
    EXPECT_EXPRESSION(0x37 - 0x30, 0x37, 0x31, 0x28, 1, 0, 0x38);   /* bra over lit8 */
    EXPECT_EXPRESSION(7, 0x37, 0x2F, 1, 0, 0x38, 0x96);             /* skip over lit8, nop */
}

/* ---- The walk ---- */

static BOOLEAN Count(PVOID Cookie, const UNWIND_CONTEXT *Frame)
{
    UNREFERENCED_PARAMETER(Frame);
    ++*(ULONG *)Cookie;
    return TRUE;
}

static void WalkThrough(void)
{
    UNWIND_CONTEXT Context = UnwindTestContext;
    ULONG Frames = 0;

    EXPECT_EQ(RtlWalkStack(&Context, ProbeAll, Count, &Frames), UnwindEnd);
    EXPECT_EQ(Frames, CHAIN_FRAMES + 2);
    /* A call through a null pointer: the trace begins with the caller. */
    Context = UnwindTestContext;
    Context.Registers[UnwRsp] -= 8;
    Context.Rip = 0;
    Context.Exact = TRUE;
    Frames = 0;
    EXPECT_EQ(RtlWalkStack(&Context, ProbeAll, Count, &Frames), UnwindEnd);
    EXPECT_EQ(Frames, CHAIN_FRAMES + 3);
}

TEST(rtl_unwind, walk_ends_at_the_outermost_frame)
{
    AtBottom = WalkThrough;
    UnwindTestOutermost(UnwindTestChain);
}

static void WalkCaptured(void)
{
    UNWIND_CONTEXT Context;
    ULONG Frames = 0;

    RtlCaptureCaller(&Context);
    EXPECT_EQ(RtlWalkStack(&Context, ProbeAll, Count, &Frames), UnwindEnd);
    EXPECT_GE(Frames, CHAIN_FRAMES + 3);
}

TEST(rtl_unwind, walk_from_a_call_of_c)
{
    AtBottom = WalkCaptured;
    UnwindTestOutermost(UnwindTestChain);
}
