/* wc: counts lines, words and bytes of files, or of standard input. */
#include <stdbool.h>
#include "kernel/fcntl.h"
#include "user/user.h"

static char buffer[4096];

struct counts {
	unsigned lines, words, bytes;
	bool in_word;
};

static void count(struct counts *to, int length)
{
	for (int i = 0; i < length; i++) {
		bool blank = isspace(buffer[i]);

		to->lines += buffer[i] == '\n';
		to->words += !blank && !to->in_word;
		to->in_word = !blank;
	}
	to->bytes += (unsigned)length;
}

/* Counts what FD has and prints it with NAME; returns a status. */
static int count_file(int fd, const char *name)
{
	struct counts sum = { 0 };
	int length;

	while ((length = read(fd, buffer, sizeof buffer)) > 0)
		count(&sum, length);
	if (length < 0) {
		fprintf(2, "wc: %s: cannot be read\n", name);
		return 1;
	}
	printf("%6u %6u %7u %s\n", sum.lines, sum.words, sum.bytes,
	       name);
	return 0;
}

static int count_named(const char *name)
{
	int fd = open(name, O_RDONLY), status;

	if (fd < 0) {
		fprintf(2, "wc: %s: cannot open\n", name);
		return 1;
	}
	status = count_file(fd, name);
	close(fd);
	return status;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc == 1)
		return count_file(0, "");
	for (int i = 1; i < argc; i++)
		status |= count_named(argv[i]);
	return status;
}
