/*
 * map_region(), unmap_region() and what belongs to them, against a model
 * that knows of every page what it should be translated to.
 */
#include "reference.h"

enum { RW = MAP_READ | MAP_WRITE };

/* ---- A model of some windows on the address space -------------------- */

enum { WINDOW_PAGES = 2048, WINDOWS = 5 };

#define WINDOW_SIZE ((size_t)WINDOW_PAGES * 4096)

struct model_page {
	paddr_t physical;
	unsigned permissions;   /* 0: not mapped */
};

/* All begin and end where large pages may. */
static struct window {
	vaddr_t start;
	struct model_page page[WINDOW_PAGES];
} windows[WINDOWS] = {
	{ .start = 0 },
	{ .start = 0x40000000 - WINDOW_SIZE / 2 },      /* 1 GiB */
	{ .start = LOWER_END - WINDOW_SIZE },
	{ .start = UPPER_START },
	{ .start = LAST_BYTE - WINDOW_SIZE + 1 },
};

static void compare_window(pte_t *root, const struct window *window)
{
	for (unsigned i = 0; i < WINDOW_PAGES; i++) {
		const struct model_page *page = &window->page[i];
		struct translation is =
			translate(root, window->start + i * 4096ul);

		expect(is.permissions == page->permissions);
		expect(!is.permissions || is.physical == page->physical);
	}
}

/* All windows, and that nothing is mapped anywhere else. */
static void compare_all(pte_t *root)
{
	struct census census = count_tree(root);
	size_t pages = 0;

	for (int w = 0; w < WINDOWS; w++) {
		compare_window(root, &windows[w]);
		for (unsigned i = 0; i < WINDOW_PAGES; i++)
			pages += windows[w].page[i].permissions != 0;
	}
	expect(census.pages == pages);
	expect(census.tables == page_tables);
	expect(frames_free() + page_tables == frames_total());
}

static void clear_model(void)
{
	for (int w = 0; w < WINDOWS; w++)
		memset(windows[w].page, 0, sizeof windows[w].page);
}

/* A range in a window: whole pages, or bytes that touch them. */
struct range {
	struct window *window;
	unsigned first, last;   /* its pages in the window */
	vaddr_t address;
	size_t size;
	paddr_t physical;
	unsigned permissions;
	bool leaves;            /* goes on behind the window */
};

static void fray(struct range *r)
{
	size_t before = below(4096);
	size_t after = below(r->size > 4096 ? 4096 : 4096 - before);

	r->address += before;
	r->physical += before;
	r->size -= before + after;
}

static struct range random_range(void)
{
	struct range r = { .window = &windows[below(WINDOWS)] };
	unsigned most = one_in(2) ? 8 : one_in(2) ? 600 : WINDOW_PAGES;
	const unsigned large = LARGE / 4096;

	r.first = (unsigned)below(WINDOW_PAGES);
	r.last = r.first + (unsigned)below(most);
	if (one_in(3))          /* where large pages begin and end */
		r.first &= ~(large - 1);
	if (one_in(3))
		r.last |= large - 1;
	if (r.last >= WINDOW_PAGES) {
		r.last = WINDOW_PAGES - 1;
		r.leaves = one_in(4);
	}
	r.address = r.window->start + r.first * 4096ul;
	r.size = (r.last - r.first + 1) * 4096ul;
	r.permissions = random_permissions();
	r.physical = random_physical(r.size);
	if (one_in(2))          /* aligned like the virtual address */
		r.physical = (r.physical & ~(LARGEST - 1)) |
			     (r.address & (LARGE - 1));
	if (one_in(2))
		fray(&r);
	if (r.leaves)
		r.size += 4096 + below(2 * WINDOW_SIZE);
	return r;
}

/*
 * Does the range end where a half or the address space does?  Only
 * there it is known to be wrong.  On the host addresses have 64 bits,
 * so that those of i386 go on.
 */
static bool is_at_an_end(const struct range *r)
{
	return PT_LEVELS == 3 &&
	       (r->window == &windows[2] || r->window == &windows[4]);
}

static void model_map(const struct range *r)
{
	for (unsigned i = r->first; i <= r->last; i++) {
		struct model_page *page = &r->window->page[i];

		page->permissions = expressible(r->permissions);
		page->physical = (r->physical & ~(paddr_t)4095) +
				 (i - r->first) * 4096ul;
	}
}

