/*
 * bench: what the operations of a kernel cost.
 *
 *	bench [-r ROUNDS] [-c COUNT] [ROW[:SIZE]...]
 *	bench -p PROCESSES [-c COUNT] ROW[:SIZE]...
 *	bench -l
 *
 * A row repeats one operation, COUNT times or as often as it says; its
 * figure is the cost of one, the smallest of all rounds, as the
 * processor's cycle counter has it.
 * Some rows are measured only when they are named, with a SIZE: how much
 * there is of something, which the operation should not mind.
 * With -p so many processes do the row at the same time, once, COUNT
 * operations each; the figure is the operations of all in a second.
 * Under QEMU's `-icount shift=0,sleep=off` that counts instructions.
 * The cost of the loop itself is taken off.
 *
 * It is also a program for xv6-riscv as it is, and for xv6-public with
 * -DXV6_PUBLIC, to compare.
 */
#ifdef XV6_PUBLIC
#include "types.h"
#include "stat.h"
#include "user.h"
#include "fcntl.h"
typedef unsigned long long uint64;
#define end(status) exit()
#define await() wait()
#define say(...) printf(1, __VA_ARGS__)
#else
#include "kernel/types.h"
#include "kernel/stat.h"
#include "kernel/fcntl.h"
#include "user/user.h"
#define end(status) exit(status)
#define await() wait(0)
#define say(...) printf(__VA_ARGS__)
#endif

/* Only our later kernels have mappings. */
#ifdef __has_include
#if __has_include(<mman.h>)
#include <mman.h>
#endif
#endif

enum { PAGE = 4096, MEGABYTE = 1024 * 1024 };

struct row {
	const char *name;
	int count;              /* operations of a round */
	/* Does COUNT operations; the cycles that they took. */
	uint64 (*run)(int count);
	const char *help;
};

static uint64 start_time;       /* see start() */
static int size;                /* behind the name of the row */

/* The processor's cycle counter. */
static uint64 cycles(void)
{
#ifdef __riscv
	uint64 now;

	asm volatile("rdcycle %0" : "=r"(now) : : "memory");
	return now;
#else
	unsigned low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64)high << 32 | low;
#endif
}

/* A measured stretch begins.  `make profile` looks for these two. */
__attribute__((noinline))
static void start(void)
{
	start_time = cycles();
}

/* It ends; how long it was. */
__attribute__((noinline))
static uint64 stop(void)
{
	return cycles() - start_time;
}

/* Give up: a row that fails measures nothing. */
static void must(int good, const char *what)
{
	if (good)
		return;
	say("bench: %s failed\n", what);
	end(1);
}

/* ---- The rows ---- */

static uint64 empty(int count)
{
	start();
	for (int i = 0; i < count; i++)
		asm volatile("" : : : "memory");
	return stop();
}

static uint64 run_getpid(int count)
{
	start();
	for (int i = 0; i < count; i++)
		getpid();
	return stop();
}

static uint64 run_uptime(int count)
{
	start();
	for (int i = 0; i < count; i++)
		uptime();
	return stop();
}

static uint64 run_read_bad(int count)
{
	char byte;

	must(read(-1, &byte, 1) < 0, "failing of read(-1)");
	start();
	for (int i = 0; i < count; i++)
		read(-1, &byte, 1);
	return stop();
}

static uint64 run_dup_close(int count)
{
	start();
	for (int i = 0; i < count; i++)
		close(dup(1));
	return stop();
}

static uint64 run_wait_none(int count)
{
	start();
	for (int i = 0; i < count; i++)
		await();
	return stop();
}

/* Fork, exit and wait, COUNT times. */
static uint64 fork_and_wait(int count)
{
	start();
	for (int i = 0; i < count; i++) {
		int pid = fork();

		if (pid == 0)
			end(0);
		must(pid > 0, "fork");
		await();
	}
	return stop();
}

static void touch(char *at, int size, int step)
{
	for (int i = 0; i < size; i += step)
		*(volatile char *)(at + i) = 1;
}

/* The same with a heap of SIZE bytes, each page of which is touched. */
static uint64 fork_large(int count, int size)
{
	char *at = sbrk(size);
	uint64 took;

	must(at != (char *)-1, "sbrk");
	touch(at, size, PAGE);
	took = fork_and_wait(count);
	sbrk(-size);
	return took;
}

static uint64 run_fork_1m(int count)
{
	return fork_large(count, MEGABYTE);
}

static uint64 run_fork_16m(int count)
{
	return fork_large(count, 16 * MEGABYTE);
}

