/* unwind_pe_test.c - the PE unwinder on hand-made images: every operation, prologues and epilogues cut
 * anywhere, chains, leaves, and corrupt data.
 *
 * Image holds code at CODE, one or two function entries at PDATA and unwind data at XDATA. Stack[i] is
 * 0x5000 + i unless a test says otherwise, and register r is 0x100 + r on entry. */
#include <ktest.h>
#include <rtl/string.h>
#include <rtl/unwind.h>

enum { CODE = 0x100, CODE_SIZE = 0x80, PDATA = 0x400, XDATA = 0x500, XDATA2 = 0x600, IMAGE_SIZE = 0x1000, WORDS = 64 };

#define BYTES(...) (const UCHAR[]){ __VA_ARGS__ }, sizeof((const UCHAR[]){ __VA_ARGS__ })

static UCHAR Image[IMAGE_SIZE] __attribute__((aligned(16)));
static ULONG64 Stack[WORDS] __attribute__((aligned(16)));
static UNWIND_FRAME Frame;

static UNWIND_IMAGE TheImage(void)
{
    return (UNWIND_IMAGE){ (ULONG64)Image, IMAGE_SIZE, PDATA, 12 };
}

static BOOLEAN Within(const void *Address, SIZE_T Length, const void *Start, SIZE_T Size)
{
    return (ULONG64)Address >= (ULONG64)Start && (ULONG64)Address + Length <= (ULONG64)Start + Size;
}

/* Nothing but the image and the stack may be touched. */
static BOOLEAN Probe(const void *Address, SIZE_T Length)
{
    return Within(Address, Length, Image, sizeof(Image)) || Within(Address, Length, Stack, sizeof(Stack));
}

static void Write32(ULONG At, ULONG Value)
{
    memcpy(Image + At, &Value, sizeof(Value));
}

static void WriteFunction(ULONG At, ULONG Begin, ULONG End, ULONG Info)
{
    Write32(At, Begin);
    Write32(At + 4, End);
    Write32(At + 8, Info);
}

/* Int3 for code, one function over all of it with the unwind data Info. */
static void Build(const UCHAR *Info, SIZE_T Length)
{
    memset(Image, 0, sizeof(Image));
    memset(Image + CODE, 0xCC, CODE_SIZE);
    WriteFunction(PDATA, CODE, CODE + CODE_SIZE, XDATA);
    memcpy(Image + XDATA, Info, Length);
    for (ULONG I = 0; I < WORDS; I++)
        Stack[I] = 0x5000 + I;
}

static void PutCode(ULONG Offset, const UCHAR *Code, SIZE_T Length)
{
    memcpy(Image + CODE + Offset, Code, Length);
}

static UNWIND_CONTEXT At(ULONG Offset, BOOLEAN Exact)
{
    UNWIND_CONTEXT Context = { .Rip = (ULONG64)Image + CODE + Offset, .Exact = Exact };

    for (ULONG I = 0; I < UNW_REGISTERS; I++)
        Context.Registers[I] = 0x100 + I;
    Context.Registers[UnwRsp] = (ULONG64)Stack;
    return Context;
}

static UNWIND_RESULT Step(UNWIND_CONTEXT *Context)
{
    UNWIND_IMAGE TheOne = TheImage();

    return RtlUnwindPe(&TheOne, Context, Probe, &Frame);
}

/* The caller: returned to Stack[Word], and its stack begins behind that. */
static void ExpectCaller(const UNWIND_CONTEXT *Context, ULONG Word)
{
    EXPECT_EQ(Context->Rip, 0x5000 + Word);
    EXPECT_EQ(Context->Registers[UnwRsp], (ULONG64)(Stack + Word + 1));
    EXPECT_FALSE(Context->Exact);
}

TEST(rtl_unwind_pe, leaf_function_has_no_entry)
{
    UNWIND_CONTEXT Context = At(0, TRUE);

    Build(BYTES(1, 0, 0, 0));
    WriteFunction(PDATA, CODE + 0x10, CODE + CODE_SIZE, XDATA);
    EXPECT_EQ(Step(&Context), UnwindStepped);
    ExpectCaller(&Context, 0);
    EXPECT_EQ(Frame.Start, 0);
    EXPECT_EQ(Context.Registers[UnwRbx], 0x100 + UnwRbx);
}

