/*
 * The spin lock, and the allocator behind it, with threads in place of
 * processors.  Meant for ThreadSanitizer above all, which knows what
 * the lock promises about the order of other memory accesses.
 */
#include "host.h"
#include "processor.h"
#include <pthread.h>
#include <sched.h>

enum { THREADS = 4 };

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

/* The list can be checked while others change it. */
static unsigned finished;

static void *use_or_check(void *number)
{
	paddr_t where;

	if (number) {
		use_frames(number);
		__atomic_add_fetch(&finished, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	while (__atomic_load_n(&finished, __ATOMIC_RELAXED) < THREADS - 1)
		expect(!check_free_list(&where));
	return NULL;
}

static void test_check_beside_others(void)
{
	start(RAM({ 0x100000, 0x280000 }));
	operations = 200;
	finished = 0;
	run_threads(use_or_check);
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
	{ "check_beside_others", test_check_beside_others },
	{ "claims", test_claims },
	{ 0 },
};
