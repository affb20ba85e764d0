/*
 * Address spaces of programs against a model that has every byte of them:
 * regions, faults, copies that share, the heap.  The model also keeps
 * the books: what a space may need is promised to it, and in the end
 * every frame and every promise is back.
 */
#include "reference.h"
#include "processor.h"
#include "memory/kvm.h"
#include "memory/space.h"
#include "memory/mirror.h"
#include "memory/plant.h"
#include <sanitizer/asan_interface.h>

/* Moves the break; *OLD: where it was, if the result is 0. */
static int grow_heap(struct space *space, intptr_t bytes, vaddr_t *old)
{
	intptr_t at = space_grow(space, bytes);

	*old = (vaddr_t)at;
	return at == -1 ? -1 : 0;
}

enum { SPACES = 5, PAGES = 48, WINDOWS = 3, ALL = PAGES * WINDOWS };

/* A file in memory that is not RAM, as the archive is. */
enum { FILE_AT = 0x1400000, FILE_PAGES = 32 };
#define FILE_START ((const uint8_t *)p2v(FILE_AT))
#define FILE_BYTES (FILE_PAGES * (size_t)4096)

/* The pages that the model knows: a low one, a table's end, the last. */
static vaddr_t page_address(unsigned page)
{
	static const vaddr_t start[WINDOWS] = {
		0x1000, 3 * (vaddr_t)LARGE - PAGES / 2 * 4096,
		(vaddr_t)LOWER_END - PAGES * (vaddr_t)4096,
	};

	return start[page / PAGES] + page % PAGES * (vaddr_t)4096;
}

struct model_region {
	unsigned first, last;           /* pages, in one window */
	struct user_region asked;
};

struct model {
	struct space *space;            /* NULL: none */
	unsigned count;
	struct model_region region[ALL];
	uint8_t *bytes[ALL];            /* of a page that is used, or NULL */
	unsigned heap;                  /* the page where it starts */
	vaddr_t brk;
};

static struct model models[SPACES];
static bool gaps_allowed;       /* in mirrors: an allocation has failed */
static size_t free_before, unclaimed_before;

/* ---- The books -------------------------------------------------------- */

static void start_spaces(void)
{
	start(RAM({ 0x100000, 0x1000000 }));
	ASAN_UNPOISON_MEMORY_REGION(FILE_START, FILE_BYTES);
	for (size_t i = 0; i < FILE_BYTES; i++)
		((uint8_t *)p2v(FILE_AT))[i] = (uint8_t)random64();
	kernel_root = NULL;
	memset(&kernel_map, 0, sizeof kernel_map);
	kvm_init();
	expect(frames_promise(page_tables) == 0);
	memset(models, 0, sizeof models);
	gaps_allowed = false;
	caches_drain();
	free_before = frames_free() + frames_kept_clean();
	unclaimed_before = frames_unclaimed();
}

/* All spaces are gone: is everything back? */
static void expect_nothing_lost(void)
{
	paddr_t where;

	caches_drain();
	expect(frames_free() + frames_kept_clean() == free_before);
	expect(frames_unclaimed() == unclaimed_before);
	expect(!check_free_list(&where));
}

/* Does SPACE use no more than was promised to it? */
static void expect_covered(const struct space *space)
{
	struct census census = count_half(space->root, false);

	expect(census.pages == space->resident);
	if (MIRROR)
		census.tables += count_mirror(space->mirror->root);
	expect(census.tables <= space->promised);
}

/* The kernel sees the page as the program does, but for U and X. */
static void expect_mirrored(struct space *space, vaddr_t address)
{
	struct translation is = translate(space->root, address);
	struct translation seen = translate_mirror(space->mirror->root,
						   address);

	if (gaps_allowed && !seen.permissions)
		return;
	expect(seen.physical == is.physical);
	expect(seen.permissions ==
	       (is.permissions & (PT_LEVELS == 2 ? 23u : 3u)));
}

