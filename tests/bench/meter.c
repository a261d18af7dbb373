/* meter.c - a plugin of QEMU that counts instructions where no guest can: how long interrupts are off, and what a boot
 * takes. The kernel that it watches is the one that users get, unchanged.
 *
 * Method: every block of translated code adds its length to its processor's count. The instructions that turn
 * interrupts off or on (cli, sti, iretq) and the first one of each entry from an interrupt or an exception tell us
 * where they are; from off to on is a window. An interrupt that comes while we believe them off proves us wrong: that
 * window is dropped and counted as lost. What ends an exception brings back what was there before it; popfq does not
 * occur in the kernel. A processor's first window, its start, is left out, and so is one in which a test's own code
 * ran.
 *
 * -plugin meter.so,out=FILE,stubs=FIRST-END,enter=A:B:...,fault=FIRST-END,quiet=A,image=FIRST-END,
 * tests=FIRST-END,first=A; numbers in hex.
 *   stubs   entries by vector, 16 bytes each: below 32 for exceptions
 *   enter   entries of interrupts beside them       fault   the code that ends an exception by iretq
 *   quiet   entry of an exception beside them       image   where the kernel's first instruction is found
 *   tests   the tests' code                         first   the routine that ends the boot
 * FILE: "boot N"; "windows N"; "lost N FROM", the last one; then "window LENGTH FROM TO" for the longest one of each
 * FROM. */
#include "plugin.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

EXPORTED int qemu_plugin_version = 1;

enum { CPUS = 64, ENTRIES = 16, STUB_SIZE = 16, EXCEPTIONS = 32, WINDOWS = 4096 };

typedef struct { uint64_t First, End; } RANGE;
typedef enum { TurnOff, TurnOn, EnterInterrupt, EnterException, Return, ReturnFromException, FirstTest } KIND;

/* An instruction that we listen to. Left: how many of its block come after it. */
typedef struct { uint64_t Pc; unsigned Left; KIND Kind; } MARK;

static struct {
    bool Started, Off, OffBeforeException;
    bool Foreign;                       /* a test's own code ran in this window */
    uint64_t Count, Since, From;
} Cpu[CPUS];

static struct { uint64_t From, To, Length; } Window[WINDOWS];
static unsigned WindowCount;
static uint64_t Windows, Lost, LostFrom, BootStart, BootEnd;
static RANGE Stubs, Fault, Image, Tests;
static uint64_t Enter[ENTRIES], Quiet, First;
static unsigned EnterCount;
static const char *Output;

static bool Inside(const RANGE *Range, uint64_t Address) { return Address >= Range->First && Address < Range->End; }

/* ---- Windows ---- */

static void Keep(uint64_t From, uint64_t To, uint64_t Length)
{
    unsigned At;

    Windows++;
    for (At = 0; At < WindowCount && Window[At].From != From; At++)
        ;
    if (At == WindowCount) {
        if (At == WINDOWS)
            return;
        WindowCount++;
        Window[At].From = From;
    } else if (Window[At].Length >= Length) {
        return;
    }
    Window[At].To = To;
    Window[At].Length = Length;
}

static void Set(unsigned Index, bool Off, uint64_t Now, uint64_t Pc)
{
    if (Off && !Cpu[Index].Off) {
        Cpu[Index].Since = Now;
        Cpu[Index].Foreign = Inside(&Tests, Pc);
        Cpu[Index].From = Pc;
    } else if (!Off && Cpu[Index].Off && Cpu[Index].Started && !Cpu[Index].Foreign) {
        Keep(Cpu[Index].From, Pc, Now - Cpu[Index].Since);
    }
    Cpu[Index].Off = Off;
    Cpu[Index].Started |= !Off;
}

static void OnMark(unsigned Index, void *Data)
{
    const MARK *Mark = Data;
    uint64_t Now = Cpu[Index].Count - Mark->Left;

    switch (Mark->Kind) {
    case TurnOff:
        Set(Index, true, Now, Mark->Pc);
        break;
    case TurnOn:
    case Return:
        Set(Index, false, Now, Mark->Pc);
        break;
    case EnterInterrupt:
        if (Cpu[Index].Off && Cpu[Index].Started && !Cpu[Index].Foreign) {
            Lost++;
            LostFrom = Cpu[Index].From;
        }
        Cpu[Index].Off = false;
        Set(Index, true, Now, Mark->Pc);
        break;
    case EnterException:
        Cpu[Index].OffBeforeException = Cpu[Index].Off;
        Set(Index, true, Now, Mark->Pc);
        break;
    case ReturnFromException:
        Set(Index, Cpu[Index].OffBeforeException, Now, Mark->Pc);
        break;
    case FirstTest:
        if (BootEnd == 0)
            BootEnd = Now;
        break;
    }
}

static void OnBlock(unsigned Index, void *Length) { Cpu[Index].Count += (uintptr_t)Length; }

static void OnTestBlock(unsigned Index, void *Unused)
{
    (void)Unused;
    Cpu[Index].Foreign = true;
}

static void OnFirstBlock(unsigned Index, void *Unused)
{
    (void)Unused;
    if (BootStart != 0)
        return;
    BootStart = Cpu[Index].Count;
    Cpu[Index].Started = false;         /* what the firmware did does not count */
    Lost = Windows = WindowCount = 0;
}

/* ---- Translation ---- */

