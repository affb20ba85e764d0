/*
 * The spin lock, and the allocator behind it, with threads in place of
 * processors.  Meant for ThreadSanitizer above all, which knows what
 * the lock promises about the order of other memory accesses.
 */
#include "host.h"
#include "processor.h"
#include "memory/cache.h"
#include "memory/runs.h"
#include <pthread.h>
#include <sched.h>

enum { THREADS = 4 };

/* What is counted of a class with several locks may be lost. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:note_acquired\nrace:check_release\n";
}

static void *(*run_by_each)(void *);

static void *run_as_processor(void *number)
{
	use_processor((unsigned)(uintptr_t)number);
	return run_by_each(number);
}

static void start_thread(pthread_t *thread, unsigned number)
{
	expect(!pthread_create(thread, NULL, run_as_processor,
			       (void *)(uintptr_t)number));
}

static void run_threads(void *(*run)(void *))
{
	pthread_t thread[THREADS];

	run_by_each = run;
	cpu_count = THREADS;
	for (unsigned i = 0; i < THREADS; i++)
		start_thread(&thread[i], i);
	for (unsigned i = 0; i < THREADS; i++)
		expect(!pthread_join(thread[i], NULL));
}

static struct spinlock lock = SPINLOCK("a lock of the test");

/* A checked build gives it a class, which it does on one CPU only. */
static void take_once(void)
{
	acquire(&lock);
	release(&lock);
}

/* ---- One at a time ---------------------------------------------------- */

enum { ROUNDS = 20000 };

static unsigned long counter, inside;

static void *count(void *unused)
{
	for (int i = 0; i < ROUNDS; i++) {
		acquire(&lock);
		expect(inside++ == 0);
		counter++;
		expect(is_locked(&lock));
		inside--;
		release(&lock);
	}
	return unused;
}

static void test_counter(void)
{
	counter = 0;
	take_once();
	run_threads(count);
	expect(counter == (unsigned long)ROUNDS * THREADS);
	expect(!is_locked(&lock));
}

/* The numbers of the dispenser run out, and begin again. */
static void test_numbers_wrap(void)
{
	lock.next = lock.serving = UINT32_MAX - ROUNDS - 1;
	test_counter();
	expect(lock.next == lock.serving);
	expect(lock.next == (uint32_t)((THREADS - 1) * ROUNDS - 1));
}

/* ---- In the order of arrival ------------------------------------------ */

static unsigned arrivals[THREADS], arrived;

static void *arrive(void *number)
{
	acquire(&lock);
	arrivals[arrived++] = (unsigned)(uintptr_t)number - 1;
	release(&lock);
	return NULL;
}

static void test_order(void)
{
	pthread_t thread[THREADS];
	uint32_t first;

	arrived = 0;
	run_by_each = arrive;
	acquire(&lock);
	first = __atomic_load_n(&lock.next, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < THREADS; i++) {
		start_thread(&thread[i], i + 1);        /* this is 0 */
		while (__atomic_load_n(&lock.next, __ATOMIC_RELAXED) !=
		       first + i + 1)
			sched_yield();
	}
	expect(arrived == 0);
	release(&lock);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	for (unsigned i = 0; i < THREADS; i++)
		expect(arrivals[i] == i);
}

static void test_release_free_lock(void)
{
	struct spinlock unheld = SPINLOCK("cheese");

	expect(!is_locked(&unheld));
	acquire(&unheld);
	expect(is_locked(&unheld));
	release(&unheld);
	expect(!is_locked(&unheld));
	expect(panics(release(&unheld),
		      "release of cheese, which nobody holds") == CHECK);
}

/* ---- The allocator ---------------------------------------------------- */

static int operations;                  /* of each thread */

/* Takes and gives back frames, and sees that nobody else has them. */
static void *use_frames(void *number)
{
	enum { MOST = 30 };
	uint64_t *frame[MOST], stamp = 0x1000 + (uintptr_t)number;
	unsigned held = 0, choice = (unsigned)(uintptr_t)number;

	for (int i = 0; i < operations; i++) {
		choice = choice * 1103515245 + 12345;
		if (held < MOST && (choice >> 16) % 2) {
			frame[held] = kalloc();
			expect(frame[held]);
			frame[held][0] = frame[held][511] = stamp;
			held++;
		} else if (held) {
			held--;
			expect(frame[held][0] == stamp);
			expect(frame[held][511] == stamp);
			kfree(frame[held]);
		}
	}
	while (held)
		kfree(frame[--held]);
	return NULL;
}

