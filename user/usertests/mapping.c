/* Tests of mmap, munmap and mprotect without files, and of stacks. */

enum {
	RW = PROT_READ | PROT_WRITE,
	RX = PROT_READ | PROT_EXEC,
	RWX = PROT_READ | PROT_WRITE | PROT_EXEC,
	PRIVATE = MAP_PRIVATE | MAP_ANONYMOUS,
	SHARED = MAP_SHARED | MAP_ANONYMOUS
};

/* A range that nothing uses, on either machine. */
#define FREE_RANGE ((char *)0x30000000)

static int has_mappings(void)
{
	char *at = mmap(0, PAGE, PROT_READ, PRIVATE, -1, 0);

	return at != MAP_FAILED && munmap(at, PAGE) == 0;
}

/* ---- Calls that have to succeed ---- */

/* PAGES pages of memory, anywhere. */
static char *must_map(int pages, int protection, int flags)
{
	char *at = mmap(0, (size_t)pages * PAGE, protection, flags, -1,
			0);

	check(at != MAP_FAILED, "mmap of %d pages failed", pages);
	check((uintptr_t)at % PAGE == 0, "mmap gives %p", at);
	return at;
}

/* The same, of zeros, at AT and nowhere else. */
static void must_map_at(char *at, int pages, int protection, int flags)
{
	char *got = mmap(at, (size_t)pages * PAGE, protection,
			 flags | MAP_FIXED, -1, 0);

	check(got == at, "%p was mapped for %p", got, at);
}

static void must_unmap(void *at, int pages)
{
	check(munmap(at, (size_t)pages * PAGE) == 0,
	      "munmap of %d pages at %p failed", pages, at);
}

static void must_protect(void *at, int pages, int protection)
{
	check(mprotect(at, (size_t)pages * PAGE, protection) == 0,
	      "mprotect(%p, %d pages, %d) failed", at, pages,
	      protection);
}

/* ---- What may be done where ---- */

/* For questions to the kernel; and whose it is. */
static int probe_pipe[2], prober;

static void open_probe(void)
{
	if (prober == getpid())
		return;
	if (prober) {
		close(probe_pipe[0]);
		close(probe_pipe[1]);
	}
	check(pipe(probe_pipe) == 0, "no pipe");
	prober = getpid();
}

/*
 * May the kernel read the byte at AT for us, and write it?  PROT_READ,
 * RW, or 0.  The byte stays what it is.
 */
static int rights(char *at)
{
	char byte;

	open_probe();
	if (write(probe_pipe[1], at, 1) != 1)
		return 0;
	if (read(probe_pipe[0], at, 1) == 1)
		return RW;
	check(read(probe_pipe[0], &byte, 1) == 1, "the probe is lost");
	return PROT_READ;
}

/* All of COUNT pages from AT on have to have these RIGHTS. */
static void expect_rights(char *at, int count, int expected,
			  const char *what)
{
	for (int i = 0; i < count; i++) {
		int got = rights(at + i * PAGE);

		check(got == expected, "%s: page %d: rights %d, not %d",
		      what, i, got, expected);
	}
}

/* The same, for what programs can do themselves. */
static void expect_access(char *at, int expected, const char *what)
{
	if (!(expected & PROT_READ))
		check(dies(read_byte, (uintptr_t)at), "%s: read", what);
	else
		read_byte((uintptr_t)at);
	if (!(expected & PROT_WRITE))
		check(dies(write_byte, (uintptr_t)at), "%s: written",
		      what);
}

/* ---- Memory that is private ---- */

static void mapanon(void)
{
	char *heap = sbrk(0), *a = must_map(5, RW, PRIVATE);
	char *b = must_map(1, RW, PRIVATE);

	check(a > heap && (uintptr_t)a <= USER_END - 5 * PAGE,
	      "mapped at %p", a);
	check(b + PAGE <= a || a + 5 * PAGE <= b, "one on the other");
	check(zero(a, 5 * PAGE) && zero(b, PAGE), "not zeros");
	fill(a, 5 * PAGE, 1);
	fill(b, PAGE, 2);
	check(intact(a, 5 * PAGE, 1) && intact(b, PAGE, 2), "changed");
	check(sbrk(0) == heap, "the break moved");
	must_unmap(a, 5);
	check(dies(read_byte, (uintptr_t)a), "read after munmap");
	check(dies(write_byte, (uintptr_t)a + 5 * PAGE - 1),
	      "written after munmap");
	check(intact(b, PAGE, 2), "the other one has gone");
	a = must_map(5, RW, PRIVATE);
	check(zero(a, 5 * PAGE), "old bytes came back");
}

/* A length that is no multiple of a page: the rest comes with it. */
static void maplength(void)
{
	char *at = mmap(0, 1, RW, PRIVATE, -1, 0);

	check(at != MAP_FAILED, "one byte");
	fill(at, PAGE, 1);
	check(rights(at + PAGE) == 0, "two pages");
	check(munmap(at, 1) == 0, "munmap of a byte");
	check(rights(at) == 0, "it is still there");
	at = mmap(0, PAGE + 1, RW, PRIVATE, -1, 0);
	check(at != MAP_FAILED, "a page and a byte");
	fill(at, 2 * PAGE, 1);
	check(mprotect(at + PAGE, 1, PROT_READ) == 0, "mprotect");
	check(rights(at) == RW && rights(at + PAGE) == PROT_READ,
	      "mprotect of a byte");
	check(munmap(at, PAGE + 1) == 0, "munmap of a page and a byte");
	expect_rights(at, 2, 0, "munmap of a page and a byte");
}

/*
 * Unmap COUNT pages from FIRST on of a region of ten, and look at what
 * is left.
 */
