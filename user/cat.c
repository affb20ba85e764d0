/* cat: writes files, or standard input, to standard output. */
#include "user/tools.h"
#include "user/user.h"

const struct tool tool = { "cat", "[-n] [FILE]...", 1 };

static unsigned line_number;

/* Copies all that FD has; returns a status. */
static int copy(int fd, const char *name)
{
	static char buffer[8192];
	int count;

	while ((count = read(fd, buffer, sizeof buffer)) > 0) {
		put(buffer, (size_t)count);
		put_end();
	}
	if (count < 0)
		complain(name, "cannot be read");
	return count < 0;
}

/* The same with a number before each line. */
static int copy_numbered(int fd, const char *name)
{
	struct lines lines = { .fd = fd };
	static bool inside;     /* no newline was at the end so far */
	size_t length;
	char *line;
	int result;

	while ((result = next_line(&lines, &line, &length)) > 0) {
		if (!inside)
			put_text("%6u\t", ++line_number);
		put(line, length);
		inside = line[length - 1] != '\n';
	}
	if (result < 0)
		complain(name, "cannot be read");
	lines_done(&lines);
	return result < 0;
}

int main(int argc, char **argv)
{
	struct options options = { .argv = argv, .index = 1 };
	bool numbered = false;
	int status;

	(void)argc;
	while (next_option(&options, "n"))
		numbered = true;
	status = each_input(argv + options.index,
			    numbered ? copy_numbered : copy);
	put_end();
	return status;
}
