# Strings, hashes of arrays, regular expressions, sorting.
#
#	work.pl ROUNDS
use strict;
use warnings;

my $total = 0;
my @kept;
for my $turn (1 .. $ARGV[0]) {
	my ($x, %words, @rows, %by_key) = ($turn);
	for my $i (0 .. 19999) {
		$x = ($x * 1103515245 + 12345) & 0x7fffffff;
		$words{"word" . $x % 3000}++;
		push @rows, { id => $i, key => $x % 499,
			text => chr(97 + $x % 26) x ($x % 400) };
		push @{ $by_key{ $x % 499 } }, $rows[-1];
	}
	my $text = join ",", map { substr $_->{text}, 0, 30 } @rows;
	$text =~ s/([aeiou]+)/<$1>/g;
	my @sorted = sort { $a->{key} <=> $b->{key} || $a->{id} <=> $b->{id} }
		@rows;
	$total += length($text) + keys(%words) + keys(%by_key)
		+ split(/,/, $text) + $sorted[5]{id};
	push @kept, [ map { { %$_ } } grep { $_->{id} % 3 == 0 } @rows ];
	shift @kept if @kept > 3;
}
print "total $total\n";