static void unmap_part(int first, int count, int flags)
{
	char *at = must_map(10, RW, flags);

	fill(at, 10 * PAGE, 3);
	check(munmap(at + first * PAGE, (size_t)count * PAGE) == 0,
	      "munmap of %d from %d", count, first);
	for (int i = 0; i < 10; i++) {
		int gone = i >= first && i < first + count;

		check(rights(at + i * PAGE) == (gone ? 0 : RW),
		      "%d from %d: page %d", count, first, i);
		check(gone || *(uint32_t *)(at + i * PAGE) ==
			      pattern(3, i * PAGE / 4),
		      "%d from %d: page %d changed", count, first, i);
	}
	check(munmap(at, 10 * PAGE) == 0, "munmap of what is left");
	expect_rights(at, 10, 0, "all unmapped");
}

static void mapparts(void)
{
	const int flags[] = { PRIVATE, SHARED };

	for (int i = 0; i < COUNT(flags); i++) {
		unmap_part(0, 3, flags[i]);
		unmap_part(4, 2, flags[i]);
		unmap_part(7, 3, flags[i]);
		unmap_part(0, 10, flags[i]);
		unmap_part(9, 1, flags[i]);
	}
}

/* Several regions, holes between them, nothing at all. */
static void mapholes(void)
{
	char *at = FREE_RANGE;

	for (int i = 0; i < 9; i += 3)
		must_map_at(at + i * PAGE, 2, RW, PRIVATE);
	must_unmap(at + PAGE, 6);       /* half of two, and one */
	check(rights(at) == RW && rights(at + 7 * PAGE) == RW,
	      "what is outside went");
	expect_rights(at + PAGE, 6, 0, "inside");
	must_unmap(at + PAGE, 6);
	must_unmap(at - 100 * PAGE, 1000);
	expect_rights(at, 9, 0, "all");
	must_unmap(at, 1);
}

enum { SCATTERED = 300 };

/* Each page is still what it was, or has gone. */
static void check_scattered(uintptr_t address)
{
	char *at = (char *)address;
	int left = 0;

	for (int i = 0; i < SCATTERED; i++) {
		if (rights(at + i * PAGE) == 0)
			continue;
		left++;
		check(at[i * PAGE] == (char)i, "page %d changed", i);
		at[i * PAGE] = 77;
	}
	check(left == SCATTERED / 2 - 1, "%d pages", left);
}

/* Single pages out of a large region, until nothing is left. */
static void mapscattered(void)
{
	enum { PAGES = SCATTERED };
	char *at = must_map(PAGES, RW, PRIVATE);

	for (int i = 0; i < PAGES; i++)
		at[i * PAGE] = i;
	for (int i = 0; i < PAGES; i++) {
		int page = i * 7 % PAGES;

		must_unmap(at + page * PAGE, 1);
		if (i % 50 == 0)
			check(rights(at + page * PAGE) == 0, "page %d",
			      page);
		if (i == PAGES / 2)
			expect(spawn(check_scattered, (uintptr_t)at), OK,
			       "a child");
	}
	expect_rights(at, PAGES, 0, "all unmapped");
}

/* Much address space, little of it used; nothing of it is kept. */
static void mapwide(void)
{
	struct memory_info before, after;

	sleep(3);
	before = memory_now();
	for (int i = 0; i < 400; i++) {
		char *at = FREE_RANGE + (i * 3 + 1) * 0x100000L;

		must_map_at(at, 1, RW, PRIVATE);
		*at = 1;
		if (i % 2)
			must_unmap(at, 1);
	}
	must_unmap(FREE_RANGE, 0x4b000);
	after = memory_now();
	check(after.free + 32 >= before.free, "%d frames are missing",
	      (int)(before.free - after.free));
	check(after.promised <= before.promised + 32,
	      "%d more are promised",
	      (int)(after.promised - before.promised));
}

/* ---- Arguments that make no sense ---- */

/* A call with these has to fail, and leave the page at AT alone. */
static void refuse(char *at, void *start, size_t size, int protection,
		   int flags, int fd, const char *what)
{
	void *got = mmap(start, size, protection, flags, fd, 0);

	check(got == MAP_FAILED, "%s: mapped at %p", what, got);
	check(intact(at, PAGE, 1), "%s: it had an effect", what);
}

static void mapbad(void)
{
	const size_t whole = USER_END;
	char *at = must_map(1, RW, PRIVATE);
	int there = MAP_FIXED | PRIVATE, fd = must_open(TEXT_FILE);

	fill(at, PAGE, 1);
	refuse(at, at + 1, PAGE, RW, there, -1, "start + 1");
	refuse(at, at + 1, PAGE, RW, PRIVATE, -1, "a hint + 1");
	refuse(at, at, 0, RW, there, -1, "no length");
	refuse(at, at, -1, RW, there, -1, "length -1");
	refuse(at, at, -PAGE, RW, there, -1, "length -4096");
	refuse(at, at, whole, RW, there, -1, "beyond the end");
	refuse(at, 0, whole, RW, PRIVATE, -1, "all addresses");
	refuse(at, 0, whole + PAGE, RW, PRIVATE, -1, "more than all");
	refuse(at, (void *)USER_END, PAGE, RW, there, -1, "the border");
	refuse(at, (void *)(USER_END - PAGE), 2 * PAGE, RW, there, -1,
	       "across the border");
	refuse(at, (void *)KERNEL_HALF, PAGE, RW, there, -1, "kernel");
	refuse(at, (void *)-(uintptr_t)PAGE, PAGE, RW, there, -1,
	       "the last page");
	refuse(at, (void *)-(uintptr_t)PAGE, 2 * PAGE, RW, there, -1,
	       "around the end");
	refuse(at, 0, PAGE, RW, there, -1, "page 0");
	refuse(at, at, PAGE, 8, there, -1, "an unknown permission");
	refuse(at, at, PAGE, -1, there, -1, "all permissions");
	refuse(at, at, PAGE, RW, MAP_FIXED | MAP_ANONYMOUS, -1,
	       "neither shared nor private");
	refuse(at, at, PAGE, RW, there | MAP_SHARED, -1, "both");
	refuse(at, at, PAGE, RW, there | 0x40, -1, "an unknown flag");
	refuse(at, at, PAGE, RW, there | (int)0x80000000, -1, "bit 31");
	refuse(at, at, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, -1,
	       "file -1");
	refuse(at, at, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd + 1,
	       "a file that is not open");
	refuse(at, at, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, 1,
	       "the console");
	check(rights(at) == RW, "it lost rights");
	check(dies(read_byte, 0), "page 0 can be read");
	close(fd);
}

