/*
 * stressfs: several processes write files at the same time, read them
 * back and remove them, over and over.  Every byte is checked.
 */
#include "kernel/fcntl.h"
#include "kernel/stat.h"
#include "user/tools.h"
#include "user/user.h"

const struct tool tool = {
	"stressfs", "[-p PROCESSES] [-n ROUNDS] [-b BLOCKS]", 1
};

enum { BLOCK = 1000 };          /* bytes, and no power of 2 */

static int blocks = 40;         /* in a file */
static char name[32];           /* of this process's file */
static char buffer[BLOCK], expected[BLOCK];

/* What block NUMBER of process ME holds in ROUND. */
static void fill(char *to, int me, int round, int number)
{
	unsigned seed = (unsigned)(me * 1000003 + round * 1009 + number);

	for (int i = 0; i < BLOCK; i++) {
		seed = seed * 1103515245 + 12345;
		to[i] = (char)(seed >> 16);
	}
}

static void write_file(int me, int round)
{
	int fd = open(name, O_CREATE | O_TRUNC | O_WRONLY);

	if (fd < 0)
		fail(name, why_not_made(name));
	for (int i = 0; i < blocks; i++) {
		fill(buffer, me, round, i);
		if (write_all(fd, buffer, BLOCK) < 0)
			fail(name, "cannot be written");
	}
	close(fd);
}

static void check_file(int me, int round)
{
	int fd = open(name, O_RDONLY);

	if (fd < 0)
		fail(name, why_not(name));
	for (int i = 0; i < blocks; i++) {
		fill(expected, me, round, i);
		if (read(fd, buffer, BLOCK) != BLOCK)
			fail(name, "is too short");
		if (memcmp(buffer, expected, BLOCK) != 0)
			fail(name, "holds something else");
	}
	if (read(fd, buffer, 1) != 0)
		fail(name, "is too long");
	close(fd);
}

/* What process ME does. */
static void work(int me, int rounds)
{
	snprintf(name, sizeof name, "stressfs-%d", me);
	for (int round = 0; round < rounds; round++) {
		write_file(me, round);
		check_file(me, round);
		/* The name goes every other time: O_TRUNC or a new file. */
		if (round % 2 && unlink(name) < 0)
			fail(name, "cannot be removed");
	}
	unlink(name);
}

int main(int argc, char **argv)
{
	struct options options = { .argv = argv, .index = 1 };
	int processes = 4, rounds = 10, option, status = 0, result;

	while ((option = next_option(&options, "p:n:b:"))) {
		int value = count_value(options.value);

		*(option == 'p' ? &processes :
		  option == 'n' ? &rounds : &blocks) = value;
	}
	if (options.index < argc)
		usage();
	for (int i = 0; i < processes; i++) {
		int pid = fork();

		if (pid == 0) {
			work(i, rounds);
			return 0;
		}
		if (pid < 0) {
			complain("fork", "there is no memory");
			status = 1;
		}
	}
	while (wait(&result) >= 0)
		status |= result != 0;
	if (status == 0)
		printf("stressfs: %d processes, %d rounds: OK\n",
		       processes, rounds);
	return status;
}