static void expect_mirror(struct space *space)
{
	vaddr_t where;

	for (unsigned page = 0; page < ALL; page++)
		expect_mirrored(space, page_address(page));
	expect(gaps_allowed || !mirror_check(space, &where));
}

/* ---- The model -------------------------------------------------------- */

static struct model_region *model_find(struct model *model, unsigned page)
{
	for (unsigned i = 0; i < model->count; i++)
		if (page >= model->region[i].first &&
		    page <= model->region[i].last)
			return &model->region[i];
	return NULL;
}

static void model_remove_page(struct model *model, unsigned page)
{
	free(model->bytes[page]);
	model->bytes[page] = NULL;
}

/* What a page holds that nobody has written to. */
static void first_contents(const struct model_region *region,
			   unsigned page, uint8_t *bytes)
{
	size_t offset = (page - region->first) * (size_t)4096, size = 0;

	if (offset < region->asked.size)
		size = region->asked.size - offset;
	if (size > 4096 || (region->asked.flags & REGION_LEND))
		size = 4096;
	memset(bytes, 0, 4096);
	if (size)
		memcpy(bytes, region->asked.data + offset, size);
}

static void model_use(struct model *model, unsigned page)
{
	if (model->bytes[page])
		return;
	model->bytes[page] = malloc(4096);
	first_contents(model_find(model, page), page, model->bytes[page]);
}

/* ---- Operations ------------------------------------------------------- */

static struct model *random_model(void)
{
	return &models[below(SPACES)];
}

static void random_source(struct user_region *wanted)
{
	size_t room = wanted->end - wanted->start;

	if (one_in(3))
		return;                         /* zeros */
	wanted->data = FILE_START + below(FILE_BYTES - room + 1);
	wanted->size = below(room + 1);
	if (one_in(2))
		return;
	wanted->data = FILE_START +
		       below((FILE_BYTES - room) / 4096 + 1) * 4096;
	wanted->size = room - below(4096);
	wanted->flags = REGION_LEND;
	wanted->permissions &= ~(unsigned)MAP_WRITE;
}

static struct model_region random_region(void)
{
	struct model_region r;
	unsigned window = (unsigned)below(WINDOWS);

	r.first = window * PAGES + (unsigned)below(PAGES);
	r.last = r.first + (unsigned)below(8);
	if (r.last >= (window + 1) * PAGES)
		r.last = (window + 1) * PAGES - 1;
	r.asked = (struct user_region){
		.start = page_address(r.first),
		.end = page_address(r.last) + 4096,
		.permissions = MAP_READ | (one_in(2) ? MAP_WRITE : 0) |
			       (one_in(3) ? MAP_EXECUTE : 0),
	};
	random_source(&r.asked);
	return r;
}

static bool overlaps(struct model *model, const struct model_region *r)
{
	for (unsigned page = r->first; page <= r->last; page++)
		if (model_find(model, page))
			return true;
	return false;
}

/* Would this region take what belongs to the heap, even if empty? */
static bool is_at_heap(struct model *model, const struct model_region *r)
{
	return r->first <= model->heap && model->heap <= r->last;
}

static void add(struct model *model)
{
	struct model_region r = random_region();
	bool free = !overlaps(model, &r);
	struct user_region *region;

	if (is_at_heap(model, &r))
		return;
	region = space_add(model->space, &r.asked);
	if (!free)
		expect(!region);
	if (!region)
		return;
	expect(region->start == r.asked.start);
	model->region[model->count++] = r;
}

/* The page is there, as the model says, and if WRITABLE not shared. */
static uint8_t *memory_of(struct model *model, unsigned page, bool write)
{
	struct translation is = translate(model->space->root,
					  page_address(page));
	struct model_region *r = model_find(model, page);
	bool lent = r->asked.flags & REGION_LEND;
	uint8_t *memory = p2v(is.physical);

	expect(is.permissions & MAP_READ && is.permissions & MAP_USER);
	if (!(r->asked.permissions & MAP_WRITE))
		expect(!(is.permissions & MAP_WRITE));
	expect(!!(*is.entry & PTE_LENT) == lent);
	if (write) {
		expect(is.permissions & MAP_WRITE);
		expect(!frame_is_shared(v2p(memory)));
	}
	return memory;
}

