# Hashes, strings, regular expressions, sorting and forks.
use strict;
use warnings;

my $x = 1;
sub next_number { $x = ($x * 1103515245 + 12345) % 2147483648; return $x; }

my %table;
for my $i (1 .. 60000) {
    my $key = "key" . next_number() % 30000;
    $table{$key} .= chr(97 + $i % 26) x (next_number() % 40);
    delete $table{"key" . next_number() % 30000} if $i % 3 == 0;
}
my $total = 0;
$total += length $table{$_} for keys %table;
print scalar(keys %table), " $total\n";

my @rows = map { { n => next_number(), s => "s" x (next_number() % 100) } }
    1 .. 20000;
@rows = sort { $a->{n} <=> $b->{n} || length $a->{s} <=> length $b->{s} } @rows;
print "$rows[0]{n} $rows[-1]{n}\n";

my $text = join " ", map { "word" . next_number() % 5000 } 1 .. 12000;
my %count;
$count{$1}++ while $text =~ /(word\d+)/g;
(my $changed = $text) =~ s/word(\d)(\d*)/<$2$1>/g;
print scalar(keys %count), " ", length $changed, "\n";

my $grown = "";
$grown .= "abc" x ($_ % 100) for 1 .. 30000;
print length $grown, "\n";

for my $i (1 .. 100) {
    my $pid = fork() // die "fork: $!";
    if ($pid == 0) {
        my @child = map { "c" x $_ } 1 .. 300;
        exit scalar(@child) % 256;
    }
    waitpid $pid, 0;
    die "child ended with $?" if $? >> 8 != 300 % 256;
}
print "children done\n";
