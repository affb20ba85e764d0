/* rmdir: removes empty directories. */
#include "user/tools.h"
#include "user/user.h"

const struct tool tool = { "rmdir", "DIRECTORY...", 1 };

static int remove(const char *path)
{
	if (is_directory(path) && unlink(path) == 0)
		return 0;
	if (is_directory(path))
		complain(path, "is not empty, or never removed");
	else
		complain(path, "not a directory");
	return 1;
}

int main(int argc, char **argv)
{
	struct options options = { .argv = argv, .index = 1 };
	int status = 0;

	next_option(&options, "");
	if (options.index == argc)
		usage();
	for (int i = options.index; i < argc; i++)
		status |= remove(argv[i]);
	return status;
}
