/* seh.h - what the drivers that test exception handling share: a log of single letters, in the order in which things
 * happen, and results. Compiled by clang, whose __try, __except and __finally are real; it guards calls, so whatever
 * may raise is a function of its own. */
#include <ntddk.h>

#define APART __attribute__((noinline, used))

static volatile ULONG Tests, StepCount;
static char Steps[64];

static APART void Step(char Letter)
{
    if (StepCount < sizeof(Steps) - 1)
        Steps[StepCount++] = Letter;
}

static APART BOOLEAN SameSteps(const char *Expected)
{
    ULONG i = 0;

    for (Steps[StepCount] = 0; Steps[i] == Expected[i]; i++)
        if (Steps[i] == 0)
            return TRUE;
    return FALSE;
}

/* A result; the log of steps starts anew. */
static APART void Result(BOOLEAN Ok, const char *Expected, const char *Name)
{
    Ok = Ok && SameSteps(Expected);
    if (!Ok)
        DbgPrint("# steps %s, expected %s, IRQL %u\n", Steps, Expected, KeGetCurrentIrql());
    DbgPrint("%s %u - %s\n", Ok ? "ok" : "not ok", ++Tests, Name);
    StepCount = 0;
}

static APART void Raise(NTSTATUS Status) { ExRaiseStatus(Status); }

static APART LONG Answer(char Letter, LONG Value)
{
    Step(Letter);
    return Value;
}
