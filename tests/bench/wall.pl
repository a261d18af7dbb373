#!/usr/bin/perl
# wall.pl - what several runs of wall.c found, as a table: of each row the best, of runs in which it was quiet if there
# are any. usage: wall.pl ROWS LOG...
use strict;
use warnings;

my ($rows, @logs) = @ARGV;
my (%value, %quiet, %less);

open my $table, '<', $rows or die "$rows: $!\n";
my @rows = map { chomp; [split /\t/] } grep { !/^#/ } <$table>;
$less{$_} = 1 for 'one.pingpong', 'pingpong', 'floor';

for my $log (@logs) {
    open my $in, '<', $log or die "$log: $!\n";
    while (my $line = <$in>) {
        my ($id, $found, $calm) = $line =~ /^wall (\S+) (\d+) (\d)/ or next;
        next if !$found || $calm < ($quiet{$id} // 0);
        next if $id =~ /^(own|control)/ && $found > 205;        # one alone was disturbed: two are worth two at most
        my $better = !defined $value{$id} || $calm > $quiet{$id} ||
            ($less{$id} ? $found < $value{$id} : $found > $value{$id});
        ($value{$id}, $quiet{$id}) = ($found, $calm) if $better;
    }
}
%value or die "bench: the runs gave no figures\n";
$_ /= 100 for values %value;

printf "%-18s %8s %6s %6s   %s\n", 'host time', 'found', 'must', 'aim', '';
for my $row (@rows) {
    my ($id, $must, $aim, $bound, $what) = @$row;
    next unless defined $value{$id};
    my $limit = $bound eq '-' ? undef : $value{$bound};
    my $note = defined $limit && $must ne '-' && $limit < $must
        ? sprintf '; %.2f of %s, which has %.2f itself', $value{$id} / $limit, $bound, $limit : '';
    printf "%-18s %8.*f %6s %6s   %s%s%s\n", $id, $value{$id} < 1000 ? 2 : 0, $value{$id}, $must, $aim, $what, $note,
        $quiet{$id} ? '' : '  (never quiet)';
}
printf "a spinning flag's round trip: %.0f host ticks", $value{floor} if defined $value{floor};
printf "; one.pingpong is %.1f of them", $value{'one.pingpong'} / $value{floor}
    if defined $value{floor} && defined $value{'one.pingpong'};
print "\n";

my $noisy = grep { !$_ } values %quiet;
my $control = $value{'control.compute'} // 0;
print "THIS HOST IS TOO BUSY: " . ($control < 1.8 ? sprintf('two processors alone are worth %.2f of one', $control)
    : "$noisy rows did not repeat") . "; these are no figures of the kernel\n" if $control < 1.8 || $noisy;
