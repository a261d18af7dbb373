# layout.awk - reads `readelf -lW` of the image and fails unless it can be loaded by the address fields of
# boot/header.S: three segments, one distance between physical address and file offset, and no segment but
# the last with memory that the file does not hold.
#
# Columns: type, file offset, virtual address, physical address, size in the file, size in memory.

function hex(text,   i, value) {
    for (i = 3; i <= length(text); i++)
        value = value * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
    return value
}

$1 == "LOAD" {
    if (segments++ == 0) shift = hex($4) - hex($2)
    else if (short) bad = "a segment before the last is not whole in the file"
    if (hex($4) - hex($2) != shift) bad = "address minus file offset is not constant"
    short = $5 != $6
}

END {
    if (segments != 3) bad = "there are " segments " segments, not 3"
    if (bad != "") { print "the image cannot be loaded by address fields: " bad > "/dev/stderr"; exit 1 }
}