static void map_random(pte_t *root)
{
	struct range r = random_range();
	bool possible = !r.leaves;
	int done;

	if (r.leaves && !is_at_an_end(&r))
		return;
	for (unsigned i = r.first; i <= r.last; i++)
		if (r.window->page[i].permissions)
			possible = false;
	if (one_in(20)) {
		r.physical ^= 1 + below(4095);
		possible = false;
	}
	done = map_region(root, r.address, r.size, r.physical,
			  r.permissions);
	expect(done == (possible ? 0 : -1));
	if (possible)
		model_map(&r);
	compare_window(root, r.window);
}

/* Is the page in the middle of a larger one? */
static bool is_inside_large(pte_t *root, const struct window *window,
			    unsigned page)
{
	struct translation at;

	if (page >= WINDOW_PAGES)
		return false;
	at = translate(root, window->start + page * 4096ul);
	return at.permissions && (page * 4096ul) % at.span != 0;
}

static void unmap_random(pte_t *root)
{
	struct range r = random_range();
	struct census before = count_tree(root), after;
	bool possible = !r.leaves &&
			!is_inside_large(root, r.window, r.first) &&
			!is_inside_large(root, r.window, r.last + 1);

	if (r.leaves && !is_at_an_end(&r))
		return;
	host_flushes = 0;
	expect(unmap_region(root, r.address, r.size) ==
	       (possible ? 0 : -1));
	for (unsigned i = r.first; i <= r.last && possible; i++)
		r.window->page[i].permissions = 0;
	compare_window(root, r.window);
	after = count_tree(root);
	expect(host_flushes == before.leaves - after.leaves);
	expect(possible || before.sum == after.sum);
	expect(before.tables == after.tables);
}

static void test_random(void)
{
	for (int tree = 0; tree < 40; tree++) {
		unsigned map_of_100 = 30 + (unsigned)below(60);
		pte_t *root;

		start(SOME_RAM);
		clear_model();
		root = root_alloc();
		for (int i = 0; i < 300; i++) {
			if (below(100) < map_of_100)
				map_random(root);
			else
				unmap_random(root);
			if (i % 30 == 0)
				compare_all(root);
		}
		compare_all(root);
		vm_free_all(root);
		expect(page_tables == 0);
		expect(frames_free() == frames_total());
	}
}

/* ---- What is not a range ---------------------------------------------- */

static void refuses(pte_t *root, vaddr_t address, size_t size)
{
	struct census before = count_tree(root);
	size_t free = frames_free();

	expect(map_region(root, address, size, address % 4096, RW) == -1);
	expect(unmap_region(root, address, size) == -1);
	expect(count_tree(root).sum == before.sum);
	expect(frames_free() == free && page_tables == before.tables);
}

static void test_no_range(void)
{
	pte_t *root;

	start(SOME_RAM);
	root = root_alloc();
	expect(!map_region(root, 0x5000, 4096, 0x5000, RW));
	refuses(root, 0, 0);
	refuses(root, 0x5000, 0);
	refuses(root, 0x5123, 0);
	refuses(root, LAST_BYTE, 0);
	refuses(root, 0x5000, SIZE_MAX);
	refuses(root, 0x5000, (size_t)0 - 0x5000 + 1);
	refuses(root, UINTPTR_MAX, 2);
	refuses(root, UINTPTR_MAX - 4095, 4097);
	refuses(root, UPPER_START, SIZE_MAX);
#if PT_LEVELS == 3
	refuses(root, LOWER_END, 1);                    /* the hole */
	refuses(root, LOWER_END - 1, 2);
	refuses(root, UPPER_START - 1, 1);
	refuses(root, UPPER_START - 1, 2);
	refuses(root, 0x0001000000000000, 4096);
	refuses(root, 0x8000000000000000, 4096);
	refuses(root, LOWER_END - 4096, LAST_BYTE - LOWER_END);
	refuses(root, LOWER_END - 4096, UPPER_START - LOWER_END + 8192);
	refuses(root, 0, LOWER_END + 1);
#endif
	expect(map_region(root, 0x7001, 1, 0x7000, RW) == -1);
	vm_free_all(root);
}

