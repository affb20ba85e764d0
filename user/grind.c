/*
 * grind: system calls by chance.  Two processes make them in
 * directories of their own and in one that they share, with good
 * arguments and bad ones.  What a call returns is looked at where it
 * can be known; otherwise the point is that the kernel still runs.
 *
 * The same seed gives the same calls, though not in the same order
 * between the two.
 */
#include <limits.h>
#include "kernel/fcntl.h"
#include "kernel/fs.h"
#include "kernel/stat.h"
#include "user/tools.h"
#include "user/user.h"

const struct tool tool = { "grind", "[-n ROUNDS] [SEED]", 1 };

enum { NAMES = 6, OPEN = 8, PAGE = 4096 };

static unsigned state;          /* of the numbers */
static int me;                  /* 0 or 1 */
static int held = -1;           /* a file that stays open for a while */
static char buffer[2 * PAGE + 7];

/* A number from 0 to BELOW - 1. */
static int chance(int below)
{
	state = state * 1664525 + 1013904223;
	return (int)((state >> 8) % (unsigned)below);
}

/* The calls must fit together: says which did not, and ends. */
static void expect(bool right, const char *what)
{
	if (!right)
		fail(what, "is not as it must be");
}

/* ---- Names: in our directory, in the common one, bad ones ---- */

static const char *some_name(void)
{
	static const char *const bad[] = {
		"", ".", "..", "/", "nodir/a", "own/./../own", "own/"
	};
	static char names[4][64];
	static int next;
	char *name = names[next++ % 4];

	if (chance(10) == 0)
		return bad[chance(sizeof bad / sizeof *bad)];
	snprintf(name, sizeof *names, "%s/%s%c",
		 chance(3) ? "own" : "../common",
		 chance(4) ? "" : "a-name-that-is-long-",
		 'a' + chance(NAMES));
	return name;
}

/* ---- What can be done ---- */

static int some_flags(void)
{
	static const int extra[] = {
		0, O_CREATE, O_CREATE | O_TRUNC, O_CREATE | O_APPEND
	};

	return chance(3) | extra[chance(4)];
}

static void make_and_write(void)
{
	const char *name = some_name();
	int fd = open(name, some_flags()), size = chance(sizeof buffer);

	if (fd < 0)
		return;
	expect(write(fd, buffer, size) <= size, "write");
	expect(close(fd) == 0, "close");
}

static void hold(void)
{
	if (held >= 0)
		expect(close(held) == 0, "close of the held file");
	held = open(some_name(), some_flags());
}

static void use_held(void)
{
	struct stat about;
	int size = chance(sizeof buffer), count;

	if (held < 0)
		return;
	expect(fstat(held, &about) == 0, "fstat of the held file");
	if (chance(2))
		lseek(held, chance(5 * PAGE), chance(3));
	count = chance(2) ? read(held, buffer, size)
			  : write(held, buffer, size);
	expect(count <= size, "the held file");
}

static void read_directory(void)
{
	static const char *const directories[] = { "own", "../common" };
	struct directory *d = opendir(directories[chance(2)]);
	bool self = false;
	struct directory_entry *entry;

	if (!d)
		return;
	while ((entry = readdir(d)))
		self |= strcmp(entry->name, ".") == 0;
	closedir(d);
	expect(self, "a directory without .");
}

static void change_names(void)
{
	switch (chance(5)) {
	case 0:
		link(some_name(), some_name());
		break;
	case 1:
		rename(some_name(), some_name());
		break;
	case 2:
		mkdir(some_name());
		break;
	default:
		unlink(some_name());
	}
}

/* A private file holds what was written to it. */
static void write_and_check(void)
{
	char mine = (char)(me + 1), found = 0;
	int fd = open("private", O_CREATE | O_TRUNC | O_RDWR);

	if (fd < 0)
		return;
	if (write(fd, &mine, 1) == 1) {
		close(fd);
		fd = open("private", O_RDONLY);
		expect(read(fd, &found, 1) == 1 && found == mine,
		       "a file of one byte");
	}
	close(fd);
	expect(unlink("private") == 0, "unlink of a private file");
}

static void pass_through_pipe(void)
{
	int ends[2], size = 1 + chance(64);
	char byte[64];

	if (pipe(ends) < 0)
		return;
	memset(buffer, me + 'A', (size_t)size);
	expect(write(ends[1], buffer, size) == size, "write to a pipe");
	close(ends[1]);
	expect(read(ends[0], byte, size) == size, "read of a pipe");
	expect(byte[size - 1] == me + 'A', "what a pipe gave");
	expect(read(ends[0], byte, 1) == 0, "the end of a pipe");
	close(ends[0]);
}

