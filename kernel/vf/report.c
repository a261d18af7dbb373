/* report.c - how a broken rule is told: the stop 0xC4, or 0xC9 for one of the I/O manager's, with the rule's number,
 * name and text, and what broke it.
 *
 * The stop screen adds thread, IRQL, APC-disable counts and the stack, and at its end the locks that are held
 * (held.c). */
#include "vfp.h"
#include <ke/bugcheck.h>
#include <rtl/print.h>
#include <rtl/status.h>
#include <rtl/string.h>
#include <vf/io_rules.h>

enum { DETAIL_SIZE = 1200 };

typedef struct _RULE { ULONG Value; const char *Name, *Text; } RULE;

#define VF_RULE_ROW(Value, Name, Text) { Value, #Name, Text },
static const RULE Rules[] = { VF_RULES(VF_RULE_ROW) };
static const RULE IoRules[] = { VF_IO_RULES(VF_RULE_ROW) };
#undef VF_RULE_ROW

static const RULE *Find(const RULE *Row, ULONG Count, ULONG Rule)
{
    while (--Count != 0 && Row->Value != Rule)
        Row++;
    return Row;
}

static DECLSPEC_NORETURN void Stop(ULONG Code, const RULE *Rule, const ULONG_PTR Parameters[3], const char *Format,
                                   va_list Arguments)
{
    char Detail[DETAIL_SIZE];
    SIZE_T Length;

    RtlFormat(Detail, sizeof Detail, "%s: %s\n  ", Rule->Name, Rule->Text);
    Length = strlen(Detail);
    RtlFormatV(Detail + Length, sizeof Detail - Length, Format, Arguments);
    KeBugCheckAtIrql(VfpCallerIrql(), Code, Rule->Value, Parameters[0], Parameters[1], Parameters[2], Detail);
}

const char *VfpDescribe(VFP_PLACE *Place, const void *Address)
{
    RtlDescribeAddress((ULONG64)Address, Place->Text, sizeof Place->Text);
    return Place->Text;
}

void VfStop(ULONG Rule, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4, const char *Format, ...)
{
    const ULONG_PTR Parameters[] = { P2, P3, P4 };
    va_list Arguments;

    va_start(Arguments, Format);
    Stop(DRIVER_VERIFIER_DETECTED_VIOLATION, Find(Rules, RTL_NUMBER_OF(Rules), Rule), Parameters, Format, Arguments);
}

void VfStopIo(ULONG Rule, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4, const char *Format, ...)
{
    const ULONG_PTR Parameters[] = { P2, P3, P4 };
    va_list Arguments;

    va_start(Arguments, Format);
    Stop(DRIVER_VERIFIER_IOMANAGER_VIOLATION, Find(IoRules, RTL_NUMBER_OF(IoRules), Rule), Parameters, Format,
         Arguments);
}
