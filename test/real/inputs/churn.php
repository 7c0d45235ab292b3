<?php
/* A table of strings, JSON and regular expressions. */
$h = [];
for ($i = 0; $i < 200000; $i++) {
	$h[$i * 7919 % 50021] = str_repeat("x", $i % 100);
}
echo count($h), " ", strlen(implode($h)), "\n";
preg_match_all("/x+/", implode(" ", $h), $m);
echo count($m[0]), "\n";
