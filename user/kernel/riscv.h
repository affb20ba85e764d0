/*
 * Pages and registers.  The name is xv6's; the PC's programs include it
 * as well.
 */
#ifndef KERNEL_RISCV_H
#define KERNEL_RISCV_H

#include "types.h"

#define PGSHIFT 12
#define PGSIZE (1 << PGSHIFT)
#define PGROUNDUP(a) (((a) + PGSIZE - 1) & ~(PGSIZE - 1))
#define PGROUNDDOWN(a) ((a) & ~(PGSIZE - 1))

/* The first address that no program can have. */
#ifdef __riscv
#define MAXVA (1L << 38)
#else
#define MAXVA 0x80000000
#endif

/* The stack pointer, somewhere inside the caller's frame. */
static inline uintptr_t r_sp(void)
{
	uintptr_t sp;

#ifdef __riscv
	__asm__ volatile("mv %0, sp" : "=r"(sp));
#else
	__asm__ volatile("movl %%esp, %0" : "=r"(sp));
#endif
	return sp;
}

#endif
