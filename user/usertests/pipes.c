/* Tests of pipes. */

enum { RING = 4096 };           /* bytes that a pipe holds */

static char pipe_buffer[4 * RING];

static void must_pipe(int fd[2])
{
	check(pipe(fd) == 0, "pipe failed");
}

static void close_both(int fd[2])
{
	check(close(fd[0]) == 0, "close of the reader");
	check(close(fd[1]) == 0, "close of the writer");
}

static void must_write(int fd, const void *from, int size)
{
	int got = write(fd, from, size);

	check(got == size, "write of %d bytes returned %d", size, got);
}

/* Read SIZE bytes, or up to the end; how many. */
static int read_fully(int fd, char *to, int size)
{
	int done = 0;

	while (done < size) {
		int got = read(fd, to + done, size - done);

		check(got >= 0 && got <= size - done,
		      "read of %d bytes returned %d", size - done, got);
		if (got == 0)
			break;
		done += got;
	}
	return done;
}

static void must_read(int fd, void *to, int size)
{
	int got = read_fully(fd, to, size);

	check(got == size, "%d bytes of %d", got, size);
}

/* The byte number INDEX of a stream in which no part is repeated. */
static char stream(uint32_t index)
{
	return (char)(index * 2654435761u >> 24 ^ index);
}

static void fill_stream(char *to, uint32_t index, int size)
{
	for (int i = 0; i < size; i++)
		to[i] = stream(index + i);
}

