#!/usr/bin/perl
# conformance.pl - which test watches over which promise: tests/conformance.txt beside the tags in the tests.
#
#   conformance.pl            prints the table that tests/CONFORMANCE.md keeps; exit status 1 if something is wrong
#
# A tag is the word `covers` and a list, in any comment:
#   /* covers KeSetEvent.3, KeSetEvent.4, trap 7 */
# In a kernel test it stands inside the TEST or above it, and holds for that test; a driver's holds for the driver,
# wherever it stands. It claims that the test fails when the line is broken.
#
# What is wrong: a tag that names a line which is not in conformance.txt, a line without a test (but in a chapter that
# says it may), a test that no script runs, a list that is not understood. Nothing here is written by hand twice.
use strict;
use warnings;
use File::Basename qw(dirname basename);

chdir dirname($0) . '/..' or die "no such tree\n";

my $item = qr/(?:[A-Z]\w+\.\d+|trap \d+)/;
my (@chapters, %line, %tests, @wrong);

sub slurp { my ($path) = @_; open my $in, '<', $path or die "$path: $!\n"; local $/; return scalar <$in>; }

# ---- The lines: tests/conformance.txt says how it is written ----

sub read_lines {
    my ($path) = @_;
    my ($chapter, $part);
    open my $in, '<', $path or die "$path: $!\n";
    while (my $text = <$in>) {
        chomp $text;
        if ($text =~ /^= (.+?)( \(optional\))?$/) {
            push @chapters, $chapter = { title => $1, optional => defined $2, intro => [], parts => [] };
        } elsif ($text =~ /^> (.+)$/) {
            push @{$chapter->{intro}}, $1;
        } elsif ($text =~ /^~ (.+)$/) {
            push @{$part->{notes}}, $1;
        } elsif ($text =~ /^((\w+)\.\d+|(trap) \d+) (.+)$/) {
            my ($id, $name, $what) = ($1, $2 || $3, $4);
            push @wrong, "$path:$.: $id stands there twice" if $line{$id};
            push @{$chapter->{parts}}, $part = { name => $name, notes => [], ids => [] }
                if !@{$chapter->{parts}} || $chapter->{parts}[-1]{name} ne $name;
            push @{$part->{ids}}, $id;
            $line{$id} = { what => $what, optional => $chapter->{optional} };
        } elsif ($text !~ /^(#.*)?$/) {
            die "$path:$.: not understood: $text\n";
        }
    }
}

# ---- The tags ----

# The comments of a piece of C, each in one line.
sub comments_of {
    my ($text) = @_;
    return map { s/\s*\n\s*(?:\*|\/\/)?\s*/ /gr } $text =~ m{(/\*.*?\*/|//[^\n]*)}gs;
}

# `covers` before anything but the name of a routine, or `trap`, is an English word.
sub take_tags {
    my ($text, $test, $path) = @_;
    for my $comment (comments_of($text)) {
        while ($comment =~ /\bcovers (?=$item|trap|[A-Z][a-z]+[A-Z])/g) {
            my @items;
            push @items, $1 while $comment =~ /\G($item)(?:, )?/gc;
            push @wrong, "$path: a list that is not understood: $comment"
                if !@items || $comment =~ /\G(?:trap|[A-Z][a-z]+[A-Z]\w*[.\d])/;
            for my $id (@items) {
                push @wrong, "$path: $id is no line of tests/conformance.txt" unless $line{$id};
                $tests{$id}{$test} = 1;
            }
        }
    }
}

# The text of a C source falls into pieces, one per TEST: from the end of the function before it to its own end.
sub read_kernel_test {
    my ($path) = @_;
    my ($piece, $test) = ('');
    for my $text (split /^/m, slurp($path)) {
        $piece .= $text;
        $test = join '.', $1 =~ tr/_/./r, $2 if $text =~ /^TEST\((\w+), (\w+)\)/;
        next unless defined $test && $text =~ /^\}|^TEST\(.*\}$/;
        take_tags($piece, $test, $path);
        ($piece, $test) = ('', undef);
    }
    push @wrong, "$path: a tag behind the last test" if $piece =~ /\bcovers $item/;
}

sub read_tags {
    my %ours = map { $_ => 1 } glob('tests/*.c tests/*/*.c tests/drivers/*/*.c');
    for my $path (sort keys %ours) {
        if ($path =~ m{^tests/(drivers/.*)\.c$}) {
            take_tags(slurp($path), $1, $path);
        } elsif ($path !~ m{^tests/bench/}) {
            read_kernel_test($path);
        }
    }
}

# Tests that go wrong on purpose run only where a script asks for them.
sub check_negatives {
    my $scripts = join '', map { slurp($_) } glob('tests/*.t');
    for my $id (sort keys %tests) {
        for my $test (grep { /^negative\./ } sort keys %{$tests{$id}}) {
            my ($name) = $test =~ /^negative\.(.+)$/;
            push @wrong, "$test covers $id, but no script runs it" unless $scripts =~ /\b$name\b/;
        }
    }
}

# ---- The table ----

sub print_part {
    my ($part) = @_;
    print "\n### $part->{name}\n\n" if $part->{name} ne 'trap';
    print "NT: $_\n\n" for @{$part->{notes}};
    print "| | promise | tests |\n|---|---|---|\n";
    for my $id (@{$part->{ids}}) {
        my @names = sort keys %{$tests{$id} || {}};
        push @wrong, "$id has no test: $line{$id}{what}" if !@names && !$line{$id}{optional};
        my ($short) = $id =~ /(\d+)$/;
        printf "| %s | %s | %s |\n", $short, $line{$id}{what}, join('<br>', map { "`$_`" } @names) || '-';
    }
}

sub main {
    read_lines('tests/conformance.txt');
    read_tags();
    check_negatives();
    my $tested = grep { $tests{$_} } keys %line;
    print "# What is promised, and which test watches over it\n\n",
        "Made by `make conformance` from `tests/conformance.txt` and the tags in the tests; `make lint` sees to it that it\n",
        "is up to date. A name like `ke.event.x` is a test in the kernel, one like `drivers/x` a driver of\n",
        "`tests/drivers/`.\n\n", $tested, ' of ', scalar keys %line, " lines have a test.\n";
    for my $chapter (@chapters) {
        print "\n## $chapter->{title}\n\n";
        print "$_\n" for @{$chapter->{intro}};
        print "\n" if @{$chapter->{intro}} && $chapter->{parts}[0]{name} eq 'trap';
        print_part($_) for @{$chapter->{parts}};
    }
    print STDERR "conformance: $_\n" for @wrong;
    return @wrong != 0;
}

exit main();
