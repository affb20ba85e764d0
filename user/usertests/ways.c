/*
 * Tests of the ways into a program's memory: what the kernel copies has
 * to go where the program could have put it, and nowhere else, however
 * it gets there.
 */

/* Two pages of the heap; the first 4096 bytes end at *EDGE. */
static char *new_edge(char **edge)
{
	char *at = new_pages(2);

	*edge = at + PAGE;
	return at;
}

/* ---- Across the end of a page, into one that was never touched ---- */

static void edgefstat(void)
{
	int fd = must_open(TEXT_FILE);
	struct stat here, there;

	check(fstat(fd, &here) == 0, "fstat");
	for (int before = 1; before < (int)sizeof here; before++) {
		char *edge;

		new_edge(&edge);
		check(fstat(fd, (struct stat *)(edge - before)) == 0,
		      "fstat %d before the edge", before);
		memmove(&there, edge - before, sizeof there);
		check(memcmp(&here, &there, sizeof here) == 0,
		      "%d before the edge it says something else",
		      before);
	}
	close(fd);
}

static void edgewait(void)
{
	for (int before = 1; before < 4; before++) {
		int status, pid;
		char *edge;

		new_edge(&edge);
		pid = spawn(exit_with, 0x1234567);
		check(wait((int *)(edge - before)) == pid, "wait");
		memmove(&status, edge - before, sizeof status);
		check(status == 0x1234567, "status %x, %d before",
		      status, before);
	}
}

/* A name that begins in one page and ends in the next. */
static void edgename(void)
{
	for (int before = 1; before <= (int)strlen(SELF); before++) {
		char *edge;

		new_edge(&edge);
		strcpy(edge - before, SELF);
		close(must_open(edge - before));
	}
}

/* A list of words that begins in one page and ends in the next. */
static void edgeexec(void)
{
	for (int before = 1; before < 3 * WORD; before++) {
		char *words[] = { "true", "word", 0 }, *edge;
		int pid;

		new_edge(&edge);
		memmove(edge - before, words, sizeof words);
		pid = must_fork();
		if (pid == 0) {
			exec(TINY, (char **)(edge - before));
			exit(FAILED);
		}
		expect(pid, OK, "true");
	}
}

/* Every size and place of what read() and write() move. */
static void edgepipe(void)
{
	const int size[] = { 1, 3, 4, 7, 8, 15, 16, 31, 32, 33, 63, 64,
			     65, 127, 500 };
	int fd[2];

	check(pipe(fd) == 0, "pipe");
	for (int i = 0; i < COUNT(size); i++) {
		for (int shift = -40; shift <= 8; shift++) {
			char *from, *to, *at, *end;

			at = new_edge(&from) + PAGE - 600;
			fill(at, 1200, i * 100 + shift);
			end = new_edge(&to) + 2 * PAGE;
			from += shift;
			to -= shift;
			check(write(fd[1], from, size[i]) == size[i] &&
			      read(fd[0], to, size[i]) == size[i],
			      "%d bytes", size[i]);
			check(memcmp(from, to, size[i]) == 0,
			      "%d bytes, %d from the edge", size[i],
			      shift);
			check(zero(to - 64, 64) &&
			      zero(to + size[i], end - to - size[i]),
			      "more than %d bytes", size[i]);
			sbrk(-(int)((char *)sbrk(0) - at));
		}
	}
	close(fd[0]);
	close(fd[1]);
}

/* ---- Permissions that change ---- */

