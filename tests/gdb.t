#!/bin/bash
# The debugger's command `locks` shows the resources in use as the stop screen does, while the machine stands still.
. "${0%/*}/relay.sh"

if ! command -v gdb >/dev/null; then
    echo '1..0 # SKIP gdb is not installed'
    exit 0
fi

Port=$((20000 + $$ % 20000))
GDB_WAIT=$Port DRIVER=$Home/build/tests/drivers/stops_with_resources.sys HEADLESS=1 ACCEL=virtual \
    "$Home/tests/boot.sh" >"$Scratch/machine" 2>&1 &
Machine=$!
for ((Try = 0; Try < 100; Try++)); do           # until the emulator listens
    (: <"/dev/tcp/127.0.0.1/$Port") 2>/dev/null && break
    sleep 0.1
done
timeout 60 gdb -nx -batch "$Home/build/kedge.elf" -x "$Home/tests/gdb/kedge.py" -ex "target remote 127.0.0.1:$Port" \
    -ex 'hbreak KeBugCheckEx' -ex continue -ex locks -ex 'delete' -ex detach >"$Scratch/gdb" 2>&1
wait "$Machine"

# Addresses of drivers have a name in the stop only.
plain() { tr -d '\r' <"$1" | grep -aE '^  (resource|  (exclusive|shared) )' | sed 's/ of [^:]*:/ of it:/' | sort; }

check 'three of four resources are in use' grep -x '3 of [0-9]* resources are in use' "$Scratch/gdb"
check 'an exclusive owner has its levels' grep -E '^    exclusive owner [0-9A-F]{16}, 2 levels$' "$Scratch/gdb"
check 'every one of twenty sharers is listed' test "$(grep -cE '^    shared owner [0-9A-F]{13}[0-9A-F]{2}[^3], ' "$Scratch/gdb")" = 20
check 'what the stop screen tells, the debugger tells' \
    test -z "$(comm -23 <(plain "$Scratch/machine") <(plain "$Scratch/gdb"))"
check 'and the stop screen told something' test "$(plain "$Scratch/machine" | wc -l)" -ge 16
finish
