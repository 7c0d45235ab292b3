#!/bin/sh
# Install into an empty folder, use it as a program would, uninstall.
# Run at the top of the source tree.  Builds in build-install.

root=$(pwd)/build-install/root
prefix="$root/usr"
failed=0
complain() {
	echo "check-install: $*" >&2
	failed=1
}

sh scripts/other-build.sh install --prefix="$prefix" &&
    make -s -j"$(nproc 2>/dev/null || echo 2)" -C build-install || exit 1
rm -rf "$root"
make -s -C build-install install &&
    make -s -C build-install install >/dev/null || exit 1

# A staged install, into a path with a space.
make -s -C build-install DESTDIR="$root/a stage" install > /dev/null &&
    [ -e "$root/a stage$prefix/lib/libjemalloc.so.2" ] ||
    complain "DESTDIR does not work"

# What is there, with its mode.
cat > build-install/expected <<'EOL'
644 include/jemalloc/jemalloc.h
644 lib/libjemalloc.a
644 lib/libjemalloc_pic.a
644 lib/pkgconfig/jemalloc.pc
755 bin/jemalloc-config
755 bin/jemalloc-stats-html
755 bin/jemalloc-top
755 bin/jemalloc.sh
755 lib/libjemalloc.so.2
777 lib/libjemalloc.so
EOL
(cd "$prefix" && find bin include lib ! -type d -printf '%m %p\n' |
    LC_ALL=C sort) > build-install/installed
diff build-install/expected build-install/installed ||
    complain "the installed files are not the expected ones"
[ "$(readlink "$prefix/lib/libjemalloc.so")" = libjemalloc.so.2 ] ||
    complain "libjemalloc.so is no link to libjemalloc.so.2"

# Programs: C and C++, shared and static, by pkg-config.
cat > build-install/program.c <<'EOL'
#include <jemalloc/jemalloc.h>
#include <stdio.h>
#include <string.h>

/* Ordinary words: the library's private names must not meet ours. */
int arena_count;
void mutex_lock_slow(void) { arena_count++; }

int
main(void)
{
	mutex_lock_slow();
	char *text = mallocx(100, MALLOCX_ZERO | MALLOCX_ALIGN(64));
	if (text == NULL || sallocx(text, 0) != nallocx(100, MALLOCX_ALIGN(64))) {
		return 1;
	}
	strcpy(text, "served");
	text = realloc(text, 100000);
	int bad = strcmp(text, "served") != 0;
	printf("%s by jemalloc " JEMALLOC_VERSION "\n", text);
	free(text);
	return bad;
}
EOL
cat > build-install/program.cc <<'EOL'
#include <jemalloc/jemalloc.h>
#include <map>
#include <memory>
#include <new>
#include <string>

int
main()
{
	std::map<int, std::string> map;
	for (int i = 0; i < 1000; i++) {
		map[i] = std::string(static_cast<size_t>(i), 'x');
	}
	auto big = std::make_unique<char[]>(1 << 20);
	try {
		volatile size_t huge = static_cast<size_t>(-1) / 4;
		delete[] new char[huge];
		return 2;
	} catch (const std::bad_alloc &) {
	}
	return map[999].size() == 999 && sallocx(big.get(), 0) >= 1 << 20 ? 0 : 1;
}
EOL
PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
export PKG_CONFIG_PATH

# try NAME COMPILER SOURCE FLAG... : build a program, run it.
try() {
	name=$1
	compiler=$2
	source=$3
	shift 3
	if ! "$compiler" -o "build-install/$name" "build-install/$source" "$@"; then
		complain "$name does not link"
	elif ! "build-install/$name"; then
		complain "$name fails"
	else
		echo "  ok    $name"
	fi
}

# shellcheck disable=SC2046  # a list of words
set -- $(pkg-config --cflags --libs jemalloc)
try c-shared gcc program.c "$@" -Wl,-rpath,"$prefix/lib"
try cxx-shared g++ program.cc "$@" -Wl,-rpath,"$prefix/lib"
include="-I$prefix/include"
try c-static gcc program.c "$include" "$prefix/lib/libjemalloc.a" -pthread
try cxx-static g++ program.cc "$include" "$prefix/lib/libjemalloc.a" -pthread
try c-static-pic gcc program.c "$include" "$prefix/lib/libjemalloc_pic.a" -pthread
try c-all-static gcc program.c "$include" "$prefix/lib/libjemalloc.a" -static
try cxx-all-static g++ program.cc "$include" "$prefix/lib/libjemalloc.a" -static

# Scripts.
"$prefix/bin/jemalloc.sh" grep -q libjemalloc.so.2 /proc/self/maps ||
    complain "jemalloc.sh does not preload"
"$prefix/bin/jemalloc-top" --help | grep -q stats_export ||
    complain "jemalloc-top does not start"
"$prefix/bin/jemalloc-stats-html" --help | grep -q stats.json ||
    complain "jemalloc-stats-html does not start"
for option in version revision config prefix bindir datadir includedir libdir \
    mandir cc cflags cppflags cxxflags ldflags libs; do
	"$prefix/bin/jemalloc-config" --$option > build-install/value ||
	    complain "jemalloc-config --$option fails"
	[ "$(wc -l < build-install/value)" -eq 1 ] ||
	    complain "jemalloc-config --$option is not one line"
done
[ "$("$prefix/bin/jemalloc-config" --prefix)" = "$prefix" ] ||
    complain "jemalloc-config --prefix is wrong"
"$prefix/bin/jemalloc-config" --nonsense >/dev/null &&
    complain "jemalloc-config takes anything"

make -s -C build-install uninstall || complain "make uninstall fails"
make -s -C build-install uninstall || complain "a second uninstall fails"
left=$(find "$prefix" ! -type d)
[ -z "$left" ] || complain "uninstall left: $left"

if [ $failed -eq 0 ]; then
	echo "1 passed, 0 failed"
else
	echo "0 passed, 1 failed"
fi
exit $failed
