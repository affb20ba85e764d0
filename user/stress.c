/*
 * stress: random work for processes, memory and files.
 *
 *	stress [-s SEED] [-n ROUNDS] [-w WORKERS]
 *
 * Some workers fork, exec, kill, wait, sleep, and grow, shrink and
 * write their heaps, in an order that the seed decides, and write,
 * rename and remove files if there is a disk.  Each knows what its
 * memory and its files have to hold and looks again and again.  In the
 * end all of them have to come back, and all memory and blocks too.
 */
#include <info.h>
#include "kernel/types.h"
#include "kernel/stat.h"
#include "kernel/fcntl.h"
#include "user/user.h"
#include "user/usertests/early.h"

enum { PAGE = 4096, MOST_PAGES = 64, MOST_CHILDREN = 6 };
enum { MOST_FILES = 5, MOST_BLOCKS = 12 };
enum { KILLED = -1, GOOD = 7, NO_EXEC = 8 };

/* What a file has to hold. */
struct contents {
	int there;
	int blocks;                     /* of PAGE bytes */
	uint32_t seed[MOST_BLOCKS];     /* of each; 0: a hole */
};

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
	struct contents file[MOST_FILES];       /* not for children */
};

static int refusals;            /* of fork, sbrk, write: no error */
static int disk;                /* there is a file system */

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

static void fill_page(uint32_t *word, uint32_t seed)
{
	for (int i = 0; i < PAGE / 4; i++)
		word[i] = word_of(seed, i);
}

static int is_filled(const uint32_t *word, uint32_t seed)
{
	for (int i = 0; i < PAGE / 4; i++) {
		if (word[i] != word_of(seed, i))
			return 0;
	}
	return 1;
}

static void write_page(struct worker *w, int page)
{
	w->seed[page] = next(w) | 1;
	fill_page((uint32_t *)(w->heap + page * PAGE), w->seed[page]);
}

