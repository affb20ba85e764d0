/* mv: gives files other names, or moves them into a directory. */
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

	(void)argc;
	next_option(&options, "");
	return each_target(argv + options.index, move);
}
