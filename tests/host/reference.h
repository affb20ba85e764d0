#ifndef REFERENCE_H
#define REFERENCE_H

/*
 * Page tables as the processors' manuals describe them, written without
 * the kernel's functions, so that both cannot be wrong in the same way.
 */
#include "host.h"

/* What an address is translated to. */
struct translation {
	paddr_t physical;
	unsigned permissions;   /* MAP_READ and so on; 0: not mapped */
	size_t span;            /* size of the page, mapped or not */
	pte_t *entry;           /* where the walk ended */
};

struct translation translate(pte_t *root, vaddr_t address);

/* The same in a mirror, where supervisor mode alone may use it. */
struct translation translate_mirror(pte_t *root, vaddr_t address);

/* The whole tree: its tables, root included, and its mapped pages. */
struct census {
	size_t tables, empty;   /* how many of them have no entry */
	size_t leaves;          /* entries that map a page, of any size */
	size_t pages;           /* of 4096 bytes */
	uint64_t sum;           /* changes if any entry does */
};

struct census count_tree(pte_t *root);
struct census count_half(pte_t *root, bool upper);

/* The tables of a mirror that are no other tree's. */
size_t count_mirror(pte_t *root);

/* What the entries can say of the permissions asked for. */
unsigned expressible(unsigned permissions);

/* The address space: two halves, and the size of a large page. */
#if PT_LEVELS == 3
#define LOWER_END   0x4000000000
#define UPPER_START 0xffffffc000000000
#define LAST_BYTE   0xffffffffffffffff
#define LARGE       ((size_t)2 << 20)
#define LARGEST     ((size_t)1 << 30)
#define PHYSICAL_END ((paddr_t)1 << 56)
#else
#define LOWER_END   0x80000000
#define UPPER_START 0x80000000
#define LAST_BYTE   0xffffffff
#define LARGE       ((size_t)4 << 20)
#define LARGEST     LARGE
#define PHYSICAL_END ((paddr_t)1 << 32)
#endif

/* Permissions of which either machine can make an entry. */
unsigned random_permissions(void);

/* Physical address of a page, such that SIZE bytes follow it. */
paddr_t random_physical(size_t size);

#endif
