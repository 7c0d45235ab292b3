#!/bin/sh
# Fail when an option or a name of mallctl has no words, when one of them or a
# public function is not in the manual, or when mandoc finds fault with the page.  Run at the top of
# the source tree; needs a C compiler ($CC), mandoc only if it is there.

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
status=0

complain() {
	echo "check-doc: $*"
	status=1
}

${CC:-cc} -std=gnu11 -Isrc -o "$tmp/gen_tables" doc/gen_tables.c || exit 1
"$tmp/gen_tables" --check || status=1
"$tmp/gen_tables" < doc/jemalloc.3.in > "$tmp/jemalloc.3" || exit 1

# Rows: OPT(TYPE, name, ...
sed -n 's/^OPT[A-Z_]*([A-Z0-9]*, *\([a-z0-9_]*\),.*/\1/p' \
    src/meta/options.def > "$tmp/options"
[ -s "$tmp/options" ] || complain "no options found in options.def"
while read -r option; do
	count=$(grep -c "^\.It Cm $option Pq " "$tmp/jemalloc.3")
	[ "$count" = 1 ] ||
	    complain "option $option: $count times in the manual"
done < "$tmp/options"

# Rows: CTL("name", ..., CTL_GROUP("name", ... and CTL_OPTIONS("name", ...
sed -n 's/^CTL("\([^"]*\)",.*/\1/p
    s/^CTL_[A-Z]*("\([^"]*\)",.*/\1.*/p' src/ctl/ctl_names.def > "$tmp/mallctl"
[ -s "$tmp/mallctl" ] || complain "no names found in ctl_names.def"
awk '/^\.It Li / { count[$3]++ } END { for (n in count) print count[n], n }' \
    "$tmp/jemalloc.3" > "$tmp/items"
while read -r name; do
	grep -Fqx "1 $name" "$tmp/items" ||
	    complain "mallctl $name: not once in the manual"
done < "$tmp/mallctl"

# smallocx is for the library's own measurements and has no stable name.
sed -n 's/^#define je_\([a-z0-9_]*\) .*/\1/p' \
    src/platform/public_names.h.in | grep -v '^smallocx$' > "$tmp/names"
[ -s "$tmp/names" ] || complain "no names found in public_names.h.in"
while read -r name; do
	grep -Eq "(Fn|Va) $name( |\$)" "$tmp/jemalloc.3" ||
	    complain "$name is not in the manual"
done < "$tmp/names"

if grep -n '^@' "$tmp/jemalloc.3"; then
	complain "a marker was left in the manual"
fi
if command -v mandoc > /dev/null; then
	mandoc -Tlint -Wwarning "$tmp/jemalloc.3" doc/*.1 ||
	    complain "see mandoc"
fi
exit $status
