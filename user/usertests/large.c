/*
 * Tests of large heaps, parts of which become large pages: their contents
 * are the same as those of small ones, whatever is done to a part.
 */

enum {
	SPAN = 4 * 1024 * 1024,         /* of a large page, on either */
	SPAN_PAGES = SPAN / PAGE,
	LARGE_HEAP = 3 * SPAN           /* has two wherever it begins */
};

/*
 * A heap of that size, of which nothing was touched.  If there is not
 * memory for OTHERS of the kind as well, the test ends here, well.
 */
static char *large_pages(int others)
{
	uint32_t needed = (others + 1) * (LARGE_HEAP / PAGE + 100);

	if (available_pages() < needed)
		exit(OK);
	return new_pages(LARGE_HEAP / PAGE);
}

/* ---- Each page has a number ---- */

static uint32_t *number_of(char *heap, int page)
{
	return (uint32_t *)(heap + page * PAGE + page % 1000 * 4);
}

/* Pages FROM to TO get their numbers, from SEED on. */
static void give_numbers(char *heap, int from, int to, uint32_t seed)
{
	for (int i = from; i < to; i++)
		*number_of(heap, i) = seed + i;
}

static void check_numbers(char *heap, int from, int to, uint32_t seed)
{
	for (int i = from; i < to; i++)
		check(*number_of(heap, i) == seed + i,
		      "page %d has %x, not %x", i, *number_of(heap, i),
		      seed + i);
}

enum { LARGE_COUNT = LARGE_HEAP / PAGE };

/* ---- In which order pages are touched ---- */

/* Page I in one of four orders: up, down, in big steps, shuffled. */
static int in_order(int order, int i)
{
	switch (order) {
	case 0:
		return i;
	case 1:
		return LARGE_COUNT - 1 - i;
	case 2:
		return i % 64 * (LARGE_COUNT / 64) + i / 64;
	default:
		return i * 1021 % LARGE_COUNT;
	}
}

/* Each page begins with zeros and keeps what it gets. */
static void largeorder(void)
{
	for (int order = 0; order < 4; order++) {
		char *heap = large_pages(0);

		for (int i = 0; i < LARGE_COUNT; i++) {
			int page = in_order(order, i);

			check(*number_of(heap, page) == 0,
			      "page %d begins with %x", page,
			      *number_of(heap, page));
			*number_of(heap, page) = 5 + page;
		}
		check_numbers(heap, 0, LARGE_COUNT, 5);
		check(sbrk(-LARGE_HEAP) != NOWHERE, "sbrk failed");
	}
}

/* A heap that grows in small steps, and shrinks in others. */
static void largesteps(void)
{
	char *heap = large_pages(0);
	int pages = 0;

	grow(-LARGE_HEAP);
	for (; pages < LARGE_COUNT; pages += 16) {
		grow(16 * PAGE);
		give_numbers(heap, pages, pages + 16, 7);
	}
	for (; pages > 0; pages -= 96) {
		check_numbers(heap, 0, pages, 7);
		grow(-96 * PAGE);
	}
}

/* The heap is cut anywhere, and what comes back is zero. */
static void largecut(void)
{
	char *heap = large_pages(1);
	uint32_t seed = 99;

	give_numbers(heap, 0, LARGE_COUNT, 3);
	for (int i = 0; i < rounds(60); i++) {
		int left;

		seed = seed * 1103515245 + 12345;
		left = (int)(seed >> 8) % LARGE_COUNT;
		grow((left - LARGE_COUNT) * PAGE);
		check_numbers(heap, 0, left, 3);
		check(dies(read_byte, (uintptr_t)heap + left * PAGE),
		      "page %d stayed", left);
		grow((LARGE_COUNT - left) * PAGE);
		for (int page = left; page < LARGE_COUNT; page++)
			check(*number_of(heap, page) == 0,
			      "page %d came back with %x", page,
			      *number_of(heap, page));
		if (i % 3)
			give_numbers(heap, left, LARGE_COUNT, 3);
		else
			for (int page = LARGE_COUNT; page-- > left;)
				*number_of(heap, page) = 3 + page;
	}
}

