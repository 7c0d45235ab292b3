#!/bin/sh
# Fail when what people read does not match the tree.  Run at its top.
#  - INSTALL.md has every switch of configure.ac and no other;
#  - paths that the texts quote exist;
#  - targets that `make help` lists exist.

failed=0
complain() {
	echo "check-texts: $*" >&2
	failed=1
}

switches() {
	sed -n -E 's/.*(JE_ENABLE|JE_WITH_NUMBER|AC_ARG_ENABLE|AC_ARG_WITH)\(\[([a-z-]+)\].*/\2/p' \
	    configure.ac | sort -u
}

described_switches() {
	grep -o -E -e '--(enable|disable|with|without)-[a-z-]+' INSTALL.md |
	    sed -E 's/^--(enable|disable|with|without)-//' | sort -u
}

# `src/...` and the like; names with a wildcard or a placeholder are free.
quoted_paths() {
	grep -h -o -E '`(src|test|scripts|doc|m4|include|bin|\.ci)/[A-Za-z0-9_./-]*`' \
	    README INSTALL.md CONTRIBUTING.md src/README | tr -d '`' | sort -u
}

for name in $(switches); do
	described_switches | grep -q -x -e "$name" ||
	    complain "INSTALL.md lacks the switch $name"
done
for name in $(described_switches); do
	switches | grep -q -x -e "$name" ||
	    complain "INSTALL.md has an unknown switch $name"
done
for path in $(quoted_paths); do
	# What configure makes has a template.
	[ -e "$path" ] || [ -e "$path.in" ] || complain "no such path: $path"
done
for target in $(sed -n '/^define help_text/,/^endef/s/^  \([a-z][a-z_-]*\)\( .*\)\{0,1\}$/\1/p' \
    Makefile.in); do
	grep -q -E "^([a-z_ -]+ )?$target( [a-z_ -]+)?:" Makefile.in ||
	    complain "make help lists $target"
done
exit $failed
