<?php
// Arrays, strings, regular expressions, JSON, DOM (libxml2's allocations).
//
//	work.php ROUNDS
$total = 0;
for ($turn = 1; $turn <= (int)$argv[1]; $turn++) {
	$x = $turn;
	$words = $rows = [];
	for ($i = 0; $i < 20000; $i++) {
		$x = ($x * 1103515245 + 12345) & 0x7fffffff;
		$word = 'word' . $x % 3000;
		$words[$word] = ($words[$word] ?? 0) + 1;
		$rows[] = ['id' => $i, 'key' => $x % 499,
			'text' => str_repeat('ab', $x % 200)];
	}
	usort($rows, fn($a, $b) => [$a['key'], $a['id']]
		<=> [$b['key'], $b['id']]);
	$text = json_encode(array_slice($rows, 0, 5000));
	$total += count($words) + count(json_decode($text, true))
		+ strlen(preg_replace('/(ba)+/', '<\0>', $text));
}
echo "total $total\n";
