/* ln: gives files further names. */
#include "kernel/param.h"
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
		return name(argv[0], to);
	}
	for (int i = 0; i < argc - 1; i++) {
		if (make_path(path, to, last_part(argv[i])) < 0)
			status = 1;
		else
			status |= name(argv[i], path);
	}
	return status;
}
