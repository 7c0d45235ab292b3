# Fail when a file under src/ includes one of a higher layer.
# usage: awk -f check-layers.awk src/LAYERS src/*/*.[ch]
#
# LAYERS names the layers, lowest first.  A private header is included as
# "layer/name.h"; the public header and those of the system are free.

BEGIN {
	public["jemalloc"] = 1
}

FILENAME ~ /LAYERS$/ {
	if ($1 != "") {
		rank[$1] = ++nlayers
	}
	next
}

FNR == 1 {
	split(FILENAME, path, "/")
	layer = path[length(path) - 1]
	if (!(layer in rank)) {
		complain("is in no layer of LAYERS")
	}
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
	header = $0
	sub(/^[^"]*"/, "", header)
	sub(/".*/, "", header)
	if (split(header, part, "/") != 2) {
		complain("includes \"" header "\": say its layer")
	} else if (part[1] in public) {
		next
	} else if (!(part[1] in rank)) {
		complain("includes \"" header "\": no such layer")
	} else if (rank[part[1]] > rank[layer]) {
		complain("(" layer ") includes \"" header "\" of a higher layer")
	}
}

function complain(text) {
	printf "%s:%d: %s\n", FILENAME, FNR, text
	failed = 1
}

END {
	exit failed
}