static void mapbadoffset(void)
{
	int fd = must_open(TEXT_FILE);
	const long long bad[] = {
		1, 100, PAGE - 1, -1, -PAGE, (long long)1 << 44,
		((long long)1 << 44) - PAGE, -0x7fffffffffffffffLL - 1,
	};

	for (int i = 0; i < COUNT(bad); i++) {
		char *got = mmap(0, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd,
				 bad[i]);

		check(got == MAP_FAILED, "offset %lld", bad[i]);
	}
	close(fd);
}

static void unmapbad(void)
{
	char *at = must_map(2, RW, PRIVATE);

	fill(at, 2 * PAGE, 1);
	check(munmap(at + 1, PAGE) == -1, "unaligned");
	check(munmap(at, 0) == -1, "no length");
	check(munmap(at, -1) == -1, "length -1");
	check(munmap(at, USER_END) == -1, "beyond the end");
	check(munmap((void *)USER_END, PAGE) == -1, "the border");
	check(munmap((void *)KERNEL_HALF, PAGE) == -1, "the kernel");
	check(munmap((void *)-(uintptr_t)PAGE, 2 * PAGE) == -1, "wrap");
	check(mprotect(at + 1, PAGE, PROT_READ) == -1, "unaligned");
	check(mprotect(at, 0, PROT_READ) == -1, "no length");
	check(mprotect(at, -1, PROT_READ) == -1, "length -1");
	check(mprotect(at, USER_END, PROT_READ) == -1, "beyond the end");
	check(mprotect(at, PAGE, 8) == -1, "an unknown permission");
	check(mprotect(at, PAGE, -1) == -1, "all permissions");
	check(mprotect((void *)KERNEL_HALF, PAGE, RWX) == -1, "kernel");
	check(mprotect((void *)-(uintptr_t)PAGE, 2 * PAGE, 0) == -1,
	      "wrap");
	check(intact(at, 2 * PAGE, 1), "it had an effect");
	expect_rights(at, 2, RW, "it lost rights");
}

/* ---- Places ---- */

static void maphint(void)
{
	char *at = FREE_RANGE, *other;

	check(mmap(at, 3 * PAGE, RW, PRIVATE, -1, 0) == at,
	      "a free place was not given");
	fill(at, 3 * PAGE, 1);
	other = mmap(at + 2 * PAGE, 2 * PAGE, RW, PRIVATE, -1, 0);
	check(other != MAP_FAILED && other != at + 2 * PAGE &&
	      other != at, "a place in use: %p", other);
	check(intact(at, 3 * PAGE, 1), "the old one changed");
	check(mmap(at + 3 * PAGE, PAGE, RW, PRIVATE, -1, 0) ==
	      at + 3 * PAGE, "the next place was not given");
	other = mmap((void *)KERNEL_HALF, PAGE, RW, PRIVATE, -1, 0);
	check(other != MAP_FAILED && (uintptr_t)other < USER_END,
	      "a hint in the kernel: %p", other);
	other = mmap((void *)(USER_END - PAGE), 2 * PAGE, RW, PRIVATE,
		     -1, 0);
	check(other != MAP_FAILED, "a hint across the border");
}

static void mapfixed(void)
{
	char *at = FREE_RANGE;

	must_map_at(at, 6, RW, PRIVATE);
	fill(at, 6 * PAGE, 1);
	must_map_at(at + 2 * PAGE, 2, PROT_READ, SHARED);
	check(intact(at, 2 * PAGE, 1), "the pages before changed");
	check(zero(at + 2 * PAGE, 2 * PAGE), "old bytes in a new page");
	check(*(uint32_t *)(at + 4 * PAGE) == pattern(1, 4 * PAGE / 4),
	      "the pages behind changed");
	expect_rights(at + 2 * PAGE, 2, PROT_READ, "the middle");
	must_map_at(at - PAGE, 9, PROT_NONE, PRIVATE);
	expect_rights(at - PAGE, 9, 0, "all replaced");
	must_map_at(at, 1, RW, PRIVATE);
	check(zero(at, PAGE), "replaced twice");
}

/* ---- Memory that is shared ---- */

static void write_shared(uintptr_t at)
{
	fill((char *)at, 2 * PAGE, 2);
	fill((char *)at + 4 * PAGE, PAGE, 3);
	sleep(5);
	check(((char *)at)[5 * PAGE] == 77, "the parent's store");
}

/* Parent and child see each other, whoever is first. */
static void mapshared(void)
{
	char *at = must_map(8, RW, SHARED);
	int pid;

	check(zero(at, PAGE), "not zeros");
	fill(at, 3 * PAGE, 1);
	pid = spawn(write_shared, (uintptr_t)at);
	at[5 * PAGE] = 77;
	expect(pid, OK, "the child");
	check(intact(at, 2 * PAGE, 2), "pages the parent had used");
	check(intact(at + 4 * PAGE, PAGE, 3), "a page it had not");
	check(*(uint32_t *)(at + 2 * PAGE) == pattern(1, 2 * PAGE / 4),
	      "a page nobody changed");
	check(zero(at + 6 * PAGE, 2 * PAGE), "pages nobody has used");
}

