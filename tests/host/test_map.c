/* memory_map_add() against a map with one bit for each page. */
#include "host.h"

/* The model covers the first pages of the address space. */
enum { PAGES = 2048 };

static bool model[PAGES];
static unsigned model_ranges;

static void reset(void)
{
	memset(model, false, sizeof model);
	model_ranges = 0;
	memory_map.count = 0;
}

/* What the comment on memory_map_add() says, page by page. */
static void model_add(uint64_t start, uint64_t end)
{
	uint64_t first = start / PAGE_SIZE + (start % PAGE_SIZE != 0);
	uint64_t last = end / PAGE_SIZE;

	if (first < KERNEL_START / PAGE_SIZE)
		first = KERNEL_START / PAGE_SIZE;
	if (first >= last || model_ranges == MEMORY_RANGES)
		return;
	for (uint64_t page = first; page < last; page++)
		if (model[page])
			return;
	for (uint64_t page = first; page < last; page++)
		model[page] = true;
	model_ranges++;
}

static bool in_map(paddr_t address)
{
	for (unsigned i = 0; i < memory_map.count; i++)
		if (address >= memory_map.range[i].start &&
		    address < memory_map.range[i].end)
			return true;
	return false;
}

static void compare(void)
{
	const struct memory_range *range = memory_map.range;

	expect(memory_map.count == model_ranges);
	for (unsigned i = 0; i < memory_map.count; i++) {
		expect(range[i].start < range[i].end);
		expect(range[i].start % PAGE_SIZE == 0);
		expect(range[i].end % PAGE_SIZE == 0);
		expect(range[i].end <= RAM_LIMIT);
		expect(i == 0 || range[i - 1].end <= range[i].start);
	}
	for (unsigned page = 0; page < PAGES; page++)
		expect(in_map(page * PAGE_SIZE) == model[page]);
}

static void test_random(void)
{
	for (int round = 0; round < 400; round++) {
		/* Short ranges fill the table, long ones overlap. */
		uint64_t longest = PAGE_SIZE << below(10);

		reset();
		for (int i = 0; i < 40; i++) {
			uint64_t start = below(PAGES * PAGE_SIZE - longest);
			uint64_t end = start + below(longest + 1);

			if (one_in(3))
				start &= ~(uint64_t)(PAGE_SIZE - 1);
			if (one_in(10))
				end = below(start + 1);
			memory_map_add(start, end);
			model_add(start, end);
			compare();
		}
	}
}

static void test_full(void)
{
	uint64_t at = KERNEL_START;

	reset();
	for (int i = 0; i < MEMORY_RANGES; i++, at += 2 * PAGE_SIZE) {
		memory_map_add(at, at + PAGE_SIZE);
		model_add(at, at + PAGE_SIZE);
		compare();
	}
	expect(memory_map.count == MEMORY_RANGES);
	memory_map_add(at, at + PAGE_SIZE);
	memory_map_add(KERNEL_START + PAGE_SIZE,
		       KERNEL_START + 2 * PAGE_SIZE);
	compare();
}

/* Is the map just the range from START to END? */
static bool map_is(uint64_t start, uint64_t end)
{
	return memory_map.count == 1 &&
	       memory_map.range[0].start == start &&
	       memory_map.range[0].end == end;
}

static void test_cut(void)
{
	reset();
	memory_map_add(0, KERNEL_START);
	memory_map_add(0x9f000, KERNEL_START + PAGE_SIZE - 1);
	memory_map_add(0, 0);
	expect(memory_map.count == 0);
	memory_map_add(0, KERNEL_START + PAGE_SIZE);
	expect(map_is(KERNEL_START, KERNEL_START + PAGE_SIZE));

	reset();
	memory_map_add(0x200001, 0x204fff);
	expect(map_is(0x201000, 0x204000));

	reset();
	memory_map_add(0x200fff, 0x202000);
	expect(map_is(0x201000, 0x202000));

	reset();
	memory_map_add(0x200001, 0x201fff);     /* not one whole page */
	memory_map_add(0x300000, 0x200000);
	expect(memory_map.count == 0);
}

static void test_beyond_the_limit(void)
{
	reset();
	memory_map_add(RAM_LIMIT, RAM_LIMIT + PAGE_SIZE);
	memory_map_add(0x100000000, 0x200000000);
	memory_map_add((uint64_t)1 << 60, ((uint64_t)1 << 60) + 0x100000);
	expect(memory_map.count == 0);
	memory_map_add(RAM_LIMIT - PAGE_SIZE, (uint64_t)1 << 63);
	expect(map_is(RAM_LIMIT - PAGE_SIZE, RAM_LIMIT));

	reset();
	memory_map_add(0, UINT64_MAX);
	expect(map_is(KERNEL_START, RAM_LIMIT));
}

/* The last page of 64-bit addresses: rounding up its start is 0. */
static void test_last_page(void)
{
	reset();
	memory_map_add(UINT64_MAX - 0x7ff, UINT64_MAX - 0x3ff);
	expect(memory_map.count == 0);
	memory_map_add(UINT64_MAX, UINT64_MAX);
	expect(memory_map.count == 0);
}

static void test_print(void)
{
	reset();
	memory_map_add(0x400000, 0x500000);
	memory_map_add(0x100000, 0x102000);
	clear_console();
	memory_map_print();
	expect(strcmp(console_text,
		      "memory: 0x0000000000100000 to "
		      "0x0000000000102000, 8 KiB\n"
		      "memory: 0x0000000000400000 to "
		      "0x0000000000500000, 1024 KiB\n") == 0);
}

const struct test tests[] = {
	{ "random", test_random },
	{ "full", test_full },
	{ "cut", test_cut },
	{ "beyond_the_limit", test_beyond_the_limit },
	{ "last_page", test_last_page },
	{ "print", test_print },
	{ 0 },
};
