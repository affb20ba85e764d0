/*
 * Large pages of programs against a model that knows what each page of a
 * heap and of a mapping holds, and what may be done to it.  Spaces are
 * copied, cut, protected and ended in any order, on several processors,
 * and now and then an allocation fails.  The owners of each frame are
 * counted again from the trees.
 */
#include "reference.h"
#include "processor.h"
#include "mman.h"
#include "memory/kvm.h"
#include "memory/space.h"
#include "memory/mapping.h"
#include "memory/runs.h"

/* Moves the break; *OLD: where it was, if the result is 0. */
static int grow_heap(struct space *space, intptr_t bytes, vaddr_t *old)
{
	intptr_t at = space_grow(space, bytes);

	*old = (vaddr_t)at;
	return at == -1 ? -1 : 0;
}

enum { SPACES = 4, RUN = RUN_FRAMES };
enum { HEAP_PAGES = 2 * RUN + 100, MAP_PAGES = RUN + 300 };
enum { PAGES = HEAP_PAGES + MAP_PAGES };

/* The heap begins at 3 pages from a large page, or at one; then a gap. */
static size_t heap_offset;

static vaddr_t page_address(unsigned page)
{
	return page < HEAP_PAGES
	       ? 2 * (vaddr_t)LARGE + heap_offset + page * (vaddr_t)4096
	       : 8 * (vaddr_t)LARGE - 40 * 4096 +
		 (page - HEAP_PAGES) * (vaddr_t)4096;
}

struct model {
	struct space *space;            /* NULL: none */
	unsigned heap;                  /* pages of it */
	uint32_t stamp[PAGES];          /* what it holds; 0: nothing yet */
	uint8_t allowed[PAGES];         /* MAP_READ and MAP_WRITE */
	bool mapped[PAGES];             /* in a region, of a mapping */
};

static struct model models[SPACES];
static size_t free_before, unclaimed_before, whole_before;
static unsigned joined;

static bool is_there(const struct model *model, unsigned page)
{
	return page < HEAP_PAGES ? page < model->heap
				 : model->mapped[page];
}

static unsigned allowed(const struct model *model, unsigned page)
{
	if (!is_there(model, page))
		return 0;
	return page < HEAP_PAGES ? MAP_READ | MAP_WRITE
				 : model->allowed[page];
}

/* ---- The books -------------------------------------------------------- */

static uint32_t small[HOST_MEMORY_END / 4096];  /* entries for a frame */
static unsigned large[HOST_MEMORY_END / LARGE + 1];

static void count_entries(pte_t *table, int level, unsigned entries)
{
	for (unsigned i = 0; i < entries; i++) {
		pte_t entry = table[i];

		if (!entry)
			continue;
		if (level == 0 || !pte_present(entry))
			small[pte_address(entry) / 4096]++;
		else if (pte_is_leaf(entry, level))
			large[pte_address(entry) / LARGE]++;
		else
			count_entries(p2v(pte_address(entry)), level - 1,
				      PT_ENTRIES);
	}
}

/* Pages below TABLE, hidden ones included. */
static size_t count_pages(pte_t *table, int level, unsigned entries)
{
	size_t pages = 0;

	for (unsigned i = 0; i < entries; i++)
		if (!pte_present(table[i]))
			pages += table[i] != 0;
		else if (pte_is_leaf(table[i], level))
			pages += level ? RUN : 1;
		else
			pages += count_pages(p2v(pte_address(table[i])),
					     level - 1, PT_ENTRIES);
	return pages;
}

/* Is each frame owned by as many as have it? */
static void expect_owners(void)
{
	unsigned pieces = 0;

	memset(small, 0, sizeof small);
	memset(large, 0, sizeof large);
	for (int i = 0; i < SPACES; i++)
		if (models[i].space)
			count_entries(models[i].space->root, PT_LEVELS - 1,
				      PT_ENTRIES / 2);
	for (paddr_t at = 0; at < HOST_MEMORY_END; at += 4096) {
		unsigned whole = large[at / LARGE] > 0;

		if (!is_frame(at) || (!small[at / 4096] && !whole))
			continue;
		expect(page_of(at)->references == small[at / 4096] + whole);
		expect(run_of(at)->mapped == large[at / LARGE]);
		pieces += whole;
	}
	joined += pieces;
}

