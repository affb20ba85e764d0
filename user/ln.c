/* ln: gives files further names. */
#include "kernel/stat.h"
#include "user/tools.h"
#include "user/user.h"

const struct tool tool = {
	"ln", "FILE NAME, or FILE... DIRECTORY", 1
};

static int name(const char *old, const char *new)
{
	struct stat about;

	if (stat(old, &about) < 0) {
		complain(old, why_not(old));
		return 1;
	}
	if (about.type == T_DIR) {
		complain(old, "is a directory");
		return 1;
	}
	if (link(old, new) == 0)
		return 0;
	complain(new, why_not_made(new));
	return 1;
}

int main(int argc, char **argv)
{
	struct options options = { .argv = argv, .index = 1 };

	(void)argc;
	next_option(&options, "");
	return each_target(argv + options.index, name);
}