/* One byte at each end of each half. */
static void test_ends(void)
{
	static const vaddr_t ends[] = {
		0, LOWER_END - 1, UPPER_START, LAST_BYTE,
	};
	pte_t *root;

	start(SOME_RAM);
	root = root_alloc();
	for (int i = 0; i < 4; i++) {
		vaddr_t at = ends[i];
		paddr_t physical = 0x3000 + at % 4096;
		struct translation is;

		expect(!map_region(root, at, 1, physical, RW));
		is = translate(root, at);
		expect(is.permissions == expressible(RW));
		expect(is.physical == physical);
		expect(map_region(root, at, 1, physical, RW) == -1);
	}
	for (int i = 0; i < 4; i++) {
		expect(!unmap_region(root, ends[i], 1));
		expect(!translate(root, ends[i]).permissions);
	}
	expect(count_tree(root).leaves == 0);
	vm_free_all(root);
	expect(frames_free() == frames_total());
}

/* Unmapping all of an empty space takes few steps, and no tables. */
static void test_unmap_nothing(void)
{
	pte_t *root;

	start(SOME_RAM);
	root = root_alloc();
	expect(!unmap_region(root, 0, LOWER_END));
	expect(!unmap_region(root, UPPER_START,
			     LAST_BYTE - UPPER_START + 1));
	expect(page_tables == 1);
	expect(!map_region(root, 0x7fff000, 8192, 0x1000, RW));
	expect(!unmap_region(root, 0, LOWER_END));
	expect(count_tree(root).leaves == 0);
	vm_free(root);
}

/* ---- Large pages ------------------------------------------------------ */

static size_t span_at(pte_t *root, vaddr_t address)
{
	return translate(root, address).span;
}

static void test_large_pages(void)
{
	const vaddr_t big = 4 * LARGEST;
	const vaddr_t from = big - LARGE - 4096;
	const size_t size = LARGEST + 2 * LARGE + 2 * 4096;
	pte_t *root;
	uint64_t sum;

	start(SOME_RAM);
	root = root_alloc();
	expect(!map_region(root, from, size, from - LARGEST, RW));
	expect(span_at(root, from) == 4096);
	expect(span_at(root, big - LARGE) == LARGE);
	expect(span_at(root, big) == LARGEST);
	expect(span_at(root, big + LARGEST - 1) == LARGEST);
	expect(span_at(root, big + LARGEST) == LARGE);
	expect(span_at(root, big + LARGEST + LARGE) == 4096);
	expect(count_tree(root).pages == size / 4096);
	for (vaddr_t at = from; at - from < size; at += 13 * 4096)
		expect(translate(root, at).physical == at - LARGEST);

	/* None of them can be cut, at either end. */
	sum = count_tree(root).sum;
	expect(unmap_region(root, from, 8192) == -1);
	expect(unmap_region(root, from, LARGE) == -1);
	expect(unmap_region(root, big - 4096, 4096) == -1);
	expect(unmap_region(root, big - LARGE / 2, LARGE) == -1);
	expect(unmap_region(root, big, LARGEST - 4096) == -1);
	expect(unmap_region(root, big + 4096, LARGEST - 4096) == -1);
	expect(unmap_region(root, big + 5000, LARGEST - 6000) == -1);
	expect(unmap_region(root, from, size - 8192) == -1);
	expect(count_tree(root).sum == sum);

	/* Nor mapped again in part, on any level. */
	expect(map_region(root, big + 4096, 4096, 0x1000, RW) == -1);
	expect(map_region(root, big, LARGE, 0, RW) == -1);
	expect(map_region(root, big, LARGEST, 0, RW) == -1);
	expect(map_region(root, big - LARGE, LARGE, 0, RW) == -1);
	expect(count_tree(root).sum == sum);

	/* But unmapped as a whole: a byte of each page suffices. */
	expect(!unmap_region(root, big + 4095, LARGEST - 2 * 4095));
	expect(count_tree(root).pages == (size - LARGEST) / 4096);
	expect(!unmap_region(root, from + 4095, size - 2 * 4095));
	expect(count_tree(root).leaves == 0);
	vm_free_all(root);
	expect(frames_free() == frames_total());
}

