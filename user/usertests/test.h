/*
 * What the tests share: verdicts, children, patterns in memory.
 *
 * A test is a function without arguments, run in a process of its own.
 * It returns if all is well and calls fail() if not.  A process that it
 * starts may call fail() too: the test then ends without a second
 * message.
 */
#ifndef TEST_H
#define TEST_H

#include <stddef.h>
#include <stdint.h>
#include <info.h>

#include "kernel/types.h"
#include "kernel/stat.h"
#include "kernel/fcntl.h"
#include "kernel/param.h"
#include "user/user.h"

/*
 * When a test runs: QUICK ones always, SLOW ones not under -q.  KILLS
 * marks a test that the kernel comments on, because it kills processes
 * in it; FILES one that needs a disk, and runs in an empty directory;
 * MAPS one that needs mmap().
 */
enum { QUICK = 1, SLOW = 2, KILLS = 4, FILES = 8, MAPS = 16 };

struct test {
	const char *name;
	void (*run)(void);
	int group;
};

/* Exit statuses.  FAILED was explained by the process that has it. */
enum { OK = 0, FAILED = 1, NO_EXEC = 93, KILLED = -1 };

/* The layout of a program. */
enum {
	PAGE = 4096,
	WORD = sizeof(uintptr_t),
	IMAGE = 0x700000,               /* where a program begins */
	STACK_BYTES = 64 * 1024,        /* directly below it, at first */
	STACK_BOTTOM = IMAGE - STACK_BYTES,
	STACK_MOST = 4 * 1024 * 1024    /* where a stack can grow */
};

#ifdef __riscv
#define USER_END 0x4000000000UL
#define KERNEL_HALF 0xffffffc000000000UL
#define KERNEL_TEXT 0xffffffc080000000UL
#else
#define USER_END 0x80000000UL
#define KERNEL_HALF 0x80000000UL
#define KERNEL_TEXT 0x80100000UL
#endif

#define NOWHERE ((char *)-1)            /* what sbrk() fails with */
#define SELF "/usertests"
#define TINY "/true"
#define TEXT_FILE "/README"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))
#define NOINLINE __attribute__((noinline))

static const struct test *current;      /* test */
static int full = 1;                    /* not -q */
static int mappings;                    /* the kernel has mmap() */

/* The start of a failure's message: a noisy test names itself again. */
static void begin_failure(void)
{
	if (current && current->group & KILLS)
		printf("test %s: ", current->name);
	printf("FAILED: ");
}

/* Say why, as printf does, and end this process. */
#define fail(...)                                                      \
	do {                                                           \
		begin_failure();                                       \
		printf(__VA_ARGS__);                                   \
		printf("\n");                                          \
		exit(FAILED);                                          \
	} while (0)

#define check(good, ...)                                               \
	do {                                                           \
		if (!(good))                                           \
			fail(__VA_ARGS__);                             \
	} while (0)

/* N rounds of something, or a tenth of them under -q. */
static int rounds(int n)
{
	return full ? n : (n + 9) / 10;
}

/* ---- Children ---- */

/* fork() that has to succeed. */
static int must_fork(void)
{
	int pid = fork();

	check(pid >= 0, "fork failed");
	return pid;
}

/* Run ACT(ARGUMENT), then exit(OK), in a child; its pid. */
static int spawn(void (*act)(uintptr_t), uintptr_t argument)
{
	int pid = must_fork();

	if (pid == 0) {
		act(argument);
		exit(OK);
	}
	return pid;
}

/* Wait for the only child, which has to be PID; its status. */
static int status_of(int pid)
{
	int status = 0x5a5a5a5a;
	int got = wait(&status);

	check(got == pid, "wait returned %d, not child %d", got, pid);
	if (status == FAILED)
		exit(FAILED);
	return status;
}

/* Wait for PID, the only child; it has to have this STATUS. */
static void expect(int pid, int status, const char *what)
{
	int got = status_of(pid);

	check(got == status, "%s: status %d, expected %d", what, got,
	      status);
}

/* Does a process that does ACT(ARGUMENT) get killed for it? */
static int dies(void (*act)(uintptr_t), uintptr_t argument)
{
	return status_of(spawn(act, argument)) == KILLED;
}

/* There must be no child left. */
static void expect_no_child(void)
{
	int got = wait(0);

	check(got == -1, "wait without children returned %d", got);
}

/* Everybody, as of the last call of list_processes(). */
static struct process_info everybody[600];