/* push rbx (1), push rsi (2), push r12 (4), sub rsp 32 (8): codes in reverse order. */
static const UCHAR PushInfo[] = { 1, 8, 4, 0, 8, 0x32, 4, 0xC0, 2, 0x60, 1, 0x30 };

TEST(rtl_unwind_pe, prologue_cut_after_each_instruction)
{
    static const struct { ULONG Offset, Return; ULONG64 Rbx, Rsi, R12; } Cuts[] = {
        { 0, 0, 0x103, 0x106, 0x10C }, { 1, 1, 0x5000, 0x106, 0x10C }, { 2, 2, 0x5001, 0x5000, 0x10C },
        { 4, 3, 0x5002, 0x5001, 0x5000 }, { 8, 7, 0x5006, 0x5005, 0x5004 }, { 0x20, 7, 0x5006, 0x5005, 0x5004 },
    };

    Build(PushInfo, sizeof(PushInfo));
    for (ULONG I = 0; I < RTL_NUMBER_OF(Cuts); I++) {
        UNWIND_CONTEXT Context = At(Cuts[I].Offset, TRUE);

        EXPECT_EQ(Step(&Context), UnwindStepped);
        ExpectCaller(&Context, Cuts[I].Return);
        EXPECT_EQ(Context.Registers[UnwRbx], Cuts[I].Rbx);
        EXPECT_EQ(Context.Registers[UnwRsi], Cuts[I].Rsi);
        EXPECT_EQ(Context.Registers[UnwR12], Cuts[I].R12);
        EXPECT_EQ(Context.Registers[UnwRdi], 0x100 + UnwRdi);
    }
    EXPECT_EQ(Frame.Start, (ULONG64)Image + CODE);
    EXPECT_EQ(Frame.End, (ULONG64)Image + CODE + CODE_SIZE);
}

TEST(rtl_unwind_pe, return_address_at_the_end_belongs_to_the_call)
{
    UNWIND_CONTEXT Context = At(CODE_SIZE, FALSE);

    Build(PushInfo, sizeof(PushInfo));
    EXPECT_EQ(Step(&Context), UnwindStepped);
    ExpectCaller(&Context, 7);
}

/* add rsp 32, pop r12, pop rsi, pop rbx, ret: what is left of it is carried out. */
TEST(rtl_unwind_pe, epilogue_cut_before_each_instruction)
{
    static const UCHAR Epilogue[] = { 0x48, 0x83, 0xC4, 32, 0x41, 0x5C, 0x5E, 0x5B, 0xC3 };
    static const struct { ULONG Offset, Return; ULONG64 Rbx, Rsi, R12; } Cuts[] = {
        { 0, 7, 0x5006, 0x5005, 0x5004 }, { 4, 3, 0x5002, 0x5001, 0x5000 }, { 6, 2, 0x5001, 0x5000, 0x10C },
        { 7, 1, 0x5000, 0x106, 0x10C }, { 8, 0, 0x103, 0x106, 0x10C },
    };

    Build(PushInfo, sizeof(PushInfo));
    PutCode(0x40, Epilogue, sizeof(Epilogue));
    for (ULONG I = 0; I < RTL_NUMBER_OF(Cuts); I++) {
        UNWIND_CONTEXT Context = At(0x40 + Cuts[I].Offset, TRUE);

        EXPECT_EQ(Step(&Context), UnwindStepped);
        ExpectCaller(&Context, Cuts[I].Return);
        EXPECT_EQ(Context.Registers[UnwRbx], Cuts[I].Rbx);
        EXPECT_EQ(Context.Registers[UnwRsi], Cuts[I].Rsi);
        EXPECT_EQ(Context.Registers[UnwR12], Cuts[I].R12);
    }
}

static void CheckExit(const UCHAR *Code, SIZE_T Length, ULONG Return)
{
    UNWIND_CONTEXT Context = At(0x40, TRUE);

    PutCode(0x40, Code, Length);
    EXPECT_EQ(Step(&Context), UnwindStepped);
    ExpectCaller(&Context, Return);
}