static bool is_writable_now(struct model *model, unsigned page)
{
	return translate(model->space->root,
			 page_address(page)).permissions & MAP_WRITE;
}

/* What a processor does with an access: tries, faults, tries again. */
static void touch(struct model *model)
{
	static const unsigned accesses[] = {
		MAP_READ, MAP_WRITE, MAP_WRITE, MAP_EXECUTE,
	};
	unsigned page = (unsigned)below(ALL), access = accesses[below(4)];
	struct model_region *r = model_find(model, page);
	vaddr_t address = page_address(page) + below(4096);
	size_t at = below(4096);
	uint8_t *memory;
	int result;

	if (r && access == MAP_WRITE && is_writable_now(model, page))
		goto there;
	result = space_fault(model->space, address, access, 0);
	if (!r || access & ~r->asked.permissions) {
		expect(result == -1);
		return;
	}
	if (result == -1) {             /* memory, then */
		expect(kalloc_fail_at == 0);
		result = space_fault(model->space, address, access, 0);
	}
	expect(result >= 0);            /* 1: it was there */
	if (MIRROR)
		expect_mirrored(model->space, page_address(page));
there:
	model_use(model, page);
	memory = memory_of(model, page, access == MAP_WRITE);
	if (access == MAP_WRITE)
		memory[at] = model->bytes[page][at] = (uint8_t)random64();
	expect(memcmp(memory, model->bytes[page], 4096) == 0);
}

static struct model *unused_model(void)
{
	for (int i = 0; i < SPACES; i++)
		if (!models[i].space)
			return &models[i];
	return NULL;
}

static void make(void)
{
	struct model *model = unused_model();

	if (!model)
		return;
	*model = (struct model){ .space = space_new() };
	if (!model->space)
		return;
	model->heap = (unsigned)(below(WINDOWS) * PAGES + below(PAGES));
	model->brk = page_address(model->heap);
	model->space->heap = model->space->brk = model->brk;
}

static void copy(struct model *from)
{
	struct model *to = unused_model();
	struct space *space;

	if (!to)
		return;
	space = space_copy(from->space);
	if (!space)
		return;
	*to = *from;
	to->space = space;
	for (unsigned page = 0; page < ALL; page++) {
		if (!from->bytes[page])
			continue;
		to->bytes[page] = malloc(4096);
		memcpy(to->bytes[page], from->bytes[page], 4096);
	}
}

static void put_space(struct model *model)
{
	space_put(model->space);
	for (unsigned page = 0; page < ALL; page++)
		model_remove_page(model, page);
	memset(model, 0, sizeof *model);
}

/* ---- The heap --------------------------------------------------------- */

static struct model_region *model_heap(struct model *model)
{
	for (unsigned i = 0; i < model->count; i++)
		if (model->region[i].first == model->heap)
			return &model->region[i];
	return NULL;
}

/* May the heap's last page be the one before END? */
static bool heap_fits(struct model *model, vaddr_t end)
{
	vaddr_t start = page_address(model->heap);

	if (end < start || end > (vaddr_t)USER_END)
		return false;
	for (unsigned i = 0; i < model->count; i++) {
		struct user_region *r = &model->region[i].asked;

		if (r->start > start && r->start < end)
			return false;
	}
	return true;
}

/* The model's heap gets as long as END says. */
static void model_resize_heap(struct model *model, vaddr_t end)
{
	struct model_region *heap = model_heap(model);
	unsigned pages = (unsigned)((end - page_address(model->heap)) / 4096);
	unsigned stop = (model->heap / PAGES + 1) * PAGES;

	if (!heap && pages == 0)
		return;
	if (!heap) {
		heap = &model->region[model->count++];
		*heap = (struct model_region){
			.first = model->heap,
			.asked = { .start = page_address(model->heap),
				   .permissions = MAP_READ | MAP_WRITE },
		};
	}
	heap->asked.end = end;
	heap->last = model->heap + pages - 1;
	for (unsigned page = model->heap + pages; page < stop; page++)
		if (!model_find(model, page))
			model_remove_page(model, page);
}

