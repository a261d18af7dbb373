# symbols.awk - reads `readelf -sW` of the first link, writes the image's table of its own functions as
# assembly. KSYM is { ULONG Offset, NameOffset } (rtl/symbols.h), Offset from 0xFFFFFFFF80000000, ascending.
# Taken are functions, and labels in the text that assembly exports without giving them a type.
#
# Columns: number, value, size, type, binding, visibility, section, name. Section 1 is .text.

$2 ~ /^ffffffff8/ && $7 == 1 && ($4 == "FUNC" || $4 == "NOTYPE" && $5 == "GLOBAL" && $8 !~ /^Kernel/) {
    symbols[++count] = substr($2, 9) " " $8
}

# A heap sort: awk has none of its own, and strings of equal length compare as the numbers they spell.
function sift(root, last,   child, value) {
    value = symbols[root]
    while ((child = root * 2) <= last) {
        if (child < last && symbols[child] < symbols[child + 1]) child++
        if (value >= symbols[child]) break
        symbols[root] = symbols[child]
        root = child
    }
    symbols[root] = value
}

END {
    for (i = int(count / 2); i >= 1; i--) sift(i, count)
    for (i = count; i > 1; i--) { swap = symbols[1]; symbols[1] = symbols[i]; symbols[i] = swap; sift(1, i - 1) }
    print ".section .ksymtab,\"a\"\n.balign 8\n.globl KSymCount,KSymTable,KSymNames\nKSymTable:"
    for (i = 1; i <= count; i++) {
        split(symbols[i], part, " ")
        printf ".long 0x%s-0x80000000,%d\n", part[1], offset
        offset += length(part[2]) + 1
        names = names ".asciz \"" part[2] "\"\n"
    }
    printf "KSymCount: .long %d\nKSymNames:\n%s", count, names
}