static void expect_healthy(void)
{
	paddr_t where;
	const char *wrong = check_free_list(&where);

	if (wrong)
		failed(__FILE__, __LINE__, wrong);
	expect_owners();
}

/* What is mapped at PAGE: no more than allowed, and what was stored. */
static void expect_page(const struct model *model, unsigned page)
{
	struct translation is = translate(model->space->root,
					  page_address(page));
	unsigned may = allowed(model, page);

	if (!is.permissions) {
		expect(!may || !model->stamp[page]);
		return;
	}
	expect(may && is.permissions & MAP_USER);
	expect(!(is.permissions & MAP_WRITE) || may & MAP_WRITE);
	expect(*(uint32_t *)p2v(is.physical) == model->stamp[page]);
}

static void expect_space(const struct model *model)
{
	struct census census = count_half(model->space->root, false);

	for (unsigned page = 0; page < PAGES; page++)
		expect_page(model, page);
	expect(count_pages(model->space->root, PT_LEVELS - 1,
			   PT_ENTRIES / 2) == model->space->resident);
	expect(census.tables <= model->space->promised);
}

/* ---- What programs do -------------------------------------------------- */

/* A load, or a store of STAMP; a test may have made it fail. */
static void touch(struct model *model, unsigned page, uint32_t stamp)
{
	vaddr_t address = page_address(page);
	unsigned access = stamp ? MAP_WRITE : MAP_READ;
	unsigned before = kalloc_fail_at;
	int result = space_fault(model->space, address + below(4096),
				 access, 0);
	struct translation is = translate(model->space->root, address);

	if (!(allowed(model, page) & access)) {
		expect(result < 0);
		return;
	}
	if (result < 0) {
		expect(before && !kalloc_fail_at);
		return;
	}
	expect(is.permissions & access);
	expect(*(uint32_t *)p2v(is.physical) == model->stamp[page]);
	if (!stamp)
		return;
	*(uint32_t *)p2v(is.physical) = stamp;
	model->stamp[page] = stamp;
}

static void touch_many(struct model *model)
{
	unsigned page = (unsigned)below(PAGES), count, step = 1;

	if (one_in(4))
		step = 1 + (unsigned)below(70);
	count = one_in(3) ? 2 * RUN : 1 + (unsigned)below(100);
	if (one_in(3))
		page = page < HEAP_PAGES ? 0 : HEAP_PAGES;
	for (; count > 0 && page < PAGES; count--, page += step)
		touch(model, page,
		      one_in(10) ? 0 : 1 + (uint32_t)below(1000000));
}

static void resize(struct model *model)
{
	unsigned pages = (unsigned)below(HEAP_PAGES + 1);
	vaddr_t old, end = page_address(0) + model->heap * (vaddr_t)4096;
	unsigned before = kalloc_fail_at;

	if (one_in(2))
		pages = HEAP_PAGES;
	if (grow_heap(model->space, ((intptr_t)pages - model->heap) * 4096,
		 &old)) {
		expect(pages > model->heap || before);
		return;
	}
	expect(old == end);
	for (unsigned i = pages; i < model->heap; i++)
		model->stamp[i] = 0;
	model->heap = pages;
}

/* A range of the mapping's pages, or of a bit more. */
static void choose_range(unsigned *from, unsigned *to)
{
	*from = HEAP_PAGES + (unsigned)below(MAP_PAGES);
	*to = *from + 1 + (unsigned)below(one_in(2) ? 40 : MAP_PAGES);
	if (one_in(4)) {                /* the large page, if any */
		*from = HEAP_PAGES + (unsigned)below(41);
		*to = PAGES - (unsigned)below(200);
	}
	if (*to > PAGES)
		*to = PAGES;
}