static void grow(struct model *model)
{
	intptr_t bytes = (intptr_t)below(8 * 4096) - 4 * 4096;
	vaddr_t wanted = model->brk + (uintptr_t)bytes, old = 0;
	vaddr_t end = (wanted + 4095) / 4096 * 4096;
	vaddr_t window = page_address((model->heap / PAGES + 1) * PAGES - 1);
	int result;

	if (end > window + 4096 && end <= (vaddr_t)USER_END)
		return;                 /* the model ends there */
	result = grow_heap(model->space, bytes, &old);
	expect(result == -1 || old == model->brk);
	if (wanted < page_address(model->heap) || !heap_fits(model, end))
		expect(result == -1);
	if (result == 0) {
		model->brk = wanted;
		model_resize_heap(model, end);
	}
	expect(model->space->brk == model->brk);
}

/* ---- Whole runs ------------------------------------------------------- */

static void compare(struct model *model)
{
	for (unsigned page = 0; page < ALL; page++) {
		struct translation is = translate(model->space->root,
						  page_address(page));

		if (!model_find(model, page))
			expect(!is.permissions && !model->bytes[page]);
		if (model->bytes[page])
			expect(memcmp(memory_of(model, page, false),
				      model->bytes[page], 4096) == 0);
	}
	expect_covered(model->space);
	if (MIRROR)
		expect_mirror(model->space);
}

static void one_operation(void)
{
	struct model *model = random_model();

	if (!model->space) {
		make();
		return;
	}
	switch (below(100)) {
	case 0 ... 9:
		add(model);
		break;
	case 10 ... 14:
		copy(model);
		break;
	case 15 ... 24:
		grow(model);
		break;
	case 25 ... 26:
		put_space(model);
		break;
	default:
		touch(model);
	}
}

static void put_all(void)
{
	for (int i = 0; i < SPACES; i++)
		if (models[i].space)
			put_space(&models[i]);
	expect_nothing_lost();
}

static void run_random(int operations, unsigned fails_one_in)
{
	start_spaces();
	for (int i = 0; i < operations; i++) {
		if (CHECK && fails_one_in && one_in(fails_one_in)) {
			kalloc_fail_at = 1 + (unsigned)below(6);
			gaps_allowed = true;
		}
		one_operation();
		if (i % 100 == 0)
			for (int s = 0; s < SPACES; s++)
				if (models[s].space)
					compare(&models[s]);
		kalloc_fail_at = 0;
	}
	put_all();
}

static void test_random(void)
{
	run_random(60000, 0);
}

static void test_random_with_failures(void)
{
	run_random(30000, 4);
}

/* With little memory promises are refused; those that were made hold. */
static void test_little_memory(void)
{
	start_spaces();
	use_up_memory(frames_reserve() + 150);
	for (int i = 0; i < 30000; i++)
		one_operation();
	for (int i = 0; i < SPACES; i++)
		if (models[i].space)
			put_space(&models[i]);
	give_memory_back();
	expect_nothing_lost();
}

/* ---- Each allocation fails once ---------------------------------------- */

static struct space *a_program(void)
{
	struct user_region text = {
		.start = 0x1000, .end = 0x4000, .flags = REGION_LEND,
		.permissions = MAP_READ | MAP_EXECUTE,
		.data = FILE_START, .size = 3 * 4096,
	};
	struct user_region data = {
		.start = 0x5000, .end = 0x5000 + LARGE,
		.permissions = MAP_READ | MAP_WRITE,
		.data = FILE_START, .size = 5000,
	};
	struct space *space = space_new();

	if (!space)
		return NULL;
	space->heap = space->brk = data.end;
	if (!space_add(space, &text) || !space_add(space, &data) ||
	    space_fault(space, 0x1234, MAP_EXECUTE, 0) ||
	    space_fault(space, 0x5001, MAP_WRITE, 0) ||
	    space_fault(space, 0x6001, MAP_READ, 0) ||
	    space_fault(space, data.end - 1, MAP_WRITE, 0)) {
		space_put(space);
		return NULL;
	}
	return space;
}

