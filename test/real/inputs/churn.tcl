# A dictionary of strings, and lists.
for {set i 0} {$i < 100000} {incr i} {
    dict set d [expr {$i * 7919 % 20011}] [string repeat x [expr {$i % 100}]]
    lappend l $i$i
}
puts [dict size $d]
puts [lindex [lsort $l] 777]
puts [string length [join $l ,]]
