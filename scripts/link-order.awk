# Write a linker script that puts the code of the shared library in order.
# usage: awk -f link-order.awk objects="A.o B.o ..." src/text_order
#
# First what runs at start, then the functions that the file names, then the
# constants of the objects, then everything else, object by object, and cold
# parts last.  Constants stand between code because a page of their own would
# bring in sixteen (the kernel maps around a fault).

BEGIN {
	print "SECTIONS {"
	print "\t.rodata.rare : { *(.rodata.rare) }"
	print "\t.text : {"
	print "\t\t*(.text.startup .text.startup.* .text.exit .text.exit.*)"
}

/^[a-z_]/ {
	print "\t\t*(.text." $1 ")"
}

END {
	n = split(objects, names, " ")
	for (i = 1; i <= n; i++) {
		print "\t\t*" names[i] "(.rodata .rodata.*)"
	}
	print "\t}"
	print "\t.text.y_rest : {"
	for (i = 1; i <= n; i++) {
		print "\t\t*" names[i] "(.text .text.[!uz]* .text.u[!n]* .text.un[!l]*)"
	}
	print "\t\t*(.text .text.[!uz]* .text.u[!n]* .text.un[!l]*)"
	print "\t}"
	print "\t.text.z_rare : { *(.text.unlikely .text.unlikely.* .text.z*) }"
	print "}"
}