static void write_and_unmap(uintptr_t at)
{
	*(volatile int *)at += 1;
	must_unmap((char *)at, 1);
	check(rights((char *)at) == 0, "unmapped in the child");
}

/* One unmaps, protects, exits: the others do not notice. */
static void mapsharedlife(void)
{
	int *at = (int *)must_map(2, RW, SHARED), pid;

	for (int i = 0; i < 10; i++)
		expect(spawn(write_and_unmap, (uintptr_t)at), OK,
		       "a child");
	check(*at == 10, "%d of 10 stores", *at);
	pid = must_fork();
	if (pid == 0) {
		/* A child's child, when the child has gone. */
		if (must_fork() > 0)
			exit(OK);
		sleep(5);
		at[1] = 5;
		exit(OK);
	}
	expect(pid, OK, "the child");
	must_protect(at, 1, PROT_READ);
	for (int i = 0; i < 1000 && at[1] != 5; i++)
		sleep(1);
	check(at[1] == 5, "the store of a grandchild");
	must_protect(at, 1, RW);
	at[1] = 6;
	check(at[0] == 10 && at[1] == 6, "changed");
}

enum { ADDERS = 4 };

static void add_shared(uintptr_t at)
{
	int *sum = (int *)at;

	for (int i = 0; i < rounds(40000); i++)
		__atomic_add_fetch(sum, 1, __ATOMIC_RELAXED);
}

/* Stores of several processors to one word. */
static void mapsharedcount(void)
{
	int *sum = (int *)must_map(1, RW, SHARED);

	for (int i = 0; i < ADDERS; i++)
		spawn(add_shared, (uintptr_t)sum);
	for (int i = 0; i < ADDERS; i++)
		check(wait(0) > 0, "a child is missing");
	check(*sum == ADDERS * rounds(40000), "the sum is %d", *sum);
}

/* Parts of it are unmapped and mapped anew; the rest is shared. */
static void mapsharedparts(void)
{
	char *at = must_map(600, RW, SHARED);
	int pid;

	must_unmap(at + 100 * PAGE, 50);
	must_protect(at + 400 * PAGE, 100, PROT_READ);
	pid = must_fork();
	if (pid == 0) {
		for (int i = 0; i < 600; i++)
			if (rights(at + i * PAGE) == RW)
				at[i * PAGE] = i % 100 + 1;
		exit(OK);
	}
	expect(pid, OK, "the child");
	for (int i = 0; i < 600; i++) {
		int gone = i >= 100 && i < 150;
		int kept = i >= 400 && i < 500;

		if (gone)
			check(rights(at + i * PAGE) == 0, "page %d", i);
		else
			check(at[i * PAGE] == (kept ? 0 : i % 100 + 1),
			      "page %d has %d", i, at[i * PAGE]);
	}
}

/* ---- fork, exec, exit ---- */

/* Private memory is copied when one of both stores, either way. */
static void mapfork(void)
{
	char *at = must_map(4, RW, PRIVATE);
	int pid;

	fill(at, 4 * PAGE, 1);
	pid = must_fork();
	if (pid == 0) {
		sleep(3);
		check(intact(at, 4 * PAGE, 1), "the parent's store");
		fill(at, 4 * PAGE, 2);
		must_unmap(at + PAGE, 1);
		exit(OK);
	}
	fill(at + 2 * PAGE, 2 * PAGE, 3);
	expect(pid, OK, "the child");
	check(intact(at, 2 * PAGE, 1), "the child's store, or munmap");
	check(intact(at + 2 * PAGE, 2 * PAGE, 3), "it lost a store");
}

/* What was hidden with PROT_NONE is inherited, and shared later. */
static void mapforkhidden(void)
{
	char *at = must_map(3, RW, PRIVATE), *both = must_map(2, RW, SHARED);
	int pid;

	fill(at, 3 * PAGE, 1);
	fill(both, 2 * PAGE, 2);
	must_protect(at, 3, PROT_NONE);
	must_protect(both, 2, PROT_NONE);
	pid = must_fork();
	expect_rights(at, 3, 0, "still hidden");
	expect_rights(both, 2, 0, "still hidden");
	if (pid == 0) {
		must_protect(at, 3, RW);
		must_protect(both, 2, RW);
		check(intact(at, 3 * PAGE, 1), "the child's bytes");
		check(intact(both, 2 * PAGE, 2), "shared bytes");
		fill(at, 2 * PAGE, 3);
		fill(both, PAGE, 4);
		exit(OK);
	}
	must_unmap(at + PAGE, 1);
	expect(pid, OK, "the child");
	must_protect(at, 1, PROT_READ);
	must_protect(at + 2 * PAGE, 1, RW);
	must_protect(both, 2, PROT_READ);
	check(intact(at, PAGE, 1), "the parent's bytes");
	check(rights(at + PAGE) == 0, "unmapped while hidden");
	check(intact(both, PAGE, 4), "what the child shares");
}

static void exec_true(uintptr_t unused)
{
	char *argv[] = { TINY, 0 };

	(void)unused;
	exec(TINY, argv);
	exit(NO_EXEC);
}

/* A program starts without the mappings of the one before. */
static void mapexec(void)
{
	must_map_at(FREE_RANGE, 3, RW, PRIVATE);
	must_map_at((char *)IMAGE - 3 * 1024 * 1024, 3, RW, SHARED);
	fill(FREE_RANGE, 3 * PAGE, 1);
	for (int i = 0; i < 5; i++)
		expect(spawn(exec_true, 0), OK, "a program");
	check(intact(FREE_RANGE, 3 * PAGE, 1), "changed by exec");
}

/* ---- No memory ---- */

