#include "reference.h"

static bool in_mirror;          /* the tree looked at is a mirror */

#if PT_LEVELS == 3              /* privileged specification, 4.4 */

enum { LEVELS = 3, ENTRIES = 512, BITS = 9 };

static bool is_valid(uint64_t entry)
{
	return entry & 1;
}

static bool maps_page(uint64_t entry, int level)
{
	expect(entry >> 54 == 0);       /* reserved */
	if ((entry & 0xe) == 0) {
		expect(level > 0);
		expect((entry & 0xd0) == 0);    /* U, A, D: reserved */
		return false;
	}
	expect((entry & 6) != 4);       /* W without R: reserved */
	expect((entry & 0xc0) == 0xc0); /* A and D: no faults */
	return true;
}

static paddr_t address_in(uint64_t entry, int level)
{
	paddr_t address = (entry >> 10 & 0xfffffffffff) << 12;

	/* A misaligned large page is a page fault. */
	if (maps_page(entry, level))
		expect(address % ((size_t)4096 << BITS * level) == 0);
	return address;
}

static unsigned permissions_in(uint64_t entry)
{
	return entry >> 1 & 0x1f;
}

unsigned expressible(unsigned permissions)
{
	return permissions;
}

static bool in_hole(vaddr_t address)
{
	vaddr_t top = address >> 38;

	return top != 0 && top != 0x3ffffff;
}

#else                           /* Intel SDM, volume 3, 4.3 */

enum { LEVELS = 2, ENTRIES = 1024, BITS = 10 };

static bool is_valid(uint32_t entry)
{
	return entry & 1;
}

static bool maps_page(uint32_t entry, int level)
{
	if (level == 0)
		return true;
	if (entry & 0x80)
		return true;
	/* The lower entry decides; but the upper one hides a mirror. */
	expect((entry & 6) == (in_mirror ? 2 : 6));
	return false;
}

static paddr_t address_in(uint32_t entry, int level)
{
	paddr_t address = entry & 0xfffff000;

	/* Bits 13 to 20 would extend the address. */
	if (maps_page(entry, level))
		expect(address % ((size_t)4096 << BITS * level) == 0);
	return address;
}

static unsigned permissions_in(uint32_t entry)
{
	return MAP_READ | MAP_EXECUTE |
	       (entry >> 1 & 1 ? MAP_WRITE : 0) |
	       (entry >> 2 & 1 ? MAP_USER : 0) |
	       (entry >> 8 & 1 ? MAP_GLOBAL : 0);
}

unsigned expressible(unsigned permissions)
{
	return permissions | MAP_READ | MAP_EXECUTE;
}

static bool in_hole(vaddr_t address)
{
	return address > 0xffffffff;
}

#endif

struct translation translate(pte_t *root, vaddr_t address)
{
	pte_t *table = root;

	expect(!in_hole(address));
	for (int level = LEVELS - 1;; level--) {
		int shift = 12 + BITS * level;
		size_t span = (size_t)1 << shift;
		pte_t *entry = &table[address >> shift & (ENTRIES - 1)];

		if (!is_valid(*entry))
			return (struct translation){ 0, 0, span, entry };
		if (maps_page(*entry, level))
			return (struct translation){
				address_in(*entry, level) |
					(address & (span - 1)),
				permissions_in(*entry), span, entry
			};
		table = (pte_t *)(host_memory +
				  address_in(*entry, level));
	}
}

struct translation translate_mirror(pte_t *root, vaddr_t address)
{
	struct translation result;

	in_mirror = true;
	result = translate(root, address);
	in_mirror = false;
	if (PT_LEVELS == 2)
		result.permissions &= ~(unsigned)MAP_USER;
	return result;
}

static void
count_entries(struct census *census, pte_t *table, int level, unsigned from,
	      unsigned to)
{
	bool empty = true;

	for (unsigned i = from; i < to; i++) {
		pte_t entry = table[i];

		census->sum = census->sum * 31 + entry;
		if (entry)
			empty = false;
		if (!is_valid(entry))
			continue;
		if (maps_page(entry, level)) {
			census->leaves++;
			census->pages += (size_t)1 << BITS * level;
			continue;
		}
		count_entries(census,
			      (pte_t *)(host_memory +
					address_in(entry, level)),
			      level - 1, 0, ENTRIES);
	}
	census->tables++;
	census->empty += empty;
}

struct census count_tree(pte_t *root)
{
	struct census census = { 0 };

	count_entries(&census, root, LEVELS - 1, 0, ENTRIES);
	return census;
}

struct census count_half(pte_t *root, bool upper)
{
	struct census census = { 0 };
	unsigned from = upper ? ENTRIES / 2 : 0;

	count_entries(&census, root, LEVELS - 1, from, from + ENTRIES / 2);
	return census;
}

unsigned random_permissions(void)
{
	return MAP_READ | (unsigned)below(32);
}

paddr_t random_physical(size_t size)
{
	paddr_t address = random64() % PHYSICAL_END;

	/* Small ones as often as large ones. */
	address >>= below(PT_LEVELS == 3 ? 44 : 20);
	if (address > PHYSICAL_END - size - LARGEST)
		address = 0;
	return address & ~(paddr_t)4095;
}

size_t count_mirror(pte_t *root)
{
	return PT_LEVELS == 2 ? 1 : count_half(root, false).tables;
}