static char *private_pages(int count)
{
	char *at = mmap(0, count * PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(at != MAP_FAILED, "mmap");
	return at;
}

/* Can the kernel read from AT, and write to it, on our behalf? */
static void expect_kernel(char *at, int reads, int writes)
{
	int fd = must_open(SELF), to[2], got;

	check(pipe(to) == 0, "pipe");
	got = write(to[1], at, 3);
	check(got == (reads ? 3 : -1), "write from %p: %d", at, got);
	got = read(fd, at, 3);
	check(got == (writes ? 3 : -1), "read to %p: %d", at, got);
	close(to[0]);
	close(to[1]);
	close(fd);
}

/* The kernel may do with a page what the program may do, now. */
static void kernelprotect(void)
{
	char *at = private_pages(1);

	for (int i = 0; i < 3; i++) {
		expect_kernel(at, 1, 1);
		mprotect(at, PAGE, PROT_READ);
		expect_kernel(at, 1, 0);
		mprotect(at, PAGE, PROT_NONE);
		expect_kernel(at, 0, 0);
		mprotect(at, PAGE, PROT_READ);
		expect_kernel(at, 1, 0);
		mprotect(at, PAGE, PROT_READ | PROT_WRITE);
	}
	munmap(at, PAGE);
	expect_kernel(at, 0, 0);
}

/* Of three pages the middle one is not to be written. */
static void kernelmiddle(void)
{
	int fd = must_open(SELF);
	char *at = private_pages(3);

	fill(at + PAGE, PAGE, 21);
	mprotect(at + PAGE, PAGE, PROT_READ);
	check(read(fd, at, 3 * PAGE) == -1, "read over it");
	check(intact(at + PAGE, PAGE, 21), "it has changed");
	check(read(fd, at + 2 * PAGE, PAGE) == PAGE,
	      "read behind it");
	close(fd);
}

/* A child and its parent, both by way of the kernel. */
static void kernelcow(void)
{
	int fd = must_open(SELF), pid;
	char *at = new_pages(4), head[4];

	fill(at, 3 * PAGE, 31);
	fill(at + 3 * PAGE, PAGE, 32);
	pid = must_fork();
	if (pid == 0) {
		check(read(fd, at + 10, 2 * PAGE) == 2 * PAGE, "child");
		check(intact(at + 3 * PAGE, PAGE, 32), "the last page");
		exit(OK);
	}
	expect(pid, OK, "the child");
	check(intact(at, 3 * PAGE, 31), "the child wrote to us");
	pid = must_fork();
	if (pid == 0) {
		sleep(3);
		check(intact(at, 3 * PAGE, 31), "the parent wrote");
		exit(OK);
	}
	close(fd);
	fd = must_open(SELF);
	check(read(fd, at + PAGE - 2, 4) == 4, "read");
	memmove(head, at + PAGE - 2, 4);
	check(head[1] == 'E' && head[2] == 'L', "it is not there");
	expect(pid, OK, "the second child");
	close(fd);
}

/* ---- Files that are mapped ---- */

static void kernelmapped(void)
{
	char *at, *bytes = new_pages(2);
	int fd = must_create("mapped");

	fill(bytes, 2 * PAGE, 41);
	write_whole(fd, bytes, 2 * PAGE);
	at = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		  0);
	check(at != MAP_FAILED, "mmap");
	/* From its own pages to its own pages, one further on. */
	must_seek(fd, PAGE);
	check(write(fd, at, PAGE) == PAGE, "write");
	check(intact(at + PAGE, PAGE, 41), "not what was written");
	must_seek(fd, 0);
	fill(at, PAGE, 42);
	check(read(fd, at + PAGE, PAGE) == PAGE, "read");
	check(intact(at + PAGE, PAGE, 42), "not what was read");
	munmap(at, 2 * PAGE);
	must_seek(fd, PAGE);
	read_whole(fd, bytes, PAGE);
	check(intact(bytes, PAGE, 42), "the file does not have it");
	close(fd);
	must_unlink("mapped");
}

/* ---- Addresses that devices have elsewhere ---- */

/*
 * xv6 on RISC-V has interrupt controllers and a serial port here, in
 * the half that is the program's; the last is this machine's own port.
 */
