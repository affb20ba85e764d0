/*
 * stress: random work for the process and memory systems.
 *
 *	stress [-s SEED] [-n ROUNDS] [-w WORKERS]
 *
 * Some workers fork, exec, kill, wait, sleep, and grow, shrink and
 * write their heaps, in an order that the seed decides.  Each knows
 * what its memory has to hold and looks again and again.  In the end
 * all of them have to come back, and all memory too.
 */
#include <info.h>
#include "kernel/types.h"
#include "kernel/stat.h"
#include "kernel/fcntl.h"
#include "user/user.h"

enum { PAGE = 4096, MOST_PAGES = 64, MOST_CHILDREN = 6 };
enum { KILLED = -1, GOOD = 7, NO_EXEC = 8 };

/* What a worker knows about itself; its children get copies. */
struct worker {
	int number;
	uint32_t random;
	char *heap;                     /* page-aligned */
	int pages;
	uint32_t seed[MOST_PAGES];      /* of each page; 0: untouched */
	int child[MOST_CHILDREN];       /* pids; 0: none */
	int maybe_killed[MOST_CHILDREN];
	int depth;                      /* generations below a worker */
};

static int refusals;            /* of fork and sbrk: no error */

/* The next random number. */
static uint32_t next(struct worker *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 17;
	w->random ^= w->random << 5;
	return w->random;
}

static int below(struct worker *w, int limit)
{
	return next(w) % limit;
}

/* Report what is wrong, and end. */
static void give_up(const struct worker *w, const char *what, int n)
{
	printf("stress: worker %d (pid %d): %s %d\n", w->number,
	       getpid(), what, n);
	exit(1);
}

/* ---- Memory ---- */

/* The word that page contents made of SEED have at INDEX. */
static uint32_t word_of(uint32_t seed, int index)
{
	return seed ? (seed + index) * 2654435761u ^ seed >> 7 : 0;
}

static void write_page(struct worker *w, int page)
{
	uint32_t *word = (uint32_t *)(w->heap + page * PAGE);
	uint32_t seed = next(w) | 1;

	for (int i = 0; i < PAGE / 4; i++)
		word[i] = word_of(seed, i);
	w->seed[page] = seed;
}

static void check_page(struct worker *w, int page)
{
	uint32_t *word = (uint32_t *)(w->heap + page * PAGE);

	for (int i = 0; i < PAGE / 4; i++) {
		if (word[i] != word_of(w->seed[page], i))
			give_up(w, "wrong contents in page", page);
	}
}

static void check_memory(struct worker *w)
{
	for (int page = 0; page < w->pages; page++)
		check_page(w, page);
}

/* Let the heap begin at a page. */
static void start_heap(struct worker *w)
{
	sbrk(-(uintptr_t)sbrk(0) % PAGE);
	w->heap = sbrk(0);
	w->pages = 0;
}

/* Give the heap PAGES pages. */
static void resize(struct worker *w, int pages)
{
	char *end = w->heap + w->pages * PAGE;

	if (sbrk(0) != end)
		give_up(w, "the break moved, page", w->pages);
	if (sbrk((pages - w->pages) * PAGE) != end) {
		if (pages < w->pages)
			give_up(w, "cannot shrink to page", pages);
		refusals++;
		return;
	}
	for (int page = w->pages; page < pages; page++)
		w->seed[page] = 0;
	w->pages = pages;
}

/* ---- Children ---- */

/* A child came: does it have a status that it may have? */
static void check_status(struct worker *w, int pid, int status)
{
	for (int i = 0; i < MOST_CHILDREN; i++) {
		if (w->child[i] != pid)
			continue;
		if (status == KILLED && !w->maybe_killed[i])
			give_up(w, "nobody killed", pid);
		if (status != KILLED && status != GOOD)
			give_up(w, "a child has status", status);
		w->child[i] = 0;
		return;
	}
	give_up(w, "wait found a stranger", pid);
}

static int children(const struct worker *w)
{
	int count = 0;

	for (int i = 0; i < MOST_CHILDREN; i++)
		count += w->child[i] != 0;
	return count;
}

/* Wait for one child, if there is any. */
static void wait_one(struct worker *w)
{
	int status = 0, pid = wait(&status);

	if (pid >= 0)
		check_status(w, pid, status);
	else if (children(w))
		give_up(w, "children are missing", children(w));
}

static void wait_for_all(struct worker *w)
{
	while (children(w))
		wait_one(w);
	if (wait(0) != -1)
		give_up(w, "one child too many", 0);
}

static void act(struct worker *w);

/* Is there hardly any memory?  Then exec() may fail. */
static int memory_is_short(void)
{
	struct memory_info info;

	return memory(&info) == 0 && info.free < info.promised + 1000;
}

/* Be a child: look at the memory, work a little, end. */
static void be_child(struct worker *w)
{
	char *words[] = { "stress", "=child", 0 };

	w->depth++;
	memset(w->child, 0, sizeof w->child);
	check_memory(w);
	for (int i = below(w, 6); i > 0; i--)
		act(w);
	check_memory(w);
	if (below(w, 3) == 0) {
		exec("/stress", words);
		exit(memory_is_short() ? GOOD : NO_EXEC);
	}
	if (below(w, 2))
		wait_for_all(w);
	exit(GOOD);
}

/* ---- What a worker may do ---- */

static void do_fork(struct worker *w)
{
	int slot, pid;

	if (w->depth > 1)
		return;
	for (slot = 0; slot < MOST_CHILDREN && w->child[slot];)
		slot++;
	if (slot == MOST_CHILDREN) {
		wait_one(w);
		return;
	}
	next(w);
	pid = fork();
	if (pid == 0) {
		w->random ^= getpid() * 40503u;
		w->random += !w->random;
		be_child(w);
	}
	if (pid < 0) {
		refusals++;
		return;
	}
	w->child[slot] = pid;
	w->maybe_killed[slot] = 0;
}

