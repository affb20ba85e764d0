/* The kernel finds the arguments above the return address. */
.macro CALL name, number
	.section .text.\name, "ax", @progbits
	.globl \name
	.type \name, @function
\name:
	movl $\number, %eax
	int $0x40
	ret
	.size \name, . - \name
.endm
