#!/usr/bin/perl
# meter.pl - how long a kernel keeps interrupts off, and how long it takes to boot, in instructions.
#
# usage: meter.pl BUILD [BOUND [PATTERNS]]
# Boots BUILD's kernel in virtual time on one processor, lets it run its self-test (all of it, or the tests that
# PATTERNS name) under a plugin of QEMU that counts (meter.c), and prints
#   meter boot N                    from the kernel's first instruction to its first test
#   meter off N                     the longest stretch with interrupts off
#   meter over N FROM TO            each place that keeps them off for more than BOUND, with the routines it is in
# Exit status: 0; 1 the self-test failed, or the count is not to be trusted; 2 no plugin can be made or loaded here.
use strict;
use warnings;
no warnings 'portable';                # addresses have 64 bits
use FindBin;
use lib $FindBin::Bin;
use Plugin qw(name_of range_of);

my ($build, $bound, $patterns) = @ARGV;
$bound //= 2000;
Plugin::read_symbols($build, qw(TrapStubs TrapEnterException TrapEnterNoFpu TestThread));

# ---- Where things are in the kernel ----

# The tests lie together. What they do themselves is no figure of the kernel's.
my ($tests_start, $tests_end) = (~0, 0);
for my $name (keys %Plugin::address) {
    next unless $name =~ /^(?:ke|ex|mm|ob|ps|io|rtl|arch|ldr)_\w+_\w+/ && $name !~ /\./;
    $tests_start = $Plugin::address{$name} if $Plugin::address{$name} < $tests_start;
    $tests_end = $Plugin::address{$name} + $Plugin::size{$name} if $Plugin::address{$name} + $Plugin::size{$name} > $tests_end;
}

# ---- The run ----

my @entries = map { sprintf '%x', $Plugin::address{$_} }
    grep { /^TrapEnter(Clock|Ipi|Dispatch|Apc)$/ } sort keys %Plugin::address;
my ($status, $out) = Plugin::run($build, 'meter',
    ['stubs=' . range_of('TrapStubs'), 'enter=' . join(':', @entries), 'fault=' . range_of('TrapEnterException'),
        sprintf('quiet=%x', $Plugin::address{TrapEnterNoFpu}), 'image=100000-1000000',
        sprintf('tests=%x-%x', $tests_start, $tests_end), sprintf('first=%x', $Plugin::address{TestThread})],
    APPEND => 'selftest' . (defined $patterns ? " test=$patterns" : ''));

my (%figure, @windows);
open my $in, '<', $out or die "$out: $!";
while (my $line = <$in>) {
    if ($line =~ /^window (\d+) (\S+) (\S+)/) { push @windows, [$1, hex $2, hex $3] }
    elsif ($line =~ /^lost ([1-9]\d*) (\S+)/) { $figure{lost} = "$1, the last one's window from " . name_of(hex $2) }
    elsif ($line =~ /^(\w+) (\d+)/) { $figure{$1} = $2 }
}
@windows = sort { $b->[0] <=> $a->[0] } @windows;
print "meter boot $figure{boot}\n" if $figure{boot};
printf "meter off %d %s %s\n", $windows[0][0], name_of($windows[0][1]), name_of($windows[0][2]) if @windows;
printf "meter over %d %s %s\n", $_->[0], name_of($_->[1]), name_of($_->[2]) for grep { $_->[0] > $bound } @windows;
print "meter windows $figure{windows}\n";
if ($figure{lost}) {
    print "meter lost $figure{lost}: interrupts came where they were thought to be off\n";
    exit 1;
}
exit($status == 0 ? 0 : 1);
