# Harness.pm - prove's own harness, with the counts of all results in one plain last line for people and CI.
# A script that breaks TAP's rules, or ends badly without a failed test, counts as one failure.
package Harness;
use strict;
use warnings;
use parent 'TAP::Harness';

sub summary {
    my ($self, $all, $interrupted) = @_;
    $self->SUPER::summary($all, $interrupted);
    my $failed = 0;
    for my $parser ($all->parsers) {
        my $broken = grep { $_ } $parser->parse_errors, $parser->exit, $parser->wait;
        my $count = () = $parser->failed;
        $failed += $count || ($broken ? 1 : 0);
    }
    my ($skipped) = scalar $all->skipped;
    printf "%d skipped\n", $skipped if $skipped;
    $| = 1;
    printf "%d passed, %d failed\n", $all->passed - $skipped, $failed;
}

1;
