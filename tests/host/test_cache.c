/*
 * Caches of small objects against a model: the list of those that are in
 * use, each with a pattern of its own.
 */
#include "host.h"
#include "processor.h"
#include "memory/cache.h"

enum { MOST = 5000, SIZES = 8 };

static const size_t sizes[SIZES] = { 8, 16, 24, 40, 104, 256, 640, 1024 };

struct object {
	uint8_t *at;
	uint8_t stamp;
};

static struct object objects[MOST];
static unsigned used;
static struct cache cache;
static size_t total;

static void start_cache(size_t size)
{
	start(SOME_RAM);
	caches = NULL;
	cache = (struct cache){ .lock = SPINLOCK("cache"), .size = size };
	used = 0;
	total = frames_total();
}

static bool is_whole(const struct object *object)
{
	for (size_t i = 0; i < cache.size; i++)
		if (object->at[i] != object->stamp)
			return false;
	return true;
}

static bool take(void)
{
	struct object *object = &objects[used];

	object->at = cache_alloc(&cache);
	if (!object->at)
		return false;
	expect((uintptr_t)object->at % 8 == 0);
	expect(is_frame(page_down(v2p(object->at))));
	expect(page_down((uintptr_t)object->at) ==
	       page_down((uintptr_t)object->at + cache.size - 1));
	object->stamp = (uint8_t)random64();
	memset(object->at, object->stamp, cache.size);
	used++;
	return true;
}

static void give(unsigned i)
{
	expect(is_whole(&objects[i]));
	cache_free(&cache, objects[i].at);
	objects[i] = objects[--used];
}

/* How many different frames the objects are in. */
static size_t frames_in_use(void)
{
	static bool seen[HOST_MEMORY_END / 4096];
	size_t count = 0;

	memset(seen, false, sizeof seen);
	for (unsigned i = 0; i < used; i++) {
		size_t number = v2p(objects[i].at) / 4096;

		count += !seen[number];
		seen[number] = true;
	}
	return count;
}

static void expect_exact(void)
{
	paddr_t where;

	caches_drain();
	expect(cache.slabs == frames_in_use());
	expect(frames_free() + cache.slabs == total);
	expect(frames_unclaimed() + cache.slabs == total);
	for (unsigned i = 0; i < used; i++)
		expect(is_whole(&objects[i]));
	expect(!check_free_list(&where));
	expect(!is_locked(&cache.lock));
}

static void try_size(size_t size)
{
	unsigned take_of_100 = 50;

	start_cache(size);
	for (int i = 0; i < 40000; i++) {
		if (i % 2000 == 0) {
			take_of_100 = 20 + (unsigned)below(61);
			expect_exact();
		}
		if (used < MOST && below(100) < take_of_100)
			expect(take());
		else if (used)
			give((unsigned)below(used));
	}
	while (used)
		give((unsigned)below(used));
	expect_exact();
	expect(cache.slabs == 0 && !cache.partial);
}

static void test_random(void)
{
	for (int i = 0; i < SIZES; i++)
		try_size(sizes[i]);
}

/* A frame holds what fits behind some 40 bytes of accounts. */
static void test_little_is_wasted(void)
{
	for (int i = 0; i < SIZES; i++) {
		start_cache(sizes[i]);
		do
			expect(take());
		while (cache.slabs == 1);
		expect((used - 1) * sizes[i] > 4096 - 56 - sizes[i]);
		while (used)
			give(0);
	}
}

/* An object that was given back is the next to be taken: it is warm. */
static void test_last_in_first_out(void)
{
	void *object;

	start_cache(104);
	expect(take() && take());
	object = objects[1].at;
	give(1);
	expect(cache_alloc(&cache) == object);
}

/* Without a frame there are still the objects of those it has. */
static void test_no_memory(void)
{
	unsigned count;

	start_cache(256);
	expect(take());
	use_up_memory(0);
	while (take())
		;
	expect(used == (4096 - 56) / 256 && cache.slabs == 1);
	count = used;
	give((unsigned)below(used));
	expect(take() && !take() && used == count);
	give_memory_back();
	expect(take() && cache.slabs == 2);
	while (used)
		give(0);
	expect_exact();
}

static void test_each_allocation_fails(void)
{
	if (!CHECK)
		return;
	for (unsigned n = 1; n < 5; n++) {
		unsigned slabs = 0;

		start_cache(1024);
		kalloc_fail_at = n;
		while (take())
			slabs = (unsigned)cache.slabs;
		expect(slabs == n - 1 && used == 3 * (n - 1));
		expect_exact();
		expect(take());         /* only that one failed */
	}
}

/* In a checked build what was given back is not to be taken for valid. */
static void test_fill(void)
{
	uint8_t *object;

	start_cache(40);
	expect(take() && take());
	object = objects[0].at;
	give(0);
	for (size_t i = sizeof(void *); i < 40; i++)
		expect(object[i] == (CHECK ? 3 : object[i]));
}

const struct test tests[] = {
	{ "random", test_random },
	{ "little_is_wasted", test_little_is_wasted },
	{ "last_in_first_out", test_last_in_first_out },
	{ "no_memory", test_no_memory },
	{ "each_allocation_fails", test_each_allocation_fails },
	{ "fill", test_fill },
	{ 0 },
};
