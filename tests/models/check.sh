#!/bin/bash
# check.sh - runs spin's verifier on each model: small, small with the planted error, and whole (minutes).
set -u
cd "${0%/*}" || exit 4
Home=$PWD Build=$PWD/../../build/models Failed=0

# Returns: the number of errors that were found, as spin prints it.
errors() # model, options
{
    local Model=$1

    shift
    mkdir -p "$Build" && cd "$Build" || exit 4
    spin -a "$@" "$Home/$Model.pml" >spin.log 2>&1 &&
        gcc -O2 -w -DSAFETY -DCOLLAPSE -DVECTORSZ=2048 -o pan pan.c && ./pan -m1000000 -w24 >pan.log 2>&1
    sed -n 's/.*errors: \([0-9]*\)$/\1/p' pan.log
}

expect() # what is expected, description, model, options
{
    local Expected=$1 What=$2 Found

    shift 2
    Found=$(errors "$@")
    if [ "$Expected" = "${Found:-nothing}" ]; then
        echo "ok - $What: $(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$Build/pan.log") states"
    else
        echo "not ok - $What: ${Found:-no} errors, not $Expected"
        tail -n 20 "$Build/pan.log"
        Failed=1
    fi
}

for File in *.pml; do
    Model=${File%.pml}
    expect 0 "$Model, small" "$Model" -DSMALL
    expect 1 "$Model, small, with the planted error" "$Model" -DSMALL -DPLANTED
    [ -n "${QUICK:-}" ] || expect 0 "$Model, whole" "$Model"
done
exit "$Failed"