/* They need both addresses aligned, and room. */
static void test_not_large(void)
{
	pte_t *root;

	start(SOME_RAM);
	root = root_alloc();
	expect(!map_region(root, LARGE, LARGE, 4096, RW));
	expect(span_at(root, LARGE) == 4096);
	expect(!map_region(root, 4 * LARGE, LARGE - 4096, 0, RW));
	expect(span_at(root, 4 * LARGE) == 4096);
	expect(!map_region(root, 6 * LARGE, LARGE - 4095, 0, RW));
	expect(span_at(root, 6 * LARGE) == LARGE);

	/* A table left over from small pages is used again. */
	expect(!unmap_region(root, 4 * LARGE, LARGE));
	expect(!map_region(root, 4 * LARGE, LARGE, 0, RW));
	expect(span_at(root, 4 * LARGE) == 4096);
	expect(count_tree(root).pages == 3 * LARGE / 4096);
	vm_free(root);
	expect(frames_free() == frames_total());
}

/* ---- Refusals --------------------------------------------------------- */

/*
 * A range of COUNT pages, one of them mapped already: the range must be
 * refused, and the page, above all, must stay.
 */
static void
refuse(size_t count, size_t taken, vaddr_t offset, size_t page_size)
{
	vaddr_t at = 5 * LARGEST;
	pte_t *root;
	struct census before, after;

	start(SOME_RAM);
	root = root_alloc();
	expect(!map_region(root, at + taken * page_size, page_size,
			   7 * LARGEST, MAP_READ));
	before = count_tree(root);
	expect(map_region(root, at + offset, count * page_size - offset,
			  LARGEST + offset, RW) == -1);
	after = count_tree(root);
	expect(after.sum == before.sum);
	expect(page_tables == before.tables);
	vm_free(root);
	expect(frames_free() == frames_total());
}

static void test_refuse_aligned(void)
{
	for (size_t count = 1; count < 6; count++) {
		for (size_t taken = 0; taken < count; taken++) {
			refuse(count, taken, 0, 4096);
			refuse(count, taken, 0, LARGE);
		}
	}
}

static void test_refuse_unaligned(void)
{
	for (size_t count = 1; count < 6; count++) {
		for (size_t taken = 0; taken < count; taken++) {
			refuse(count, taken, 1 + below(4095), 4096);
			refuse(count, taken, 4096 + 17, LARGE);
		}
	}
}

/* To Sv39 an entry that allows nothing is a table. */
static void test_refuse_unreadable(void)
{
	static const unsigned no_read[] = {
		0, MAP_USER, MAP_GLOBAL, MAP_WRITE,
		MAP_WRITE | MAP_EXECUTE,
	};
	pte_t *root;

	start(SOME_RAM);
	root = root_alloc();
	for (int i = 0; i < 5; i++)
		expect(map_region(root, 0x5000, 4096, 0x5000,
				  no_read[i]) == -1);
	expect(count_tree(root).leaves == 0);
	vm_free(root);
}

/* ---- No memory -------------------------------------------------------- */

/* What a tree looks like, and what is to be mapped in it. */
struct layout {
	struct { vaddr_t at; size_t size; } before[3];
	vaddr_t at;
	size_t size;
};

static const struct layout layouts[] = {
	{ .at = 0, .size = 4096 },
	{ .at = 0x123456, .size = 100 },
	{ .at = LARGE - 4096, .size = 8192 },
	{ .at = LARGE - 4000, .size = 2 * LARGE },
	{ .at = LARGE + 4096, .size = 5 * LARGE + 77 },
	{ .at = LARGEST - 4096, .size = LARGEST + 8192 },
	{ .at = LOWER_END - LARGE - 8192, .size = LARGE + 8192 },
	{ .at = UPPER_START + 123, .size = LARGEST + LARGE },
	{ .at = LAST_BYTE - 3 * LARGE - 4095, .size = 3 * LARGE + 4096 },
	{ .before = { { LARGE - 8192, 4096 } },
	  .at = LARGE - 4096, .size = 8192 },
	{ .before = { { 0, 4096 }, { LARGEST + LARGE, LARGE } },
	  .at = 4096, .size = LARGEST + LARGE - 4096 },
	{ .before = { { 0, 4096 }, { 3 * LARGE, 4096 }, { 9 * LARGE, 1 } },
	  .at = 4097, .size = 3 * LARGE - 4097 },
	{ .before = { { 5 * LARGEST, 1 }, { 5 * LARGEST + 8192, 1 } },
	  .at = 5 * LARGEST + 4096, .size = 4096 },
	{ .before = { { UPPER_START + LARGE, 4096 }, { LAST_BYTE, 1 } },
	  .at = LAST_BYTE - LARGE - 4095, .size = LARGE },
};

