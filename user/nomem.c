/*
 * nomem: lets each allocation that the kernel makes for a fork, an exec,
 * a growing heap, a heap of large pages and a pipe fail once, and looks
 * whether everything comes back.
 * Needs a kernel built with CHECK=1, on one processor.
 */
#include "user/user.h"
#include "info.h"

enum { PAGE = 4096, PAGES = 8, MOST = 100 };

static int refused, killed;

/* From now on the Nth allocation fails; 0: none does. */
static void let_fail(int n)
{
	char line[20];

	snprintf(line, sizeof line, "fail %d", n);
	if (monitor(line) != 0) {
		fprintf(2, "nomem: the kernel cannot do that\n");
		exit(2);
	}
}

static unsigned frames_free(void)
{
	struct memory_info info;

	if (memory(&info) < 0)
		exit(2);
	return info.free;
}

/* ---- What is tried, in a process of its own: its status ---- */

static int try_fork(void)
{
	int pid = fork();

	if (pid == 0)
		exit(0);
	return pid < 0 || wait(0) < 0;
}

static int try_exec(void)
{
	char *argv[] = { "true", "an", "argument", 0 };

	exec("/true", argv);
	return 1;
}

static int try_heap(void)
{
	char *heap = sbrk(PAGES * PAGE);

	if (heap == (char *)-1)
		return 1;
	for (int i = 0; i < PAGES; i++)
		heap[i * PAGE] = 1;
	return 0;
}

enum { LARGE = 8 << 20 };

static char *large;                     /* touched, by the parent of all */

/* A large page is shared, split by a store, and cut in the middle. */
static int try_large(void)
{
	int pid = fork();

	if (pid == 0) {
		large[LARGE / 2] = 1;
		exit(sbrk(-LARGE / 4 - PAGE) == (char *)-1);
	}
	return pid < 0 || wait(&pid) < 0 || pid != 0;
}

/* A reservation is made, with others' pages around it. */
static int try_reserve(void)
{
	char *heap = sbrk(LARGE);

	if (heap == (char *)-1)
		return 1;
	for (int i = LARGE / 2; i < LARGE / 2 + 20 * PAGE; i += PAGE)
		heap[i] = 1;
	return sbrk(-LARGE / 2 + 10 * PAGE) == (char *)-1;
}

/* Two, since the kernel may have one left over from before. */
static int try_pipe(void)
{
	int fd[2];

	return pipe(fd) < 0 || pipe(fd) < 0;
}

/* ---- Each allocation once ---- */

/* Tries with the Nth allocation failing: did all go well? */
static int attempt(int (*try)(void), int n)
{
	int pid = fork(), status = 1;

	if (pid == 0) {
		let_fail(n);
		exit(try());
	}
	wait(&status);
	let_fail(0);
	refused += status == 1;
	killed += status == -1;
	return status == 0;
}

static int each(const char *name, int (*try)(void))
{
	unsigned before;
	int well = 0, n;

	attempt(try, 0);
	before = frames_free();
	refused = killed = 0;
	for (n = 1; n <= MOST && well < 3; n++)
		well = attempt(try, n) ? well + 1 : 0;
	printf("nomem: %s: refused %d times, killed %d times, ", name,
	       refused, killed);
	if (frames_free() != before) {
		printf("%d FRAMES LOST\n", (int)(before - frames_free()));
		return 1;
	}
	printf("nothing lost\n");
	return n > MOST || refused + killed == 0;
}

int main(void)
{
	int wrong = each("fork", try_fork);

	wrong |= each("exec", try_exec);
	wrong |= each("heap", try_heap);
	wrong |= each("pipe", try_pipe);
	wrong |= each("reserve", try_reserve);
	large = sbrk(LARGE);
	for (int i = 0; i < LARGE; i += PAGE)
		large[i] = 1;
	wrong |= each("large", try_large);
	return wrong;
}
