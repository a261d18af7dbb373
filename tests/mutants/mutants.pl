#!/usr/bin/perl
# mutants.pl - does a broken kernel turn a test red? Plants one fault of tests/mutants/table after the other in a copy of the
# tree, builds it, and runs the self-test until somebody notices.
#
#   mutants.pl [NAME...]      those mutants; without a name all
#
# The copies lie in build/mutants/, one per processor of the host; the tree itself is never written to. Each mutant
# runs in virtual time: first the tests that its entry names, then whole suites, on one and on two processors. (The first tests
# run in real time where the entry says `parallel`: two processors meet there between any two instructions.) Whoever
# notices first is named in the table:
#   a test               a result `not ok`
#   stop in ... (NAME)   the kernel's own checks stopped the machine while that test ran
#   hang in ...          nobody noticed but the watchdog, the runner's or the launcher's, while that test ran
#   drivers/...          a driver of tests/drivers/ whose verdict is not what its opening comment says
#   SURVIVED             nobody: a test is missing
# An entry whose context is not in its file exactly once, or that does not compile, fails too: the kernel has changed and the entry
# must follow. The last line counts: N passed, N failed.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use Time::HiRes qw(time);

my $home = abs_path(dirname(abs_path($0)) . '/../..');
my $copies = "$home/build/mutants";
my $patience = $ENV{TIMEOUT} || 12;    # seconds that a mutant's own tests may take: they are short
my $long_patience = 10 * $patience;    # for whole suites: a slow host must not pass for a test that noticed

my $virtual_patience = 4000;           # seconds of virtual time; a test of ke sleeps for one of its hours

# What runs after an entry's own tests have passed. The last resort is long, and rarely reached.
my @later = (['ke,ps,ob,ex,mm,arch', 1], ['ke,ps,ob,arch,torture', 2]);

# ---- The table ----

