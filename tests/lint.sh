#!/bin/bash
# lint.sh - the rules of the house that no compiler sees. Called by `make lint`, which hands over the compiler
# (CC, CFLAGS), the linker (LD, NM), the floors from the ground up (FLOORS) and for each its include path
# (INC_floor) and its objects (OBJ_floor).
#
#   format    no tab, no blank at a line's end, no line over 120 columns, and clang-format's indentation.
#             Columns inside a line are the author's: tables and comments are set by hand.
#   headers   each compiles alone, with the include path of its floor: so it includes what it needs, and
#             nothing from a floor above
#   floors    each links with the floors below it and leaves no symbol undefined: so no call goes up
#   words     no `long`, which is 8 bytes here and 4 in a driver; no assembly in kernel/; nothing left undone
#   promises  each has a test, and tests/CONFORMANCE.md says which: tests/conformance.pl
#   sizes     a warning for a source over 500 lines and a function over 60
#   scripts   shellcheck
set -u
cd "$(dirname "$0")/.." || exit 1

Failed=0
fail() { printf '%s\n' "$*"; Failed=1; }

mapfile -t Sources < <(git ls-files --cached --others --exclude-standard '*.c' '*.h' | grep -v '^tests/drivers/')
mapfile -t Assembly < <(git ls-files '*.S')
mapfile -t Scripts < <(git ls-files '*.sh' '*.t' .ci/run)

floor_of() # path
{
    case $1 in
    kernel/*) local Rest=${1#kernel/}; echo "${Rest%%/*}" ;;
    *) echo "${1%%/*}" ;;
    esac
}

# The floors below each, for linking: their objects are there when it is linked alone.
floors_below() # floor
{
    case $1 in
    rtl) ;;
    arch) echo rtl ;;
    ke) echo rtl arch ;;
    mm) echo rtl arch ke ;;
    drivers) echo rtl arch ke mm ;;
    *) # all that come before it
        local Floor
        for Floor in $FLOORS; do
            [ "$Floor" != "$1" ] || break
            echo "$Floor"
        done ;;
    esac
}

# A line that stands in clang-format's output as well, but only at other indentations. Comments, and the
# second and later lines of a statement, are the author's.
check_indentation() # file
{
    clang-format "$1" | awk -v File="$1" '
        { match($0, /^ */); Indent = RLENGTH; Key = substr($0, RLENGTH + 1); gsub(/ +/, " ", Key) }
        NR == FNR { Known[Key]; At[Key, Indent]; Last[Key] = Indent; next }
        Start && Key !~ /^([*\/].*|break;|)$/ && Key in Known && !((Key, Indent) in At) {
            print File ":" FNR ": indented by " Indent ", not " Last[Key] ": " Key; Bad = 1 }
        { Start = Key ~ /([;{}:]|\*\/|^)$/ }
        END { exit Bad }' - "$1"
}

check_format()
{
    local File

    grep -nP '\t' "${Sources[@]}" && fail 'a tab'
    grep -nP '[ \t\r]+$' "${Sources[@]}" "${Assembly[@]}" "${Scripts[@]}" && fail 'a blank at the end of a line'
    grep -nP '^.{121,}' "${Sources[@]}" && fail 'a line of more than 120 columns'
    for File in "${Sources[@]}"; do
        check_indentation "$File" || Failed=1
    done
}

check_headers()
{
    local File Floor Path

    for File in "${Sources[@]}"; do
        [[ $File == *.h ]] || continue
        ! grep -q '<ntddk.h>' "$File" || continue       # a driver's, for another compiler
        Floor=$(floor_of "$File")
        Path=INC_$Floor
        # shellcheck disable=SC2086
        echo "#include \"$PWD/$File\"" | $CC $CFLAGS ${!Path:-} -I"${File%/*}" -Ibuild -fsyntax-only -x c - ||
            fail "$File does not compile alone"
    done
}

check_floors()
{
    local Floor Below Name Objects Undefined Provided=build/lint.provided

    # What the linker script defines, and what the second link of the image provides.
    { grep -oE '[A-Za-z_][A-Za-z0-9_]* *= *[.A-Z(]' linker.ld | sed 's/ *=.*//'
      printf '%s\n' KSymCount KSymTable KSymNames; } | sort -u >$Provided
    for Floor in $FLOORS; do
        Objects=''
        for Below in $(floors_below "$Floor") "$Floor"; do
            Name=OBJ_$Below
            Objects+=" ${!Name:-}"
        done
        [ -n "${Objects// /}" ] || continue
        # shellcheck disable=SC2086
        $LD -r -o build/lint.o $Objects || fail "$Floor does not link"
        Undefined=$($NM -u build/lint.o | awk '{ print $NF }' | sort -u | comm -23 - $Provided)
        [ -z "$Undefined" ] || fail "$Floor calls what is not below it: ${Undefined//$'\n'/ }"
    done
    rm -f build/lint.o $Provided
}

without_comments() { $CC -fpreprocessed -dD -P -E -x c "$1" 2>/dev/null | sed 's/"[^"]*"//g'; }

check_words()
{
    local File

    for File in "${Sources[@]}"; do
        without_comments "$File" | sed 's/\blong long\b//g' | grep -nw long && fail "$File: long"
        case $File in kernel/*)
            without_comments "$File" | grep -nE '\b(__asm__|asm)\b' && fail "$File: assembly in kernel/" ;;
        esac
        grep -nE '#include "\.\./' "$File" && fail "$File: a path that leaves its folder"
    done
    grep -nwE 'TODO|FIXME|XXX|HACK' "${Sources[@]}" "${Assembly[@]}" && fail 'something is left undone'
}

check_sizes()
{
    local File

    for File in "${Sources[@]}"; do
        awk -v File="$File" '
            /^\{/ { Start = FNR }
            /^\}/ && Start { if (FNR - Start > 60) print "warning: " File ":" Start ": a function of " FNR - Start " lines"
                             Start = 0 }
            END { if (FNR > 500) print "warning: " File ": " FNR " lines" }' "$File"
    done
}

# README's tables of the verifier's rules are the tables in the source.
check_rules()
{
    diff <(sed -nE 's/^ *X\((0x[0-9A-F]+), (\w+), "(.*)"\).*/| \1 | \2 | \3 |/p' kernel/vf/include/vf/rules.h \
             kernel/vf/include/vf/io_rules.h) \
        <(grep -E '^\| 0x[0-9A-F]+ \|' README.md) || fail "README's table of rules is not that of kernel/vf"
}

# The table of promises is what the tags in the tests make of it, and each promise that must have a test has one.
check_promises()
{
    tests/conformance.pl >build/CONFORMANCE.md || fail 'a promise without a test, or a tag without a promise'
    cmp -s build/CONFORMANCE.md tests/CONFORMANCE.md || fail 'tests/CONFORMANCE.md is not up to date: make conformance'
}

check_scripts() { shellcheck -x -e SC1091,SC2154 "${Scripts[@]}" || Failed=1; }

step() { echo "lint: $1"; }

step format; check_format
step headers; check_headers
step floors; check_floors
step words; check_words
step sizes; check_sizes
step rules; check_rules
step promises; check_promises
step scripts; check_scripts
[ $Failed = 0 ] && echo 'lint: clean'
exit $Failed
