/*
 * nomem: lets each allocation that the kernel makes for a fork, an exec,
 * a growing heap, a heap of large pages, a pipe and mappings fail once,
 * and looks whether everything comes back.
 * Needs a kernel built with CHECK=1, on one processor.
 */
#include "user/user.h"
#include "kernel/fcntl.h"
#include "info.h"

#if __has_include(<mman.h>)
#include <mman.h>
#endif

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

#ifdef MAP_FAILED
enum { RW = PROT_READ | PROT_WRITE };

/* PAGES pages, of FD or of zeros; NULL if that fails. */
static char *map(int flags, int fd)
{
	char *at = mmap(0, PAGES * PAGE, RW, flags, fd, 0);

	return at == MAP_FAILED ? 0 : at;
}

static void use(char *at)
{
	for (int i = 0; i < PAGES; i++)
		at[i * PAGE] = 1;
}

/* Two pages go out of the middle, one loses a right. */
static int cut(char *at)
{
	return munmap(at + 3 * PAGE, 2 * PAGE) < 0 ||
	       mprotect(at + PAGE, PAGE, PROT_READ) < 0;
}

/* A child inherits it, uses it and starts a program. */
static int inherit(char *at)
{
	int pid = fork(), status;

	if (pid == 0) {
		use(at);
		exit(try_exec());
	}
	if (pid < 0 || wait(&status) < 0)
		return 1;
	return status != 0;
}

static int try_private(void)
{
	char *at = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);

	if (!at)
		return 1;
	use(at);
	return inherit(at) || cut(at);
}

static int try_shared(void)
{
	char *at = map(MAP_SHARED | MAP_ANONYMOUS, -1);

	if (!at)
		return 1;
	at[0] = at[2 * PAGE] = 1;
	return inherit(at) || cut(at);
}

/* Over something, which stays if it fails. */
static int try_fixed(void)
{
	char *at = map(MAP_PRIVATE | MAP_ANONYMOUS, -1), *middle;

	if (!at)
		return 1;
	use(at);
	middle = at + 2 * PAGE;
	if (mmap(middle, PAGE, RW, MAP_FIXED | MAP_SHARED |
		 MAP_ANONYMOUS, -1, 0) != middle) {
		if (*middle != 1)
			exit(3);
		return 1;
	}
	return *middle != 0;
}

/* The program's own text becomes writable. */
static int try_text(void)
{
	char *page = (char *)((unsigned long)try_text & ~(PAGE - 1ul));

	if (mprotect(page, PAGE, RW | PROT_EXEC) < 0)
		return 1;
	*(volatile char *)page = *page;
	return 0;
}

static const char *const file_name = "/nomem.tmp";

static void make_file(void)
{
	static char page[PAGE];
	int fd = open(file_name, O_CREATE | O_RDWR | O_TRUNC);

	for (int i = 0; i < PAGES; i++)
		write(fd, page, PAGE);
	close(fd);
}

static char *map_file(int flags)
{
	int fd = open(file_name, O_RDWR);
	char *at = fd < 0 ? 0 : map(flags, fd);

	close(fd);
	return at;
}

static int try_file(void)
{
	char *at = map_file(MAP_SHARED);

	if (!at)
		return 1;
	use(at);
	if (sync() < 0)
		return 1;
	use(at);
	return inherit(at) || cut(at);
}

static int try_own_file(void)
{
	char *at = map_file(MAP_PRIVATE), sum = 0;

	if (!at)
		return 1;
	for (int i = 0; i < PAGES; i++)
		sum += at[i * PAGE];
	use(at);
	return inherit(at) || cut(at) || sum == 100;
}

/* Its pages are not in memory, and are read into it. */
static int try_read(void)
{
	char *at = map_file(MAP_SHARED);
	int fd = open(file_name, O_RDONLY);

	if (!at || fd < 0)
		return 1;
	monitor("drop");
	return read(fd, at + PAGE - 100, 2 * PAGE) != 2 * PAGE;
}

/* 300 KiB of stack. */
static int try_stack(void)
{
	volatile char frame[300 * 1024];

	for (int i = sizeof frame - 1; i > 0; i -= PAGE)
		frame[i] = 1;
	return 0;
}
#endif

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
	sync();
	before = frames_free();
	refused = killed = 0;
	for (n = 1; n <= MOST && well < 3; n++)
		well = attempt(try, n) ? well + 1 : 0;
	printf("nomem: %s: refused %d times, killed %d times, ", name,
	       refused, killed);
	sync();
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
#ifdef MAP_FAILED
	make_file();
	wrong |= each("private memory", try_private);
	wrong |= each("shared memory", try_shared);
	wrong |= each("replacing", try_fixed);
	wrong |= each("text", try_text);
	wrong |= each("file", try_file);
	wrong |= each("own file", try_own_file);
	wrong |= each("read", try_read);
	wrong |= each("stack", try_stack);
	unlink(file_name);
#endif
	return wrong;
}
