#!/bin/bash
# bench.sh - what `make bench` shows, once a release build and the benchmark's drivers are there.
#
#   (none)        instructions per operation, the boot's length, sizes
#   BASE=rev      the same of another revision, built apart, and the difference; measured by the driver of this one
#   WALL=n        two processors at once, as ratios of host times, in place of the rest: the best of n runs
#   ROW=id        where the instructions of that row go: each one, by routine, in place of the rest
#   OFF=1         how long interrupts are off at most, over the whole self-test, in place of the rest; places above
#                 BOUND=2000 are named. Fails above what README promises
#
# Needs RELEASE, the release build's directory. Logs: build/bench*.log; rows: build/bench.tsv.
set -u
Home=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd) || exit 1
cd "$Home" || exit 1
Bench=tests/bench

fail() { tail -n 25 "$1"; exit 1; } # log

boot() # kernel's directory, driver, log, more variables...
{
    local Build=$1 Driver=$2 Log=$3

    shift 3
    env BUILD="$Build" DRIVER="$Driver" HEADLESS=1 APPEND=verifier=off TIMEOUT=300 "$@" tests/boot.sh >"$Log" 2>&1
}

count() { boot "$1" build/tests/bench.sys "$2" SMP=1 ACCEL=virtual || fail "$2"; } # kernel's directory, log

# Prints the directory of the other revision's kernel.
build_base()
{
    local Revision Tree

    if ! Revision=$(git rev-parse --verify --quiet "$BASE^{commit}"); then
        echo "bench: BASE=$BASE: no such revision" >&2
        exit 1
    fi
    Tree=build/base/${Revision:0:12}
    if [ ! -f "$Tree/.built" ]; then
        rm -rf "$Tree"
        mkdir -p "$Tree" && git archive "$Revision" | tar -x -C "$Tree" || exit 1
        env -u MAKEFLAGS -u MAKELEVEL make -s -C "$Tree" BUILD=build/release EXTRA_CFLAGS=-DDEBUG=0 all >&2 || exit 1
        touch "$Tree/.built"
    fi
    echo "$Tree/build/release"
}

show_table()
{
    local Base=()

    count "$RELEASE" build/bench.log
    count "$RELEASE" build/bench.again.log
    if [ -n "${BASE:-}" ]; then
        Base=("$(build_base)") || exit 1
        count "${Base[0]}" build/bench.base.log
        Base=(build/bench.base.log "$BASE")
    fi
    $Bench/table.pl $Bench/rows.tsv build/bench.tsv build/bench.log build/bench.again.log ${Base[@]+"${Base[@]}"} ||
        exit 1
}

show_boot()
{
    local Instructions

    Instructions=$($Bench/meter.pl "$RELEASE" 2000 rtl.bitmap 2>/dev/null | sed -n 's/^meter boot //p')
    echo "boot to first test: ${Instructions:-not measured: this QEMU takes no plugin of ours} instructions"
}

Promised=6500           # README, "What it costs"

# The places that are over the bound are named, the worst first.
show_off()
{
    local Found Worst

    Found=$($Bench/meter.pl "$RELEASE" "${BOUND:-2000}") || exit
    sed -n "s/^meter off \([0-9]*\) .*/interrupts off for at most \1 instructions in the whole self-test/p
        s/^meter over \([0-9]*\) \([^ ]*\) \([^ ]*\)/    over ${BOUND:-2000}: \1 from \2 to \3/p" <<<"$Found"
    Worst=$(sed -n 's/^meter off \([0-9]*\) .*/\1/p' <<<"$Found")
    if [ "${Worst:-0}" -gt $Promised ]; then
        echo "bench: $Promised instructions are promised"
        exit 1
    fi
}

show_wall()
{
    local Run Smp Log Logs=()

    for ((Run = 1; Run <= WALL; Run++)); do
        for Smp in 1 2; do
            Log=build/wall.$Run.$Smp.log
            Logs+=("$Log")
            boot "$RELEASE" build/tests/wall.sys "$Log" SMP=$Smp ACCEL=parallel || fail "$Log"
        done
    done
    $Bench/wall.pl $Bench/wall.tsv "${Logs[@]}"
}

if [ -n "${WALL:-}" ]; then
    show_wall
elif [ -n "${OFF:-}" ]; then
    show_off
elif [ -n "${ROW:-}" ]; then
    $Bench/profile.pl "$RELEASE" "$ROW" build/tests/bench-row.sys
else
    show_table
    show_boot
    $Bench/sizes.pl "$RELEASE"
fi
