/* report.c - how a broken rule is told: the stop 0xC4, with the rule's number, name and text, and what broke it.
 *
 * The stop screen adds thread, IRQL, APC-disable counts and the stack, and at its end the locks that are held
 * (held.c). */
#include "vfp.h"
#include <ke/bugcheck.h>
#include <rtl/print.h>
#include <rtl/status.h>
#include <rtl/string.h>

enum { DETAIL_SIZE = 1200 };

static const struct { ULONG Value; const char *Name, *Text; } Rules[] = {
#define VF_RULE_ROW(Value, Name, Text) { Value, #Name, Text },
    VF_RULES(VF_RULE_ROW)
#undef VF_RULE_ROW
};

static ULONG RowOf(ULONG Rule)
{
    ULONG Row = 0;

    while (Row + 1 < RTL_NUMBER_OF(Rules) && Rules[Row].Value != Rule)
        Row++;
    return Row;
}

const char *VfpDescribe(VFP_PLACE *Place, const void *Address)
{
    RtlDescribeAddress((ULONG64)Address, Place->Text, sizeof Place->Text);
    return Place->Text;
}

void VfStop(ULONG Rule, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4, const char *Format, ...)
{
    ULONG Row = RowOf(Rule);
    char Detail[DETAIL_SIZE];
    va_list Arguments;
    SIZE_T Length;

    RtlFormat(Detail, sizeof Detail, "%s: %s\n  ", Rules[Row].Name, Rules[Row].Text);
    Length = strlen(Detail);
    va_start(Arguments, Format);
    RtlFormatV(Detail + Length, sizeof Detail - Length, Format, Arguments);
    va_end(Arguments);
    KeBugCheckAtIrql(VfpCallerIrql(), DRIVER_VERIFIER_DETECTED_VIOLATION, Rule, P2, P3, P4, Detail);
}
