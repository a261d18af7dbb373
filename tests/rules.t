#!/bin/bash
# The verifier's rules, and those that are always checked: each driver of tests/drivers/rules/ that breaks one ends in
# the stop that its opening comment names, and the same drivers without the fault run together and pass.
#
# What the comment says, one a line:
#   fault: 0xNN NAME          stop 0xC4 with this parameter 1, by this rule's name
#   fault: io 0xNN NAME       stop 0xC9 with this parameter 1, by this rule's name
#   fault: stop 0xNN NAME     this stop
#   log: PATTERN              a line of the log matches
#   run: VARIABLE=VALUE...    both are run so
. "${0%/*}/relay.sh"

Built=$Home/build/tests/drivers/rules
Together=30                     # drivers in one run; the kernel has room for 32

directives() { sed -n "s/^[ /]*\* $1: \(.*[^ ]\) *\$/\1/p" "$2" | sed 's, \*/$,,'; } # key file

expect_line() { grep -qaE -- "$1" "$Scratch/lines" || Wrong+="; no line matches: $1"; } # pattern

# What a stop shows whatever its cause is asked of each one.
expect_stop() # fault-directive
{
    local Kind Code Name

    read -r Kind Code Name <<<"$1"
    if [ "$Kind" = stop ]; then
        expect_line "STOP $Code $Name\$"
    elif [ "$Kind" = io ]; then
        Code=${Code#0x}
        expect_line 'STOP 0x000000C9 DRIVER_VERIFIER_IOMANAGER_VIOLATION$'
        expect_line "P1 0*${Code,,} "
        expect_line "^  $Name: [A-Z].*\\.\$"
    else
        Name=$Code
        Code=${Kind#0x}
        expect_line 'STOP 0x000000C4 DRIVER_VERIFIER_DETECTED_VIOLATION$'
        expect_line "P1 0*${Code,,} "
        expect_line "^  $Name: [A-Z].*\\.\$"
    fi
    expect_line 'processor [0-9]+ of [0-9]+, IRQL [0-9]+.*, thread [0-9A-F]{16}'
    expect_line 'APC-disable counts: kernel -?[0-9]+, special -?[0-9]+'
}

judge() # name
{
    if [ -z "$Wrong" ]; then
        result ok "$1"
    else
        result 'not ok' "$1"
        note "${Wrong#; }"
        show_log
    fi
}

run_driver() # status variable=value...
{
    local Status

    Wrong=''
    boot TIMEOUT=60 "${@:2}" >"$Scratch/tap"
    Status=$(cat "$Scratch/status")
    tr -d '\r' <"$Scratch/log" >"$Scratch/lines"
    [ "$Status" = "$1" ] || Wrong+="; exit status $Status, not $1"
}

faulty_driver() # source
{
    local Name Fault Line
    local -a Run

    Name=$(basename "$1" .c)
    read -ra Run <<<"$(directives run "$1")"
    Fault=$(directives fault "$1")
    run_driver 2 DRIVER="$Built/${Name}_fault.sys" "${Run[@]}"
    expect_stop "${Fault:-0x0 NOT_NAMED_IN_$Name}"
    while IFS= read -r Line; do expect_line "$Line"; done < <(directives log "$1")
    judge "$Name: ${Fault#stop }"
}

correct_drivers() # name variable=value... : those of Correct
{
    local First List Portion

    for ((First = 0; First < ${#Correct[@]}; First += Together)); do
        Portion=("${Correct[@]:First:Together}")
        List=$(IFS=,; echo "${Portion[*]}")
        run_driver 0 DRIVER="$List" "${@:2}"
        expect_line "${#Portion[@]} loaded, 0 refused; .* 0 leaked"
        judge "$1 ($((First / Together + 1))): ${#Portion[@]} drivers"
    done
}

Correct=()
for Source in "$Home"/tests/drivers/rules/*.c; do
    faulty_driver "$Source"
    Correct+=("$Built/$(basename "$Source" .c).sys")
done
correct_drivers 'the same without the fault'
correct_drivers 'the same without the fault and without the verifier' APPEND=verifier=off
finish