#ifdef PROT_READ
/* SIZE bytes of FD, or zeros, that may be used in any way. */
static char *map(int size, int flags, int fd)
{
	char *at = mmap(0, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	must(at != MAP_FAILED, "mmap");
	return at;
}

static uint64 run_fork_mapped(int count)
{
	char *at = map(PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	uint64 took;

	*at = 1;
	took = fork_and_wait(count);
	munmap(at, PAGE);
	return took;
}

static uint64 run_mmap_touch(int count)
{
	start();
	for (int i = 0; i < count; i++) {
		char *at = map(PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

		*at = 1;
		munmap(at, PAGE);
	}
	return stop();
}
#endif

static uint64 run_fork_exec(int count)
{
	char *words[] = { "true", 0 };

	start();
	for (int i = 0; i < count; i++) {
		int pid = fork();

		if (pid == 0) {
			exec("/true", words);
			must(0, "exec of /true");
		}
		must(pid > 0, "fork");
		await();
	}
	return stop();
}

static uint64 run_exec_missing(int count)
{
	char *words[] = { "missing", 0 };

	start();
	for (int i = 0; i < count; i++)
		exec("/missing", words);
	return stop();
}

static uint64 run_sbrk_grow(int count)
{
	uint64 took;

	start();
	for (int i = 0; i < count; i++)
		*(volatile char *)sbrk(PAGE) = 1;
	took = stop();
	for (int i = 0; i < count; i++)
		sbrk(-PAGE);
	return took;
}

static uint64 run_sbrk_shrink(int count)
{
	for (int i = 0; i < count; i++)
		*(volatile char *)sbrk(PAGE) = 1;
	start();
	for (int i = 0; i < count; i++)
		sbrk(-PAGE);
	return stop();
}

/* Grow by SIZE, touch a byte of each STEP, shrink again. */
static uint64 breathe(int count, int size, int step)
{
	start();
	for (int i = 0; i < count; i++) {
		char *at = sbrk(size);

		must(at != (char *)-1, "sbrk");
		touch(at, size, step);
		sbrk(-size);
	}
	return stop();
}

static uint64 run_sbrk_1m(int count)
{
	return breathe(count, MEGABYTE, PAGE);
}

static uint64 run_sbrk_16m(int count)
{
	return breathe(count, 16 * MEGABYTE, 64 * PAGE);
}

static uint64 run_sbrk_all(int count)
{
	return breathe(count, 16 * MEGABYTE, PAGE);
}

static uint64 run_open_missing(int count)
{
	must(open("/missing", O_RDONLY) < 0, "failing of open");
	start();
	for (int i = 0; i < count; i++)
		open("/missing", O_RDONLY);
	return stop();
}

static uint64 run_open_close(int count)
{
	start();
	for (int i = 0; i < count; i++)
		close(open("/README", O_RDONLY));
	return stop();
}

static uint64 run_fstat(int count)
{
	int fd = open("/README", O_RDONLY);
	struct stat info;
	uint64 took;

	must(fd >= 0, "open");
	start();
	for (int i = 0; i < count; i++)
		fstat(fd, &info);
	took = stop();
	close(fd);
	return took;
}

/* ---- Files ---- */

/* A copy of words needs an address that is a multiple of one. */
static char block[PAGE] __attribute__((aligned(16)));

static int must_open(const char *path, int mode)
{
	int fd = open(path, mode);

	must(fd >= 0, path);
	return fd;
}

static uint64 run_create_unlink(int count)
{
	start();
	for (int i = 0; i < count; i++) {
		int fd = must_open("/bench.1", O_CREATE | O_WRONLY);

		must(write(fd, block, PAGE) == PAGE, "write");
		close(fd);
		must(unlink("/bench.1") == 0, "unlink");
	}
	return stop();
}

/* 64 KiB in pieces of a page, into a file that is made each time. */
static uint64 run_write_64k(int count)
{
	uint64 took = 0;

	for (int i = 0; i < count; i++) {
		int fd = must_open("/bench.2", O_CREATE | O_WRONLY);

		start();
		for (int j = 0; j < 16; j++)
			must(write(fd, block, PAGE) == PAGE, "write");
		took += stop();
		close(fd);
		must(unlink("/bench.2") == 0, "unlink");
	}
	return took;
}

static void make_file(const char *path, int pages)
{
	int fd = must_open(path, O_CREATE | O_WRONLY);

	while (pages-- > 0)
		must(write(fd, block, PAGE) == PAGE, "write");
	close(fd);
}

static uint64 run_read_64k(int count)
{
	uint64 took = 0;

	make_file("/bench.3", 16);
	for (int i = 0; i < count; i++) {
		int fd = must_open("/bench.3", O_RDONLY);

		start();
		for (int j = 0; j < 16; j++)
			must(read(fd, block, PAGE) == PAGE, "read");
		took += stop();
		close(fd);
	}
	unlink("/bench.3");
	return took;
}

static uint64 run_open_read(int count)
{
	uint64 took;

	make_file("/bench.4", 1);
	start();
	for (int i = 0; i < count; i++) {
		int fd = must_open("/bench.4", O_RDONLY);

		must(read(fd, block, PAGE) == PAGE, "read");
		close(fd);
	}
	took = stop();
	unlink("/bench.4");
	return took;
}

static uint64 run_read_byte(int count)
{
	uint64 took;
	int fd;

	make_file("/bench.5", 1);
	fd = must_open("/bench.5", O_RDONLY);
	start();
	for (int i = 0; i < count; i++)
		read(fd, block, 1);
	took = stop();
	close(fd);
	unlink("/bench.5");
	return took;
}

static uint64 run_write_byte(int count)
{
	uint64 took;
	int fd;

	make_file("/bench.6", 1);
	fd = must_open("/bench.6", O_WRONLY);
	start();
	for (int i = 0; i < count; i++)
		write(fd, block, 1);
	took = stop();
	close(fd);
	unlink("/bench.6");
	return took;
}

static uint64 run_open_deep(int count)
{
	uint64 took;

	mkdir("/b1");
	mkdir("/b1/b2");
	mkdir("/b1/b2/b3");
	mkdir("/b1/b2/b3/b4");
	make_file("/b1/b2/b3/b4/f", 0);
	start();
	for (int i = 0; i < count; i++)
		close(must_open("/b1/b2/b3/b4/f", O_RDONLY));
	took = stop();
	unlink("/b1/b2/b3/b4/f");
	unlink("/b1/b2/b3/b4");
	unlink("/b1/b2/b3");
	unlink("/b1/b2");
	unlink("/b1");
	return took;
}

static uint64 run_mkdir_unlink(int count)
{
	start();
	for (int i = 0; i < count; i++) {
		must(mkdir("/bench.7") == 0, "mkdir");
		must(unlink("/bench.7") == 0, "unlink");
	}
	return stop();
}

/* ---- Pipes ---- */

static void must_pipe(int fd[2])
{
	must(pipe(fd) == 0, "pipe");
}

/* Read SIZE bytes, in pieces as they come. */
static void read_all(int fd, char *to, int size)
{
	while (size > 0) {
		int got = read(fd, to, size);

		must(got > 0, "read from a pipe");
		size -= got;
	}
}

static uint64 run_pipe_close(int count)
{
	int fd[2];

	start();
	for (int i = 0; i < count; i++) {
		must_pipe(fd);
		close(fd[0]);
		close(fd[1]);
	}
	return stop();
}

/* Every byte that comes through FROM goes back through TO. */
static void echo_bytes(int from, int to)
{
	char byte;

	while (read(from, &byte, 1) == 1)
		must(write(to, &byte, 1) == 1, "write");
	end(0);
}

static uint64 run_pingpong(int count)
{
	int there[2], back[2], pid;
	char byte = 0;
	uint64 took;

	must_pipe(there);
	must_pipe(back);
	pid = fork();
	must(pid >= 0, "fork");
	if (pid == 0) {
		close(there[1]);
		echo_bytes(there[0], back[1]);
	}
	close(there[0]);
	write(there[1], &byte, 1);
	read_all(back[0], &byte, 1);
	start();
	for (int i = 0; i < count; i++) {
		write(there[1], &byte, 1);
		must(read(back[0], &byte, 1) == 1, "read");
	}
	took = stop();
	close(there[1]);
	close(back[0]);
	close(back[1]);
	await();
	return took;
}

static char transfer[MEGABYTE / 256] __attribute__((aligned(16)));

/*
 * Read COUNT blocks of SIZE bytes, and one before them; report each of
 * the two with a byte.
 */
static void take_blocks(int from, int to, int count, int size)
{
	read_all(from, transfer, size);
	write(to, transfer, 1);
	for (int i = 0; i < count; i++)
		read_all(from, transfer, size);
	write(to, transfer, 1);
	end(0);
}

/* COUNT MiB go to a child in writes of SIZE bytes. */
static uint64 send(int count, int size)
{
	int blocks = count * (MEGABYTE / size);
	int data[2], report[2], pid;
	uint64 took;
	char byte;

	must_pipe(data);
	must_pipe(report);
	pid = fork();
	must(pid >= 0, "fork");
	if (pid == 0)
		take_blocks(data[0], report[1], blocks, size);
	write(data[1], transfer, size);
	read_all(report[0], &byte, 1);
	start();
	for (int i = 0; i < blocks; i++)
		must(write(data[1], transfer, size) == size, "write");
	read_all(report[0], &byte, 1);
	took = stop();
	for (int i = 0; i < 2; i++) {
		close(data[i]);
		close(report[i]);
	}
	await();
	return took;
}

static uint64 run_pipe_512(int count)
{
	return send(count, 512);
}

static uint64 run_pipe_4096(int count)
{
	return send(count, 4096);
}

/* ---- When there is more of something ---- */

static uint64 run_fork_heap(int count)
{
	return fork_large(count, size * MEGABYTE);
}

enum { NAME = 32 };

/* FOLDER/NUMBER */
static char *name_in(char name[NAME], const char *folder, int number)
{
	int at = strlen(folder), digits = 1;

	for (int rest = number; rest > 9; rest /= 10)
		digits++;
	strcpy(name, folder);
	name[at] = '/';
	name[at + digits + 1] = 0;
	for (; digits > 0; digits--, number /= 10)
		name[at + digits] = '0' + number % 10;
	return name;
}

/*
 * Names are opened in an order that has nothing to do with that of their
 * making: by steps of a prime, round and round.
 */
static uint64 run_open_among(int count)
{
	char name[NAME];
	uint64 took = 0;

	mkdir("/many");
	for (int i = 0; i < size; i++)
		make_file(name_in(name, "/many", i), 0);
	for (int i = 0; i < count; i++) {
		name_in(name, "/many", (unsigned)i * 7919 % size);
		start();
		close(must_open(name, O_RDONLY));
		took += stop();
	}
	for (int i = 0; i < size; i++)
		unlink(name_in(name, "/many", i));
	unlink("/many");
	return took;
}

enum { SLEEPERS = 1000 };

/* A process that sleeps for a queue of its own, until it is killed. */
static int put_to_sleep(int report)
{
	int nothing[2], pid = fork();
	char byte = 0;

	must(pid >= 0, "fork");
	if (pid == 0) {
		must_pipe(nothing);
		write(report, &byte, 1);
		read(nothing[0], &byte, 1);
		end(1);
	}
	return pid;
}

/* As run_pingpong(), while others sleep. */
static uint64 run_pingpong_among(int count)
{
	static int pid[SLEEPERS];
	int report[2];
	uint64 took;
	char byte;

	must(size <= SLEEPERS, "size of pingpong_among");
	must_pipe(report);
	for (int i = 0; i < size; i++) {
		pid[i] = put_to_sleep(report[1]);
		read_all(report[0], &byte, 1);
	}
	close(report[0]);
	close(report[1]);
	took = run_pingpong(count);
	for (int i = 0; i < size; i++)
		kill(pid[i]);
	for (int i = 0; i < size; i++)
		await();
	return took;
}

/* ---- By many at the same time ---- */

static int number;      /* of this process, among those of -p */

/*
 * Create, write 4 KiB, close, unlink, or open, read 4 KiB, close, in a
 * directory of this process's own.
 */
static uint64 in_own_folder(int count, uint64 (*run)(const char *, int))
{
	char folder[NAME], name[NAME];
	uint64 took;

	name_in(folder, "", number);
	mkdir(folder);
	took = run(name_in(name, folder, 0), count);
	unlink(folder);
	return took;
}

static uint64 create_and_unlink(const char *name, int count)
{
	start();
	for (int i = 0; i < count; i++) {
		make_file(name, 1);
		must(unlink(name) == 0, "unlink");
	}
	return stop();
}

static uint64 run_create_own(int count)
{
	return in_own_folder(count, create_and_unlink);
}

static uint64 open_and_read(const char *name, int count)
{
	uint64 took;

	make_file(name, 1);
	start();
	for (int i = 0; i < count; i++) {
		int fd = must_open(name, O_RDONLY);

		must(read(fd, block, PAGE) == PAGE, "read");
		close(fd);
	}
	took = stop();
	unlink(name);
	return took;
}

static uint64 run_read_own(int count)
{
	return in_own_folder(count, open_and_read);
}

static const struct row rows[] = {
	{ "getpid", 1000, run_getpid, "getpid" },
	{ "uptime", 1000, run_uptime, "uptime" },
	{ "read_bad", 1000, run_read_bad, "read on a bad fd" },
	{ "dup_close", 1000, run_dup_close, "dup + close" },
	{ "wait_none", 1000, run_wait_none, "wait with no child" },
	{ "fork_small", 50, fork_and_wait,
	  "fork + exit + wait, small process" },
	{ "fork_1m", 10, run_fork_1m, "the same, 1 MiB of heap" },
	{ "fork_16m", 4, run_fork_16m, "the same, 16 MiB of heap" },
#ifdef PROT_READ
	{ "fork_mapped", 20, run_fork_mapped,
	  "the same as fork_small, with a mapping" },
	{ "mmap_touch", 100, run_mmap_touch,
	  "mmap of a page, touch it, munmap" },
#endif
	{ "fork_exec", 20, run_fork_exec,
	  "fork + exec + wait of a tiny program" },
	{ "exec_missing", 200, run_exec_missing,
	  "exec of a missing file" },
	{ "sbrk_grow", 200, run_sbrk_grow, "sbrk +1 page, touch it" },
	{ "sbrk_shrink", 200, run_sbrk_shrink, "sbrk -1 page" },
	{ "sbrk_1m", 10, run_sbrk_1m,
	  "sbrk +1 MiB, touch every page, sbrk -1 MiB" },
	{ "sbrk_16m", 4, run_sbrk_16m,
	  "sbrk +16 MiB, touch 1 page in 64, sbrk back" },
	{ "sbrk_all", 2, run_sbrk_all, "the same, touch all" },
	{ "open_missing", 200, run_open_missing,
	  "open of a missing file" },
	{ "open_close", 200, run_open_close, "open + close" },
	{ "fstat", 1000, run_fstat, "fstat" },
	{ "pipe_close", 200, run_pipe_close, "pipe() + 2 close" },
	{ "pipe_pingpong", 200, run_pingpong,
	  "a byte there and back between two processes" },
	{ "pipe_512", 1, run_pipe_512, "1 MiB in 512-byte writes" },
	{ "pipe_4096", 1, run_pipe_4096, "1 MiB in 4096-byte writes" },
	{ "create_unlink", 100, run_create_unlink,
	  "create, write 4 KiB, close, unlink" },
	{ "write_64k", 4, run_write_64k, "write 64 KiB, in pages" },
	{ "read_64k", 4, run_read_64k, "read 64 KiB, in pages" },
	{ "open_read", 100, run_open_read, "open, read 4 KiB, close" },
	{ "read_byte", 1000, run_read_byte, "read 1 byte" },
	{ "write_byte", 1000, run_write_byte, "write 1 byte" },
	{ "open_deep", 100, run_open_deep,
	  "open + close, 4 directories deep" },
	{ "mkdir_unlink", 100, run_mkdir_unlink, "mkdir + unlink" },
};

/* They need a size. */
static const struct row growing[] = {
	{ "fork_heap", 4, run_fork_heap,
	  "fork + exit + wait, so many MiB of heap" },
	{ "open_among", 200, run_open_among,
	  "open + close, in a directory of so many names" },
	{ "pingpong_among", 200, run_pingpong_among,
	  "as pipe_pingpong, while so many others sleep" },
};

/* For -p, as others are that leave nothing behind. */
static const struct row together[] = {
	{ "create_own", 100, run_create_own,
	  "as create_unlink, in a directory of its own" },
	{ "read_own", 100, run_read_own,
	  "as open_read, in a directory of its own" },
};

enum {
	ROWS = sizeof rows / sizeof *rows,
	GROWING = sizeof growing / sizeof *growing,
	TOGETHER = sizeof together / sizeof *together,
};

/* ---- Numbers ---- */

/* N / D, for compilers that do not divide 64 bits. */
static uint64 divide(uint64 n, unsigned d)
{
	uint64 quotient = 0, rest = 0;

	for (int bit = 63; bit >= 0; bit--) {
		rest = rest << 1 | (n >> bit & 1);
		quotient <<= 1;
		if (rest >= d) {
			rest -= d;
			quotient |= 1;
		}
	}
	return quotient;
}

/* Print NAME and NUMBER as a line of the table. */
static void print_row(const char *name, uint64 number)
{
	char line[32];
	int at = sizeof line - 1, length = strlen(name);

	line[at] = 0;
	do {
		uint64 rest = divide(number, 10);

		line[--at] = '0' + (int)(number - rest * 10);
		number = rest;
	} while (number);
	while (at > 0 && length + (int)sizeof line - at < 28)
		line[--at] = ' ';
	say("%s%s\n", name, line + at);
}

/* The smallest time that COUNT operations take, of several rounds. */
static uint64 smallest(uint64 (*run)(int), int count, int rounds)
{
	uint64 least = run(count);

	for (int i = 1; i < rounds; i++) {
		uint64 took = run(count);

		if (took < least)
			least = took;
	}
	return least;
}

/*
 * COUNT operations in each of ROUNDS; 0: as many as the row says.  It is
 * printed as NAME.
 */
static void measure(const struct row *row, const char *name, int rounds,
		    int count)
{
	uint64 took, loop;

	if (count == 0)
		count = row->count;
	took = smallest(row->run, count, rounds);
	loop = smallest(empty, count, rounds);
	took = took > loop ? took - loop : 0;
	print_row(name, divide(took + count / 2, count));
}

enum { TICKS = 100 };   /* of uptime() in a second */

/* So many PROCESSES do COUNT operations each; prints how many a second. */
static void measure_together(const struct row *row, const char *name,
			     int processes, int count)
{
	int ticks = uptime();

	if (count == 0)
		count = row->count;
	for (number = 0; number < processes; number++) {
		int pid = fork();

		must(pid >= 0, "fork");
		if (pid == 0) {
			row->run(count);
			end(0);
		}
	}
	while (processes-- > 0)
		await();
	ticks = uptime() - ticks;
	print_row(name, divide((uint64)number * count * TICKS,
			       ticks > 0 ? ticks : 1));
}

/* ---- The command line ---- */

/* Is TEXT called NAME?  From a colon on is its size. */
static int is_name(const char *text, const char *name)
{
	while (*name && *text == *name) {
		text++;
		name++;
	}
	return !*name && (!*text || *text == ':');
}

/* The row of TEXT, or 0, and its size, 0 if there is none. */
static const struct row *find_row(const char *text)
{
	const char *colon = strchr(text, ':');

	size = colon ? atoi(colon + 1) : 0;
	for (int i = 0; !colon && i < ROWS; i++) {
		if (is_name(text, rows[i].name))
			return &rows[i];
	}
	for (int i = 0; !colon && i < TOGETHER; i++) {
		if (is_name(text, together[i].name))
			return &together[i];
	}
	for (int i = 0; size > 0 && i < GROWING; i++) {
		if (is_name(text, growing[i].name))
			return &growing[i];
	}
	return 0;
}

static int list(void)
{
	for (int i = 0; i < ROWS; i++)
		say("%s: %s\n", rows[i].name, rows[i].help);
	for (int i = 0; i < GROWING; i++)
		say("%s:SIZE: %s\n", growing[i].name, growing[i].help);
	for (int i = 0; i < TOGETHER; i++)
		say("%s: %s\n", together[i].name, together[i].help);
	return 0;
}

static int usage(void)
{
	say("usage: bench [-r ROUNDS] [-c COUNT] [ROW[:SIZE]...]\n");
	say("       bench -p PROCESSES [-c COUNT] ROW[:SIZE]...\n");
	say("       bench -l\n");
	return 2;
}

static int bench(int argc, char *argv[])
{
	int rounds = 4, count = 0, processes = 0, first = 1;

	if (argc > 1 && strcmp(argv[1], "-l") == 0)
		return list();
	for (; first + 1 < argc && argv[first][0] == '-'; first += 2) {
		int given = atoi(argv[first + 1]);

		if (strcmp(argv[first], "-r") == 0)
			rounds = given;
		else if (strcmp(argv[first], "-c") == 0)
			count = given;
		else if (strcmp(argv[first], "-p") == 0)
			processes = given;
		else
			return usage();
		if (given < 1)
			return usage();
	}
	for (int i = first; i < argc; i++) {
		if (!find_row(argv[i]))
			return usage();
	}
	for (int i = first; i < argc; i++) {
		const struct row *row = find_row(argv[i]);

		if (processes)
			measure_together(row, argv[i], processes, count);
		else
			measure(row, argv[i], rounds, count);
	}
	for (int i = 0; first == argc && !processes && i < ROWS; i++)
		measure(&rows[i], rows[i].name, rounds, count);
	return 0;
}

int main(int argc, char *argv[])
{
	int status = bench(argc, argv);

	(void)status;
	end(status);
}
