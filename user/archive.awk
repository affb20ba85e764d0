# From lines name=path, and one before them for make, to the assembler
# file that holds the files' bytes and a table of them.  `word` is the
# directive for a machine word.

NR == 1 {
	next
}

{
	if (!($1 in path))
		name[count++] = $1
	path[$1] = $2
}

END {
	print "\t.section .archive, \"a\", @progbits"
	for (i = 0; i < count; i++) {
		print "\t.balign 4096"
		print "start_" i ":\t.incbin \"" path[name[i]] "\""
		print "end_" i ":"
	}
	print "\t.balign 4096"

	print "\n\t.section .rodata, \"a\", @progbits"
	print "\t.balign 8\n\t.globl archive_files\narchive_files:"
	for (i = 0; i < count; i++)
		printf "\t%s name_%d, start_%d, end_%d - start_%d\n", \
			word, i, i, i, i
	print "\t.globl archive_end\narchive_end:"
	for (i = 0; i < count; i++)
		print "name_" i ":\t.asciz \"" name[i] "\""
}