static void check_page(struct worker *w, int page)
{
	if (!is_filled((uint32_t *)(w->heap + page * PAGE),
		       w->seed[page]))
		give_up(w, "wrong contents in page", page);
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

/* ---- Files ---- */

/* The name of file I of a worker. */
static const char *file_name(const struct worker *w, int i)
{
	static char name[2][32];
	static int turn;

	turn = !turn;
	snprintf(name[turn], sizeof name[turn], "/stress-%d-%d",
		 w->number, i);
	return name[turn];
}

/* Is there hardly any room, so that a write may fail? */
static int room_is_short(void)
{
	struct filesystem_info info;
	struct memory_info memory_info;

	if (filesystem(&info) < 0 || memory(&memory_info) < 0)
		return 0;
	return info.free < 500 ||
	       memory_info.free < memory_info.promised + 1000;
}

/* It is no error that this failed, if there is no room. */
static void refused(const struct worker *w, const char *what, int i)
{
	if (!room_is_short())
		give_up(w, what, i);
	refusals++;
}

/* A worker has files of its own; its children leave them alone. */
static int has_files(const struct worker *w)
{
	return disk && w->depth == 0;
}

static void remove_file(struct worker *w, int i)
{
	int result = unlink(file_name(w, i));

	if (result != (w->file[i].there ? 0 : -1))
		give_up(w, "unlink of a file fails or not", i);
	w->file[i] = (struct contents){ .there = 0 };
}

/* Write block BLOCK of file I; what is before it may be a hole. */
static void write_block(struct worker *w, int i, int block)
{
	static uint32_t words[PAGE / 4];
	struct contents *file = &w->file[i];
	uint32_t seed = next(w) | 1;
	int fd = open(file_name(w, i), O_CREATE | O_RDWR), got;

	if (fd < 0) {
		refused(w, "cannot create file", i);
		return;
	}
	file->there = 1;
	fill_page(words, seed);
	if (lseek(fd, (long long)block * PAGE, SEEK_SET) < 0)
		give_up(w, "cannot seek in file", i);
	got = write(fd, words, PAGE);
	if (next(w) % 16 == 0 && fsync(fd) < 0)
		give_up(w, "cannot fsync file", i);
	close(fd);
	if (got != PAGE) {
		refused(w, "cannot write to file", i);
		remove_file(w, i);
		return;
	}
	file->seed[block] = seed;
	if (block >= file->blocks)
		file->blocks = block + 1;
}

static void check_file(struct worker *w, int i)
{
	static uint32_t words[PAGE / 4];
	const struct contents *file = &w->file[i];
	int fd = open(file_name(w, i), O_RDONLY);

	if ((fd >= 0) != file->there)
		give_up(w, "a file is there or not", i);
	if (fd < 0)
		return;
	for (int block = 0; block < file->blocks; block++) {
		if (read(fd, words, PAGE) != PAGE)
			give_up(w, "cannot read file", i);
		if (!is_filled(words, file->seed[block]))
			give_up(w, "wrong contents in file", i);
	}
	if (read(fd, words, PAGE) != 0)
		give_up(w, "too much in file", i);
	close(fd);
}

static void cut_file(struct worker *w, int i)
{
	int fd = open(file_name(w, i), O_WRONLY | O_TRUNC);

	if ((fd >= 0) != w->file[i].there)
		give_up(w, "a file is there or not", i);
	if (fd < 0)
		return;
	close(fd);
	w->file[i] = (struct contents){ .there = 1 };
}

/* Let file FROM be file TO. */
static void rename_file(struct worker *w, int from, int to)
{
	int result = rename(file_name(w, from), file_name(w, to));

	if (result != (w->file[from].there ? 0 : -1)) {
		refused(w, "cannot rename file", from);
		return;
	}
	if (result < 0 || from == to)
		return;
	w->file[to] = w->file[from];
	w->file[from] = (struct contents){ .there = 0 };
}

static void check_files(struct worker *w)
{
	for (int i = 0; i < MOST_FILES && has_files(w); i++)
		check_file(w, i);
}

static void remove_files(struct worker *w)
{
	for (int i = 0; i < MOST_FILES && has_files(w); i++)
		remove_file(w, i);
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

static void do_write_file(struct worker *w)
{
	int i = below(w, MOST_FILES);

	for (int n = below(w, 4); n > 0 && has_files(w); n--)
		write_block(w, i, below(w, MOST_BLOCKS));
}

static void do_change_file(struct worker *w)
{
	int i = below(w, MOST_FILES), what = below(w, 4);

	if (!has_files(w))
		return;
	if (what == 0)
		remove_file(w, i);
	else if (what == 1)
		cut_file(w, i);
	else if (what == 2)
		rename_file(w, i, below(w, MOST_FILES));
	else
		check_file(w, i);
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
		do_fail, do_write_file, do_write_file, do_change_file,
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
		if (i % 64 == 0) {
			check_memory(&w);
			check_files(&w);
		}
		if (number == 0 && i % 256 == 255)
			printf("stress: round %d\n", i + 1);
	}
	wait_for_all(&w);
	check_memory(&w);
	check_files(&w);
	remove_files(&w);
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

/* What has to be there again in the end. */
struct resources {
	int frames, blocks, inodes;
};

/* What is free now; a used inode counts as one less. */
static struct resources resources_now(void)
{
	struct memory_info memory_info = { .free = 0 };
	struct filesystem_info info = { .free = 0 };

	if (disk) {
		sync();
		monitor("drop");        /* what the caches keep */
		filesystem(&info);
	}
	memory(&memory_info);
	return (struct resources){ memory_info.free, info.free,
				   -info.inodes };
}

/* Is there less than BEFORE, even after some patience? */
static int is_lost(const struct resources *before)
{
	struct resources now;

	for (int i = 0; i < TICKS_PER_SECOND; i++) {
		now = resources_now();
		if (now.frames >= before->frames &&
		    now.blocks >= before->blocks &&
		    now.inodes >= before->inodes)
			return 0;
		sleep(1);
	}
	printf("stress: LOST: %d frames, %d blocks, %d inodes\n",
	       before->frames - now.frames, before->blocks - now.blocks,
	       before->inodes - now.inodes);
	return 1;
}

/*
 * The first run lets the kernel take the frames and blocks that it
 * keeps for later; after the second, none may be missing.
 */
static int stress(int workers, uint32_t seed, int rounds)
{
	struct filesystem_info info;
	struct resources before;
	int bad;

	disk = filesystem(&info) == 0;
	bad = run(workers, seed + 1, rounds < 200 ? rounds : 200);
	sleep(TICKS_PER_SECOND);
	before = resources_now();
	bad += run(workers, seed, rounds);
	if (bad) {
		printf("stress: %d workers FAILED\n", bad);
		return 1;
	}
	if (is_lost(&before))
		return 1;
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
