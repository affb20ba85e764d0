/* mv: gives files other names, or moves them into a directory. */
#include "kernel/param.h"
#include "kernel/stat.h"
#include "user/tools.h"
#include "user/user.h"

const struct tool tool = {
	"mv", "FROM TO, or FROM... DIRECTORY", 1
};

/* Gives FROM the name TO; returns a status. */
static int move(const char *from, const char *to)
{
	struct stat old, new;

	if (stat(from, &old) < 0) {
		complain(from, why_not(from));
		return 1;
	}
	if (stat(to, &new) == 0 && same_file(&old, &new)) {
		complain(to, "is the same file");
		return 1;
	}
	if (rename(from, to) == 0)
		return 0;
	complain(from, "cannot be moved");
	return 1;
}

int main(int argc, char **argv)
{
	struct options options = { .argv = argv, .index = 1 };
	char path[MAXPATH];
	const char *to;
	int status = 0;

	next_option(&options, "");
	argv += options.index;
	argc -= options.index;
	if (argc < 2)
		usage();
	to = argv[argc - 1];
	if (!is_directory(to)) {
		if (argc > 2)
			fail(to, "not a directory");
		return move(argv[0], to);
	}
	for (int i = 0; i < argc - 1; i++) {
		if (make_path(path, to, last_part(argv[i])) < 0)
			status = 1;
		else
			status |= move(argv[i], path);
	}
	return status;
}
