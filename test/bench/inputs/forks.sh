# A script as scripts are: substitutions, pipes, short commands.
#
#	forks.sh ROUNDS
i=0
list=""
while [ "$i" -lt "$1" ]; do
	word=$(echo "word $i")
	size=$(printf '%s' "$word" | wc -c)
	case $word in
	*7) list="$list $(basename "/usr/lib/$i.so" .so)" ;;
	*) list="$list $size" ;;
	esac
	(
		n=0
		for w in $list; do
			n=$((n + ${#w}))
		done
		[ "$n" -gt 0 ]
	) || exit 1
	i=$((i + 1))
done
echo "$list" | cksum
