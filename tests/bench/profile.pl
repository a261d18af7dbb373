#!/usr/bin/perl
# profile.pl - where the instructions of one row of the benchmark go: each one, with how often it runs per operation.
#
# usage: profile.pl BUILD ROW DRIVER
# Boots BUILD's kernel with DRIVER, the benchmark built to mark ROW (bench.c), under a plugin of QEMU that counts
# (profile.c). Prints the routines by cost, then the instructions of each in the order of their addresses. The driver's
# own are one line: its loop, and the stubs of its imports. What runs less than once in a hundred operations, as the
# clock's tick does, is one line, too.
# Exit status: 0; 1 there is no such row, or the run failed; 2 no plugin can be made or loaded here.
use strict;
use warnings;
no warnings 'portable';                # addresses have 64 bits
use FindBin;
use lib $FindBin::Bin;
use Plugin qw(place_of);

my ($build, $row, $driver) = @ARGV;
my $outside = "the driver's own";
my $often = 0.01;
my ($bold, $plain) = -t STDOUT ? ("\e[1m", "\e[0m") : ('', '');

my $rows = do { local (@ARGV, $/) = ("$FindBin::Bin/rows.tsv"); <> };
unless ($rows =~ /^\Q$row\E\t/m) {
    print STDERR "profile: there is no row $row; there are: ", join(' ', $rows =~ /^(\w\S*)\t/mg), "\n";
    exit 1;
}
Plugin::read_symbols($build);
my ($status, $out) = Plugin::run($build, 'profile', [], DRIVER => $driver, APPEND => 'verifier=off', TIMEOUT => 300);
my $log = do { local (@ARGV, $/) = ("$build/profile/log"); <> };
my ($operations) = $log =~ /bench profiled ([1-9]\d*)/;
if ($status != 0 || !$operations) {
    print STDERR "profile: the run failed, see $build/profile/log\n";
    exit 1;
}

# ---- Counts, by routine ----

my (%count, %cost, $total);
my ($last) = sort { $b <=> $a } map { $_->[0] } @Plugin::sorted;
open my $in, '<', $out or die "$out: $!";
while (<$in>) {
    my ($at, $times) = /^(\S+) (\d+)/ or next;
    my $address = hex $at;
    my ($name) = place_of($address);
    $name = $outside if !defined $name || $address > $last;
    $count{$name}{$address} = $times / $operations;
    $cost{$name} += $times / $operations;
    $total += $times / $operations;
}
close $in;

# ---- The listing ----

sub code_of {
    my ($name) = @_;
    my ($first, $end) = ($Plugin::address{$name}, $Plugin::address{$name} + ($Plugin::size{$name} || 4096));
    my (%code, $at);
    open my $text, '-|', $ENV{OBJDUMP} || 'objdump', '-d', '--no-show-raw-insn', '-w',
        sprintf('--start-address=0x%x', $first), sprintf('--stop-address=0x%x', $end), "$build/kedge.full" or die;
    while (<$text>) {
        $code{ hex $1 } = $2 if /^\s*([0-9a-f]+):\s+(.*\S)/;
    }
    close $text;
    return \%code;
}

my @by_cost = sort { $cost{$b} <=> $cost{$a} || $a cmp $b } keys %cost;
printf "%s%s%s: %.1f instructions per operation, over %d operations, the benchmark's loop among them\n\n", $bold, $row,
    $plain, $total, $operations;
my @shown = grep { $cost{$_} >= $often } @by_cost;
my $rest = 0;
$rest += $cost{$_} for grep { $cost{$_} < $often } @by_cost;
printf "%9.2f  %s\n", $cost{$_}, $_ for @shown;
printf "%9.2f  %s\n", $rest, 'what is rare' if $rest > 0;
for my $name (grep { $_ ne $outside } @shown) {
    my $code = code_of($name);
    printf "\n%s%s%s  %.2f\n", $bold, $name, $plain, $cost{$name};
    printf "%9.2f  %x  %s\n", $count{$name}{$_}, $_, $code->{$_} // '?'
        for grep { $count{$name}{$_} >= $often } sort { $a <=> $b } keys %{ $count{$name} };
}