static void protect(struct model *model)
{
	static const unsigned kinds[] = {
		0, MAP_READ, MAP_READ | MAP_WRITE, MAP_READ | MAP_WRITE,
	};
	unsigned permissions = kinds[below(4)], from, to;
	unsigned before = kalloc_fail_at;
	bool all = true;

	choose_range(&from, &to);
	for (unsigned page = from; page < to; page++)
		all &= model->mapped[page];
	if (space_protect(model->space, page_address(from),
			  (to - from) * (size_t)4096, permissions)) {
		expect(!all || before ||
		       frames_unclaimed() < frames_reserve() + 20);
		return;
	}
	expect(all);
	memset(&model->allowed[from], (int)permissions, to - from);
}

static void unmap(struct model *model)
{
	unsigned from, to;

	choose_range(&from, &to);
	if (space_remove(model->space, page_address(from),
			 (to - from) * (size_t)4096))
		return;                 /* no memory for a region */
	for (unsigned page = from; page < to; page++) {
		model->mapped[page] = false;
		model->stamp[page] = 0;
	}
}

/* All of it anew. */
static void map(struct model *model)
{
	struct user_region wanted = {
		.start = page_address(HEAP_PAGES),
		.end = page_address(PAGES - 1) + 4096,
		.permissions = MAP_READ | MAP_WRITE,
	};

	if (!space_map(model->space, &wanted, true))
		return;
	for (unsigned page = HEAP_PAGES; page < PAGES; page++) {
		model->mapped[page] = true;
		model->allowed[page] = MAP_READ | MAP_WRITE;
		model->stamp[page] = 0;
	}
}

static void begin(struct model *model)
{
	memset(model, 0, sizeof *model);
	model->space = space_new();
	if (!model->space)
		return;
	model->space->heap = model->space->brk = page_address(0);
}

static void copy(struct model *model)
{
	struct model *other = &models[below(SPACES)];
	struct space *space;

	if (other->space)
		return;
	space = space_copy(model->space);
	if (!space)
		return;
	*other = *model;
	other->space = space;
}

static void finish(struct model *model)
{
	struct cpu *me = this_cpu();

	space_put(model->space);
	model->space = NULL;
	expect(this_cpu() == me);
}

/* ---- All of it --------------------------------------------------------- */

static void start_models(void)
{
	start(RAM({ 0x100000, HOST_MEMORY_END }));
	heap_offset = one_in(2) ? 3 * 4096 : 0;
	kernel_root = NULL;
	memset(&kernel_map, 0, sizeof kernel_map);
	kvm_init();
	expect(frames_promise(page_tables) == 0);
	frames_drain();
	memset(models, 0, sizeof models);
	caches_drain();
	free_before = frames_free() + frames_kept_clean();
	unclaimed_before = frames_unclaimed();
	whole_before = 0;
	for (size_t i = 0; i < runs.count; i++)
		whole_before += runs.run[i].free == RUN;
	expect(whole_before >= 4);
}

static void end_models(void)
{
	size_t whole = 0;

	kalloc_fail_at = 0;
	for (int i = 0; i < SPACES; i++)
		if (models[i].space)
			finish(&models[i]);
	caches_drain();
	for (unsigned i = 0; i < cpu_count; i++) {
		use_processor(i);
		frames_drain();
	}
	expect_healthy();
	expect(frames_free() + frames_kept_clean() == free_before);
	expect(frames_unclaimed() == unclaimed_before);
	expect(runs.reserved.next == &runs.reserved);
	for (size_t i = 0; i < runs.count; i++)
		whole += runs.run[i].free == RUN;
	if (CHECK)                      /* or tables are kept, of some */
		expect(whole == whole_before);
}

/* The process of MODEL has come to another processor. */
static void move(struct model *model)
{
	use_processor((unsigned)below(cpu_count));
	space_use(model->space);
}

static void random_step(void)
{
	struct model *model = &models[below(SPACES)];

	if (!model->space) {
		begin(model);
		return;
	}
	move(model);
	switch (below(12)) {
	case 0: case 1: case 2: case 3: case 4:
		touch_many(model);
		break;
	case 5: case 6:
		resize(model);
		break;
	case 7:
		protect(model);
		break;
	case 8:
		if (one_in(2))
			unmap(model);
		else
			map(model);
		break;
	case 9: case 10:
		copy(model);
		break;
	default:
		if (one_in(2))
			finish(model);
	}
	if (model->space)
		expect_space(model);
}

