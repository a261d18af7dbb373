#!/bin/bash
# Misuse of memory stops the machine, and the stop says what was done to which block.
. "${0%/*}/relay.sh"

stops() # name pattern
{
    boot_status "negative.$1: status 2" 2 "$2" SMP=1 APPEND="selftest test=negative.$1"
}

stops pool_double_free "100 bytes, tag 'Test'\) has been freed already.*freed by .*pool_double_free"
stops pool_wrong_tag "100 bytes, tag 'Test'\) was freed with another tag"
stops pool_no_block 'lies in no pool block'
stops pool_at_high_irql 'allocated at IRQL 15'
stops pool_freed_at_high_irql 'freed at IRQL 15'
stops pool_overrun "100 bytes, tag 'Test'\) was written to behind its end, first at offset 100, allocated by .*pool_overrun"
stops pool_write_after_free 'written to after it had been freed, first at offset 3, allocated by .*freed by .*pool_write_after_free'
stops pool_pages_after_free "offset 3 of a freed pool block \(20000 bytes, tag 'Test', allocated by .*freed by"
stops pool_paged_at_dispatch 'paged pool was allocated at IRQL 2'
stops stack_overflow 'guard below a kernel stack: stack overflow'
finish
