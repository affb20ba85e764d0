/* Addresses that programs use only to be refused them. */
#ifndef KERNEL_MEMLAYOUT_H
#define KERNEL_MEMLAYOUT_H

#include "riscv.h"

/* The lowest address of the kernel. */
#ifdef __riscv
#define KERNBASE 0xffffffc000000000
#else
#define KERNBASE 0x80000000
#endif

/* RAM that xv6 expects, from KERNBASE on. */
#define PHYSTOP (KERNBASE + 128 * 1024 * 1024)

/* The topmost pages that a user address can name. */
#define TRAMPOLINE (MAXVA - PGSIZE)
#define TRAPFRAME (TRAMPOLINE - PGSIZE)

#endif
