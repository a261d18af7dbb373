#!/usr/bin/perl
# wall.pl - the ratios of wall.c as a table. usage: wall.pl ROWS LOG
use strict;
use warnings;

my ($rows, $log) = @ARGV;
my (%ratio, %quiet);
open my $in, '<', $log or die "$log: $!\n";
while (my $line = <$in>) {
    ($ratio{$1}, $quiet{$1}) = ($2 / 100, $3) if $line =~ /^wall (\S+) (\d+) (\d)/;
}
%ratio or die "bench: the run gave no ratios\n";

my $noisy = grep { !$_ } values %quiet;
printf "%-18s %8s %6s %6s   %s\n", 'two processors', 'ratio', 'must', 'aim', '';
open my $table, '<', $rows or die "$rows: $!\n";
while (my $line = <$table>) {
    chomp $line;
    next if $line =~ /^#/;
    my ($id, $must, $aim, $what) = split /\t/, $line;
    next unless defined $ratio{$id};
    printf "%-18s %8.2f %6s %6s   %s%s\n", $id, $ratio{$id}, $must, $aim, $what, $quiet{$id} ? '' : '  (never quiet)';
}
printf "a spinning flag's round trip: %.0f host ticks\n", $ratio{floor} if defined $ratio{floor};
my $control = $ratio{'control.compute'} // 0;
print "THIS HOST IS TOO BUSY: " . ($control < 1.8 ? sprintf('two processors alone are worth %.2f of one', $control)
    : "$noisy rows did not repeat") . "; the ratios are no figures of the kernel\n" if $control < 1.8 || $noisy;
