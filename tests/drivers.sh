# shellcheck shell=bash
# drivers.sh - for the scripts that run drivers of tests/drivers/ to the verdict that their opening comments expect.
#
#   . "${0%/*}/drivers.sh"
#   each_driver FOLDER SECONDS              a test for each of the folder's drivers and each way to run it
#   driver_case NAME VARIABLE=VALUE...      one run; the array Expected holds what it must come to
#
# What a driver's comment may say, one a line:
#   expect: status N          the exit status (once)
#   expect: log PATTERN       a line of the log matches
#   expect: no log PATTERN    none does
#   run: VARIABLE=VALUE...    run it so as well (without any: once, as it is)
. "${BASH_SOURCE[0]%/*}/relay.sh"

directives() { sed -n "s/^[ /]*\* $1: \(.*[^ ]\) *\$/\1/p" "$2" | sed 's, \*/$,,'; } # key file

# One run; sets Wrong to what is not as Expected (an array of directives) says.
compare() # variable=value...
{
    local Line Status

    Wrong=''
    boot "$@" >"$Scratch/tap"
    Status=$(cat "$Scratch/status")
    tr -d '\r' <"$Scratch/log" >"$Scratch/lines"
    for Line in "${Expected[@]}"; do
        case $Line in
        'status '*) [ "$Status" = "${Line#status }" ] || Wrong+="; exit status $Status, not ${Line#status }" ;;
        'no log '*) ! grep -qaE -- "${Line#no log }" "$Scratch/lines" || Wrong+="; a line matches: ${Line#no log }" ;;
        'log '*) grep -qaE -- "${Line#log }" "$Scratch/lines" || Wrong+="; no line matches: ${Line#log }" ;;
        *) Wrong+="; not understood: expect: $Line" ;;
        esac
    done
}

driver_case() # name variable=value...
{
    local Name=$1

    shift
    compare "$@"
    if [ -z "$Wrong" ]; then
        result ok "$Name"
    else
        result 'not ok' "$Name"
        note "${Wrong#; }"
        show_log
    fi
}

each_driver() # folder seconds
{
    local Source Name Runs Run

    for Source in "$Home/$1"/*.c; do
        Name=$(basename "$Source" .c)
        mapfile -t Expected < <(directives expect "$Source")
        mapfile -t Runs < <(directives run "$Source")
        [ "${#Runs[@]}" != 0 ] || Runs=('')
        [[ "${Expected[*]}" == *status* ]] || Expected+=("a status, which $Source does not name")
        for Run in "${Runs[@]}"; do
            # shellcheck disable=SC2086
            driver_case "$Name${Run:+ ($Run)}" TIMEOUT="$2" DRIVER="$Home/build/$1/$Name.sys" $Run
        done
    done
}
