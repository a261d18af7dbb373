#!/usr/bin/perl
# sizes.pl - what things take in a kernel's memory, from its debug information. usage: sizes.pl BUILD
use strict;
use warnings;

my ($build) = @ARGV;
my $readelf = $ENV{READELF} || 'readelf';
my %want = map { $_ => 1 } qw(_ETHREAD _OBJECT_HEADER _KTIMER _HANDLE_ENTRY MM_STACK_SIZE);
my %size;
my $name;

# A structure's name comes before its size, an enumerator's before its value.
open my $in, '-|', $readelf, '-wi', "$build/kedge.debug" or die "$readelf: $!\n";
while (my $line = <$in>) {
    if ($line =~ /Abbrev Number/) { undef $name }
    elsif ($line =~ /DW_AT_name\s*:.*?(\w+)\s*$/) { $name = $1 }
    elsif (defined $name && $want{$name} && $line =~ /DW_AT_(?:byte_size|const_value)\s*:\s*(0x[0-9a-f]+|\d+)/) {
        $size{$name} //= $1 =~ /^0x/ ? hex $1 : $1;
    }
}
close $in;

my ($file, $loaded) = (-s "$build/kedge.elf", 0);
open $in, '-|', $readelf, '-lW', "$build/kedge.elf" or die "$readelf: $!\n";
while (my $line = <$in>) {
    $loaded += hex $1 if $line =~ /^\s*LOAD\s+(?:0x\w+\s+){4}0x(\w+)/;
}
close $in;

for my $need (sort keys %want) { print STDERR "bench: no size of $need in $build/kedge.debug\n" unless $size{$need} }
printf "kernel image: %d bytes, %d in memory\n", $file, $loaded;
printf "a thread: %d bytes of object with its header, %d of stack\n", $size{_ETHREAD} + $size{_OBJECT_HEADER},
    $size{MM_STACK_SIZE} if $size{_ETHREAD} && $size{_OBJECT_HEADER} && $size{MM_STACK_SIZE};
printf "a pending timer: %d bytes, its KTIMER; nothing beside it\n", $size{_KTIMER} if $size{_KTIMER};
printf "a handle: %d bytes\n", $size{_HANDLE_ENTRY} if $size{_HANDLE_ENTRY};
