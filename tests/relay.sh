# shellcheck shell=bash
# relay.sh - for the .t scripts: boots the kernel and passes its test results on to prove.
#
#   . "${0%/*}/relay.sh"
#   boot_tests NAME VARIABLE=VALUE...               each of the kernel's tests becomes one of ours, NAME: test
#   boot_status NAME STATUS PATTERN VARIABLE=...    one test: the exit status, and the log matches PATTERN
#   check NAME COMMAND...                           one test: the command succeeds
#   finish
#
# What the kernel claims is not taken on trust: a run passes only if it names a plan, keeps it in order to the
# last test, does not bail out, and leaves with status 0. When it does not, the test that was running, each
# failed expectation and the end of the log are shown.

Home=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 4
Scratch=$(mktemp -d "${TMPDIR:-/tmp}/kedge.XXXXXX") || exit 4
trap 'rm -rf "$Scratch"' EXIT
trap 'exit 130' INT TERM HUP

Count=0
echo 'TAP version 13'

note() { printf '# %s\n' "$*" >&2; }

result() # status-word description
{
    Count=$((Count + 1))
    printf '%s %d - %s\n' "$1" "$Count" "$2"
}

show_log()
{
    note "--- the end of the log ---"
    tail -n 25 "$Scratch/log" | tr -d '\r' | sed 's/^/#   /' >&2
}

check() # name command...
{
    local Name=$1 Word=ok

    shift
    "$@" >"$Scratch/log" 2>&1 || Word='not ok'
    result "$Word" "$Name"
    [ "$Word" = ok ] || show_log
}

# The log goes to $Scratch/log, the status to $Scratch/status, the results to what TAP names: /dev/fd/3 is our stdout.
boot() # variable=value...
{
    env -u DRIVER -u SMP -u MEM -u CPU -u FIRMWARE -u APPEND -u TIMEOUT -u GDB_WAIT HEADLESS=1 ACCEL=virtual "$@" \
        "$Home/tests/boot.sh" 3>&1 >"$Scratch/log" 2>&1
    echo $? >"$Scratch/status"
}

# The YAML of one failed expectation as a line of its own.
show_expectation()
{
    [ -z "$File" ] || note "$File:$At: $Expression: left $Left, right $Right"
    File=''
}

# The kernel's results, from stdin, as ours. Sets Plan Seen Bail Running. (The last stage of a pipeline, so the
# caller has lastpipe on.)
relay() # name
{
    local Line File='' At='' Expression='' Left='' Right=''

    Plan='' Seen=0 Bail='' Running=''
    while IFS= read -r Line; do
        Line=${Line%$'\r'}
        case $Line in
        *'TAP version '*) ;; # after what firmware may have written to the line
        '1..'*) Plan=${Line#1..} ;;
        '# run '*) Running=${Line#\# run } ;;
        'ok '* | 'not ok '*)
            Seen=$((Seen + 1))
            Running=''
            if [[ $Line =~ ^((not )?ok)\ $Seen\ -\ (.*)$ ]]; then
                result "${BASH_REMATCH[1]}" "$1: ${BASH_REMATCH[3]}"
                [[ $Line == ok* ]] || note "$1: ${BASH_REMATCH[3]} failed"
            else
                result 'not ok' "$1: result $Seen is out of order: $Line"
            fi
            ;;
        '  - file: '*) show_expectation; File=${Line#*: } ;;
        '    line: '*) At=${Line#*: } ;;
        '    expression: '*) Expression=${Line#*: } ;;
        '    left: '*) Left=${Line#*: } ;;
        '    right: '*) Right=${Line#*: } ;;
        '  ...') show_expectation ;;
        'Bail out!'*) Bail=$Line ;;
        esac
    done
}

boot_tests() # name variable=value...
{
    local Name=$1 Status Wrong=''

    shift
    shopt -s lastpipe
    boot TAP=/dev/fd/3 "$@" | relay "$Name"
    Status=$(cat "$Scratch/status" 2>/dev/null)
    [ "$Status" = 0 ] || Wrong+="; exit status ${Status:-unknown}"
    [ -n "$Plan" ] || Wrong+='; no plan'
    [ "${Plan:-0}" = "$Seen" ] || Wrong+="; $Seen of ${Plan:-0} results"
    [ "$Seen" != 0 ] || Wrong+='; no results'
    [ -z "$Bail" ] || Wrong+="; ${Bail}"
    [ -z "$Running" ] || Wrong+="; it was running $Running"
    if [ -z "$Wrong" ]; then
        result ok "$Name: all results came, and the kernel left with status 0"
    else
        result 'not ok' "$Name: all results came, and the kernel left with status 0"
        note "$Name: ${Wrong#; }"
        show_log
    fi
}

boot_status() # name status pattern variable=value...
{
    local Name=$1 Expected=$2 Pattern=$3 Status

    shift 3
    boot TAP="$Scratch/tap" "$@"
    Status=$(cat "$Scratch/status")
    if [ "$Status" = "$Expected" ] && grep -qaE -- "$Pattern" "$Scratch/log"; then
        result ok "$Name"
    else
        result 'not ok' "$Name"
        note "exit status $Status, expected $Expected with a line matching: $Pattern"
        show_log
    fi
}

# A run's plan is known only now. What was not reached because the script died is a failure to prove.
finish()
{
    echo "1..$Count"
    exit 0
}
