#!/bin/sh
# Which share of each source file the unit tests reach, least first.
# usage: coverage.sh BUILD_FOLDER (built with --coverage, tests run)

cd "$1" || exit 1
find obj/debug/src obj/unit/test -name '*.gcda' | while read -r data; do
	gcov -n -o "$data" "$data" 2>/dev/null
done | awk '
	/^File / {
		file = $2
		gsub(/\047/, "", file)
		sub(/.*\/src\//, "src/", file)
		wanted = file ~ /^src\// && file !~ /^src\/platform\/(config|public_names)\.h/
	}
	/^Lines executed:/ && wanted {
		split($0, part, /[:%]/)
		lines = $NF
		# A header is in many objects: keep its best figure.
		hit = int(part[2] * lines / 100 + 0.5)
		if (!(file in total) || hit > best[file]) {
			best[file] = hit
			total[file] = lines
		}
		wanted = 0
	}
	END {
		for (file in total) {
			printf "%6.1f%% of %4d  %s\n",
			    100 * best[file] / total[file], total[file], file
			all += total[file]
			reached += best[file]
		}
		if (all > 0) {
			printf "%6.1f%% of %4d  all\n", 100 * reached / all, all
		}
	}' | sort -n
