#!/bin/bash
# Drivers of others: each of tests/drivers/ runs to the verdict that its opening comment expects (tests/drivers.sh); several
# run together; each broken file is refused by name, while the good ones still run.
. "${0%/*}/drivers.sh"

Built=$Home/build/tests/drivers

# All broken files at once, in portions that the kernel has room for, each with a good one behind it.
broken_files()
{
    local -a Paths Patterns
    local Path Pattern First List Index Line

    while read -r Path Pattern; do
        Paths+=("$Home/$Path")
        Patterns+=("$Pattern")
    done <"$Built/broken/list"
    for ((First = 0; First < ${#Paths[@]}; First += 24)); do
        List=$(IFS=,; echo "${Paths[*]:First:24}")
        Expected=('status 4' 'log tapper\.sys: DriverEntry returned 0x00000000' 'log 3 ok, 0 not ok'
            "log $((${#Paths[@]} - First < 24 ? ${#Paths[@]} - First : 24)) refused")
        driver_case "a good driver runs behind broken ones ($((First / 24 + 1)))" TIMEOUT=60 DRIVER="$List,$Built/tapper.sys"
        for ((Index = First; Index < First + 24 && Index < ${#Paths[@]}; Index++)); do
            Line=$(basename "${Paths[Index]}" .sys)
            if grep -qaE -- "^${Patterns[Index]}" "$Scratch/lines"; then
                result ok "broken file refused: $Line"
            else
                result 'not ok' "broken file refused: $Line"
                note "no line matches ^${Patterns[Index]}; there is: $(grep -a "$Line" "$Scratch/lines" | head -n 1)"
            fi
        done
    done
}

# shellcheck disable=SC2034        # Expected is for driver_case
together()
{
    Expected=('status 0' 'log 3 loaded, 0 refused; 7 ok, 0 not ok, 2 skipped; 0 leaked')
    driver_case 'three drivers together, on four processors' SMP=4 TIMEOUT=60 \
        DRIVER="$Built/pipeline.sys,$Built/storm.sys,$Built/tapper.sys"
    Expected=('status 1' 'log fails_entry\.sys: DriverEntry failed' 'log 3 ok, 0 not ok')
    driver_case 'a driver that fails does not keep the next one out' TIMEOUT=60 DRIVER="$Built/fails_entry.sys,$Built/tapper.sys"
    Expected=('status 1' 'log cache\.sys: unloaded' 'log 2 loaded, 0 refused; 5 ok')
    driver_case 'a resource that goes away with its driver leaves the list of the others whole' TIMEOUT=60 \
        DRIVER="$Built/cache.sys,$Built/leaks_resource.sys"
    Expected=('status 1' 'log 2 loaded, 0 refused; .* 4 leaked')
    cp "$Built/leaks_lookaside.sys" "$Scratch/twin.sys"
    driver_case 'and so does a lookaside list' TIMEOUT=60 DRIVER="$Built/leaks_lookaside.sys,$Scratch/twin.sys"
    Expected=('status 2' 'log SPIN_LOCK_ALREADY_OWNED')
    driver_case 'without the verifier a lone processor notices that it waits for itself' SMP=1 TIMEOUT=60 \
        DRIVER="$Built/locks_twice.sys" APPEND='verifier=off'
    Expected=('status 0' 'log settle= has passed')
    driver_case 'settle= ends the run' TIMEOUT=60 DRIVER="$Built/watchdog.sys" APPEND='settle=1'
}

each_driver tests/drivers 60
together
broken_files
finish