/* ---- Parents and children ---- */

/* A child sees what was there, and its stores are its own. */
static void write_some(uintptr_t heap)
{
	char *at = (char *)heap;

	check_numbers(at, 0, LARGE_COUNT, 1000);
	for (int i = 100; i < LARGE_COUNT; i += 100)
		*number_of(at, i) = 0;
	for (int i = 0; i < LARGE_COUNT; i++)
		check(*number_of(at, i) ==
		      (i % 100 || i == 0 ? 1000u + i : 0),
		      "child: page %d has %x", i, *number_of(at, i));
}

static void largefork(void)
{
	char *heap = large_pages(1);

	give_numbers(heap, 0, LARGE_COUNT, 1000);
	for (int i = 0; i < 3; i++) {
		expect(spawn(write_some, (uintptr_t)heap), OK, "child");
		check_numbers(heap, 0, LARGE_COUNT, 1000);
		give_numbers(heap, 0, LARGE_COUNT, 1000);
	}
}

/* Parent and child write to different pages at the same time. */
static void largeboth(void)
{
	char *heap = large_pages(1);

	give_numbers(heap, 0, LARGE_COUNT, 1000);
	for (int i = 0; i < 3; i++) {
		int pid = spawn(write_some, (uintptr_t)heap);

		for (int page = i; page < LARGE_COUNT; page += 37)
			*number_of(heap, page) = 1;
		for (int page = 0; page < LARGE_COUNT; page++)
			check(*number_of(heap, page) ==
			      (page % 37 == i ? 1 : 1000u + page),
			      "page %d has %x", page,
			      *number_of(heap, page));
		expect(pid, OK, "child");
		give_numbers(heap, 0, LARGE_COUNT, 1000);
	}
}

/* DEPTH generations, each of which changes its own pages. */
static void descend(char *heap, int depth)
{
	int pid;

	if (depth == 0)
		return;
	pid = must_fork();
	if (pid == 0) {
		give_numbers(heap, depth * 300, depth * 300 + 150,
			     depth << 20);
		descend(heap, depth - 1);
		check_numbers(heap, depth * 300, depth * 300 + 150,
			      depth << 20);
		exit(OK);
	}
	if (depth % 2)
		*number_of(heap, 7) = 8;
	expect(pid, OK, "generation");
}

static void largegenerations(void)
{
	char *heap = large_pages(4);

	give_numbers(heap, 0, LARGE_COUNT, 1);
	descend(heap, 4);
	check_numbers(heap, 8, LARGE_COUNT, 1);
}

/* The parent goes first; its child has the pages then. */
static void orphaned(uintptr_t heap)
{
	int pid = must_fork();

	if (pid == 0) {
		sleep(2);
		write_some(heap);
		exit(OK);
	}
}

static void largeorphan(void)
{
	char *heap = large_pages(4);

	give_numbers(heap, 0, LARGE_COUNT, 1000);
	for (int i = 0; i < 3; i++)
		expect(spawn(orphaned, (uintptr_t)heap), OK, "child");
	write_some((uintptr_t)heap);
	sleep(6);
}

/* A child gives half of the heap back, grows and forks. */
static void shrink_and_fork(uintptr_t heap)
{
	char *at = (char *)heap;
	int half = LARGE_COUNT / 2 + 17;

	grow((half - LARGE_COUNT) * PAGE);
	check_numbers(at, 0, half, 1000);
	grow((LARGE_COUNT - half) * PAGE);
	check(*number_of(at, half) == 0, "a page came back");
	give_numbers(at, half, LARGE_COUNT, 1000);
	expect(spawn(write_some, heap), OK, "grandchild");
	check_numbers(at, 0, LARGE_COUNT, 1000);
}

