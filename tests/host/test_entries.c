/* Page-table entries: what is put in comes out. */
#include "reference.h"

enum { ACCESSED_AND_DIRTY = 0xc0 };     /* bits 6 and 7 on RISC-V */

/* At which levels may an entry be a page? */
static void try_page(int level, paddr_t frame, unsigned permissions)
{
	pte_t entry = pte_leaf(frame, permissions, level);

	expect(pte_present(entry));
	expect(pte_is_leaf(entry, level));
	expect(pte_address(entry) == frame);
	expect(pte_permissions(entry) == expressible(permissions));
	expect(!(entry & PTE_KEEP));
	/* Bug 20: a RISC-V processor may leave these to the kernel. */
	if (PT_LEVELS == 3)
		expect((entry & ACCESSED_AND_DIRTY) == ACCESSED_AND_DIRTY);

	/* The kernel's own mark is in nobody's way. */
	entry |= PTE_KEEP;
	expect(pte_present(entry) && pte_is_leaf(entry, level));
	expect(pte_address(entry) == frame);
	expect(pte_permissions(entry) == expressible(permissions));
}

static void test_pages(void)
{
	for (unsigned permissions = 0; permissions < 32; permissions++) {
		if (!(permissions & MAP_READ))
			continue;
		for (int i = 0; i < 1000; i++) {
			int level = (int)below(PT_LARGEST + 1);
			paddr_t frame = random_physical(0);

			frame &= ~(paddr_t)(pt_span(level) - 1);
			try_page(level, frame, permissions);
		}
		for (int level = 0; level <= PT_LARGEST; level++) {
			try_page(level, 0, permissions);
			try_page(level, PHYSICAL_END - pt_span(level),
				 permissions);
			for (paddr_t bit = pt_span(level);
			     bit < PHYSICAL_END; bit <<= 1)
				try_page(level, bit, permissions);
		}
	}
}

static void test_tables(void)
{
	for (int i = 0; i < 10000; i++) {
		paddr_t table = random_physical(0);
		pte_t entry = pte_table(table);

		if (one_in(2))
			entry |= PTE_KEEP;
		expect(pte_present(entry));
		for (int level = 1; level < PT_LEVELS; level++)
			expect(!pte_is_leaf(entry, level));
		expect(pte_address(entry) == table);
	}
	expect(!pte_present(0));
}

/* Level, index and span of addresses: all bits of an address are used. */
static void test_indices(void)
{
	for (int i = 0; i < 10000; i++) {
		vaddr_t address = random64() & LAST_BYTE, sum = 0;

		for (int level = 0; level < PT_LEVELS; level++) {
			expect(pt_index(address, level) < PT_ENTRIES);
			sum += pt_index(address, level) * pt_span(level);
		}
		address &= pt_span(PT_LEVELS - 1) * PT_ENTRIES - 1;
		expect(sum == page_down(address));
	}
	expect(pt_span(0) == 4096 && pt_span(1) == LARGE);
	expect(pt_span(PT_LARGEST) == LARGEST);
}

static void test_extend(void)
{
	expect(vaddr_extend(0) == 0);
	expect(vaddr_extend(LOWER_END - 1) == LOWER_END - 1);
	expect(vaddr_extend(UPPER_START) == UPPER_START);
	expect(vaddr_extend(LAST_BYTE) == LAST_BYTE);
#if PT_LEVELS == 3
	expect(vaddr_extend(LOWER_END) == UPPER_START);
	expect(vaddr_extend(UPPER_START - 1) == LOWER_END - 1);
#endif
}

/* The example of the book: the entry of the page at 0x10000000. */
static void test_example(void)
{
	pte_t entry = pte_leaf(0x10000000, MAP_READ | MAP_WRITE, 0);

#if PT_LEVELS == 3
	expect(entry == 0x40000c7);             /* D A - - - W R V */
	expect(entry >> 10 << 12 == 0x10000000);
	expect(entry << 2 == 0x1000031c);       /* flags left over */
	entry |= (pte_t)0x3ff << 54;            /* extensions */
	expect(pte_address(entry) == 0x10000000);
#else
	expect(entry == 0x10000003);            /* W P */
#endif
}

const struct test tests[] = {
	{ "pages", test_pages },
	{ "tables", test_tables },
	{ "indices", test_indices },
	{ "extend", test_extend },
	{ "example", test_example },
	{ 0 },
};
