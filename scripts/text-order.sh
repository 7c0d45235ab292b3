#!/bin/sh
# What does src/text_order lack?  Runs small programs under callgrind and lists
# the functions of the shared library that ran in most of them, but lie behind
# the first 64 KiB, with the number of programs and their size in bytes.  Fails
# if one of them ran in all: then every process pays for 64 KiB more.
# usage: scripts/text-order.sh [LIBRARY]
set -eu
lib=$(realpath "${1:-lib/libjemalloc.so.2}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

run() {
	LD_PRELOAD=$lib valgrind --tool=callgrind --trace-children=no \
	    --callgrind-out-file="$work/%p.out" "$@" >/dev/null 2>&1 || :
}
run ls -l /usr/bin
run sort /etc/passwd
run sed -n 1,100p /etc/passwd
run awk '{ a[$1] = NR } END { for (k in a) print k }' /etc/passwd
# shellcheck disable=SC2016
run bash -c 'for i in 1 2 3 4 5 6 7 8 9; do x=$(echo $i); a[i]=$x; done'

for out in "$work"/*.out; do
	callgrind_annotate --threshold=100 "$out" | grep -F "[$lib]" |
	    grep -oE ":[A-Za-z_0-9.']+ \[" | tr -d ':[ ' | sed "s/'.*//" |
	    sort -u
done | sort | uniq -c > "$work/ran"
nm -S "$lib" | awk -v all="$(find "$work" -name '*.out' | wc -l)" '
	NR == FNR { ran[$2] = $1; next }
	$3 ~ /[tT]/ && ($4 in ran) && ran[$4] >= 3 && length($1) == 16 &&
	    $1 >= "0000000000010000" {
		print ran[$4], $4, $2
		missing += ran[$4] == all
	}
	END { exit missing != 0 }
' "$work/ran" -