/* After `pop rbx` in an epilogue the caller's address is in word 1; a body unwinds by the codes to 7. */
TEST(rtl_unwind_pe, what_ends_an_epilogue)
{
    Build(PushInfo, sizeof(PushInfo));
    CheckExit(BYTES(0x5B, 0xC3), 1);
    CheckExit(BYTES(0x5B, 0xC2, 8, 0), 1);
    CheckExit(BYTES(0x5B, 0xF3, 0xC3), 1);
    CheckExit(BYTES(0x5B, 0xE9, 0, 0, 1, 0), 1);            /* jmp out of the function */
    CheckExit(BYTES(0x5B, 0xE9, 0xF0, 0xFF, 0xFF, 0xFF), 7);/* jmp within it */
    CheckExit(BYTES(0x5B, 0xEB, 0x7F), 1);
    CheckExit(BYTES(0x5B, 0xEB, 0x10), 7);
    CheckExit(BYTES(0x5B, 0xFF, 0x25, 0, 0, 0, 0), 1);      /* jmp [import] */
    CheckExit(BYTES(0x5B, 0x48, 0xFF, 0xE0), 1);            /* rex.w jmp rax */
    CheckExit(BYTES(0x5B, 0x90), 7);
    CheckExit(BYTES(0x48, 0x81, 0xC4, 0x10, 0, 0, 0, 0xC3), 2);
}

/* push rbp, sub rsp 48, lea rbp [rsp+32]: saved registers are counted from the frame register. */
TEST(rtl_unwind_pe, frame_register_with_a_moving_stack)
{
    static const UCHAR Info[] = {
        1, 20, 7, 0x25, 20, 0x64, 3, 0, 15, 0x78, 1, 0, 10, 0x03, 5, 0x52, 1, 0x50 };
    UNWIND_CONTEXT Context;

    Build(Info, sizeof(Info));
    Image[XDATA + 2] = 7;
    Context = At(0x30, TRUE);
    Context.Registers[UnwRbp] = (ULONG64)(Stack + 20) + 32;         /* the frame is at word 20 */
    Context.Registers[UnwRsp] = (ULONG64)(Stack + 3);               /* alloca */
    EXPECT_EQ(Step(&Context), UnwindStepped);
    EXPECT_EQ(Frame.Establisher, (ULONG64)(Stack + 20));
    EXPECT_EQ(Context.Registers[UnwRsi], 0x5000 + 23);              /* save_nonvol: frame + 3 * 8 */
    EXPECT_EQ(Context.SavedXmm[7], (ULONG64)(Stack + 22));          /* save_xmm128: frame + 1 * 16 */
    EXPECT_EQ(Context.Registers[UnwRbp], 0x5000 + 26);              /* behind the 48 bytes */
    ExpectCaller(&Context, 27);

    Context = At(5, TRUE);                                          /* rbp is not yet the frame */
    EXPECT_EQ(Step(&Context), UnwindStepped);
    EXPECT_EQ(Context.Registers[UnwRbp], 0x5006);
    ExpectCaller(&Context, 7);

    PutCode(0x40, BYTES(0x48, 0x8D, 0x65, 0x10, 0x5D, 0xC3));       /* lea rsp [rbp+16]; pop rbp; ret */
    Context = At(0x40, TRUE);
    Context.Registers[UnwRbp] = (ULONG64)(Stack + 20) + 32;
    EXPECT_EQ(Step(&Context), UnwindStepped);
    EXPECT_EQ(Context.Registers[UnwRbp], 0x5000 + 26);
    ExpectCaller(&Context, 27);
}

TEST(rtl_unwind_pe, large_allocations_and_far_saves)
{
    UNWIND_CONTEXT Context = At(0x20, TRUE);

    Build(BYTES(1, 10, 8, 0, 10, 0x35, 16, 0, 0, 0, 5, 0x69, 32, 0, 0, 0, 3, 0x01, 5, 0));
    EXPECT_EQ(Step(&Context), UnwindStepped);
    EXPECT_EQ(Context.Registers[UnwRbx], 0x5002);
    EXPECT_EQ(Context.SavedXmm[6], (ULONG64)(Stack + 4));
    ExpectCaller(&Context, 5);

    Context = At(0x20, TRUE);
    Build(BYTES(1, 3, 3, 0, 3, 0x11, 0x48, 0, 0, 0));
    EXPECT_EQ(Step(&Context), UnwindStepped);
    ExpectCaller(&Context, 9);
}

