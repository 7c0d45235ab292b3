# Shared by scripts/quickstart and scripts/check: progress, errors, packages.
# Not a program; to be read with `.` at the top of the source tree.

# To standard error: what a command prints stays its own.
say() {
	printf '== %s\n' "$*" >&2
}

die() {
	printf '\n%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

jobs_max() {
	nproc 2>/dev/null || echo 2
}

# need COMMAND PACKAGE: remember PACKAGE if there is no such command.
packages=
need() {
	command -v "$1" >/dev/null 2>&1 || packages="$packages $2"
}

# need_file PACKAGE FILE...: remember PACKAGE unless one of the files is there.
need_file() {
	package=$1
	shift
	for file in "$@"; do
		[ ! -e "$file" ] || return 0
	done
	packages="$packages $package"
}

# need_c PACKAGE HEADER [LIBRARY]: remember PACKAGE unless a program that
# includes HEADER links.
need_c() {
	printf '#include <stdarg.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <setjmp.h>\n#include <%s>\nint main(void) { return 0; }\n' "$2" |
	    gcc -x c - -o /dev/null ${3:+-l$3} 2>/dev/null ||
	    packages="$packages $1"
}

# need_python PACKAGE MODULE: remember PACKAGE unless Python has MODULE.
need_python() {
	/usr/bin/python3 -c "import $2" 2>/dev/null || packages="$packages $1"
}

# Install what was remembered.
install_needed() {
	[ -n "$packages" ] || return 0
	say "missing:$packages"
	command -v apt-get >/dev/null 2>&1 ||
	    die "no apt-get here; install the equivalents of:$packages"
	sudo=
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null 2>&1 ||
		    die "not root and no sudo; as root run: apt-get install$packages"
		sudo=sudo
	fi
	log=$(mktemp)
	say "installing with ${sudo:+sudo }apt-get (once)"
	# shellcheck disable=SC2086  # lists of words
	if $sudo apt-get update >"$log" 2>&1 &&
	    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y \
	    --no-install-recommends $packages >>"$log" 2>&1; then
		rm -f "$log"
		packages=
		return 0
	fi
	tail -15 "$log" >&2
	rm -f "$log"
	die "apt-get could not install:$packages"
}

# What every build needs.
need_build_tools() {
	need gcc gcc
	need g++ g++
	need make make
	need autoconf autoconf
	need ar binutils
	need_file libc6-dev /usr/include/stdio.h
}