static void test_frames(void)
{
	paddr_t where;

	start(RAM({ 0x100000, 0x500000 }));
	operations = 3000;
	run_threads(use_frames);
	expect(frames_free() == frames_total());
	expect(!check_free_list(&where));
}

/* Reserves runs, fills parts of them, and loses some to others. */
static void *use_runs(void *number)
{
	enum { MOST = 200 };
	const void *owner = (const void *)((uintptr_t)number * 0x40000 +
					   0x40000);
	struct run *known = NULL;
	void *frame[MOST];
	bool last = false;

	for (int i = 0; i < operations; i++) {
		unsigned held = 0;

		expect(frames_promise(MOST) == 0);
		run_reserve(owner);
		while (held < MOST) {
			void *next = run_take_at(owner, &known,
						 held * 2, &last);

			frame[held] = next ? next : kalloc_promised();
			expect(frame[held]);
			*(void **)frame[held++] = frame;
		}
		if (i % 2)
			run_release(owner);
		while (held > 0) {
			expect(*(void **)frame[--held] == frame);
			kfree_promised(frame[held]);
		}
		if (i % 2 == 0)
			run_release(owner);
		frames_release(MOST);
	}
	frames_drain();
	return NULL;
}

static void test_runs(void)
{
	paddr_t where;

	start(RAM({ 0x100000, 0xa00000 }));
	operations = 200;
	run_threads(use_runs);
	expect(frames_free() == frames_total());
	expect(frames_unclaimed() == frames_total());
	expect(!check_free_list(&where));
}

/* ---- Objects ----------------------------------------------------------- */

static struct cache cache = CACHE("thing", uint64_t[5]);
static unsigned users;                  /* threads that are not through */

static void *use_objects(void *number)
{
	enum { MOST = 40 };
	uint64_t *thing[MOST], stamp = 0x1000 + (uintptr_t)number;
	unsigned held = 0, choice = (unsigned)(uintptr_t)number;

	for (int i = 0; i < operations; i++) {
		choice = choice * 1103515245 + 12345;
		if (held < MOST && (choice >> 16) % 2) {
			thing[held] = cache_alloc(&cache);
			expect(thing[held]);
			thing[held][0] = thing[held][4] = stamp;
			held++;
		} else if (held) {
			held--;
			expect(thing[held][0] == stamp);
			expect(thing[held][4] == stamp);
			cache_free(&cache, thing[held]);
		}
	}
	while (held)
		cache_free(&cache, thing[--held]);
	__atomic_sub_fetch(&users, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* One empties the hands of the others all the time. */
static void *use_or_drain(void *number)
{
	if (number)
		return use_objects(number);
	while (__atomic_load_n(&users, __ATOMIC_RELAXED) > 0)
		caches_drain();
	return NULL;
}

static void test_objects(void)
{
	start(RAM({ 0x100000, 0x500000 }));
	operations = 5000;
	users = THREADS - 1;
	acquire(&cache.lock);           /* which has a class now */
	release(&cache.lock);
	run_threads(use_or_drain);
	caches_drain();
	expect(cache.slabs == 0 && !cache.partial);
	expect(frames_free() == frames_total());
}

/* Takes a few frames when there are some, in a machine that has few. */
static void *use_up(void *number)
{
	enum { MOST = 8 };
	void *frame[MOST];
	unsigned held = 0;

	for (int i = 0; i < operations; i++) {
		while (held < MOST && (frame[held] = kalloc()))
			held++;
		while (held > 0)
			kfree(frame[--held]);
	}
	return number;
}

/* No claim is lost or made up when the last frames are fought for. */
static void test_claims(void)
{
	size_t left;

	start(RAM({ 0x100000, 0x500000 }));
	cpu_count = THREADS;
	left = frames_reserve() + THREADS * 4;
	use_up_memory(left);
	operations = 20000;
	run_threads(use_up);
	expect(frames_free() == left);
	expect(frames_unclaimed() == left);
	cpu_count = 1;
	give_memory_back();
}

const struct test tests[] = {
	{ "counter", test_counter },
	{ "numbers_wrap", test_numbers_wrap },
	{ "order", test_order },
	{ "release_free_lock", test_release_free_lock },
	{ "frames", test_frames },
	{ "runs", test_runs },
	{ "objects", test_objects },
	{ "claims", test_claims },
	{ 0 },
};
