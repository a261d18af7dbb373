# Plugin.pm - a kernel run in virtual time, on one processor, under a plugin of QEMU, and where its routines are.
package Plugin;
use strict;
use warnings;
no warnings 'portable';                # addresses have 64 bits
use Exporter 'import';
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);
our @EXPORT_OK = qw(give_up read_symbols name_of place_of range_of run);

my $home = abs_path(dirname(abs_path(__FILE__)) . '/../..');
our (%address, %size, @sorted);

# Exit status 2: not the kernel's fault.
sub give_up { (my $self = $0) =~ s{.*/}{}; print STDERR "$self: $_[0]\n"; exit 2; }

sub read_symbols {
    my ($build, @needed) = @_;
    open my $nm, '-|', $ENV{NM} || 'nm', '-n', '-S', "$build/kedge.full" or give_up("no nm: $!");
    while (my $line = <$nm>) {
        next unless $line =~ /^([0-9a-f]+) (?:([0-9a-f]+) )?[tT] (\S+)/;
        $address{$3} = hex $1;
        $size{$3} = hex($2 // '0');
        push @sorted, [hex $1, $3];
    }
    close $nm;
    for my $need (@needed) {
        give_up("$build/kedge.full has no $need") unless $address{$need};
    }
}

# The routine that an address lies in, or the last one before it, and how far behind its beginning; () before all.
sub place_of {
    my ($at) = @_;
    my ($low, $high) = (0, $#sorted);
    return () if !@sorted || $at < $sorted[0][0];
    while ($low < $high) {
        my $middle = int(($low + $high + 1) / 2);
        if ($sorted[$middle][0] <= $at) { $low = $middle } else { $high = $middle - 1 }
    }
    return ($sorted[$low][1], $at - $sorted[$low][0]);
}

sub name_of {
    my ($at) = @_;
    my ($name, $offset) = place_of($at);
    return defined $name ? sprintf('%s+%#x', $name, $offset) : sprintf('%x', $at);
}

sub range_of { sprintf '%x-%x', $address{$_[0]}, $address{$_[0]} + $size{$_[0]} }

# Boots the kernel of $build with the plugin $name (tests/bench/$name.c, made here) and its @$arguments, beside out=FILE;
# %environment is boot.sh's. Returns: its status, and FILE. Its log: $build/$name/log.
sub run {
    my ($build, $name, $arguments, %environment) = @_;
    my $here = "$build/$name";
    my $cc = $ENV{HOST_CC} || 'cc';
    my $qemu = $ENV{QEMU} || 'qemu-system-x86_64';
    my @flags = qw(-O2 -Wall -Wextra -Werror -shared -fPIC -fvisibility=hidden);

    make_path($here);
    $here = abs_path($here);
    system("command -v $cc >/dev/null 2>&1") == 0 or give_up("no compiler for this machine ($cc)");
    system($cc, @flags, '-o', "$here/$name.so", "$home/tests/bench/$name.c") == 0 or
        give_up('the plugin does not compile');
    `$qemu --help 2>&1` =~ /^-plugin/m or give_up("$qemu takes no plugins");
    open my $wrapper, '>', "$here/qemu" or give_up("$here/qemu: $!");
    print $wrapper "#!/bin/sh\nexec $qemu \"\$@\" -plugin '",
        join(',', "$here/$name.so", "out=$here/out", @$arguments), "'\n";
    close $wrapper;
    chmod 0755, "$here/qemu";
    unlink "$here/out";
    delete $ENV{DRIVER};
    my $status = system('env', "BUILD=$build", "QEMU=$here/qemu", 'SMP=1', 'ACCEL=virtual', 'HEADLESS=1', 'TIMEOUT=900',
        (map { "$_=$environment{$_}" } sort keys %environment),
        'sh', '-c', "$home/tests/boot.sh >$here/log 2>&1") >> 8;
    give_up("the plugin was not loaded:\n" . `tail -n 3 $here/log`) unless -s "$here/out";
    return ($status, "$here/out");
}

1;
