#!/usr/bin/perl
# table.pl - the benchmark's lines as a table beside what must be reached and what peers cost.
#
# usage: table.pl ROWS OUTPUT LOG [AGAIN [BASE-LOG BASE-NAME]]
# Prints one line per row of ROWS that LOG has a figure for, then the rows it has none for; writes id, min, median, p99,
# must, aim to OUTPUT. AGAIN: the log of a second run; where it differs the row is marked and the end says so.
# BASE-LOG: another kernel's; its median and the difference stand in place of the peers.
# Exit status 1 if the log has no figure at all.
use strict;
use warnings;

my ($rows, $output, $log, $again, $base, $base_name) = @ARGV;

sub figures {
    my ($path) = @_;
    my %figure;
    open my $in, '<', $path or die "$path: $!\n";
    while (my $line = <$in>) {
        $figure{$1} = [map { $_ / 100 } $2, $3, $4] if $line =~ /^bench (\S+) (\d+) (\d+) (\d+)/;
    }
    return %figure;
}

my %figure = figures($log);
my %second = $again ? figures($again) : %figure;
my %other = $base ? figures($base) : ();
if (!%figure) {
    print STDERR "bench: the run gave no figures\n";
    exit 1;
}

my $colour = -t STDOUT;
my (@missing, @unsteady);

sub painted { my ($code, $text) = @_; return $colour ? "\e[${code}m$text\e[0m" : $text; }

sub comparison {
    my ($id, $median) = @_;
    return sprintf '%12s', '-' unless $other{$id};
    my $difference = $median - $other{$id}[1];
    my $text = sprintf '%12.1f %+10.1f %+7.1f%%', $other{$id}[1], $difference,
        100 * $difference / ($other{$id}[1] || 1);
    return $difference < 0 ? painted(32, $text) : $difference > 0 ? painted(31, $text) : $text;
}

open my $in, '<', $rows or die "$rows: $!\n";
open my $out, '>', $output or die "$output: $!\n";
printf "%-18s %8s %8s %8s %6s %6s   ", 'instructions', 'min', 'median', 'p99', 'must', 'aim';
if ($base) { printf "%12s %10s\n", $base_name, 'difference' }
else { printf "%8s %8s %8s %6s %6s\n", 'Linux', 'LK', 'FreeRTOS', 'seL4', 'Boron' }
while (my $line = <$in>) {
    chomp $line;
    next if $line =~ /^#/;
    my ($id, $must, $aim, @peers) = split /\t/, $line;
    my $values = $figure{$id};
    if (!$values) {
        push @missing, $id;
        next;
    }
    push @unsteady, $id unless $second{$id} && "@{$second{$id}}" eq "@$values";
    my $mark = $values->[1] <= $aim ? 32 : $values->[1] <= $must ? 33 : 31;
    printf "%-18s %8.1f %s %8.1f %6d %6d   ", $id, $values->[0], painted($mark, sprintf '%8.1f', $values->[1]),
        $values->[2], $must, $aim;
    if ($base) { print comparison($id, $values->[1]), "\n" }
    else { printf "%8s %8s %8s %6s %6s\n", @peers[0 .. 4] }
    print $out join("\t", $id, @$values, $must, $aim), "\n";
}
print "not measured: @missing\n" if @missing;
if (@unsteady) { print "NOT THE SAME in a second run: @unsteady\n" }
elsif ($again) { print "a second run gave the same numbers\n" }