static void check_stream(const char *at, uint32_t index, int size)
{
	for (int i = 0; i < size; i++)
		check(at[i] == stream(index + i), "wrong byte %d",
		      (int)index + i);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* How many file numbers are free? */
static int free_numbers(void)
{
	int fd[32], count = 0;

	while (count < COUNT(fd) && (fd[count] = dup(1)) >= 0)
		count++;
	for (int i = 0; i < count; i++)
		close(fd[i]);
	return count;
}

/* ---- Contents ---- */

/* Odd sizes through a pipe, read in growing ones. */
static void pipe1(void)
{
	enum { SIZE = 1033, TIMES = 5 };
	int fd[2], total = 0, got, pid;

	must_pipe(fd);
	pid = must_fork();
	if (pid == 0) {
		close(fd[0]);
		for (int i = 0; i < TIMES; i++) {
			fill_stream(pipe_buffer, i * SIZE, SIZE);
			must_write(fd[1], pipe_buffer, SIZE);
		}
		exit(OK);
	}
	close(fd[1]);
	for (int most = 1;; most = most < RING ? 2 * most : most) {
		got = read(fd[0], pipe_buffer, most);
		check(got >= 0 && got <= most, "read returned %d", got);
		if (got == 0)
			break;
		check_stream(pipe_buffer, total, got);
		total += got;
	}
	check(total == TIMES * SIZE, "%d bytes", total);
	expect(pid, OK, "the writer");
	close(fd[0]);
}

/* One process, random sizes, around the ring many times. */
static void pipewrap(void)
{
	uint32_t seed = 1, written = 0, taken = 0;
	int fd[2];

	must_pipe(fd);
	for (int i = 0; i < rounds(20000); i++) {
		int size = next_random(&seed) % 700;
		int held = written - taken, got;

		if (size <= RING - held) {
			fill_stream(pipe_buffer, written, size);
			must_write(fd[1], pipe_buffer, size);
			written += size;
			held += size;
		}
		size = next_random(&seed) % 700;
		if (held == 0)
			continue;
		got = read(fd[0], pipe_buffer, size);
		check(got == (size < held ? size : held),
		      "%d bytes of %d, with %d there", got, size, held);
		check_stream(pipe_buffer, taken, got);
		taken += got;
	}
	close_both(fd);
}

/* A pipe holds so much, to the byte, and gives all of it back. */
static void pipecapacity(void)
{
	int fd[2];

	must_pipe(fd);
	for (int round = 0; round < 3; round++) {
		fill_stream(pipe_buffer, round, RING);
		for (int i = 0; i < RING; i += RING / 8)
			must_write(fd[1], pipe_buffer + i, RING / 8);
		check(read(fd[0], pipe_buffer, RING + 1) == RING,
		      "not all at once");
		check_stream(pipe_buffer, round, RING);
		must_write(fd[1], "xyz", 3);
		must_read(fd[0], pipe_buffer, 3);
	}
	close_both(fd);
}

/* A single write of much more than the pipe holds. */
static void pipebig(void)
{
	enum { SIZE = 1024 * 1024 };
	int fd[2], pid;
	uint32_t seed = 7;
	char *all;

	must_pipe(fd);
	pid = must_fork();
	if (pid == 0) {
		all = grow(SIZE);
		fill_stream(all, 0, SIZE);
		must_write(fd[1], all, SIZE);
		exit(OK);
	}
	close(fd[1]);
	for (int done = 0; done < SIZE;) {
		int most = next_random(&seed) % COUNT(pipe_buffer) + 1;
		int got = read(fd[0], pipe_buffer, most);

		check(got > 0, "read returned %d after %d", got, done);
		check_stream(pipe_buffer, done, got);
		done += got;
	}
	check(read(fd[0], pipe_buffer, 1) == 0, "there is more");
	expect(pid, OK, "the writer");
	close(fd[0]);
}

/* Bytes go back and forth; nobody misses being woken. */
static void pipepingpong(void)
{
	int there[2], back[2], pid, times = rounds(20000);

	must_pipe(there);
	must_pipe(back);
	pid = must_fork();
	for (int i = 0; i < times; i++) {
		char byte = stream(i);

		if (pid == 0) {
			must_read(there[0], &byte, 1);
			must_write(back[1], &byte, 1);
		} else {
			must_write(there[1], &byte, 1);
			must_read(back[0], &byte, 1);
			check(byte == stream(i), "wrong byte %d", i);
		}
	}
	if (pid == 0)
		exit(OK);
	expect(pid, OK, "the child");
	close_both(there);
	close_both(back);
}

/* ---- Many processes at a pipe ---- */

enum { SIDES = 4, KINDS = 16 };

static void write_kinds(int fd, uint32_t seed, int count)
{
	while (count > 0) {
		int size = next_random(&seed) % 1000 + 1;

		if (size > count)
			size = count;
		for (int i = 0; i < size; i++)
			pipe_buffer[i] = (count - i) % KINDS;
		must_write(fd, pipe_buffer, size);
		count -= size;
	}
}

static void count_kinds(int fd, int report)
{
	uint32_t seen[KINDS] = { 0 }, seed = getpid();
	int got;

	do {
		got = read(fd, pipe_buffer,
			   next_random(&seed) % 1000 + 1);
		check(got >= 0, "read failed");
		for (int i = 0; i < got; i++)
			seen[pipe_buffer[i] % KINDS]++;
	} while (got > 0);
	must_write(report, seen, sizeof seen);
}

/* Four write and four read: every byte arrives once. */
static void pipemany(void)
{
	int data[2], report[2], each = rounds(64) * 1024;
	uint32_t seen[KINDS], sum[KINDS] = { 0 };

	must_pipe(data);
	must_pipe(report);
	for (int i = 0; i < 2 * SIDES; i++) {
		if (must_fork() > 0)
			continue;
		close(data[i % 2 == 0]);
		if (i % 2)
			write_kinds(data[1], i, each);
		else
			count_kinds(data[0], report[1]);
		exit(OK);
	}
	close_both(data);
	for (int i = 0; i < SIDES; i++) {
		must_read(report[0], seen, sizeof seen);
		for (int k = 0; k < KINDS; k++)
			sum[k] += seen[k];
	}
	for (int k = 0; k < KINDS; k++)
		check(sum[k] == (uint32_t)SIDES * each / KINDS,
		      "%d bytes of kind %d", (int)sum[k], k);
	for (int i = 0; i < 2 * SIDES; i++)
		check(wait(0) > 0, "a child is missing");
	close_both(report);
}

/* Writes of up to 512 bytes are not divided. */
static void pipewhole(void)
{
	enum { TIMES = 100 };
	int fd[2];

	must_pipe(fd);
	for (int id = 0; id < SIDES; id++) {
		uint32_t seed = id;

		if (must_fork() > 0)
			continue;
		for (int i = 0; i < TIMES; i++) {
			int size = next_random(&seed) % 509 + 4;

			memset(pipe_buffer, id, size);
			memcpy(pipe_buffer, &size, sizeof size);
			must_write(fd[1], pipe_buffer, size);
		}
		exit(OK);
	}
	for (int i = 0; i < SIDES * TIMES; i++) {
		int size;

		must_read(fd[0], &size, sizeof size);
		check(size >= 4 && size <= 512, "size %d", size);
		must_read(fd[0], pipe_buffer, size - 4);
		for (int k = 5; k < size; k++)
			check(pipe_buffer[k - 4] == pipe_buffer[0],
			      "a write was divided");
	}
	for (int i = 0; i < SIDES; i++)
		check(wait(0) > 0, "a child is missing");
	close_both(fd);
}

/* ---- The end of it ---- */

/* What was written is read before the end, and the end stays. */
static void pipeend(void)
{
	int fd[2], twin;

	must_pipe(fd);
	must_write(fd[1], "abc", 3);
	twin = dup(fd[1]);
	close(fd[1]);
	must_write(twin, "d", 1);
	close(twin);
	must_read(fd[0], pipe_buffer, 4);
	check(memcmp(pipe_buffer, "abcd", 4) == 0, "other bytes");
	for (int i = 0; i < 3; i++)
		check(read(fd[0], pipe_buffer, 1) == 0, "no end");
	close(fd[0]);
}

static void pipenoreader(void)
{
	int fd[2];

	must_pipe(fd);
	must_write(fd[1], "abc", 3);
	close(fd[0]);
	check(write(fd[1], "d", 1) == -1, "written for nobody");
	check(write(fd[1], pipe_buffer, sizeof pipe_buffer) == -1,
	      "much was written for nobody");
	close(fd[1]);
}

/* The wrong end. */
static void pipewrongend(void)
{
	int fd[2];

	must_pipe(fd);
	check(fd[0] == 3 && fd[1] == 4, "numbers %d and %d", fd[0],
	      fd[1]);
	check(write(fd[0], "a", 1) == -1, "the reader's was written");
	must_write(fd[1], "a", 1);
	check(read(fd[1], pipe_buffer, 1) == -1,
	      "the writer's was read");
	close_both(fd);
}

/* To move nothing needs neither bytes nor room. */
static void pipenothing(void)
{
	int fd[2];

	must_pipe(fd);
	check(read(fd[0], pipe_buffer, 0) == 0, "read from an empty");
	must_write(fd[1], pipe_buffer, RING);
	check(write(fd[1], pipe_buffer, 0) == 0, "write to a full");
	close_both(fd);
}

static void exit_holding(uintptr_t unused)
{
	(void)unused;
	sleep(3);
}

/* A process that ends closes its ends. */
static void pipeexit(void)
{
	int fd[2], pid;

	must_pipe(fd);
	pid = spawn(exit_holding, 0);
	close(fd[1]);
	check(read(fd[0], pipe_buffer, 1) == 0, "no end");
	expect(pid, OK, "the writer");
	close(fd[0]);
}

/* A reader that sleeps learns of the last close. */
static void pipeclosereader(void)
{
	int fd[2], pid;

	for (int i = 0; i < 5; i++) {
		must_pipe(fd);
		pid = must_fork();
		if (pid == 0) {
			close(fd[1]);
			exit(read(fd[0], pipe_buffer, 1) == 0 ? OK : 2);
		}
		await_state(pid, PROCESS_SLEEPING);
		close_both(fd);
		expect(pid, OK, "the reader");
	}
}

/* A writer that sleeps learns of it too, and what it has written. */
static void pipeclosewriter(void)
{
	int fd[2], pid;

	for (int size = 512; size <= 2 * RING; size += 7680) {
		must_pipe(fd);
		if (size == 512)
			must_write(fd[1], pipe_buffer, RING - 511);
		pid = must_fork();
		if (pid == 0) {
			close(fd[0]);
			exit(write(fd[1], pipe_buffer, size) ==
			     (size == 512 ? -1 : RING) ? OK : 2);
		}
		await_state(pid, PROCESS_SLEEPING);
		close_both(fd);
		expect(pid, OK, "the writer");
	}
}

/* ---- Killing ---- */

static void read_one(uintptr_t fd)
{
	read(fd, pipe_buffer, 1);
}

static void write_much(uintptr_t fd)
{
	write(fd, pipe_buffer, sizeof pipe_buffer);
}

static void kill_asleep(int pid, const char *what)
{
	await_state(pid, PROCESS_SLEEPING);
	check(kill(pid) == 0, "kill failed");
	expect(pid, KILLED, what);
}

/* A killed reader ends, and takes nothing along. */
static void pipekillreader(void)
{
	int fd[2];

	must_pipe(fd);
	for (int i = 0; i < 5; i++)
		kill_asleep(spawn(read_one, fd[0]), "the reader");
	must_write(fd[1], "abc", 3);
	must_read(fd[0], pipe_buffer, 3);
	check(memcmp(pipe_buffer, "abc", 3) == 0, "other bytes");
	close_both(fd);
}

/* So does a killed writer; what it has written stays. */
static void pipekillwriter(void)
{
	int fd[2];

	must_pipe(fd);
	for (int i = 0; i < 5; i++) {
		fill_stream(pipe_buffer, 0, sizeof pipe_buffer);
		kill_asleep(spawn(write_much, fd[1]), "the writer");
		must_read(fd[0], pipe_buffer, RING);
		check_stream(pipe_buffer, 0, RING);
	}
	close_both(fd);
}

/* Writers are killed while a reader takes all that they write. */
static void pipekillrunning(void)
{
	int fd[2];

	must_pipe(fd);
	for (int i = 0; i < rounds(50); i++) {
		int pid = must_fork(), status;

		while (pid == 0)
			write_much(fd[1]);
		for (int k = 0; k < 1 + i % 7; k++)
			must_read(fd[0], pipe_buffer, RING);
		kill(pid);
		check(wait(&status) == pid && status == KILLED,
		      "status %d", status);
	}
	close_both(fd);
}

/* 40: those who sleep end when killed, each for itself. */
static void bug40_killed_behind(void)
{
	int fd[2], pid[2], status;

	must_pipe(fd);
	for (int i = 0; i < 2; i++) {
		pid[i] = must_fork();
		if (pid[i] == 0) {
			close(fd[0]);
			write_much(fd[1]);
			exit(OK);
		}
		await_state(pid[i], PROCESS_SLEEPING);
	}
	kill(pid[1]);
	check(wait(&status) == pid[1] && status == KILLED,
	      "40: the second writer");
	close_both(fd);
	expect(pid[0], OK, "40: the first writer");
}

/* 40: a write that nobody will read does not wait. */
static void read_console(uintptr_t unused)
{
	char byte;

	(void)unused;
	exit(read(0, &byte, 1) == 1 ? OK : FAILED);
}

/* Two wait for the keyboard; each can be killed, the second first. */
static void consolekill(void)
{
	struct stat info;
	int first, second;

	if (fstat(0, &info) < 0 || info.type != T_DEVICE)
		return;         /* no console to wait at */
	first = spawn(read_console, 0);
	await_state(first, PROCESS_SLEEPING);
	second = spawn(read_console, 0);
	await_state(second, PROCESS_SLEEPING);
	kill(second);
	expect(second, KILLED, "the one behind");
	kill(first);
	expect(first, KILLED, "the one in front");
}

static void bug40_closed(void)
{
	int fd[2], pid;

	must_pipe(fd);
	pid = must_fork();
	if (pid == 0) {
		close(fd[0]);
		for (int i = 0; i < 1000; i++) {
			if (write(fd[1], pipe_buffer, RING) != RING)
				exit(write(fd[1], "a", 1) == -1 ? OK : 2);
		}
		exit(3);
	}
	must_read(fd[0], pipe_buffer, RING);
	close_both(fd);
	expect(pid, OK, "40: the writer");
}

/* 6: there is no negative number of bytes. */
static void bug06_negative_size(void)
{
	int fd[2];

	must_pipe(fd);
	must_write(fd[1], "a", 1);
	check(read(fd[0], pipe_buffer, -1) == -1, "6: read");
	check(write(fd[1], pipe_buffer, -1) == -1, "6: write");
	check(read(fd[0], pipe_buffer, (int)0x80000000) == -1,
	      "6: read");
	must_read(fd[0], pipe_buffer, 1);
	close_both(fd);
}

/* ---- What is not right ---- */

static const uintptr_t bad_places[] = {
	8, STACK_BOTTOM - PAGE, USER_END - 4, USER_END, KERNEL_TEXT,
	(uintptr_t)-PAGE, (uintptr_t)-4
};

/* Bad addresses: nothing is written, and nothing is lost. */
static void pipebadaddress(void)
{
	int fd[2];

	must_pipe(fd);
	for (int i = 0; i < COUNT(bad_places); i++) {
		char *bad = (char *)bad_places[i];

		check(write(fd[1], bad, 100) == -1, "write from %p",
		      bad);
		check(write(fd[1], bad, 100000) == -1, "write from %p",
		      bad);
		must_write(fd[1], "abc", 3);
		check(read(fd[0], bad, 100) == -1, "read to %p", bad);
		must_read(fd[0], pipe_buffer, 3);
		check(memcmp(pipe_buffer, "abc", 3) == 0, "lost bytes");
	}
	close_both(fd);
}

/* Addresses that are good for 100 bytes, at each place of the ring. */
static void pipehalfbad(void)
{
	char *end = new_pages(1) + PAGE;
	int fd[2], pid;

	must_pipe(fd);
	for (int i = 0; i < RING; i += 128) {
		check(write(fd[1], end - 100, 300) == -1, "written");
		fill_stream(pipe_buffer, i, 300);
		must_write(fd[1], pipe_buffer, 300);
		check(read(fd[0], end - 100, 300) == -1, "read");
		check(read(fd[0], end - 100, 100) == 100, "100 bytes");
		check_stream(end - 100, i, 100);
		must_read(fd[0], pipe_buffer, 200);
		check_stream(pipe_buffer, i + 100, 200);
	}
	/* In two parts, the second of which is bad: the first counts. */
	pid = must_fork();
	if (pid == 0) {
		must_read(fd[0], pipe_buffer, RING);
		exit(OK);
	}
	check(write(fd[1], end - RING, RING + 1) == RING, "not 4096");
	expect(pid, OK, "the reader");
	close_both(fd);
}

/* Program text cannot be read into, through a pipe either. */
static void pipetotext(void)
{
	int fd[2];

	must_pipe(fd);
	must_write(fd[1], "a", 1);
	check(read(fd[0], (void *)(uintptr_t)pipetotext, 1) == -1,
	      "text was overwritten");
	must_read(fd[0], pipe_buffer, 1);
	close_both(fd);
}

/* A pipe whose numbers cannot be told is not there. */
static void pipebadresult(void)
{
	int before = free_numbers(), fd[2];

	for (int i = 0; i < COUNT(bad_places); i++) {
		check(pipe((int *)bad_places[i]) == -1, "pipe(%p)",
		      (void *)bad_places[i]);
		check(free_numbers() == before, "a file stays open");
	}
	must_pipe(fd);
	check(free_numbers() == before - 2, "not two numbers");
	close_both(fd);
}

/* No file number for the second end, or for any. */
static void pipefull(void)
{
	int fd[2] = { -5, -6 }, last = -1, next;

	while ((next = dup(1)) >= 0)
		last = next;
	check(pipe(fd) == -1, "a pipe without numbers");
	close(last);
	for (int i = 0; i < 3; i++)
		check(pipe(fd) == -1, "a pipe with one number");
	check(fd[0] == -5 && fd[1] == -6, "numbers were told");
	check(dup(1) == last, "the number is not free");
	close(last);
	close(last - 1);
	must_pipe(fd);
	close_both(fd);
}

/* Pipes run out with the memory, and come back with it. */
static void pipenomemory(void)
{
	int fd[2], count = 0, pid = must_fork();

	if (pid == 0) {
		take_all(0);
		while (count < 6 && pipe(fd) == 0)
			count++;
		check(count < 6, "pipes without memory");
		exit(OK);
	}
	expect(pid, OK, "the child");
	while (count < 6 && pipe(fd) == 0)
		count++;
	check(count == 6, "%d pipes", count);
}

/* Pipes that come and go, some of them full; the frames come back. */
static void pipeleak(void)
{
	int fd[4][2];

	for (int i = 0; i < rounds(200); i++) {
		for (int n = 0; n < 4; n++) {
			must_pipe(fd[n]);
			must_write(fd[n][1], pipe_buffer, RING);
		}
		for (int n = 0; n < 4; n++) {
			close(fd[n][(n + i) % 2]);
			close(fd[n][(n + i + 1) % 2]);
		}
	}
}

/* A process that only computes does not keep others from a pipe. */
static void preemptpipe(void)
{
	int fd[2], pid[3], status;

	must_pipe(fd);
	pid[0] = spawn(spin, 0);
	pid[1] = spawn(spin, 0);
	pid[2] = must_fork();
	if (pid[2] == 0) {
		must_write(fd[1], "x", 1);
		spin(0);
	}
	must_read(fd[0], pipe_buffer, 1);
	for (int i = 0; i < 3; i++)
		kill(pid[i]);
	for (int i = 0; i < 3; i++)
		check(wait(&status) > 0 && status == KILLED,
		      "status %d", status);
	close_both(fd);
}

static const struct test pipe_tests[] = {
	{ "pipe1", pipe1, QUICK },
	{ "pipewrap", pipewrap, QUICK },
	{ "pipecapacity", pipecapacity, QUICK },
	{ "pipebig", pipebig, QUICK },
	{ "pipepingpong", pipepingpong, QUICK },
	{ "pipemany", pipemany, QUICK },
	{ "pipewhole", pipewhole, QUICK },
	{ "pipeend", pipeend, QUICK },
	{ "pipenoreader", pipenoreader, QUICK },
	{ "pipewrongend", pipewrongend, QUICK },
	{ "pipenothing", pipenothing, QUICK },
	{ "pipeexit", pipeexit, QUICK },
	{ "pipeclosereader", pipeclosereader, QUICK },
	{ "pipeclosewriter", pipeclosewriter, QUICK },
	{ "pipekillreader", pipekillreader, QUICK },
	{ "pipekillwriter", pipekillwriter, QUICK },
	{ "pipekillrunning", pipekillrunning, QUICK },
	{ "pipebadaddress", pipebadaddress, QUICK },
	{ "pipehalfbad", pipehalfbad, QUICK },
	{ "pipetotext", pipetotext, QUICK },
	{ "pipebadresult", pipebadresult, QUICK },
	{ "pipefull", pipefull, QUICK },
	{ "pipenomemory", pipenomemory, QUICK },
	{ "pipeleak", pipeleak, QUICK },
	{ "preemptpipe", preemptpipe, QUICK },
	{ "bug06_negative_size", bug06_negative_size, QUICK },
	{ "bug40_killed_behind", bug40_killed_behind, QUICK },
	{ "bug40_closed", bug40_closed, QUICK },
	{ "consolekill", consolekill, QUICK },
};