enum { LAYOUTS = sizeof layouts / sizeof *layouts };

static pte_t *build(const struct layout *layout)
{
	pte_t *root = root_alloc();

	for (int i = 0; i < 3 && layout->before[i].size; i++)
		expect(!map_region(root, layout->before[i].at,
				   layout->before[i].size,
				   layout->before[i].at % LARGEST,
				   MAP_READ));
	return root;
}

/*
 * Maps with N frames left, or, ONCE, with only the next but N missing.
 * SHIFT moves the physical address, and so prevents large pages.  True
 * if the mapping was made.
 */
static bool map_without_frame(const struct layout *layout, paddr_t shift,
			      unsigned n, bool once)
{
	pte_t *root = build(layout);
	struct census before = count_tree(root), after;
	size_t free;
	int done;

	expect(before.tables == page_tables);
	if (once)
		kalloc_fail_at = n + 1;
	else
		use_up_memory(n);
	free = frames_free();
	done = map_region(root, layout->at, layout->size,
			  3 * LARGEST + layout->at % LARGEST + shift, RW);
	kalloc_fail_at = 0;
	after = count_tree(root);
	expect(after.tables == page_tables);
	if (done != 0) {
		expect(done == -1);
		expect(frames_free() == free);
		expect(after.sum == before.sum);
		expect(after.tables == before.tables);
	}
	give_memory_back();
	vm_free_all(root);
	expect(page_tables == 0 && frames_free() == frames_total());
	return done == 0;
}

/* Every number of frames that does not suffice, and the first two that do. */
static void starve(const struct layout *layout, paddr_t shift, bool once)
{
	unsigned n = 0;

	while (!map_without_frame(layout, shift, n, once))
		n++;
	expect(map_without_frame(layout, shift, n + 1, once));
}

static void starve_all(bool once)
{
	start(SOME_RAM);
	for (int i = 0; i < LAYOUTS; i++) {
		starve(&layouts[i], 0, once);
		if (layouts[i].size < 8 * LARGE)
			starve(&layouts[i], 4096, once);
	}
}

static void test_no_frames(void)
{
	starve_all(false);
	use_up_memory(0);
	expect(!root_alloc() && page_tables == 0);
	give_memory_back();
}

/* Only a checked build can make one frame fail, with others behind it. */
static void test_nth_frame_fails(void)
{
	if (CHECK)
		starve_all(true);
}

static void test_random_without_memory(void)
{
	for (int tree = 0; tree < 20; tree++) {
		pte_t *root;

		start(SOME_RAM);
		clear_model();
		root = root_alloc();
		for (int i = 0; i < 20; i++)
			map_random(root);
		for (int i = 0; i < 20; i++) {
			struct range r = random_range();

			if (r.leaves)
				continue;
			use_up_memory(below(3));
			if (map_region(root, r.address, r.size, r.physical,
				       r.permissions) == 0)
				model_map(&r);
			give_memory_back();
			compare_all(root);
		}
		vm_free_all(root);
		expect(page_tables == 0);
		expect(frames_free() == frames_total());
	}
}

/* ---- Tables that are kept, and freeing -------------------------------- */