static void kerneldevices(void)
{
	const uintptr_t place[] = { 0x2000000, 0xc000000, 0x10000000,
				    0xfec00000, 0xfee00000 };
	int fd = must_open(SELF);

	for (int i = 0; i < COUNT(place) && place[i] < USER_END; i++) {
		char *at = mmap((void *)place[i], PAGE,
				PROT_READ | PROT_WRITE, MAP_FIXED |
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		check(at == (char *)place[i], "mmap at %p",
		      (void *)place[i]);
		check(read(fd, at, 16) == 16, "read to %p", at);
		at[16] = 0;
		sleep(1);               /* with interrupts */
		check(zero(at + 16, PAGE - 16), "%p is a device", at);
	}
	close(fd);
}

/* ---- Lengths ---- */

/*
 * The attack of the book: an honest address, and a length with which
 * the end comes before the beginning.
 */
static void wraparound(void)
{
	char *at = new_pages(2);
	int fd = must_open(TEXT_FILE);
	const int length[] = {
		-8388608, (int)-(uintptr_t)at, 16 - (int)(uintptr_t)at,
		-PAGE, -1, (int)0x80000000,
	};

	fill(at, 2 * PAGE, 51);
	for (int i = 0; i < COUNT(length); i++) {
		check(write(1, at, length[i]) == -1, "write %d",
		      length[i]);
		check(read(fd, at, length[i]) == -1, "read %d",
		      length[i]);
	}
	for (int i = 1; i < 64; i += 7) {
		char *end = (char *)opaque(UINTPTR_MAX - i);

		check(write(1, end, 64) == -1, "write, %d bytes", i);
		check(read(fd, end, 64) == -1, "read, %d bytes", i);
		check(fstat(fd, (struct stat *)end) == -1, "fstat");
	}
	check(intact(at, 2 * PAGE, 51), "something was written");
	close(fd);
}

/* ---- What a notebook's copyin_new() would have to get right ---- */

/* The kernel brings SIZE bytes from AT to the pipe, as they are. */
static void expect_copied(const int ends[2], const char *at, int size)
{
	char got[64];

	check(write(ends[1], at, size) == size, "write from %p", at);
	check(read(ends[0], got, size) == size, "read");
	check(memcmp(at, got, size) == 0, "not what is at %p", at);
}

/* It does not, and no byte has come through. */
static void expect_refused(const int ends[2], char *at, int size)
{
	char mark = 'm', got = 0;

	check(write(ends[1], at, size) == -1, "write from %p", at);
	check(write(ends[1], &mark, 1) == 1 &&
	      read(ends[0], &got, 1) == 1 && got == mark,
	      "%d bytes at %p: one came through", size, at);
	check(open(at, O_RDONLY) == -1, "a name at %p", at);
}

/*
 * Memory that was given back is neither read nor followed, though the
 * kernel has just been there; when it comes back it is zero.
 */
static void expect_gone(const int ends[2], char *end)
{
	char *page = end - PAGE;

	expect_copied(ends, page, 64);
	grow(-PAGE);
	expect_refused(ends, page, 64);
	page[-1] = 'x';
	check(open(page - 1, O_RDONLY) == -1, "a name that runs into it");
	grow(PAGE);
	expect_copied(ends, page, 64);
	check(zero(page, PAGE), "the page is not zero");
}

static void copyinnew(void)
{
	char *edge, *at = new_edge(&edge);
	int ends[2];

	check(pipe(ends) == 0, "pipe");
	expect_copied(ends, edge - 32, 64);     /* untouched */
	fill(at, 2 * PAGE, 61);
	for (int before = 0; before <= 64; before++)
		expect_copied(ends, edge - before, 64);
	for (int i = 0; i < COUNT(wild); i++)
		expect_refused(ends, (char *)opaque(wild[i]), 64);
	for (int i = 0; i < 10; i++) {
		fill(edge, PAGE, i);
		expect_gone(ends, edge + PAGE);
	}
	close(ends[0]);
	close(ends[1]);
}

/*
 * The heap may be where xv6 on RISC-V has an interrupt controller, if
 * there is memory for so large a one.
 */
static void growpast(void)
{
	char *place = (char *)0xc000000, *end = place + 2 * PAGE;
	int size = end - (char *)sbrk(0), ends[2];

	if (available_pages() < (uint32_t)(size / PAGE) + 200)
		return;
	check(pipe(ends) == 0, "pipe");
	grow(size);
	fill(place - PAGE, 2 * PAGE, 71);
	for (int before = 0; before <= 64; before += 8)
		expect_copied(ends, place - before, 64);
	sleep(1);                       /* with interrupts */
	check(intact(place - PAGE, 2 * PAGE, 71), "it has changed");
	expect_gone(ends, end);
	close(ends[0]);
	close(ends[1]);
}

static const struct test way_tests[] = {
	{ "edgefstat", edgefstat, QUICK },
	{ "edgewait", edgewait, QUICK },
	{ "edgename", edgename, QUICK },
	{ "edgeexec", edgeexec, QUICK },
	{ "edgepipe", edgepipe, QUICK },
	{ "kernelprotect", kernelprotect, QUICK | MAPS },
	{ "kernelmiddle", kernelmiddle, QUICK | MAPS },
	{ "kernelcow", kernelcow, QUICK },
	{ "kernelmapped", kernelmapped, QUICK | FILES | MAPS },
	{ "kerneldevices", kerneldevices, QUICK | MAPS },
	{ "wraparound", wraparound, QUICK },
	{ "copyinnew", copyinnew, QUICK },
	{ "growpast", growpast, QUICK },
};