/* Kill a child; it may have ended already. */
static void do_kill(struct worker *w)
{
	int slot = below(w, MOST_CHILDREN);

	if (!w->child[slot])
		return;
	if (kill(w->child[slot]) < 0)
		give_up(w, "cannot kill", w->child[slot]);
	w->maybe_killed[slot] = 1;
}

static void do_wait(struct worker *w)
{
	wait_one(w);
}

static void do_resize(struct worker *w)
{
	resize(w, below(w, MOST_PAGES + 1));
}

static void do_write(struct worker *w)
{
	for (int i = below(w, 8); i > 0 && w->pages; i--)
		write_page(w, below(w, w->pages));
}

static void do_check(struct worker *w)
{
	for (int i = below(w, 8); i > 0 && w->pages; i--)
		check_page(w, below(w, w->pages));
}

static void do_sleep(struct worker *w)
{
	sleep(below(w, 3));
}

static void do_compute(struct worker *w)
{
	for (volatile int i = below(w, 100000); i > 0; i--)
		;
}

/* The kernel writes to a page that may be shared or untouched. */
static void do_read(struct worker *w)
{
	int fd, page;

	if (!w->pages)
		return;
	page = below(w, w->pages);
	fd = open("/stress", O_RDONLY);
	if (fd < 0)
		give_up(w, "cannot open /stress", fd);
	if (read(fd, w->heap + page * PAGE, PAGE) != PAGE)
		give_up(w, "cannot read into page", page);
	close(fd);
	if (memcmp(w->heap + page * PAGE + 1, "ELF", 3) != 0)
		give_up(w, "no program in page", page);
	write_page(w, page);
}

static void do_fail(struct worker *w)
{
	char *words[] = { "x", (char *)-1, 0 };

	if (exec("/README", words) != -1 || exec("/x", words) != -1 ||
	    kill(-5) != -1 || close(99) != -1)
		give_up(w, "something succeeded", 0);
}

/* Do one thing or another; the table has often what should be often. */
static void act(struct worker *w)
{
	static void (*const acts[])(struct worker *) = {
		do_fork, do_fork, do_fork, do_kill, do_wait, do_wait,
		do_resize, do_resize, do_write, do_write, do_write,
		do_check, do_check, do_sleep, do_compute, do_read,
		do_fail,
	};

	acts[below(w, sizeof acts / sizeof *acts)](w);
}

/* Worker NUMBER: ROUNDS acts, and all has to be right in the end. */
static void work(int number, uint32_t seed, int rounds)
{
	static struct worker w;

	w.number = number;
	w.random = (seed + number) * 2654435761u | 1;
	start_heap(&w);
	for (int i = 0; i < rounds; i++) {
		act(&w);
		if (i % 64 == 0)
			check_memory(&w);
		if (number == 0 && i % 256 == 255)
			printf("stress: round %d\n", i + 1);
	}
	wait_for_all(&w);
	check_memory(&w);
	exit(GOOD);
}

/* ---- The whole ---- */

/* Run WORKERS at a time; how many of them failed. */
static int run(int workers, uint32_t seed, int rounds)
{
	int status, bad = 0, started = 0;

	for (int i = 0; i < workers; i++) {
		int pid = fork();

		if (pid == 0)
			work(i, seed, rounds);
		started += pid > 0;
	}
	for (int i = 0; i < started; i++) {
		if (wait(&status) < 0 || status != GOOD)
			bad++;
	}
	return bad + workers - started;
}

/* Frames missing in comparison with BEFORE, after some patience. */
static int lost(uint32_t before)
{
	struct memory_info now;

	for (int i = 0; i < TICKS_PER_SECOND; i++) {
		if (memory(&now) < 0)
			return -1;
		if (now.free >= before)
			return 0;
		sleep(1);
	}
	return before - now.free;
}

/*
 * The first run lets the kernel take the frames that it keeps for
 * later; after the second, none may be missing.
 */
static int stress(int workers, uint32_t seed, int rounds)
{
	struct memory_info before;
	int bad, frames;

	bad = run(workers, seed + 1, rounds < 200 ? rounds : 200);
	sleep(TICKS_PER_SECOND);
	if (memory(&before) < 0)
		return 1;
	bad += run(workers, seed, rounds);
	if (bad) {
		printf("stress: %d workers FAILED\n", bad);
		return 1;
	}
	frames = lost(before.free);
	if (frames) {
		printf("stress: %d frames LOST\n", frames);
		return 1;
	}
	printf("stress: seed %d, %d workers, %d rounds: OK\n",
	       (int)seed, workers, rounds);
	return 0;
}

static int usage(void)
{
	fprintf(2, "usage: stress [-s SEED] [-n ROUNDS] "
		   "[-w WORKERS]\n");
	return 2;
}

int main(int argc, char *argv[])
{
	int seed = 1, rounds = 1000, workers = 6;

	if (argc == 2 && strcmp(argv[1], "=child") == 0)
		return GOOD;
	for (int i = 1; i < argc; i += 2) {
		int *value = !strcmp(argv[i], "-s") ? &seed :
			     !strcmp(argv[i], "-n") ? &rounds :
			     !strcmp(argv[i], "-w") ? &workers : 0;

		if (!value || i + 1 == argc)
			return usage();
		if (read_number(argv[i + 1], value) < 0 || *value < 1)
			return usage();
	}
	return stress(workers, seed, rounds);
}
