/* The arguments are where the kernel wants them: in a0, a1, ... */
.macro CALL name, number
	.section .text.\name, "ax", @progbits
	.globl \name
	.type \name, @function
\name:
	li a7, \number
	ecall
	ret
	.size \name, . - \name
.endm