/* More than there is: refused, and what was there before stays. */
static void mapnomemory(void)
{
	char *old = FREE_RANGE;
	size_t much = (size_t)memory_now().frames * PAGE;

	must_map_at(old, 3, RW, PRIVATE);
	fill(old, 3 * PAGE, 1);
	check(mmap(0, much, RW, PRIVATE, -1, 0) == MAP_FAILED, "private");
	check(mmap(0, much, RW, SHARED, -1, 0) == MAP_FAILED, "shared");
	check(mmap(old, much, RW, PRIVATE | MAP_FIXED, -1, 0) ==
	      MAP_FAILED, "fixed");
	check(mmap(old, much, RW, SHARED | MAP_FIXED, -1, 0) ==
	      MAP_FAILED, "fixed and shared");
	check(intact(old, 3 * PAGE, 1), "what was there has changed");
	expect_rights(old + 3 * PAGE, 3, 0, "there is more");
}

/* All memory is taken: what is mapped can be used and unmapped. */
static void mapfullmemory(void)
{
	char *old = must_map(200, RW, PRIVATE), *both, *spare;
	int refused = 0;

	both = must_map(50, RW, SHARED);
	spare = must_map(100, RW, PRIVATE);
	take_all(0);
	for (int i = 0; i < 40; i++)
		refused += mmap(0, 8 * PAGE, RW, PRIVATE, -1, 0) ==
			   MAP_FAILED;
	check(refused > 0, "there was no end of memory");
	fill(old, 200 * PAGE, 1);       /* it was promised */
	fill(both, 50 * PAGE, 2);
	check(intact(old, 200 * PAGE, 1), "changed");
	must_unmap(spare, 100);
	spare = mmap(0, 90 * PAGE, RW, PRIVATE, -1, 0);
	check(spare != MAP_FAILED, "what was unmapped cannot be had");
	fill(spare, 90 * PAGE, 3);
	check(intact(both, 50 * PAGE, 2), "changed");
}

/* ---- mprotect ---- */

static const int all_rights[] = { PROT_NONE, PROT_READ, RW, RX, RWX };

/* What the kernel may do where a program has been given THIS. */
static int usable(int this)
{
	return this & PROT_WRITE ? RW : this ? PROT_READ : 0;
}

/* From each set of rights to each, with the page in use or not. */
static void protect_all(int flags, int used)
{
	for (int i = 0; i < COUNT(all_rights); i++) {
		for (int j = 0; j < COUNT(all_rights); j++) {
			char *at = must_map(3, RW, flags);

			if (used)
				fill(at, 3 * PAGE, i * 10 + j);
			must_protect(at + PAGE, 1, all_rights[i]);
			must_protect(at + PAGE, 1, all_rights[j]);
			check(rights(at + PAGE) ==
			      usable(all_rights[j]), "%d to %d",
			      all_rights[i], all_rights[j]);
			check(rights(at) == RW &&
			      rights(at + 2 * PAGE) == RW, "beside");
			must_protect(at, 3, PROT_READ);
			check(used ? intact(at, 3 * PAGE, i * 10 + j)
			      : zero(at, 3 * PAGE),
			      "%d to %d: other bytes", all_rights[i],
			      all_rights[j]);
			must_unmap(at, 3);
		}
	}
}

static void protect(void)
{
	protect_all(PRIVATE, 0);
	protect_all(PRIVATE, 1);
	protect_all(SHARED, 0);
	protect_all(SHARED, 1);
}

/* What the processor enforces is the same. */
static void protectaccess(void)
{
	char *at = must_map(1, RW, PRIVATE);

	fill(at, PAGE, 1);
	for (int i = 0; i < COUNT(all_rights); i++) {
		must_protect(at, 1, all_rights[i]);
		expect_access(at, usable(all_rights[i]), "mprotect");
	}
	must_protect(at, 1, RW);
	check(intact(at, PAGE, 1), "changed");
}

/* At once: a store that was allowed before the call is not after it. */
static void protectatonce(void)
{
	volatile char *at = must_map(1, RW, PRIVATE);

	for (int i = 0; i < 20; i++) {
		*at = i;
		must_protect((char *)at, 1, PROT_READ);
		check(rights((char *)at) == PROT_READ, "it is writable");
		if (i % 10 == 0)
			check(dies(write_byte, (uintptr_t)at), "stored");
		must_protect((char *)at, 1, RW);
		check(*at == i, "changed");
	}
}

static NOINLINE int call_code(char *at)
{
	return ((int (*)(void))opaque((uintptr_t)at))();
}

/* A function that returns NUMBER, written to AT. */
static void write_code(char *at, int number)
{
#ifdef __riscv
	((uint32_t *)at)[0] = 0x00000513 | number << 20; /* li a0 */
	((uint32_t *)at)[1] = 0x00008067;                /* ret */
#else
	at[0] = (char)0xb8;                              /* movl */
	memcpy(at + 1, &number, 4);
	at[5] = (char)0xc3;                              /* ret */
#endif
}

/* Code that is written runs after mprotect(), also when it is changed. */
static void protectcode(void)
{
	char *at = must_map(1, RW, PRIVATE);

	for (int i = 0; i < 20; i++) {
		must_protect(at, 1, RW);
		write_code(at, i);
		must_protect(at, 1, RX);
		check(call_code(at) == i, "old code, or none");
	}
#ifdef __riscv
	must_protect(at, 1, RW);
	check(dies(jump, (uintptr_t)at), "data was executed");
#endif
}

