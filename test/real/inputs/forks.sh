# Thousands of forks: substitutions, pipes, subshells, background jobs.
sum=0
for i in $(seq 1 1000); do
	word=$(echo "$i")
	sum=$((sum + word))
done
echo "$sum"
for i in $(seq 1 200); do
	echo "line $i" | tr a-z A-Z | grep -c LINE
done | sort | uniq -c
for i in $(seq 1 100); do
	(
		x=$i
		for j in 1 2 3 4 5; do x=$x$x; done
		echo ${#x}
	)
done | cksum
for i in $(seq 1 50); do
	sleep 0.001 &
done
wait
declare -A table
for i in $(seq 1 20000); do
	table[key$((i * 7919 % 5000))]+=x
done
echo "${#table[@]} ${#table[key1]}"
big=""
for i in $(seq 1 2000); do
	big+="some more words $i "
done
echo ${#big}
arr=(${big})
echo ${#arr[@]}