static void test_kept_tables(void)
{
	pte_t *root, *kept, *other;
	int level = PT_LEVELS - 1;

	start(SOME_RAM);
	root = root_alloc();

	/* A table without entries that is kept, and one that is not. */
	expect(!map_region(root, UPPER_START, 1, 0, RW));
	expect(!unmap_region(root, UPPER_START, 1));
	expect(!map_region(root, LARGEST, 1, 0, RW));
	expect(!unmap_region(root, LARGEST, 1));
	kept = walk(root, UPPER_START, &level, false);
	other = walk(root, LARGEST, &level, false);
	expect(pte_present(*kept) && pte_present(*other));
	*kept |= PTE_KEEP;

	/* A mapping that fails prunes the way there, but for the kept. */
	use_up_memory(0);
	expect(map_region(root, LARGEST, 2 * LARGE, 4096, RW) == -1);
	use_up_memory(0);
	expect(map_region(root, UPPER_START, 2 * LARGE, 4096, RW) == -1);
	give_memory_back();
	expect(pte_present(*kept) && *kept & PTE_KEEP);
	expect(!pte_present(*other));
	expect(page_tables == 2 && count_tree(root).tables == 2);

	/* So does one that is refused. */
	expect(!map_region(root, UPPER_START + LARGE, 1, 0, RW));
	expect(map_region(root, UPPER_START + LARGE - 4096, 8192, 0, RW) ==
	       -1);
	expect(!unmap_region(root, UPPER_START + LARGE, 1));
	expect(pte_present(*kept) && *kept & PTE_KEEP);
	expect(count_tree(root).tables == page_tables);
	vm_free_all(root);
	expect(page_tables == 0 && frames_free() == frames_total());
}

/* vm_free() leaves the tables of the upper half to the kernel. */
static void test_free(void)
{
	pte_t *root, *other;
	struct census half;

	start(SOME_RAM);
	clear_model();
	root = root_alloc();
	for (int i = 0; i < 50; i++)
		map_random(root);
	half = count_half(root, true);
	expect(half.tables > 1 && count_half(root, false).tables > 1);
	other = root_alloc();           /* which shares the upper half */
	memcpy(other + PT_ENTRIES / 2, root + PT_ENTRIES / 2,
	       PT_ENTRIES / 2 * sizeof *other);
	vm_free(root);
	expect(page_tables == half.tables);
	expect(count_tree(other).sum == half.sum);
	expect(frames_free() + page_tables == frames_total());
	vm_free_all(other);
	expect(page_tables == 0 && frames_free() == frames_total());
}

/* ---- The walk --------------------------------------------------------- */

static void test_walk(void)
{
	vaddr_t at = 3 * LARGEST + 5 * LARGE + 0x7000;
	pte_t *root, *entry = NULL;
	int level = 0;

	start(SOME_RAM);
	root = root_alloc();
	expect(!walk(root, at, &level, false));
	expect(level == PT_LEVELS - 1 && page_tables == 1);
	for (int wanted = PT_LEVELS - 1; wanted >= 0; wanted--) {
		level = wanted;
		entry = walk(root, at, &level, true);
		expect(entry && *entry == 0 && level == wanted);
		expect(entry == translate(root, at).entry);
		expect(page_tables == (size_t)(PT_LEVELS - wanted));
	}
	*entry = pte_leaf(0x9000, RW, 0);
	expect(translate(root, at).physical == 0x9000);
	level = 0;
	expect(walk(root, at + 4095, &level, false) == entry);
	expect(walk(root, at + 4096, &level, false) == entry + 1);

	/* A large page in the way ends the walk, on its level. */
	expect(!map_region(root, at / LARGE * LARGE + LARGE, LARGE, 0, RW));
	level = 0;
	entry = walk(root, at + LARGE, &level, true);
	expect(level == 1 && pte_is_leaf(*entry, 1));
	expect(page_tables == PT_LEVELS);
#if PT_LEVELS == 3
	level = 0;
	expect(!walk(root, LOWER_END, &level, true));
	level = 0;
	expect(!walk(root, UPPER_START - 1, &level, true));
#endif
	vm_free(root);
	expect(frames_free() == frames_total());
}

const struct test tests[] = {
	{ "random", test_random },
	{ "no_range", test_no_range },
	{ "ends", test_ends },
	{ "unmap_nothing", test_unmap_nothing },
	{ "large_pages", test_large_pages },
	{ "not_large", test_not_large },
	{ "refuse_aligned", test_refuse_aligned },
	{ "refuse_unaligned", test_refuse_unaligned },
	{ "refuse_unreadable", test_refuse_unreadable },
	{ "no_frames", test_no_frames },
	{ "nth_frame_fails", test_nth_frame_fails },
	{ "random_without_memory", test_random_without_memory },
	{ "kept_tables", test_kept_tables },
	{ "free", test_free },
	{ "walk", test_walk },
	{ 0 },
};