TEST(rtl_unwind_pe, machine_frames_are_exact)
{
    for (ULONG WithError = 0; WithError < 2; WithError++) {
        UNWIND_CONTEXT Context = At(0x20, TRUE);

        Build(BYTES(1, 4, 2, 0, 4, 0x02, 0, 0x0A));
        Image[XDATA + 7] = (UCHAR)(WithError << 4 | 0x0A);
        EXPECT_EQ(Step(&Context), UnwindStepped);
        EXPECT_EQ(Context.Rip, 0x5001 + WithError);
        EXPECT_EQ(Context.Registers[UnwRsp], 0x5004 + WithError);
        EXPECT_TRUE(Context.Exact);
    }
}

TEST(rtl_unwind_pe, chained_information_adds_the_parents)
{
    UNWIND_CONTEXT Context = At(0x20, TRUE);

    Build(BYTES(1 | 4 << 3, 4, 1, 0, 4, 0x02));                     /* sub rsp 8, then the parent's */
    WriteFunction(XDATA + 8, CODE - 0x40, CODE, XDATA2);
    memcpy(Image + XDATA2, BYTES(1, 8, 2, 0, 8, 0x12, 1, 0x30));    /* sub rsp 16; push rbx */
    EXPECT_EQ(Step(&Context), UnwindStepped);
    EXPECT_EQ(Context.Registers[UnwRbx], 0x5003);
    ExpectCaller(&Context, 4);

    Context = At(0x20, TRUE);
    WriteFunction(PDATA, CODE, CODE + CODE_SIZE, (XDATA + 0x80) | 1);   /* an entry that names an entry */
    WriteFunction(XDATA + 0x80, CODE, CODE + CODE_SIZE, XDATA2);
    EXPECT_EQ(Step(&Context), UnwindStepped);
    ExpectCaller(&Context, 3);

    Context = At(0x20, TRUE);
    WriteFunction(PDATA, CODE, CODE + CODE_SIZE, XDATA);
    WriteFunction(XDATA + 8, CODE, CODE + CODE_SIZE, XDATA);        /* its own parent */
    EXPECT_EQ(Step(&Context), UnwindBadInfo);
}

TEST(rtl_unwind_pe, handlers_are_reported_from_the_body_only)
{
    UNWIND_CONTEXT Context = At(0x20, TRUE);

    Build(BYTES(1 | 3 << 3, 4, 1, 0, 4, 0x02, 0, 0, 0x34, 0x12, 0, 0));
    EXPECT_EQ(Step(&Context), UnwindStepped);
    EXPECT_EQ(Frame.Handler, (ULONG64)Image + 0x1234);
    EXPECT_EQ(Frame.HandlerData, (ULONG64)Image + XDATA + 12);
    EXPECT_EQ(Frame.HandlerFlags, 3);
    Context = At(1, TRUE);
    EXPECT_EQ(Step(&Context), UnwindStepped);
    EXPECT_EQ(Frame.Handler, 0);
    PutCode(0x40, BYTES(0xC3));
    Context = At(0x40, TRUE);
    EXPECT_EQ(Step(&Context), UnwindStepped);
    EXPECT_EQ(Frame.Handler, 0);
}

/* A function's cold part has no handler of its own: the parent's is in charge. */
TEST(rtl_unwind_pe, chained_information_has_its_parents_handler)
{
    UNWIND_CONTEXT Context = At(0x20, TRUE);

    Build(BYTES(1 | 4 << 3, 4, 1, 0, 4, 0x02));
    WriteFunction(XDATA + 8, CODE - 0x40, CODE, XDATA2);
    memcpy(Image + XDATA2, BYTES(1 | 1 << 3, 8, 2, 0, 8, 0x12, 1, 0x30, 0x34, 0x12, 0, 0));
    EXPECT_EQ(Step(&Context), UnwindStepped);
    ExpectCaller(&Context, 4);
    EXPECT_EQ(Frame.Handler, (ULONG64)Image + 0x1234);
    EXPECT_EQ(Frame.HandlerData, (ULONG64)Image + XDATA2 + 12);
    EXPECT_EQ(Frame.HandlerFlags, 1);
}

