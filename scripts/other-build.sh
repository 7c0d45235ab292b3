#!/bin/sh
# Configure a build folder of its own beside the present one.
# usage: other-build.sh NAME [configure argument...]
#
# The folder is build-NAME; it is configured anew only when the arguments or
# configure itself have changed.

name=$1
shift
source=$(cd "$(dirname "$0")/.." && pwd) || exit 1
mkdir -p "build-$name" && cd "build-$name" || exit 1

printf '%s\n' "$@" > arguments.new
if [ -e Makefile ] && [ Makefile -nt "$source/configure" ] &&
    cmp -s arguments.new arguments; then
	rm arguments.new
	exit 0
fi
echo "configuring build-$name"
"$source/configure" "$@" > configure.out 2>&1 || {
	tail -20 configure.out >&2
	echo "configure failed; see build-$name/config.log" >&2
	exit 1
}
mv arguments.new arguments