static void largehalf(void)
{
	char *heap = large_pages(6);
	int pid[3];

	give_numbers(heap, 0, LARGE_COUNT, 1000);
	for (int i = 0; i < COUNT(pid); i++)
		pid[i] = spawn(shrink_and_fork, (uintptr_t)heap);
	for (int i = 0; i < COUNT(pid); i++) {
		int status;

		check(wait(&status) > 0 && status == OK, "a child failed");
	}
	check_numbers(heap, 0, LARGE_COUNT, 1000);
}

/* ---- Memory that is promised ---- */

/* A child: a page of each 64, and hold them. */
static void touch_few(uintptr_t unused)
{
	char *heap = large_pages(0);

	(void)unused;
	for (int i = 0; i < LARGE_COUNT; i += 64)
		*number_of(heap, i) = 1 + i;
	for (;;) {
		sleep(1);
		for (int i = 0; i < LARGE_COUNT; i += 64)
			check(*number_of(heap, i) == 1u + i,
			      "page %d changed", i);
	}
}

/* Others have touched little; the rest can be had by who was promised. */
static void largepressure(void)
{
	int pid[4], status;
	char *start;

	large_pages(4);
	grow(-LARGE_HEAP);
	for (int i = 0; i < COUNT(pid); i++)
		pid[i] = spawn(touch_few, 0);
	sleep(5);
	start = new_pages(0);
	take_all(1);
	for (char *at = start; at < (char *)sbrk(0); at += PAGE)
		check(*at == 1, "at %p is %d", at, *at);
	for (int i = 0; i < COUNT(pid); i++)
		kill(pid[i]);
	for (int i = 0; i < COUNT(pid); i++)
		check(wait(&status) > 0 && status == KILLED,
		      "a child has status %d", status);
}

/* ---- The kernel's own accesses ---- */

/* Calls that store into a large page that is shared, across its pages. */
static void read_there(uintptr_t heap)
{
	char *at = (char *)heap;
	int fd = must_open(TEXT_FILE);
	int size = 3 * PAGE / 2, from = SPAN + 5 * PAGE - 100;
	static char wanted[3 * PAGE / 2];
	int got = read(fd, wanted, size);

	check(got > 100, "read returned %d", got);
	close(fd);
	fd = must_open(TEXT_FILE);
	check(read(fd, at + from, got) == got, "read failed");
	close(fd);
	check(memcmp(at + from, wanted, got) == 0, "it read something else");
	check(at[from - 1] == 0 && at[from + got] == 0,
	      "it stored beside the buffer");
}

static void largeread(void)
{
	char *heap = large_pages(1);

	for (int i = 0; i < LARGE_COUNT; i++)
		heap[i * PAGE + 2000] = 0;
	expect(spawn(read_there, (uintptr_t)heap), OK, "child");
	check(zero(heap + SPAN, SPAN), "the child has read into ours");
	read_there((uintptr_t)heap);
}

/* ---- Mappings ---- */

