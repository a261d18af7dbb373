/* bench.h - what the benchmark's files share: how a row is measured, and which there are. */
#pragma once

#include <ntddk.h>
#include <intrin.h>

enum { SAMPLES = 101, BURST_SAMPLES = 11, REPEAT = 64, BURST = 1000 };

/* ---- bench.c ---- */
extern ULONG64 BenchLoopCost;           /* of REPEAT empty turns */
VOID BenchRecord(ULONG Sample, ULONG64 Total, ULONG64 Operations);
VOID BenchReport(PCSTR Id, ULONG Samples);

/* ---- The groups of rows ---- */
VOID BenchObjects(VOID);                /* bench_objects.c */
VOID BenchThreads(VOID);                /* bench_threads.c */
VOID BenchTimers(VOID);                 /* bench_timers.c */
VOID BenchDpcs(VOID);                   /* bench_work.c */
VOID BenchWork(VOID);

/* ---- Marks for the profile: instructions that do nothing ---- */

#ifdef ROW
extern ULONG64 BenchOperations;
BOOLEAN BenchProfiles(PCSTR Id);

#define PROFILE_BEGIN(Id)                                                                           \
    do {                                                                                            \
        if (BenchProfiles(Id))                                                                      \
            __asm__ volatile("nopl 0x4B650001(%%rax,%%rax)" ::: "memory");                          \
    } while (0)
#define PROFILE_END(Id, Done)                                                                       \
    do {                                                                                            \
        __asm__ volatile("nopl 0x4B650002(%%rax,%%rax)" ::: "memory");                              \
        if (BenchProfiles(Id))                                                                      \
            BenchOperations += (Done);                                                              \
    } while (0)
#else
#define PROFILE_BEGIN(Id) ((VOID)(Id))
#define PROFILE_END(Id, Done) ((VOID)(Id))
#endif

#define BARRIER __asm__ volatile("" ::: "memory")

/* Operation is repeated; what it costs is a row. */
#define MEASURE(Id, Operation)                                                                      \
    do {                                                                                            \
        ULONG Sample_, Turn_;                                                                       \
        for (Sample_ = 0; Sample_ < SAMPLES; Sample_++) {                                           \
            ULONG64 Start_;                                                                         \
            PROFILE_BEGIN(Id);                                                                      \
            Start_ = __rdtsc();                                                                     \
            for (Turn_ = 0; Turn_ < REPEAT; Turn_++) {                                              \
                Operation;                                                                          \
                BARRIER;                                                                            \
            }                                                                                       \
            BenchRecord(Sample_, __rdtsc() - Start_ - BenchLoopCost, REPEAT);                       \
            PROFILE_END(Id, REPEAT);                                                                \
        }                                                                                           \
        BenchReport(Id, SAMPLES);                                                                   \
    } while (0)

