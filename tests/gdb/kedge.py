# kedge.py - gdb commands for a kernel that stands still: gdb build/kedge.elf -x tests/gdb/kedge.py
#
#   locks        the resources that somebody owns or waits for, with owners, levels and waiters, as a stop prints them
#   locks all    every resource that is initialised
#
# Nothing runs in the machine for it, and nothing is believed: what cannot be read ends a list with a word about it.
import gdb

OWNED, EXCLUSIVE, FROZEN = 1, 0x80 << 16, 0x100 << 16          # of ERESOURCE.State: kernel/ex/exp.h
LONGEST = 4096                                                 # a list that is longer goes in a circle


def name_of(address):
    """As the debugger knows it; code of a driver has an address only."""
    text = gdb.execute("info symbol %d" % address, to_string=True)
    return "%016X" % address if text.startswith("No symbol") else text.split(" in section")[0].strip()


def follow(head, member):
    """The entries of a LIST_ENTRY list, without its head."""
    entry = head[member]
    for _ in range(LONGEST):
        if entry == head.address:
            return
        yield entry
        entry = entry.dereference()[member]
    print("  the list goes in a circle")


def ring(last, count):
    """The waiters of a ring, first come first."""
    waiter = last
    for _ in range(min(count, LONGEST)):
        if int(waiter) == 0:
            return
        waiter = waiter["Next"]
        yield waiter


def print_owner(entry, how):
    if int(entry["OwnerThread"]) != 0:
        levels = int(entry["OwnerCount"])
        print("    %s owner %016X, %u level%s" % (how, int(entry["OwnerThread"]), levels, "" if levels == 1 else "s"))


def print_resource(resource):
    shared, exclusive = int(resource["NumberOfSharedWaiters"]), int(resource["NumberOfExclusiveWaiters"])
    print("  resource %016X of %s: %u shared and %u exclusive waiters, contended %u times"
          % (int(resource.address), name_of(int(resource["Address"])), shared, exclusive,
             int(resource["ContentionCount"])))
    print_owner(resource["OwnerEntry"], "exclusive" if int(resource["State"]) & EXCLUSIVE else "shared")
    table = resource["OwnerTable"]
    for at in range(1, int(table[0]["TableSize"]) if int(table) != 0 else 0):
        print_owner(table[at], "shared")
    for waiter in ring(resource["ExclusiveWaiters"], exclusive):
        print("    exclusive waiter %016X" % int(waiter["Thread"]))
    for waiter in ring(resource["SharedWaiters"], shared):
        print("    shared waiter %016X" % int(waiter["Thread"]))


class Locks(gdb.Command):
    """locks [all]: the resources in use, or all, with their owners and those who wait."""

    def __init__(self):
        super().__init__("locks", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        kind = gdb.lookup_type("ERESOURCE").pointer()
        seen = in_use = 0
        try:
            for entry in follow(gdb.parse_and_eval("SystemResources"), "Flink"):
                resource = entry.cast(kind).dereference()       # its first member
                used = int(resource["State"]) & (OWNED | FROZEN) != 0
                seen, in_use = seen + 1, in_use + used
                if used or argument.strip() == "all":
                    print_resource(resource)
        except gdb.MemoryError as error:
            print("  the list leads to memory that is not there: %s" % error)
        print("%u of %u resources are in use" % (in_use, seen))


Locks()