/* Across regions of several kinds; a gap refuses all of it. */
static void protectregions(void)
{
	char *at = FREE_RANGE;

	must_map_at(at, 3, RW, PRIVATE);
	must_map_at(at + 3 * PAGE, 3, RW, SHARED);
	must_map_at(at + 6 * PAGE, 3, PROT_READ, PRIVATE);
	fill(at, 6 * PAGE, 1);
	must_protect(at + PAGE, 7, PROT_READ);
	check(rights(at) == RW, "before the range");
	expect_rights(at + PAGE, 8, PROT_READ, "the range");
	must_protect(at, 9, RW);
	expect_rights(at, 9, RW, "all of it");
	check(intact(at, 6 * PAGE, 1), "changed");
	must_unmap(at + 4 * PAGE, 1);
	check(mprotect(at, 9 * PAGE, PROT_READ) == -1, "across a gap");
	check(mprotect(at + 8 * PAGE, 2 * PAGE, PROT_READ) == -1,
	      "beyond the last");
	check(mprotect(at - PAGE, 2 * PAGE, PROT_READ) == -1,
	      "before the first");
	expect_rights(at, 4, RW, "after a refusal");
	expect_rights(at + 5 * PAGE, 4, RW, "after a refusal");
}

/* A function that is not needed is overwritten; ours may be beside. */
static void store_text(uintptr_t unused)
{
	unsigned char *text = (unsigned char *)opaque((uintptr_t)layout);
	char *page = (char *)((uintptr_t)text & ~(uintptr_t)(PAGE - 1));

	(void)unused;
	must_protect(page, 2, RWX);
	memset(text, 0xee, 64);
	check(*text == 0xee, "not stored");
	must_protect(page, 2, RX);
	check(*text == 0xee, "lost");
}

/* Our text becomes writable, for us alone: not for the file. */
static void protecttext(void)
{
	void *text = (void *)opaque((uintptr_t)layout);
	char before[64];

	memcpy(before, text, sizeof before);
	expect(spawn(store_text, 0), OK, "the child");
	check(memcmp(text, before, sizeof before) == 0,
	      "the parent's text changed");
	expect(spawn(exec_true, 0), OK, "a program");
	store_text(0);
	check(dies(write_byte, (uintptr_t)read_byte), "other pages too");
}

/* All pages of the program, its stack and its heap lose rights. */
static char protected_data[3 * PAGE];

static void protectdata(void)
{
	char *data = (char *)(((uintptr_t)protected_data + PAGE - 1) &
			      ~(uintptr_t)(PAGE - 1));
	char *heap = new_pages(3);
	char array[12 * 1024];
	char *stack = (char *)(((uintptr_t)array + PAGE - 1) &
			       ~(uintptr_t)(PAGE - 1));
	char *page[3] = { data, heap, stack };

	for (int i = 0; i < 3; i++) {
		fill(page[i], PAGE, i);
		must_protect(page[i], 1, PROT_NONE);
		check(rights(page[i]) == 0, "kind %d: none", i);
		must_protect(page[i], 1, PROT_READ);
		check(rights(page[i]) == PROT_READ, "kind %d: read", i);
		check(dies(write_byte, (uintptr_t)page[i]),
		      "kind %d: stored", i);
		must_protect(page[i], 1, RW);
		check(intact(page[i], PAGE, i), "kind %d: changed", i);
		fill(page[i], PAGE, 9);
	}
}

/* With all memory promised, no right to store into our text. */
static void protectnomemory(void)
{
	char *page = (char *)IMAGE;
	int result;

	check(rights(page) == PROT_READ, "text with other rights");
	take_all(0);
	result = mprotect(page, 16 * PAGE, RWX);
	check(result == 0 || rights(page) == PROT_READ,
	      "refused, and done");
	if (result == 0)
		check(rights(page) == RW, "granted, and not done");
}

/* ---- The heap ---- */

/* A part of the heap is unmapped: sbrk goes on at its end. */
static void heapholes(void)
{
	char *at = new_pages(10), *end = at + 10 * PAGE;

	fill(at, 10 * PAGE, 1);
	must_unmap(at + 3 * PAGE, 2);
	check(sbrk(0) == end, "the break moved");
	check(grow(2 * PAGE) == end, "growing");
	check(zero(end, 2 * PAGE), "not zeros");
	check(sbrk(-4 * PAGE) == end + 2 * PAGE, "shrinking");
	check(rights(at + 7 * PAGE) == RW && rights(at + 8 * PAGE) == 0,
	      "the wrong pages went");
	check(sbrk(-5 * PAGE) == NOWHERE, "shrunk over the hole");
	check(intact(at, 3 * PAGE, 1), "before the hole");
	check(sbrk(-3 * PAGE) == at + 8 * PAGE, "shrinking to the hole");
	check(rights(at + 5 * PAGE) == 0, "behind the hole");
	check(intact(at, 3 * PAGE, 1), "before the hole");
	check(grow(PAGE) == at + 5 * PAGE, "growing at the hole");
	at[5 * PAGE] = 1;
}

/* The end of the heap is unmapped: the break stays, or is rounded. */
static void heapend(void)
{
	char *at = new_pages(4), *end = at + 4 * PAGE;

	fill(at, 4 * PAGE, 1);
	must_unmap(at + 3 * PAGE, 1);
	check(sbrk(0) == end, "the break moved to %p", sbrk(0));
	check(sbrk(-1) == NOWHERE, "shrunk into what is unmapped");
	check(grow(PAGE) == end, "growing");
	end[0] = 2;
	check(rights(at + 3 * PAGE) == 0, "the hole came back");
	check(sbrk(-PAGE) == end + PAGE, "shrinking");
	check(sbrk(0) == end && intact(at, 3 * PAGE, 1), "changed");
	grow(100);              /* a break inside of a page */
	must_unmap(end, 1);
	end = sbrk(0);
	check((uintptr_t)end % PAGE == 0, "the break is %p", end);
	check(grow(100) == end, "growing");
	end[99] = 1;
}

