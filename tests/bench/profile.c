/* profile.c - a plugin of QEMU that counts how often each instruction runs while the benchmark measures.
 *
 * The benchmark marks the beginning and the end of what it measures by an instruction that does nothing, of a form that
 * no compiler makes (bench.c, PROFILE_BEGIN). In between, each executed instruction counts where it lies.
 *
 * -plugin profile.so,out=FILE. FILE: lines of "ADDRESS COUNT", hex and decimal, by first execution. */
#include "plugin.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

EXPORTED int qemu_plugin_version = 1;

enum { PLACES = 1 << 16, MARK_SIZE = 8 };

typedef struct { uint64_t Address, Count; } PLACE;

static PLACE Place[PLACES];             /* hashed by address; 0: free */
static bool Active;
static const char *Output;

/* nopl 0x4B65xxxx(%rax,%rax): 0F 1F 84 00 and the displacement, whose low half is 1 for the beginning, 2 the end. */
static const unsigned char Mark[MARK_SIZE - 2] = { 0x0F, 0x1F, 0x84, 0x00, 0, 0 };
static const unsigned char MarkTail[2] = { 0x65, 0x4B };

static PLACE *Find(uint64_t Address)
{
    size_t At = (size_t)(Address * 0x9E3779B97F4A7C15u >> 48);

    for (size_t Tries = 0; Tries < PLACES; Tries++, At = (At + 1) % PLACES) {
        if (Place[At].Address == Address)
            return &Place[At];
        if (Place[At].Address == 0) {
            Place[At].Address = Address;
            return &Place[At];
        }
    }
    abort();
}

static void OnInstruction(unsigned Cpu, void *Data)
{
    (void)Cpu;
    if (Active)
        ((PLACE *)Data)->Count++;
}

static void OnMark(unsigned Cpu, void *Begins)
{
    (void)Cpu;
    Active = Begins != NULL;
}

/* 0: it is no mark. */
static int KindOfMark(const struct qemu_plugin_insn *Instruction)
{
    const unsigned char *Code = qemu_plugin_insn_data(Instruction);

    if (qemu_plugin_insn_size(Instruction) != MARK_SIZE || memcmp(Code, Mark, 4) != 0 ||
        memcmp(Code + 6, MarkTail, sizeof MarkTail) != 0)
        return 0;
    return Code[4];
}

static void OnTranslation(qemu_plugin_id_t Id, struct qemu_plugin_tb *Block)
{
    size_t Length = qemu_plugin_tb_n_insns(Block);

    (void)Id;
    for (size_t At = 0; At < Length; At++) {
        struct qemu_plugin_insn *Instruction = qemu_plugin_tb_get_insn(Block, At);
        int Kind = KindOfMark(Instruction);

        if (Kind != 0)
            qemu_plugin_register_vcpu_insn_exec_cb(Instruction, OnMark, NO_REGISTERS, Kind == 1 ? Block : NULL);
        else
            qemu_plugin_register_vcpu_insn_exec_cb(Instruction, OnInstruction, NO_REGISTERS,
                                                   Find(qemu_plugin_insn_vaddr(Instruction)));
    }
}

static void OnExit(qemu_plugin_id_t Id, void *Unused)
{
    FILE *File = fopen(Output, "w");

    (void)Id;
    (void)Unused;
    if (File == NULL)
        return;
    for (size_t At = 0; At < PLACES; At++)
        if (Place[At].Count != 0)
            fprintf(File, "%llx %llu\n", (unsigned long long)Place[At].Address, (unsigned long long)Place[At].Count);
    fclose(File);
}

EXPORTED int qemu_plugin_install(qemu_plugin_id_t Id, const qemu_info_t *Info, int Count, char **Arguments)
{
    (void)Info;
    for (int At = 0; At < Count; At++)
        if (strncmp(Arguments[At], "out=", 4) == 0)
            Output = strdup(Arguments[At] + 4);
    if (Output == NULL)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(Id, OnTranslation);
    qemu_plugin_register_atexit_cb(Id, OnExit, NULL);
    return 0;
}
