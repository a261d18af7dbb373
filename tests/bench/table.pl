#!/usr/bin/perl
# table.pl - the benchmark's lines as a table beside what must be reached and what peers cost.
#
# usage: table.pl rows.tsv build/bench.tsv < log
# Prints one line per row of rows.tsv that the log has a figure for, then the rows it has none for; writes id, min,
# median, p99, must, aim to the second file. Exit status 1 if the log has no figure at all.
use strict;
use warnings;

my ($rows, $output) = @ARGV;
my %figure;
while (my $line = <STDIN>) {
    $figure{$1} = [map { $_ / 100 } $2, $3, $4] if $line =~ /^bench (\S+) (\d+) (\d+) (\d+)/;
}
if (!%figure) {
    print STDERR "bench: the run gave no figures\n";
    exit 1;
}

my $colour = -t STDOUT;
my @missing;
open my $in, '<', $rows or die "$rows: $!\n";
open my $out, '>', $output or die "$output: $!\n";
printf "%-18s %8s %8s %8s %6s %6s   %8s %8s %8s %6s %6s\n",
    'instructions', 'min', 'median', 'p99', 'must', 'aim', 'Linux', 'LK', 'FreeRTOS', 'seL4', 'Boron';
while (my $line = <$in>) {
    chomp $line;
    next if $line =~ /^#/;
    my ($id, $must, $aim, @peers) = split /\t/, $line;
    my $values = $figure{$id};
    if (!$values) {
        push @missing, $id;
        next;
    }
    my $mark = $values->[1] <= $aim ? 32 : $values->[1] <= $must ? 33 : 31;
    my $median = sprintf '%8.1f', $values->[1];
    $median = "\e[${mark}m$median\e[0m" if $colour;
    printf "%-18s %8.1f %s %8.1f %6d %6d   %8s %8s %8s %6s %6s\n", $id, $values->[0], $median, $values->[2], $must, $aim,
        @peers[0 .. 4];
    print $out join("\t", $id, @$values, $must, $aim), "\n";
}
print "not measured: @missing\n" if @missing;