static void test_each_allocation_of_a_program(void)
{
	struct space *space = NULL;
	unsigned n = 0;

	if (!CHECK)
		return;
	start_spaces();
	while (!space) {
		kalloc_fail_at = ++n;
		space = a_program();
		if (space && MIRROR && kalloc_fail_at == 0) {
			space_put(space);       /* its mirror has a gap */
			space = NULL;
		} else if (!space) {
			expect(kalloc_fail_at == 0);
		}
		if (!space)
			expect_nothing_lost();
	}
	kalloc_fail_at = 0;
	expect(n > 8);
	space_put(space);
	expect_nothing_lost();
}

static void test_each_allocation_of_a_copy(void)
{
	struct space *space, *copy = NULL;
	size_t free, claims;
	unsigned n = 0;

	if (!CHECK)
		return;
	start_spaces();
	space = a_program();
	free = frames_free();
	claims = frames_unclaimed();
	while (!copy) {
		kalloc_fail_at = ++n;
		copy = space_copy(space);
		expect(copy || kalloc_fail_at == 0);
		expect(copy || (frames_free() == free &&
				frames_unclaimed() == claims));
	}
	kalloc_fail_at = 0;
	expect(n > 3);
	expect(space_fault(space, 0x5001, MAP_WRITE, 0) == 0);
	space_put(copy);
	space_put(space);
	expect_nothing_lost();
}

/* ---- By name ---------------------------------------------------------- */

static void test_bad_regions(void)
{
	const vaddr_t end = (vaddr_t)USER_END;
	const vaddr_t bad[][2] = {
		{ 0x1000, 0x1000 }, { 0x2000, 0x1000 }, { end, end + 0x1000 },
		{ end - 0x1000, end + 0x1000 }, { 0x1000, -(vaddr_t)0x1000 },
		{ -(vaddr_t)0x1000, 0 }, { (vaddr_t)UPPER_START,
					   (vaddr_t)UPPER_START + 0x1000 },
		{ 0x5000, 0x6000 },             /* overlaps the data */
		{ 0x4000, 0x6000 }, { 0x3000, 0x5000 }, { 0x1000, end },
	};
	struct space *space;
	size_t claims;

	start_spaces();
	space = a_program();
	claims = frames_unclaimed();
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct user_region region = {
			.start = bad[i][0], .end = bad[i][1],
			.permissions = MAP_READ,
		};

		expect(!space_add(space, &region));
		expect(frames_unclaimed() == claims);
	}
	space_put(space);
	expect_nothing_lost();
}

/* What is given back by a smaller heap can be had by others. */
static void test_heap_comes_back(void)
{
	struct space *space;
	vaddr_t old, heap;
	size_t claims, free;

	start_spaces();
	space = a_program();
	heap = space->heap;
	claims = frames_unclaimed();
	free = frames_free();
	expect(grow_heap(space, 100 * 4096, &old) == 0 && old == heap);
	expect(frames_unclaimed() <= claims - 100);
	for (vaddr_t at = heap; at < heap + 100 * 4096; at += 4096)
		expect(space_fault(space, at, MAP_WRITE, 0) == 0);
	expect(space_fault(space, heap + 100 * 4096, MAP_WRITE, 0) == -1);
	expect(grow_heap(space, -100 * 4096, &old) == 0);
	expect(frames_free() >= free - 2);
	expect(space_fault(space, heap, MAP_READ, 0) == -1);
	/* Not below its start, nor around the end of all addresses. */
	expect(grow_heap(space, -1, &old) == -1);
	expect(grow_heap(space, INTPTR_MIN, &old) == -1);
	expect(grow_heap(space, INTPTR_MAX, &old) == -1);
	expect(grow_heap(space, (intptr_t)((vaddr_t)USER_END - heap),
			 &old) == -1);
	expect(grow_heap(space, 0, &old) == 0 && old == heap);
	space_put(space);
	expect_nothing_lost();
}