TEST(rtl_unwind_pe, places_of_saved_registers_are_told)
{
    UNWIND_CONTEXT Context = At(0x20, TRUE);
    UNWIND_IMAGE TheOne = TheImage();

    Build(PushInfo, sizeof(PushInfo));
    EXPECT_EQ(Step(&Context), UnwindStepped);
    EXPECT_EQ(Context.SavedAt[UnwRbx], (ULONG64)(Stack + 6));
    EXPECT_EQ(Context.SavedAt[UnwR12], (ULONG64)(Stack + 4));
    EXPECT_EQ(Context.SavedAt[UnwRdi], 0);
    EXPECT_EQ(Frame.Entry, (ULONG64)Image + PDATA);
    EXPECT_EQ(RtlFindPeFunction(&TheOne, (ULONG64)Image + CODE, Probe), (ULONG64)Image + PDATA);
    EXPECT_EQ(RtlFindPeFunction(&TheOne, (ULONG64)Image + CODE + CODE_SIZE, Probe), 0);
    EXPECT_EQ(RtlFindPeFunction(&TheOne, (ULONG64)Image - 1, Probe), 0);
}

TEST(rtl_unwind_pe, binary_search_over_many_functions)
{
    enum { FUNCTIONS = 30 };
    UNWIND_IMAGE Many = TheImage();

    Build(BYTES(1, 0, 0, 0));
    Many.FunctionTableSize = FUNCTIONS * 12;
    for (ULONG I = 0; I < FUNCTIONS; I++)       /* function i: 4 bytes, and a stack of i words */
        WriteFunction(PDATA + I * 12, CODE + I * 4, CODE + I * 4 + 3, XDATA2 + I * 8);
    for (ULONG I = 0; I < FUNCTIONS; I++)
        memcpy(Image + XDATA2 + I * 8, (const UCHAR[]){ 1, 0, 2, 0, 0, 1, (UCHAR)I, 0 }, 8);
    for (ULONG I = 0; I < FUNCTIONS * 4; I++) {
        UNWIND_CONTEXT Context = At(I, TRUE);

        EXPECT_EQ(RtlUnwindPe(&Many, &Context, Probe, &Frame), UnwindStepped);
        ExpectCaller(&Context, I % 4 == 3 ? 0 : I / 4);
    }
}

TEST(rtl_unwind_pe, corrupt_data_is_refused)
{
    UNWIND_CONTEXT Context = At(0x20, TRUE), Before = Context;

    Build(BYTES(3, 0, 0, 0));                                       /* unknown version */
    EXPECT_EQ(Step(&Context), UnwindBadInfo);
    Build(BYTES(1, 0, 1, 0, 0, 0x0F));                              /* unknown operation */
    EXPECT_EQ(Step(&Context), UnwindBadInfo);
    Build(BYTES(1, 0, 1, 0, 0, 0x01));                              /* operand beyond the codes */
    EXPECT_EQ(Step(&Context), UnwindBadInfo);
    Build(BYTES(1, 0, 3, 0, 0, 0x11, 0xFF, 0xFF, 0xFF, 0x7F));      /* a frame beyond the stack */
    EXPECT_EQ(Step(&Context), UnwindBadStack);
    WriteFunction(PDATA, CODE, CODE + CODE_SIZE, IMAGE_SIZE - 2);   /* data beyond the image */
    EXPECT_EQ(Step(&Context), UnwindBadInfo);
    EXPECT_EQ(memcmp(&Context, &Before, sizeof(Context)), 0);
    Context.Rip = (ULONG64)Image + IMAGE_SIZE;
    EXPECT_EQ(Step(&Context), UnwindNoInfo);
    Context = At(CODE_SIZE + 0x10, TRUE);
    Stack[0] = 0;
    EXPECT_EQ(Step(&Context), UnwindEnd);
}

/* Every byte of the tables set to every value: a result comes back, and no read goes astray. */
TEST(rtl_unwind_pe, corrupt_bytes_never_fault)
{
    static const UCHAR Info[] = {
        1 | 3 << 3, 20, 7, 0x25, 20, 0x64, 3, 0, 15, 0x78, 1, 0, 10, 0x03, 5, 0x52, 1, 0x50, 0, 0, 0x34, 0x12, 0, 0 };
    ULONG Stepped = 0;

    for (ULONG Place = 0; Place < 12 + sizeof(Info); Place++) {
        for (ULONG Value = 0; Value < 256; Value++) {
            UNWIND_CONTEXT Context = At(0x30, TRUE);

            Build(Info, sizeof(Info));
            Context.Registers[UnwRbp] = (ULONG64)(Stack + 20) + 32;
            Image[Place < 12 ? PDATA + Place : XDATA + Place - 12] = (UCHAR)Value;
            Stepped += Step(&Context) == UnwindStepped;
        }
    }
    EXPECT_GT(Stepped, 0);
}