# Returns the entries: name, what, file, test or drivers, smp, old, new.
sub read_table {
    my ($path) = @_;
    my (@entries, $entry);
    open my $in, '<', $path or die "$path: $!\n";
    while (my $line = <$in>) {
        if ($line =~ /^mutant (\w+): (.+)$/) {
            push @entries, $entry = { name => $1, what => $2, smp => 1, old => '', new => '' };
        } elsif ($line =~ /^file (\S+)$/) {
            $entry->{file} = $1;
        } elsif ($line =~ /^test (\S+)(?: SMP=(\d+))?( parallel)?$/) {
            @$entry{qw(test smp accel)} = ($1, $2 || 1, $3 ? 'parallel' : 'virtual');
        } elsif ($line =~ /^driver (.+)$/) {
            $entry->{drivers} = [split ' ', $1];
        } elsif ($line =~ /^stops (.+)$/) {
            $entry->{stops} = $1;
        } elsif ($line =~ /^([-+ ])(.*\n)$/) {
            $entry->{old} .= $2 if $1 ne '+';
            $entry->{new} .= $2 if $1 ne '-';
        } elsif ($line !~ /^(#.*)?$/) {
            die "$path:$.: not understood: $line";
        }
    }
    for my $one (@entries) {
        $one->{file} && ($one->{test} || $one->{drivers}) && $one->{old} ne $one->{new} or die "$path: $one->{name} is not complete\n";
    }
    return @entries;
}

# ---- A copy of the tree ----

sub slurp { my ($path) = @_; open my $in, '<', $path or die "$path: $!\n"; local $/; return scalar <$in>; }

# A new file takes the place of the old one, with a time that make notices.
sub replace {
    my ($path, $text) = @_;
    open my $out, '>', "$path.new" or die "$path.new: $!\n";
    print $out $text;
    close $out or die "$path.new: $!\n";
    rename "$path.new", $path or die "$path: $!\n";
}

# Everything but products that the kernel is not made of. Times are kept, so that nothing is compiled for the copying.
sub copy_tree {
    my ($copy) = @_;
    remove_tree($copy);
    make_path("$copy/build");
    my @parts = grep { !m{/(\.git|build)$} } glob("$home/* $home/.clang-format");
    my @products = grep { !m{/(mutants|tests|kedge\.iso)$} } glob("$home/build/*");
    system('cp', '-a', @parts, $copy) == 0 && system('cp', '-a', @products, "$copy/build") == 0
        or die "$home cannot be copied to $copy\n";
}

# Warnings are no errors here: a planted fault may leave a variable without a use.
sub build {
    my ($copy) = @_;
    my $output = `make -s -j1 -C '$copy' EXTRA_CFLAGS=-Wno-error all 2>&1`;
    return $? == 0 ? undef : $output;
}

# ---- A run ----

sub bugcheck_name {
    my ($log) = @_;
    return $log =~ /^\*\*\*.*?\b([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)/m || $log =~ /\b([A-Z][A-Z0-9]+(?:_[A-Z0-9]+){2,})\b/ ? $1 : '?';
}

# What the runner and the tests' helpers say when their patience is over.
my $watchdog = qr/^(?:the test ends|a joined thread ends|a thread blocks|a flag becomes set|a helper thread still runs)/;

my %red;                               # tests that fail without any mutant: they notice nothing

# Returns who noticed, or undef. Stops: what the log of a stop that is due says.
sub run {
    my ($copy, $tests, $smp, $seconds, $stops, $accel) = @_;
    $accel ||= 'virtual';
    my $tap = "$copy/build/tap";
    unlink $tap;
    my $log = `cd '$copy' && env -u DRIVER -u BUILD HEADLESS=1 ACCEL=$accel FIRMWARE=direct SMP=$smp TIMEOUT=$seconds \\
        TAP='$tap' APPEND='test=$tests hang=$virtual_patience' tests/boot.sh 2>&1 </dev/null`;
    my $status = $? >> 8;
    return $status == 2 && $log =~ /$stops/ ? undef : $tests if defined $stops;
    return undef if $status == 0;
    my $results = -e $tap ? slurp($tap) : '';
    my ($running) = $results =~ /.*^# run (\S+)/ms;
    $running = 'boot' unless defined $running;
    while ($results =~ /^not ok \d+ - (\S+)\n  ---\n(?:.*\n){2}    expression: "(.*)"/mg) {
        my ($who, $why) = ($1, $2);
        next if $red{$who};
        return $why =~ $watchdog ? "hang in $who" : $who;
    }
    return "hang in $running" if $status == 3;
    return undef if $status == 1;
    return "stop in $running (" . bugcheck_name($log) . ')' if $status == 2;
    return "status $status in $running";
}

# What a driver's opening comment says of a run: the directives of one kind.
sub directives {
    my ($source, $kind) = @_;
    return map { s{\s*\*/$}{}r } $source =~ m{^[ /]*\* $kind: (.*\S)\s*$}mg;
}

# Returns whether a driver's run ends with this status and a log in which all patterns match.
sub driver_ends {
    my ($copy, $driver, $run, $status, @patterns) = @_;
    my $log = `cd '$copy' && env -u BUILD HEADLESS=1 ACCEL=virtual FIRMWARE=direct TIMEOUT=$long_patience \\
        DRIVER='$home/build/tests/drivers/$driver.sys' $run tests/boot.sh 2>&1 </dev/null`;
    my $ended = $? >> 8;
    $log =~ tr/\r//d;
    return $ended == $status && !grep { $log !~ /$_/m } @patterns;
}

# One of tests/drivers/rules/, with its fault and without, or one of tests/drivers/: who noticed, or undef.
sub driver_notices {
    my ($copy, $name) = @_;
    my $rule = -f "$home/tests/drivers/rules/$name.c";
    my $source = slurp("$home/tests/drivers/" . ($rule ? "rules/$name.c" : "$name.c"));
    my ($run) = (directives($source, 'run'), '');
    my ($status, @patterns) = (0);
    if ($rule) {
        my (undef, $code, $stop) = split /^(?:stop )?(\S+) /, (directives($source, 'fault'))[0];
        @patterns = ($code =~ /^0x.{8}$/ ? "STOP $code $stop\$" : "^  $stop: ", directives($source, 'log'));
        return "drivers/rules/$name" unless driver_ends($copy, "rules/${name}_fault", $run, 2, @patterns);
        return driver_ends($copy, "rules/$name", $run, 0) ? undef : "drivers/rules/$name without its fault";
    }
    for (directives($source, 'expect')) {
        $status = $1 if /^status (\d)/;
        push @patterns, $1 if /^log (.*)/;
    }
    return driver_ends($copy, $name, $run, $status, @patterns) ? undef : "drivers/$name";
}

sub notice {
    my ($copy, $entry) = @_;
    for my $driver (@{$entry->{drivers} || []}) {
        my $who = driver_notices($copy, $driver);
        return $who if defined $who;
    }
    return undef unless defined $entry->{test};
    for my $stage ([@$entry{qw(test smp)}, $patience, @$entry{qw(stops accel)}], map { [@$_, $long_patience] } @later) {
        my $who = run($copy, @$stage);
        return $who if defined $who;
    }
    return undef;
}

# ---- One mutant ----

# Returns: (passed, verdict).
sub try {
    my ($copy, $entry) = @_;
    my $path = "$copy/$entry->{file}";
    return (0, "STALE: $entry->{file} is not there") unless -f $path;
    my $text = slurp($path);
    my $places = () = $text =~ /^\Q$entry->{old}\E/mg;
    return (0, "STALE: its context is $places times in $entry->{file}") if $places != 1;
    (my $mutant = $text) =~ s/^\Q$entry->{old}\E/$entry->{new}/m;
    replace($path, $mutant);
    my $broken = build($copy);
    my $who = defined $broken ? undef : notice($copy, $entry);
    replace($path, $text);
    return (0, 'DOES NOT BUILD: ' . ($broken =~ /(error:.*)/ ? $1 : '?')) if defined $broken;
    return defined $who ? (1, $who) : (0, 'SURVIVED');
}

# ---- All of them: the host's processors take one after the other from a common list ----

# The list is a pipe of numbers, a line each; a read of one line's length is atomic.
sub work {
    my ($copy, $entries, $list, $results) = @_;
    while (sysread($list, my $number, 4) == 4) {
        my $start = time;
        my ($passed, $verdict) = try($copy, $entries->[$number]);
        syswrite $results, sprintf("%d %d %.1f %s\n", $number, $passed, time - $start, $verdict);
    }
}

sub spawn {
    my ($routine) = @_;
    my $pid = fork;
    die "fork: $!\n" unless defined $pid;
    return $pid if $pid;
    $routine->();
    exit 0;
}

# A mutant is caught by a test that passes without it. Those that do not are failures of their own, and do not count.
sub find_red {
    my (@workers) = @_;
    pipe(my $found, my $found_in) or die "pipe: $!\n";
    my @pids = map { my $at = $_; spawn(sub {
        copy_tree($workers[$at]);
        my $broken = build($workers[$at]);
        die "the tree does not build:\n$broken" if defined $broken;
        return if $at > 1;
        my $who = run($workers[$at], 'ke,ps,ob,arch,mm,ex,torture', $at + 1, $long_patience);
        die "the tree is not sound: $who, without any mutant (SMP=" . ($at + 1) . ")\n" if defined $who && $who =~ / /;
        syswrite $found_in, "$_\n" for slurp("$workers[$at]/build/tap") =~ /^not ok \d+ - (\S+)/mg;
    }) } 0 .. $#workers;
    close $found_in;
    while (my $who = <$found>) { chomp $who; $red{$who} = 1; }
    for my $pid (@pids) { waitpid $pid, 0; exit 1 if $?; }
    print "NOT OK $_ fails without any mutant\n" for sort keys %red;
    return scalar keys %red;
}

sub main {
    my @names = @_;
    my @entries = read_table("$home/tests/mutants/table");
    if (@names) {
        my %wanted = map { $_ => 1 } @names;
        @entries = grep { delete $wanted{$_->{name}} } @entries;
        die 'no such mutant: ' . join(' ', sort keys %wanted) . "\n" if %wanted;
    }
    my $processors = `nproc 2>/dev/null` || 2;
    my @workers = map { "$copies/$_" } 0 .. ($processors > 2 ? 4 : 2) - 1;
    my $begin = time;
    my ($passed, $failed) = (0, find_red(@workers));
    pipe(my $list, my $list_in) or die "pipe: $!\n";
    pipe(my $results, my $results_in) or die "pipe: $!\n";
    syswrite $list_in, join('', map { sprintf '%-4d', $_ } 0 .. $#entries);
    close $list_in;
    my @pids = map { my $copy = $_; spawn(sub { work($copy, \@entries, $list, $results_in) }) } @workers;
    close $results_in;
    my %seen;
    while (my $line = <$results>) {
        my ($number, $good, $seconds, $verdict) = $line =~ /^(\d+) (\d) (\S+) (.*)$/ or next;
        my $entry = $entries[$number];
        $seen{$number} = 1;
        $good ? $passed++ : $failed++;
        printf "%-6s %-34s %5.1f s  %s%s\n", $good ? 'ok' : 'NOT OK', $entry->{name}, $seconds, $verdict,
            $good ? '' : "  ($entry->{what})";
    }
    waitpid $_, 0 for @pids;
    for my $entry (map { $entries[$_] } grep { !$seen{$_} } 0 .. $#entries) {
        $failed++;
        print "NOT OK $entry->{name}: not tried\n";
    }
    printf "%.0f s\n%d passed, %d failed\n", time - $begin, $passed, $failed;
    return $failed != 0;
}

delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};
$| = 1;
exit main(@ARGV);
