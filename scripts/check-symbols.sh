#!/bin/sh
# Fail unless the libraries show the world exactly the promised names.
# usage: check-symbols.sh SYMBOLS.TXT LIBRARY...
#
# A shared library must export the listed names and no others, need libc only
# (and libm, for profiling) and keep its static TLS within 64 bytes, so that a
# late dlopen works.  A static library must define the listed names and no
# others for the linker.
#
# From the environment: NM, READELF; NAMES, a list of NAME:PUBLIC_NAME for the C
# names that configure has renamed; CXX_PART=0 without the C++ operators;
# EXPORTED empty after --without-export; LOCALIZED=0 if private names could not
# be hidden in archives; GLIBC_PART=0 without what glibc's programs ask;
# BETWEEN, the private names that the two members of an archive share.

: "${NM:=nm}" "${READELF:=readelf}" "${CXX_PART:=1}" "${LOCALIZED:=1}"
: "${GLIBC_PART:=1}"
TLS_MAX=64
failed=0

complain() {
	echo "check-symbols: $*" >&2
	failed=1
}

# "type name", one per line, sorted; types that only the linker tells apart
# are made one.
normalize() {
	sed -e 's/^D /B /; s/^W /V /; s/^R /B /' | LC_ALL=C sort -u
}

expected() {
	awk -v names="$NAMES" -v cxx="$CXX_PART" -v glibc="$GLIBC_PART" '
		BEGIN {
			n = split(names, pairs, " ")
			for (i = 1; i <= n; i++) {
				split(pairs[i], pair, ":")
				public[pair[1]] = pair[2]
			}
		}
		NF == 3 && $3 == "glibc" && glibc == 1 { print $1, $2 }
		NF == 3 && $3 == "switch" && $2 in public {
			print $1, public[$2]
		}
		/^#/ || NF != 2 { next }
		$2 ~ /^_Z/ { if (cxx == 1) { print } next }
		{ print $1, ($2 in public) ? public[$2] : $2 }' "$1" | normalize
}

defined() {
	awk 'NF == 3 { print $2, $3 }' | normalize
}

compare() {
	comm -23 "$want" "$have" | while read -r type name; do
		echo "  lacks $type $name"
	done
	comm -13 "$want" "$have" | while read -r type name; do
		echo "  has   $type $name"
	done
	cmp -s "$want" "$have" || complain "$1: not the names of $symbols"
}

check_needs() {
	for name in $("$READELF" -d "$1" |
	    sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
		case $name in
		libc.so.*|libm.so.*|libpthread.so.*|libdl.so.*|ld-linux*) ;;
		*) complain "$1 needs $name" ;;
		esac
	done
}

check_tls() {
	bytes=$("$READELF" -W -l "$1" | awk '$1 == "TLS" { print $6 }')
	if [ -n "$bytes" ] && [ $((bytes)) -gt $TLS_MAX ]; then
		complain "$1 takes $((bytes)) bytes of static TLS, not $TLS_MAX"
	fi
}

symbols=$1
shift
want=$(mktemp) && have=$(mktemp) || exit 2
trap 'rm -f "$want" "$have"' EXIT

for library in "$@"; do
	case $library in
	*.a)
		[ "$LOCALIZED" = 1 ] || continue
		expected "$symbols" > "$want"
		"$NM" -g --defined-only "$library" | defined |
		    awk -v between="$BETWEEN" '
			BEGIN {
				n = split(between, names, " ")
				for (i = 1; i <= n; i++) {
					private[names[i]]
				}
			}
			!($2 in private) && !/^V DW\.ref\./' > "$have"
		;;
	*)
		if [ -n "$EXPORTED" ]; then
			expected "$symbols" > "$want"
		else
			: > "$want"
		fi
		"$NM" -D --defined-only "$library" | defined > "$have"
		check_needs "$library"
		check_tls "$library"
		;;
	esac
	compare "$library"
done
exit $failed
