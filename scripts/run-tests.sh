#!/bin/sh
# Run test programs built on test/support/harness and add up their counts.
# usage: run-tests.sh [-m MODULE[:TEST]] [-x LIST] [-v] PROGRAM...
#
# JEMALLOC_TEST_PREFIX, if set, is put in front of each program (valgrind ...).
# The last line is "N passed, N failed"; the exit status is 0 if none failed.

options=
while getopts m:x:v letter; do
	case $letter in
	m) options="$options -m $OPTARG" ;;
	x) options="$options -x $OPTARG" ;;
	v) options="$options -v" ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))

if [ $# -eq 0 ]; then
	echo "run-tests: there is no such test program" >&2
	exit 2
fi

counts=$(mktemp) || exit 2
trap 'rm -f "$counts"' EXIT

broken=0
for program in "$@"; do
	basename "$program"
	lines=$(wc -l < "$counts")
	case $program in
	/*) path=$program ;;
	*) path=./$program ;;
	esac
	# shellcheck disable=SC2086  # both are lists of words
	$JEMALLOC_TEST_PREFIX "$path" -o "$counts" $options
	status=$?
	if [ "$(wc -l < "$counts")" -eq "$lines" ]; then
		echo "  FAIL  $program ended early with status $status"
		broken=$((broken + 1))
	fi
done

awk -v broken="$broken" '
	{ passed += $1; failed += $2; skipped += $3 }
	END {
		failed += broken
		if (skipped > 0) {
			printf "(%d skipped)\n", skipped
		}
		printf "%d passed, %d failed\n", passed, failed
		if (passed + failed + skipped == 0) {
			print "run-tests: no test has that name"
			exit 2
		}
		exit failed > 0
	}' "$counts"