/* All of the heap, and more. */
static void heapgone(void)
{
	char *at = new_pages(4), *end = at + 4 * PAGE;

	must_unmap(at, 4);
	check(sbrk(0) == end, "the break moved");
	must_map_at(at, 4, RW, SHARED);
	fill(at, 4 * PAGE, 1);
	check(sbrk(-PAGE) == NOWHERE, "shrunk a mapping");
	check(grow(PAGE) == end, "growing");
	end[0] = 1;
	check(sbrk(-PAGE) == end + PAGE, "shrinking");
	check(intact(at, 4 * PAGE, 1) && rights(end) == 0, "changed");
}

/* Heap without rights: it stays, and grows as heap. */
static void heapprotected(void)
{
	char *at = new_pages(6), *end = at + 6 * PAGE;

	fill(at, 6 * PAGE, 1);
	must_protect(at + 4 * PAGE, 2, PROT_READ);
	check(grow(2 * PAGE) == end, "growing");
	check(rights(end) == RW && rights(end - 1) == PROT_READ,
	      "the wrong rights");
	check(sbrk(-2 * PAGE) == end + 2 * PAGE, "shrinking");
	check(rights(end) == 0 && intact(at, 6 * PAGE, 1), "changed");
	must_protect(at, 6, PROT_NONE);
	check(grow(PAGE) == end && rights(end) == RW, "growing");
	must_protect(at, 7, RW);
	check(intact(at, 6 * PAGE, 1), "changed");
}

/* What is mapped right behind the break stops the heap. */
static void heapstopped(void)
{
	char *end = new_pages(2) + 2 * PAGE;

	must_map_at(end + 2 * PAGE, 2, RW, PRIVATE);
	fill(end + 2 * PAGE, 2 * PAGE, 1);
	check(grow(2 * PAGE) == end, "up to the mapping");
	check(sbrk(1) == NOWHERE, "grown into a mapping");
	check(sbrk(100 * PAGE) == NOWHERE, "grown over a mapping");
	check(sbrk(0) == end + 2 * PAGE, "the break moved");
	check(intact(end + 2 * PAGE, 2 * PAGE, 1), "changed");
	must_unmap(end + 2 * PAGE, 2);
	check(grow(PAGE) == end + 2 * PAGE, "still stopped");
	end[2 * PAGE] = 1;
}

/* A heap with nothing in it, and a mapping where it would begin. */
static void heapempty(void)
{
	char *start = new_pages(0);

	must_map_at(start, 3, RW, SHARED);
	fill(start, 3 * PAGE, 1);
	check(sbrk(PAGE) == NOWHERE, "grown into a mapping");
	check(sbrk(3 * PAGE) == NOWHERE, "took a mapping for the heap");
	check(sbrk(8 * PAGE) == NOWHERE, "grown over a mapping");
	check(sbrk(0) == start, "the break moved");
	check(sbrk(-1) == NOWHERE, "shrunk");
	check(intact(start, 3 * PAGE, 1), "changed");
	expect_rights(start + 3 * PAGE, 1, 0, "there is more");
	must_unmap(start, 3);
	check(grow(PAGE) == start, "growing when it has gone");
	*start = 1;
	check(sbrk(-PAGE) == start + PAGE, "shrinking");
	must_map_at(start, 3, PROT_READ, PRIVATE);
	check(sbrk(PAGE) == NOWHERE, "grown into a mapping");
	must_protect(start, 3, PROT_NONE);
	must_unmap(start, 3);
	check(grow(PAGE) == start, "growing when it has gone");
	check(rights(start) == RW, "heap without rights");
}

/* Mappings leave the heap room to grow. */
static void heaproom(void)
{
	int size = large_heap();
	char *start = new_pages(0);

	for (int i = 0; i < 20; i++)
		must_map(10, RW, PRIVATE);
	check(grow(size) == start, "no room");
	start[size - 1] = 1;
	check(sbrk(-size) == start + size, "shrinking");
}

/* ---- Stacks that grow ---- */

static void burrow_deep(uintptr_t kilobytes)
{
	burrow((int)kilobytes);
}

/* Several MiB of stack, and no more than four. */
static void stackdeep(void)
{
	expect(spawn(burrow_deep, 3000), OK, "3000 KiB");
	check(dies(burrow_deep, 4096), "4096 KiB");
	expect(spawn(burrow_deep, 1000), OK, "1000 KiB");
}

/* Touch one word at each end of a frame of 400 KiB. */
static NOINLINE int sparse_frames(int depth)
{
	volatile char frame[400 * 1024];

	opaque((uintptr_t)frame);
	frame[0] = depth;
	frame[sizeof frame - 1] = depth;
	check(frame[sizeof frame / 2] == 0, "a page that was skipped");
	if (depth > 1)
		check(sparse_frames(depth - 1) == depth - 1, "%d", depth);
	check(frame[0] == depth && frame[sizeof frame - 1] == depth,
	      "frame %d changed", depth);
	return frame[0];
}

/* Large local variables: pages are skipped, and are there later. */
static void stacksparse(void)
{
	check(sparse_frames(8) == 8, "eight large frames");
}

/* The kernel fills a large buffer on a stack that it has to grow. */
static void stackread(void)
{
	char *bytes;
	char frame[300 * 1024];
	int fd = must_open(SELF), pid;

	bytes = (char *)opaque((uintptr_t)frame);
	check(read(fd, bytes, 60 * 1024) > 10000, "read failed");
	check(bytes[1] == 'E' && bytes[2] == 'L', "it read nonsense");
	close(fd);
	bytes[100000] = 1;
	pid = must_fork();
	if (pid == 0) {
		check(bytes[100000] == 1, "not inherited");
		check(sparse_frames(3) == 3, "the child's stack");
		exit(OK);
	}
	expect(pid, OK, "the child");
}