/* Fill that list; how many there are. */
static int list_processes(void)
{
	int count = processes(everybody, COUNT(everybody));

	check(count > 0, "processes() returned %d", count);
	return count;
}

/* Is there a process PID?  Its description goes to FOUND, if so. */
static int find_process(int pid, struct process_info *found)
{
	int count = list_processes();

	for (int i = 0; i < count; i++) {
		if (everybody[i].pid == pid) {
			*found = everybody[i];
			return 1;
		}
	}
	return 0;
}

/* Let PID, a child, get into STATE. */
static void await_state(int pid, int state)
{
	struct process_info info = { .state = 0 };
	int start = uptime();

	while (uptime() - start < 20 * TICKS_PER_SECOND) {
		check(find_process(pid, &info), "child %d is gone",
		      pid);
		if (info.state == state)
			return;
		sleep(1);
	}
	fail("child %d is in state %d, not in %d", pid, info.state,
	     state);
}

/* Do nothing for ever, with and without system calls. */
static void spin(uintptr_t unused)
{
	for (volatile int i = 0;; i++)
		(void)unused;
}

static void spin_in_calls(uintptr_t unused)
{
	for (;;) {
		(void)unused;
		getpid();
	}
}

static void sleep_for(uintptr_t ticks)
{
	sleep(ticks);
}

/* ---- Memory ---- */

/* An address that the compiler must not reason about. */
static uintptr_t opaque(uintptr_t address)
{
	volatile uintptr_t copy = address;

	return copy;
}

static NOINLINE void read_byte(uintptr_t address)
{
	(void)*(volatile char *)opaque(address);
}

static NOINLINE void write_byte(uintptr_t address)
{
	*(volatile char *)opaque(address) = 10;
}

static NOINLINE void jump(uintptr_t address)
{
	((void (*)(void))opaque(address))();
}

/* Move the break by SIZE bytes, which has to succeed; the old break. */
static char *grow(int size)
{
	char *old = sbrk(size);

	check(old != NOWHERE, "sbrk(%d) failed", size);
	return old;
}

/* COUNT new pages, untouched, at the end of the heap. */
static char *new_pages(int count)
{
	uintptr_t end = (uintptr_t)sbrk(0);

	grow(-end % PAGE);
	return grow(count * PAGE);
}

/* The word that belongs at INDEX of a pattern. */
static uint32_t pattern(uint32_t seed, size_t index)
{
	return ((uint32_t)index + seed) * 2654435761u ^ seed;
}

/* SIZE bytes, whole words, get the pattern of SEED. */
static void fill(void *at, size_t size, uint32_t seed)
{
	uint32_t *word = at;

	for (size_t i = 0; i < size / sizeof *word; i++)
		word[i] = pattern(seed, i);
}

/* Do they still have it? */
static int intact(const void *at, size_t size, uint32_t seed)
{
	const uint32_t *word = at;

	for (size_t i = 0; i < size / sizeof *word; i++) {
		if (word[i] != pattern(seed, i))
			return 0;
	}
	return 1;
}

/* Are SIZE bytes zero? */
static int zero(const void *at, size_t size)
{
	const char *byte = at;

	for (size_t i = 0; i < size; i++) {
		if (byte[i])
			return 0;
	}
	return 1;
}

/* How the machine's memory is used. */
static struct memory_info memory_now(void)
{
	struct memory_info info;

	check(memory(&info) == 0, "memory() failed");
	return info;
}

/* About how many pages could be promised to somebody. */
static uint32_t available_pages(void)
{
	struct memory_info info = memory_now();
	uint32_t unclaimed = info.frames - info.promised;

	return unclaimed < info.free ? unclaimed : info.free;
}

/*
 * Take all the memory there is, in pieces of up to 4 MiB, and touch it
 * if TOUCH is set; then it is not only promised but used.
 */
static void take_all(int touch)
{
	for (int size = 1024 * PAGE; size >= PAGE; size /= 2) {
		for (;;) {
			char *piece = sbrk(size);

			if (piece == NOWHERE)
				break;
			for (int i = 0; touch && i < size; i += PAGE)
				piece[i] = 1;
		}
	}
}

/* ---- Files ---- */

static int must_open(const char *name)
{
	int fd = open(name, O_RDONLY);

	check(fd >= 0, "cannot open %s", name);
	return fd;
}

/* The system call NUMBER with these arguments, whatever they are. */
static long raw_call(long number, long a, long b, long c);

#endif