/* Parts of a large mapping are protected, and taken away. */
static void largemapping(void)
{
	int from = SPAN_PAGES + 77, to = 2 * SPAN_PAGES + 13;
	char *map;

	if (available_pages() < LARGE_COUNT + 200)
		return;
	map = mmap(0, LARGE_HEAP, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(map != MAP_FAILED, "mmap failed");
	give_numbers(map, 0, LARGE_COUNT, 5);
	check(!mprotect(map + from * PAGE, (to - from) * PAGE, PROT_READ),
	      "mprotect failed");
	check_numbers(map, 0, LARGE_COUNT, 5);
	check(dies(write_byte, (uintptr_t)map + from * PAGE) &&
	      dies(write_byte, (uintptr_t)map + (to - 1) * PAGE),
	      "a store where only reading is allowed");
	write_byte((uintptr_t)map + from * PAGE - 1);
	write_byte((uintptr_t)map + to * PAGE + PAGE - 1);
	check(!mprotect(map, LARGE_HEAP, PROT_NONE), "PROT_NONE failed");
	check(dies(read_byte, (uintptr_t)map + SPAN), "a load");
	check(!mprotect(map, LARGE_HEAP, PROT_READ | PROT_WRITE),
	      "mprotect back failed");
	check_numbers(map, 0, LARGE_COUNT, 5);
	give_numbers(map, 0, LARGE_COUNT, 6);
	check(!munmap(map + from * PAGE, (to - from) * PAGE),
	      "munmap failed");
	check(dies(read_byte, (uintptr_t)map + from * PAGE),
	      "a page stayed");
	check_numbers(map, 0, from, 6);
	check_numbers(map, to, LARGE_COUNT, 6);
	check(!munmap(map, LARGE_HEAP), "the last munmap failed");
}

/* ---- All of it, at random ---- */

static uint32_t large_seed;

static uint32_t large_random(uint32_t below)
{
	large_seed = large_seed * 1664525 + 1013904223;
	return (large_seed >> 8) % below;
}

/* What each page should hold; 0: it was not written. */
struct large_model {
	char *heap;
	int pages;
	uint16_t stamp[LARGE_COUNT];
};

static struct large_model drawn;         /* of this process */

static void check_drawn(int step)
{
	for (int i = 0; i < drawn.pages; i += step)
		check(*number_of(drawn.heap, i) == drawn.stamp[i],
		      "page %d has %x, not %x", i,
		      *number_of(drawn.heap, i), drawn.stamp[i]);
}

static void stamp_some(void)
{
	int from = large_random(drawn.pages), count, step;

	step = 1 + large_random(3) * large_random(20);
	count = large_random(large_random(4) ? 200 : 2 * SPAN_PAGES);
	for (int i = from; i < drawn.pages && count > 0; i += step, count--) {
		drawn.stamp[i] = 1 + large_random(60000);
		*number_of(drawn.heap, i) = drawn.stamp[i];
	}
}

static void resize_drawn(void)
{
	int pages = 1 + large_random(LARGE_COUNT - 1);

	if (large_random(3) == 0)
		pages = LARGE_COUNT;
	if (sbrk((pages - drawn.pages) * PAGE) == NOWHERE)
		return;         /* others have the memory */
	for (int i = drawn.pages; i < pages; i++)
		drawn.stamp[i] = 0;
	drawn.pages = pages;
}

static void act_at_random(int steps, int depth)
{
	for (int i = 0; i < steps; i++) {
		uint32_t what = large_random(10);

		if (what < 6)
			stamp_some();
		else if (what < 8)
			resize_drawn();
		else if (what == 8)
			check_drawn(1 + large_random(10));
		else if (depth > 0) {
			int pid = fork();

			if (pid == 0) {
				act_at_random(steps / 4, depth - 1);
				check_drawn(1);
				exit(OK);
			}
			if (large_random(2))
				stamp_some();
			if (pid > 0)
				expect(pid, OK, "child");
		}
	}
}

static void act_alone(uintptr_t seed)
{
	large_seed = (uint32_t)seed;
	drawn.heap = new_pages(1);
	drawn.pages = 1;
	act_at_random(rounds(100), 2);
	check_drawn(1);
}

static void largerandom(void)
{
	int pid[3], status;

	large_pages(5);
	grow(-LARGE_HEAP);
	for (int i = 0; i < COUNT(pid); i++)
		pid[i] = spawn(act_alone, 17 * i + uptime());
	for (int i = 0; i < COUNT(pid); i++)
		check(wait(&status) > 0 && status == OK,
		      "a child has status %d", status);
}

static const struct test large_tests[] = {
	{ "largeorder", largeorder, QUICK },
	{ "largesteps", largesteps, QUICK },
	{ "largecut", largecut, QUICK | KILLS },
	{ "largefork", largefork, QUICK },
	{ "largeboth", largeboth, QUICK },
	{ "largegenerations", largegenerations, QUICK },
	{ "largeorphan", largeorphan, QUICK },
	{ "largehalf", largehalf, QUICK },
	{ "largepressure", largepressure, QUICK },
	{ "largeread", largeread, QUICK },
	{ "largemapping", largemapping, QUICK | MAPS | KILLS },
	{ "largerandom", largerandom, QUICK },
};
