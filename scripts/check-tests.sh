#!/bin/sh
# Fail when a module has no unit test: src/page/ecache.c or .h needs
# test/unit/page/ecache.c.  Run at the top of the source tree.

# Headers that only declare, and what other tests cover better.
exempt() {
	case $1 in
	platform/build) ;;		# constants
	platform/compiler) ;;		# attributes
	platform/err) ;;		# an enumeration
	platform/tls) ;;		# one attribute
	platform/config) ;;		# made by configure
	platform/public_names) ;;	# made by configure
	api/new) ;;			# test/integration/cxx.c: needs C++
	*) return 1 ;;
	esac
}

modules() {
	for file in src/*/*.c src/*/*.cc src/*/*.h; do
		[ ! -e "$file" ] || echo "$file"
	done | sed 's/^src\///; s/\.[a-z]*$//' | sort -u
}

failed=0
for module in $(modules); do
	if [ ! -e "test/unit/$module.c" ] && ! exempt "$module"; then
		echo "check-tests: src/$module has no test/unit/$module.c" >&2
		failed=1
	fi
done
exit $failed
