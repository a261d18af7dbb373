/* seh_control.c - where control goes: __except, __finally and filters in all their combinations.
 *
 * expect: status 0
 * expect: log 22 ok, 0 not ok
 * run: SMP=1
 * run: SMP=4 APPEND=verifier=off */
#include "seh.h"

DRIVER_INITIALIZE DriverEntry;
NTSYSAPI VOID NTAPI RtlRaiseException(PEXCEPTION_RECORD Record);
void qsort(void *Base, size_t Count, size_t Size, int (*Compare)(const void *, const void *));

enum { CODE = (int)0xE0001234, OTHER = (int)0xE0004321, NESTED_CALL = 0x10 };

static APART void SameFunction(void)
{
    NTSTATUS Status = 0;

    __try {
        Step('a');
        Raise(CODE);
        Step('x');
    } __except (Answer('f', EXCEPTION_EXECUTE_HANDLER)) {
        Status = GetExceptionCode();
        Step('b');
    }
    Result(Status == CODE, "afb", "caught in the function that raised, with its code");
    __try {
        Step('a');
    } __except (Answer('f', EXCEPTION_EXECUTE_HANDLER)) {
        Step('x');
    }
    Result(TRUE, "a", "nothing raised, nothing caught");
}

static APART void Deep(ULONG Levels)
{
    volatile ULONG Room[40];

    Room[Levels] = Levels;
    if (Room[Levels] == 0)
        Raise(CODE);
    else
        Deep(Levels - 1);
    Room[Levels] = 0;
    Step('x');
}

static APART void Outer(void)
{
    __try {
        Deep(20);
    } __except (Answer('f', EXCEPTION_EXECUTE_HANDLER)) {
        Step('b');
    }
    Result(TRUE, "fb", "caught twenty frames up");
}

static int CompareRaises(const void *A, const void *B)
{
    UNREFERENCED_PARAMETER(A);
    UNREFERENCED_PARAMETER(B);
    __try {
        Raise(CODE);
    } __finally {
        Step('1');
    }
    return 0;
}

static APART void ThroughKernel(void)
{
    int Numbers[] = { 3, 1, 2 };

    __try {
        qsort(Numbers, 3, sizeof(int), CompareRaises);
        Step('x');
    } __except (Answer('f', EXCEPTION_EXECUTE_HANDLER)) {
        Step('b');
    }
    Result(TRUE, "f1b", "a routine that the kernel called back raises; caught by the kernel's caller");
}

static APART void Filters(void)
{
    __try {
        __try {
            Raise(CODE);
        } __except (Answer('n', EXCEPTION_CONTINUE_SEARCH)) {
            Step('x');
        }
    } __except (Answer('y', EXCEPTION_EXECUTE_HANDLER)) {
        Step('b');
    }
    Result(TRUE, "nyb", "a filter that declines is followed by the next");
    __try {
        __try {
            __try {
                Raise(CODE);
            } __finally {
                Step('1');
            }
        } __finally {
            Step('2');
        }
    } __except (Answer('f', EXCEPTION_EXECUTE_HANDLER)) {
        Step('b');
    }
    Result(TRUE, "f12b", "the filter is asked first, then each __finally runs, the inner one first");
    __try {
        __try {
            Raise(CODE);
        } __except (Answer('f', EXCEPTION_EXECUTE_HANDLER)) {
            Step('b');
            Raise(OTHER);
        }
    } __except (Answer('g', GetExceptionCode() == OTHER)) {
        Step('c');
    }
    Result(TRUE, "fbgc", "an __except block raises");
}

static APART void Finally(void)
{
    BOOLEAN Abnormal = TRUE;

    __try {
        Step('a');
    } __finally {
        Abnormal = (BOOLEAN)_abnormal_termination();
        Step('1');
    }
    Result(!Abnormal, "a1", "__finally on the normal way out");
    __try {
        __try {
            Raise(CODE);
        } __finally {
            Abnormal = (BOOLEAN)_abnormal_termination();
            Step('1');
        }
        Step('x');
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Step('b');
    }
    Result(Abnormal, "1b", "__finally knows that it is not the normal way out");
}

static APART void Leaves(void)
{
    ULONG i;

    for (i = 0; i < 3; i++) {
        __try {
            Step('a');
            if (i == 1)
                goto Out;
            Step('c');
        } __finally {
            Step('1');
        }
    }
    Step('x');
Out:
    Result(i == 1, "ac1a1", "goto out of a __try runs its __finally");
    __try {
        __try {
            Step('a');
            __leave;
        } __finally {
            Step('1');
        }
        Step('b');
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Step('x');
    }
    Result(TRUE, "a1b", "__leave runs it, and goes on behind it");
}

static APART int ReturnsFromTry(void)
{
    __try {
        Step('a');
        return 7;
    } __finally {
        Step('1');
    }
    return 8;
}

/* ---- One exception on top of another ---- */

static APART LONG FilterThatRaises(void)
{
    __try {
        Raise(OTHER);
    } __except (Answer('g', GetExceptionCode() == OTHER)) {
        Step('h');
    }
    return EXCEPTION_EXECUTE_HANDLER;
}

static APART LONG FilterThatLetsGo(void)
{
    Step('f');
    Raise(OTHER);
    return EXCEPTION_EXECUTE_HANDLER;
}

static ULONG NestedFlags[4], NestedCount;

static APART LONG NoteFlags(PEXCEPTION_POINTERS Pointers, LONG Value)
{
    if (NestedCount < 4)
        NestedFlags[NestedCount++] = Pointers->ExceptionRecord->ExceptionFlags;
    return Value;
}