/* Two children, one writes to the other. */
static void children_and_pipe(void)
{
	int ends[2], status;

	if (pipe(ends) < 0)
		return;
	for (int i = 0; i < 2; i++) {
		int pid = fork();

		if (pid != 0)
			continue;
		close(ends[i]);
		if (i)
			read(ends[0], buffer, sizeof buffer);
		else
			write(ends[1], buffer, PAGE + 1);
		exit(0);
	}
	close(ends[0]);
	close(ends[1]);
	while (wait(&status) >= 0)
		;
}

static void have_child(void)
{
	char *argv[] = { "/echo", "-n", NULL };
	int number = chance(100), what = chance(4), status;
	int pid = fork();

	if (pid < 0)
		return;
	if (pid == 0) {
		if (what == 0)
			exec(argv[0], argv);
		if (what == 1)
			fork();
		if (what == 2)
			sleep(1);
		exit(number);
	}
	if (what == 2)
		kill(pid);
	expect(wait(&status) == pid, "the child that ended");
	expect(what == 0 || what == 2 || status == number,
	       "the status of a child");
}

static void move_break(void)
{
	char *end = sbrk(0);
	int size = chance(10 * PAGE);

	if (sbrk(size) == (char *)-1)
		return;
	if (size > 0)
		end[size - 1] = 1;
	expect(sbrk(-size) == end + size, "the end of the heap");
}

/* Arguments that nothing good can come of. */
static void bad_arguments(void)
{
	char *wild = (char *)(uintptr_t)(state | 1u << 31);
	/* An address that the compiler does not know is bad. */
	int *volatile nowhere = (int *)8;

	expect(read(-1, buffer, 1) == -1, "read of nothing");
	expect(write(OPEN + 7, wild, 10) == -1, "write to nothing");
	expect(close(1000) == -1, "close of nothing");
	expect(fstat(1, (struct stat *)nowhere) == -1, "fstat to nowhere");
	expect(pipe(nowhere) == -1, "pipe to nowhere");
	expect(kill(-chance(100) - 1) == -1, "kill of nobody");
	expect(exec("/no-such-program", NULL) == -1, "exec of nothing");
	expect(dup(chance(2) ? -1 : INT_MAX) == -1, "dup of nothing");
	expect(mkdir("/") == -1, "mkdir of the root");
	expect(unlink(".") == -1, "unlink of .");
}

static void to_the_disk(void)
{
	if (chance(20) == 0)
		sync();
	else if (held >= 0)
		fsync(held);
}

static void (*const things[])(void) = {
	make_and_write, make_and_write, hold, use_held, use_held,
	read_directory, change_names, change_names, change_names,
	write_and_check, pass_through_pipe, children_and_pipe, have_child,
	move_break, bad_arguments, to_the_disk,
};

/* ---- The two ---- */

/* Goes to a directory of its own: nothing in it must be there. */
static void go(int number, unsigned seed, int rounds)
{
	const char *place = number ? "grind-b" : "grind-a";

	me = number;
	state = seed * 2 + (unsigned)number;
	if (chdir(place) < 0)
		fail(place, why_not(place));
	while (rounds-- > 0)
		things[chance(sizeof things / sizeof *things)]();
}

static int run(char **argv)
{
	int pid = fork(), status = 1;

	if (pid == 0) {
		exec(argv[0], argv);
		fail(argv[0], "cannot be run");
	}
	if (pid > 0)
		wait(&status);
	return status;
}

/* Makes, or after it removes, what the two work in. */
static void directories(bool make)
{
	char *rm[] = {
		"/rm", "-rf", "grind-a", "grind-b", "common", NULL
	};
	char *mkdir[] = {
		"/mkdir", "-p", "grind-a/own", "grind-b/own", "common",
		NULL
	};

	if (run(rm) != 0 || (make && run(mkdir) != 0))
		exit(1);
}

int main(int argc, char **argv)
{
	struct options options = { .argv = argv, .index = 1 };
	int rounds = 1000, seed = 1, status = 0, result;

	while (next_option(&options, "n:"))
		rounds = count_value(options.value);
	if (argc > options.index + 1)
		usage();
	if (argc > options.index)
		seed = count_value(argv[options.index]);
	directories(true);
	for (int i = 0; i < 2; i++) {
		int pid = fork();

		if (pid < 0)
			fail("fork", "there is no memory");
		if (pid == 0) {
			go(i, (unsigned)seed, rounds);
			return 0;
		}
	}
	while (wait(&result) >= 0) {
		if (result == -1)
			complain("a process", "was killed");
		status |= result != 0;
	}
	directories(false);
	if (status == 0)
		printf("grind: %d rounds, seed %d: OK\n", rounds, seed);
	return status;
}
