#!/bin/sh
# Make ./configure from configure.ac and run it: ./autogen.sh [configure args].
# Stops at the first failure.

run() {
	echo "$*"
	"$@" || {
		status=$?
		echo "Error $status in $1" >&2
		exit 1
	}
}

cd "$(dirname "$0")" || exit 1
run autoconf
run ./configure --enable-autogen "$@"