static bool IsEntry(uint64_t Pc)
{
    for (unsigned At = 0; At < EnterCount; At++)
        if (Enter[At] == Pc)
            return true;
    return false;
}

/* Of the processor, or one of the `int n` of compiled drivers: fast fail, assertion, debug service. */
static bool IsException(uint64_t Vector)
{
    return Vector < EXCEPTIONS || Vector == 0x29 || Vector == 0x2C || Vector == 0x2D;
}

/* Does the instruction change anything for us? */
static bool Classify(const struct qemu_plugin_insn *Instruction, KIND *Kind)
{
    const unsigned char *Code = qemu_plugin_insn_data(Instruction);
    size_t Size = qemu_plugin_insn_size(Instruction);
    uint64_t Pc = qemu_plugin_insn_vaddr(Instruction);

    if (Inside(&Stubs, Pc) && (Pc - Stubs.First) % STUB_SIZE == 0)
        *Kind = IsException((Pc - Stubs.First) / STUB_SIZE) ? EnterException : EnterInterrupt;
    else if (IsEntry(Pc))
        *Kind = EnterInterrupt;
    else if (Pc == Quiet)
        *Kind = EnterException;
    else if (Pc == First)
        *Kind = FirstTest;
    else if (Size == 1 && Code[0] == 0xFA)
        *Kind = TurnOff;
    else if (Size == 1 && Code[0] == 0xFB)
        *Kind = TurnOn;
    else if (Size == 2 && Code[0] == 0x48 && Code[1] == 0xCF)
        *Kind = Inside(&Fault, Pc) || (Quiet != 0 && Pc - Quiet < 64) ? ReturnFromException : Return;
    else
        return false;
    return true;
}

static void OnTranslation(qemu_plugin_id_t Id, struct qemu_plugin_tb *Block)
{
    size_t Length = qemu_plugin_tb_n_insns(Block);

    (void)Id;
    if (BootStart == 0 && Inside(&Image, qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(Block, 0))))
        qemu_plugin_register_vcpu_tb_exec_cb(Block, OnFirstBlock, NO_REGISTERS, NULL);
    qemu_plugin_register_vcpu_tb_exec_cb(Block, OnBlock, NO_REGISTERS, (void *)(uintptr_t)Length);
    if (Inside(&Tests, qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(Block, 0))))
        qemu_plugin_register_vcpu_tb_exec_cb(Block, OnTestBlock, NO_REGISTERS, NULL);
    for (size_t At = 0; At < Length; At++) {
        struct qemu_plugin_insn *Instruction = qemu_plugin_tb_get_insn(Block, At);
        KIND Kind;

        if (Classify(Instruction, &Kind)) {
            MARK *Mark = malloc(sizeof *Mark);

            if (Mark == NULL)
                abort();
            *Mark = (MARK){ qemu_plugin_insn_vaddr(Instruction), (unsigned)(Length - At), Kind };
            qemu_plugin_register_vcpu_insn_exec_cb(Instruction, OnMark, NO_REGISTERS, Mark);
        }
    }
}

/* ---- Beginning and end ---- */

static void OnExit(qemu_plugin_id_t Id, void *Unused)
{
    FILE *File = fopen(Output, "w");

    (void)Id;
    (void)Unused;
    if (File == NULL)
        return;
    fprintf(File, "boot %llu\nwindows %llu\nlost %llu %llx\n",
            (unsigned long long)(BootEnd != 0 ? BootEnd - BootStart : 0), (unsigned long long)Windows,
            (unsigned long long)Lost, (unsigned long long)LostFrom);
    for (unsigned At = 0; At < WindowCount; At++)
        fprintf(File, "window %llu %llx %llx\n", (unsigned long long)Window[At].Length,
                (unsigned long long)Window[At].From, (unsigned long long)Window[At].To);
    fclose(File);
}

static void ReadRange(const char *Text, RANGE *Range)
{
    char *End;

    Range->First = strtoull(Text, &End, 16);
    Range->End = *End == '-' ? strtoull(End + 1, NULL, 16) : 0;
}

static void ReadEntries(const char *Text)
{
    char *End;

    while (EnterCount < ENTRIES && *Text != 0) {
        Enter[EnterCount++] = strtoull(Text, &End, 16);
        Text = *End == ':' ? End + 1 : "";
    }
}

EXPORTED int qemu_plugin_install(qemu_plugin_id_t Id, const qemu_info_t *Info, int Count, char **Arguments)
{
    (void)Info;
    for (int At = 0; At < Count; At++) {
        char *Value = strchr(Arguments[At], '=');

        if (Value++ == NULL)
            continue;
        switch (Arguments[At][0]) {
        case 'o': Output = strdup(Value); break;
        case 's': ReadRange(Value, &Stubs); break;
        case 'e': ReadEntries(Value); break;
        case 'f':
            if (Arguments[At][1] == 'a')
                ReadRange(Value, &Fault);
            else
                First = strtoull(Value, NULL, 16);
            break;
        case 'q': Quiet = strtoull(Value, NULL, 16); break;
        case 'i': ReadRange(Value, &Image); break;
        case 't': ReadRange(Value, &Tests); break;
        }
    }
    if (Output == NULL)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(Id, OnTranslation);
    qemu_plugin_register_atexit_cb(Id, OnExit, NULL);
    return 0;
}