static void try_random(unsigned processors, bool fails)
{
	start_models();
	cpu_count = processors;
	joined = 0;
	for (int i = 0; i < 1500; i++) {
		if (fails && one_in(5))
			kalloc_fail_at = 1 + (unsigned)below(30);
		random_step();
		kalloc_fail_at = 0;
		if (i % 10 == 0)
			expect_healthy();
	}
	expect(joined > 1000);
	end_models();
}

static void test_random(void)
{
	try_random(1, false);
	try_random(4, false);
}

static void test_random_failing(void)
{
	if (CHECK)
		try_random(2, true);
}

/* ---- By name ------------------------------------------------------------ */

/* A space with a heap of which PAGES are touched. */
static void begin_with(struct model *model, unsigned pages)
{
	begin(model);
	use_processor(0);
	space_use(model->space);
	while (model->heap < HEAP_PAGES)
		resize(model);
	for (unsigned i = 0; i < pages; i++)
		touch(model, i, 1 + i);
}

/* A copy of the first model, which is alone. */
static struct model *copied(void)
{
	for (;;) {
		copy(&models[0]);
		for (int i = 1; i < SPACES; i++)
			if (models[i].space)
				return &models[i];
	}
}

static unsigned count_large(struct space *space)
{
	struct census census = count_half(space->root, false);

	return (unsigned)((census.pages - census.leaves) / (RUN - 1));
}

/* What is filled is joined; a cut, and a store after fork, split. */
static void test_life(void)
{
	struct model *a = &models[0], *b;
	vaddr_t old;

	start_models();
	begin_with(a, HEAP_PAGES);
	expect(count_large(a->space) == (heap_offset ? 1 : 2));
	expect_healthy();
	b = copied();
	expect(count_large(b->space) == count_large(a->space));
	expect_healthy();
	touch(b, RUN, 77);
	expect(count_large(b->space) == count_large(a->space) - 1);
	expect_healthy();
	expect_space(a);
	expect_space(b);
	finish(b);
	expect_healthy();
	touch(a, RUN, 78);                      /* alone again */
	expect(count_large(a->space) == (heap_offset ? 1 : 2));
	expect(!grow_heap(a->space, -(HEAP_PAGES - RUN - 1) * 4096, &old));
	for (unsigned i = RUN + 1; i < HEAP_PAGES; i++)
		a->stamp[i] = 0;
	a->heap = RUN + 1;
	expect(count_large(a->space) == (heap_offset ? 0 : 1));
	expect_space(a);
	end_models();
}

/* Two spaces split the same run, the later one first or last. */
static void test_split_twice(void)
{
	for (int order = 0; order < 6; order++) {
		struct model *a = &models[0], *b;

		start_models();
		begin_with(a, HEAP_PAGES);
		b = copied();
		touch(order % 2 ? a : b, RUN, 5);
		expect_healthy();
		if (order < 2)
			touch(order % 2 ? b : a, RUN + 1, 6);
		else
			finish(order < 4 ? a : b);
		expect_healthy();
		for (int i = 0; i < SPACES; i++)
			if (models[i].space)
				expect_space(&models[i]);
		end_models();
	}
}

/* The last page of a run is touched when the others are shared. */
static void test_shared_before_full(void)
{
	struct model *a = &models[0], *b;

	start_models();
	heap_offset = 0;
	begin_with(a, RUN - 1);
	b = copied();
	touch(a, RUN - 1, 70);
	expect(count_large(a->space) == 0);
	touch(a, 0, 71);
	touch(b, RUN - 1, 72);
	expect_healthy();
	expect_space(a);
	expect_space(b);
	end_models();
}

const struct test tests[] = {
	{ "life", test_life },
	{ "split_twice", test_split_twice },
	{ "shared_before_full", test_shared_before_full },
	{ "random", test_random },
	{ "random_failing", test_random_failing },
	{ 0 },
};
