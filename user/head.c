/* head: the first lines of files, or of standard input. */
#include "user/tools.h"
#include "user/user.h"

const struct tool tool = { "head", "[-n LINES] [FILE]...", 1 };

static int wanted = 10;
static bool titles;

/* Writes what belongs to the first lines; returns a status. */
static int print(int fd, const char *name)
{
	static const char *before = "";
	static char buffer[4096];
	int left = wanted, count = 1;

	if (titles)
		put_text("%s==> %s <==\n", before,
			 fd == 0 ? "standard input" : name);
	before = "\n";
	while (left > 0 &&
	       (count = read(fd, buffer, sizeof buffer)) > 0) {
		int at = 0;

		while (at < count && left > 0)
			left -= buffer[at++] == '\n';
		put(buffer, (size_t)at);
	}
	if (count < 0)
		complain(name, "cannot be read");
	return count < 0;
}

int main(int argc, char **argv)
{
	struct options options = { .argv = argv, .index = 1 };
	int status;

	while (next_option(&options, "n:"))
		wanted = count_value(options.value);
	titles = argc - options.index > 1;
	status = each_input(argv + options.index, print);
	put_end();
	return status;
}
