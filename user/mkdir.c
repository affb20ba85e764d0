/* mkdir: makes directories; with -p those above them as well. */
#include "kernel/param.h"
#include "user/tools.h"
#include "user/user.h"

const struct tool tool = { "mkdir", "[-p] DIRECTORY...", 1 };

static int make(const char *path)
{
	if (mkdir(path) == 0)
		return 0;
	complain(path, is_directory(path) ? "exists already"
					  : why_not_made(path));
	return 1;
}

/* Makes what is missing of PATH, from the left to the right. */
static int make_all(const char *path)
{
	char part[MAXPATH];

	for (size_t length = 1; length < MAXPATH; length++) {
		char end = path[length - 1] ? path[length] : '\0';

		if (end && end != '/')
			continue;
		memcpy(part, path, length);
		part[length] = '\0';
		if (!is_directory(part) && make(part) != 0)
			return 1;
		if (!end)
			return 0;
	}
	complain(path, "the path is too long");
	return 1;
}

int main(int argc, char **argv)
{
	struct options options = { .argv = argv, .index = 1 };
	bool parents = false;
	int status = 0;

	while (next_option(&options, "p"))
		parents = true;
	if (options.index == argc)
		usage();
	for (int i = options.index; i < argc; i++)
		status |= parents ? make_all(argv[i]) : make(argv[i]);
	return status;
}