/*
 * A heap that grew wide, was touched here and there, and is gone, has
 * left tables behind.  What they take is not promised to others too.
 */
static void test_tables_stay_promised(void)
{
	const intptr_t size = 12 << 20;
	struct space *space;
	vaddr_t old;

	start_spaces();
	space = space_new();
	space->heap = space->brk = 0x1000;
	expect(grow_heap(space, size, &old) == 0);
	for (vaddr_t at = old; at < old + (vaddr_t)size; at += LARGE)
		expect(space_fault(space, at, MAP_WRITE, 0) == 0);
	expect(grow_heap(space, -size, &old) == 0);
	expect(space->resident == 0);
	caches_drain();
	expect(frames_unclaimed() <= frames_free() + frames_kept_clean());
	space_put(space);
	expect_nothing_lost();
}

/* The stack may be touched from a little below sp upwards. */
static void test_stack_pointer(void)
{
	struct user_region stack = {
		.start = 0x10000, .end = 0x20000, .flags = REGION_STACK,
		.permissions = MAP_READ | MAP_WRITE,
	};
	const vaddr_t sp = 0x18800;
	struct space *space;

	start_spaces();
	space = space_new();
	expect(space && space_add(space, &stack));
	expect(space_fault(space, 0x1ffff, MAP_WRITE, sp) >= 0);
	expect(space_fault(space, sp, MAP_WRITE, sp) >= 0);
	expect(space_fault(space, sp - 64, MAP_WRITE, sp) >= 0);
	expect(space_fault(space, 0x17fff, MAP_WRITE, sp) == -1);
	expect(space_fault(space, 0x10000, MAP_READ, sp) == -1);
	expect(space_fault(space, 0xfff8, MAP_WRITE, 0xfff8) == -1);
	space_put(space);
	expect_nothing_lost();
}

/* Another processor that has the space loaded flushes before it runs. */
static void test_stale_processors(void)
{
	struct space *space;
	unsigned flushes;
	vaddr_t old;

	start_spaces();
	cpu_count = 3;
	space = a_program();
	for (unsigned i = 0; i < 3; i++) {
		use_processor(i);
		space_use(space);
	}
	expect(space->cpus == 7);
	expect(grow_heap(space, 4096, &old) == 0);
	expect(space_fault(space, old, MAP_WRITE, 0) == 0);
	flushes = host_flushes;
	expect(grow_heap(space, -4096, &old) == 0);
	expect(host_flushes > flushes && space->stale == 3);
	for (unsigned i = 0; i < 2; i++) {
		use_processor(i);
		flushes = host_flushes;
		space_use(space);
		expect(host_flushes > flushes);
		flushes = host_flushes;
		space_use(space);
		expect(host_flushes == flushes);
	}
	expect(space->stale == 0);
	/* The last one has all of them leave it before it goes. */
	space_put(space);
	for (unsigned i = 0; i < 3; i++)
		expect(!cpus[i].space);
	cpu_count = 1;
}

/* The check of mirrors notices what is planted in one. */
static void test_mirror_faults(void)
{
	for (const struct planted_fault *fault = mirror_faults;
	     MIRROR && fault->name; fault++) {
		start_spaces();
		expect(plant(fault));
		expect_nothing_lost();
	}
}

const struct test tests[] = {
	{ "random", test_random },
	{ "random_with_failures", test_random_with_failures },
	{ "little_memory", test_little_memory },
	{ "each_allocation_of_a_program", test_each_allocation_of_a_program },
	{ "each_allocation_of_a_copy", test_each_allocation_of_a_copy },
	{ "bad_regions", test_bad_regions },
	{ "heap_comes_back", test_heap_comes_back },
	{ "tables_stay_promised", test_tables_stay_promised },
	{ "stack_pointer", test_stack_pointer },
	{ "stale_processors", test_stale_processors },
	{ "mirror_faults", test_mirror_faults },
	{ 0 },
};
