/* bench.c - what the routines cost, measured from where a user stands: a driver that calls them through its imports.
 *
 * Under the instruction-counting switch the time-stamp counter goes up by one per guest instruction, so each figure
 * is exact and the same on every run. A figure is the count around REPEAT operations, less that around an empty loop,
 * over REPEAT; SAMPLES of them give minimum, median and 99th percentile. One processor; nothing idles inside a measured
 * interval, since an idle processor's counter jumps (timer.expiry begins where it lands).
 * Output, one line a row: `bench <id> <min> <median> <p99>`, in hundredths of an instruction.
 *
 * Built with ROW="id" it marks where that row is measured, for a plugin of QEMU that counts each instruction there
 * (profile.c), and says of how many operations that was. */
#include "bench.h"

DRIVER_INITIALIZE DriverEntry;

ULONG64 BenchLoopCost;
static ULONG64 Samples[SAMPLES];

/* ---- Measuring ---- */

VOID BenchReport(PCSTR Id, ULONG Count)
{
    ULONG i, j;

    for (i = 1; i < Count; i++) {
        ULONG64 Value = Samples[i];

        for (j = i; j > 0 && Samples[j - 1] > Value; j--)
            Samples[j] = Samples[j - 1];
        Samples[j] = Value;
    }
    DbgPrint("bench %s %I64u %I64u %I64u\n", Id, Samples[0], Samples[Count / 2], Samples[Count * 99 / 100]);
}

VOID BenchRecord(ULONG Sample, ULONG64 Total, ULONG64 Operations)
{
    Samples[Sample] = Total * 100 / Operations;
}

#ifdef ROW
ULONG64 BenchOperations;

BOOLEAN BenchProfiles(PCSTR Id)
{
    PCSTR Row = ROW;

    while (*Id != 0 && *Id == *Row) {
        Id++;
        Row++;
    }
    return *Id == *Row;
}
#endif

static BOOLEAN CalibrateLoop(VOID)
{
    ULONG64 Start, Nops;
    ULONG Turn;

    Start = __rdtsc();
    for (Turn = 0; Turn < REPEAT; Turn++)
        BARRIER;
    BenchLoopCost = __rdtsc() - Start;
    Start = __rdtsc();
    __asm__ volatile(".rept 100\n\tnop\n\t.endr");
    Nops = __rdtsc() - Start;
    Start = __rdtsc();
    Nops -= __rdtsc() - Start;
    if (Nops != 100)
        DbgPrint("bench: 100 nops count as %I64u: this is not the instruction-counting machine\n", Nops);
    return Nops == 100;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    if (!CalibrateLoop())
        return STATUS_NOT_SUPPORTED;
    BenchObjects();
    BenchThreads();
    BenchTimers();
    BenchDpcs();
    BenchWork();
#ifdef ROW
    DbgPrint("bench profiled %I64u\n", BenchOperations);
#endif
    return STATUS_SUCCESS;
}