/* Below sp nothing grows, not for the kernel either. */
static void stackfar(void)
{
	char *limit = (char *)IMAGE - STACK_MOST;

	check(rights(limit - PAGE) == 0, "the kernel beyond the limit");
	check(rights((char *)STACK_BOTTOM - 200 * PAGE) == 0,
	      "the kernel below sp");
	check(dies(read_byte, STACK_BOTTOM - 200 * PAGE),
	      "far below sp");
	check(dies(read_byte, (uintptr_t)limit), "the limit");
	check(dies(touch_below_stack, 100 * PAGE), "below a small stack");
}

/* A mapping below is not run into: a page stays free. */
static void stackguard(void)
{
	char *below = (char *)STACK_BOTTOM - 64 * PAGE;

	must_map_at(below, 4, RW, SHARED);
	fill(below, 4 * PAGE, 1);
	expect(spawn(burrow_deep, 150), OK, "down to the mapping");
	check(dies(burrow_deep, 400), "run into a mapping");
	check(intact(below, 4 * PAGE, 1), "the mapping changed");
	check(rights(below + 4 * PAGE) == 0, "no guard");
}

/* A guard of our own, with PROT_NONE. */
static void stackownguard(void)
{
	char *at = (char *)STACK_BOTTOM - 32 * PAGE;

	must_map_at(at, 1, PROT_NONE, PRIVATE);
	expect(spawn(burrow_deep, 100), OK, "down to the guard");
	check(dies(burrow_deep, 300), "through the guard");
	must_unmap(at, 1);
	expect(spawn(burrow_deep, 300), OK, "without it");
}

/* Status: killed, since there is no memory for the stack. */
static void burrow_without_memory(uintptr_t unused)
{
	(void)unused;
	take_all(0);
	burrow(3000);
}

static void stacknomemory(void)
{
	check(dies(burrow_without_memory, 0),
	      "a stack without memory");
	expect(spawn(burrow_deep, 1000), OK, "when it is back");
}

/*
 * Parts of a stack can be unmapped.  What is above the hole grows into
 * it again, with new pages.
 */
static NOINLINE void unmap_deep_stack(uintptr_t unused)
{
	volatile char frame[100 * 1024];
	char *page = (char *)(((uintptr_t)frame + PAGE) &
			      ~(uintptr_t)(PAGE - 1));

	(void)unused;
	for (int i = 0; i < (int)sizeof frame; i += PAGE)
		frame[i] = 1;
	must_unmap(page, 10);
	check(zero(page + PAGE, 9 * PAGE), "old bytes");
	must_map_at(page, 10, RW, PRIVATE);
	check(zero(page, 10 * PAGE), "bytes of the stack");
	page[0] = 5;
}

static void stackparts(void)
{
	expect(spawn(unmap_deep_stack, 0), OK, "the child");
	expect(spawn(burrow_deep, 1000), OK, "1000 KiB");
}

static const struct test mapping_tests[] = {
	{ "mapanon", mapanon, QUICK | MAPS | KILLS },
	{ "maplength", maplength, QUICK | MAPS },
	{ "mapparts", mapparts, QUICK | MAPS },
	{ "mapholes", mapholes, QUICK | MAPS },
	{ "mapscattered", mapscattered, QUICK | MAPS },
	{ "mapwide", mapwide, QUICK | MAPS },
	{ "mapbad", mapbad, QUICK | MAPS | KILLS },
	{ "mapbadoffset", mapbadoffset, QUICK | MAPS | FILES },
	{ "unmapbad", unmapbad, QUICK | MAPS },
	{ "maphint", maphint, QUICK | MAPS },
	{ "mapfixed", mapfixed, QUICK | MAPS },
	{ "mapshared", mapshared, QUICK | MAPS },
	{ "mapsharedlife", mapsharedlife, QUICK | MAPS },
	{ "mapsharedcount", mapsharedcount, QUICK | MAPS },
	{ "mapsharedparts", mapsharedparts, QUICK | MAPS },
	{ "mapfork", mapfork, QUICK | MAPS },
	{ "mapforkhidden", mapforkhidden, QUICK | MAPS },
	{ "mapexec", mapexec, QUICK | MAPS },
	{ "mapnomemory", mapnomemory, QUICK | MAPS },
	{ "mapfullmemory", mapfullmemory, QUICK | MAPS },
	{ "protect", protect, QUICK | MAPS },
	{ "protectaccess", protectaccess, QUICK | MAPS | KILLS },
	{ "protectatonce", protectatonce, QUICK | MAPS | KILLS },
	{ "protectcode", protectcode, QUICK | MAPS | KILLS },
	{ "protectregions", protectregions, QUICK | MAPS },
	{ "protecttext", protecttext, QUICK | MAPS | KILLS },
	{ "protectdata", protectdata, QUICK | MAPS | KILLS },
	{ "protectnomemory", protectnomemory, QUICK | MAPS },
	{ "heapholes", heapholes, QUICK | MAPS },
	{ "heapend", heapend, QUICK | MAPS },
	{ "heapgone", heapgone, QUICK | MAPS },
	{ "heapprotected", heapprotected, QUICK | MAPS },
	{ "heapstopped", heapstopped, QUICK | MAPS },
	{ "heapempty", heapempty, QUICK | MAPS },
	{ "heaproom", heaproom, QUICK | MAPS },
	{ "stackdeep", stackdeep, QUICK | MAPS | KILLS },
	{ "stacksparse", stacksparse, QUICK | MAPS },
	{ "stackread", stackread, QUICK | MAPS },
	{ "stackfar", stackfar, QUICK | MAPS | KILLS },
	{ "stackguard", stackguard, QUICK | MAPS | KILLS },
	{ "stackownguard", stackownguard, QUICK | MAPS | KILLS },
	{ "stacknomemory", stacknomemory, QUICK | MAPS | KILLS },
	{ "stackparts", stackparts, QUICK | MAPS },
};
