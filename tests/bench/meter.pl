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
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);

my ($build, $bound, $patterns) = @ARGV;
my $home = abs_path(dirname(abs_path($0)) . '/../..');
my $here = "$build/meter";
$bound //= 2000;
make_path($here);
$here = abs_path($here);

sub give_up { print STDERR "meter: $_[0]\n"; exit 2; }

# ---- Where things are in the kernel ----

my (%address, %size, @sorted);
open my $nm, '-|', $ENV{NM} || 'nm', '-n', '-S', "$build/kedge.full" or give_up("no nm: $!");
while (my $line = <$nm>) {
    next unless $line =~ /^([0-9a-f]+) (?:([0-9a-f]+) )?[tT] (\S+)/;
    $address{$3} = hex $1;
    $size{$3} = hex($2 // '0');
    push @sorted, [hex $1, $3];
}
close $nm;
for my $need (qw(TrapStubs TrapEnterException TrapEnterNoFpu TestThread)) {
    give_up("$build/kedge.full has no $need") unless $address{$need};
}

sub name_of {
    my ($at) = @_;
    my ($low, $high) = (0, $#sorted);
    return sprintf '%x', $at if !@sorted || $at < $sorted[0][0];
    while ($low < $high) {
        my $middle = int(($low + $high + 1) / 2);
        if ($sorted[$middle][0] <= $at) { $low = $middle } else { $high = $middle - 1 }
    }
    return sprintf '%s+%#x', $sorted[$low][1], $at - $sorted[$low][0];
}

# The tests lie together. What they do themselves is no figure of the kernel's.
my ($tests_start, $tests_end) = (~0, 0);
for my $name (keys %address) {
    next unless $name =~ /^(?:ke|ex|mm|ob|ps|io|rtl|arch|ldr)_\w+_\w+/ && $name !~ /\./;
    $tests_start = $address{$name} if $address{$name} < $tests_start;
    $tests_end = $address{$name} + $size{$name} if $address{$name} + $size{$name} > $tests_end;
}

sub range { sprintf '%x-%x', $address{$_[0]}, $address{$_[0]} + $size{$_[0]} }

# ---- The run ----

my $cc = $ENV{HOST_CC} || 'cc';
my $qemu = $ENV{QEMU} || 'qemu-system-x86_64';
system("command -v $cc >/dev/null 2>&1") == 0 or give_up("no compiler for this machine ($cc)");
my @flags = qw(-O2 -Wall -Wextra -Werror -shared -fPIC -fvisibility=hidden);
system($cc, @flags, '-o', "$here/meter.so", "$home/tests/bench/meter.c") == 0 or give_up('the plugin does not compile');
`$qemu --help 2>&1` =~ /^-plugin/m or give_up("$qemu takes no plugins");

my @entries = map { sprintf '%x', $address{$_} } grep { /^TrapEnter(Clock|Ipi|Dispatch|Apc)$/ } sort keys %address;
my $arguments = join ',', "$here/meter.so", "out=$here/windows", 'stubs=' . range('TrapStubs'),
    'enter=' . join(':', @entries),
    'fault=' . range('TrapEnterException'), sprintf('quiet=%x', $address{TrapEnterNoFpu}), 'image=100000-1000000',
    sprintf('tests=%x-%x', $tests_start, $tests_end), sprintf('first=%x', $address{TestThread});
open my $wrapper, '>', "$here/qemu" or give_up("$here/qemu: $!");
print $wrapper "#!/bin/sh\nexec $qemu \"\$@\" -plugin '$arguments'\n";
close $wrapper;
chmod 0755, "$here/qemu";
unlink "$here/windows";

delete $ENV{DRIVER};
my $status = system('env', "BUILD=$build", "QEMU=$here/qemu", 'SMP=1', 'ACCEL=virtual', 'HEADLESS=1', 'TIMEOUT=900',
    'APPEND=selftest' . (defined $patterns ? " test=$patterns" : ''),
    'sh', '-c', "$home/tests/boot.sh >$here/log 2>&1") >> 8;
give_up("the plugin was not loaded:\n" . `tail -n 3 $here/log`) unless -s "$here/windows";

my (%figure, @windows);
open my $in, '<', "$here/windows" or die;
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