static APART LONG FilterOnce(PEXCEPTION_POINTERS Pointers)
{
    NoteFlags(Pointers, 0);
    if (Pointers->ExceptionRecord->ExceptionCode != CODE)
        return Answer('o', EXCEPTION_CONTINUE_SEARCH);
    return FilterThatLetsGo();
}

static APART void Nested(void)
{
    NTSTATUS Status = 0;

    __try {
        Raise(CODE);
    } __except (FilterThatRaises()) {
        Status = GetExceptionCode();
        Step('b');
    }
    Result(Status == CODE, "ghb", "a filter raises and catches it itself");
    NestedCount = 0;
    __try {
        __try {
            __try {
                Raise(CODE);
            } __finally {
                Step('1');
            }
        } __except (FilterOnce(GetExceptionInformation())) {
            Step('x');
        }
    } __except (NoteFlags(GetExceptionInformation(), EXCEPTION_EXECUTE_HANDLER)) {
        Status = GetExceptionCode();
        Step('b');
    }
    Result(Status == OTHER, "fo1b", "a filter raises and does not catch it: the outer handler gets the second");
    Result(NestedCount == 3 && !(NestedFlags[0] & NESTED_CALL) && NestedFlags[1] & NESTED_CALL, "",
           "the second is marked as nested for the frame whose filter raised it");
}

static APART void Collided(void)
{
    NTSTATUS Status = 0;

    __try {
        __try {
            __try {
                __try {
                    Raise(CODE);
                } __finally {
                    Step('1');
                    Raise(OTHER);
                    Step('x');
                }
            } __finally {
                Step('2');
            }
        } __except (Answer('f', GetExceptionCode() == OTHER)) {
            Status = GetExceptionCode();
            Step('b');
        }
        Step('c');
    } __except (Answer('g', GetExceptionCode() == CODE)) {
        Step('x');
    }
    Result(Status == OTHER, "fg1f2bc", "a __finally raises: it does not run twice, the next one does");
}

static APART void FinallyThatRaises(void)
{
    __try {
        Raise(CODE);
    } __finally {
        Step('1');
        Raise(OTHER);
    }
}

static APART void FinallyBetween(void)
{
    __try {
        FinallyThatRaises();
    } __finally {
        Step('2');
    }
}

static APART void CollidedAcross(void)
{
    __try {
        __try {
            FinallyBetween();
        } __except (Answer('f', GetExceptionCode() == OTHER)) {
            Step('b');
        }
    } __except (Answer('g', GetExceptionCode() == CODE)) {
        Step('x');
    }
    Result(TRUE, "fg1f2b", "the same over several functions: the second exception is caught earlier than the first");
    __try {
        __try {
            FinallyBetween();
        } __except (Answer('f', GetExceptionCode() == CODE)) {
            Step('x');
        }
    } __except (Answer('g', GetExceptionCode() == OTHER)) {
        Step('b');
    }
    Result(TRUE, "f1fg2b", "and later than the first");
}

static APART void FinallyThatCatches(void)
{
    __try {
        __try {
            Raise(CODE);
        } __finally {
            Step('1');
            FilterThatRaises();
            Step('2');
        }
    } __except (Answer('f', GetExceptionCode() == CODE)) {
        Step('b');
    }
    Result(TRUE, "f1gh2b", "a __finally raises and catches it itself: the unwind goes on");
}

/* ---- Records and continuing ---- */

static APART LONG ReadRecord(PEXCEPTION_POINTERS Pointers)
{
    PEXCEPTION_RECORD Record = Pointers->ExceptionRecord;

    return Answer('f', Record->ExceptionCode == CODE && Record->NumberParameters == 2 &&
                           Record->ExceptionInformation[1] == 22 && Record->ExceptionAddress == (PVOID)Pointers->ContextRecord->Rip
                       ? EXCEPTION_CONTINUE_EXECUTION : EXCEPTION_CONTINUE_SEARCH);
}

static APART LONG ContinueAnyway(PEXCEPTION_POINTERS Pointers)
{
    return Pointers->ExceptionRecord->ExceptionCode == STATUS_NONCONTINUABLE_EXCEPTION
               ? Answer(Pointers->ExceptionRecord->ExceptionRecord->ExceptionCode == CODE ? 'n' : 'x', 1)
               : Answer('f', EXCEPTION_CONTINUE_EXECUTION);
}

static APART void Records(void)
{
    EXCEPTION_RECORD Record = { .ExceptionCode = CODE, .NumberParameters = 2, .ExceptionInformation = { 11, 22 } };

    __try {
        Step('a');
        RtlRaiseException(&Record);
        Step('b');
    } __except (ReadRecord(GetExceptionInformation())) {
        Step('x');
    }
    Result(TRUE, "afb", "a record of one's own, continued behind the raise");
    __try {
        Raise(CODE);
    } __except (ContinueAnyway(GetExceptionInformation())) {
        Step('b');
    }
    Result(TRUE, "fnb", "what must not continue and does is another exception");
}

static APART void Many(void)
{
    ULONG Caught = 0, i;

    for (i = 0; i < 2000; i++) {
        __try {
            __try {
                Raise(CODE);
            } __finally {
                Caught++;
            }
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            Caught++;
        }
    }
    Result(Caught == 4000, "", "two thousand times: nothing is left on the stack");
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    int Value;

    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    SameFunction();
    Outer();
    ThroughKernel();
    Filters();
    Finally();
    Leaves();
    Value = ReturnsFromTry();
    Result(Value == 7, "a1", "return out of a __try runs its __finally");
    Nested();
    Collided();
    CollidedAcross();
    FinallyThatCatches();
    Records();
    Many();
    return STATUS_SUCCESS;
}
