#!/bin/bash
# run.sh - every test, through prove: the scripts named here first, the longest at the head so that two
# processors are busy to the end, then all other .t files. Arguments: the scripts to run instead.
set -eu
cd "$(dirname "$0")/.."

Order=(tests/million.t tests/parallel.t tests/smp64.t tests/uefi.t tests/cpus.t tests/torture.t tests/smp8.t)
Scripts=("$@")

if [ $# = 0 ]; then
    for Script in "${Order[@]}" tests/*.t; do
        [[ " ${Scripts[*]} " == *" $Script "* ]] || Scripts+=("$Script")
    done
fi
export PERL5LIB=$PWD/tests${PERL5LIB:+:$PERL5LIB}
exec prove --harness Harness -j 2 "${Scripts[@]}"
