/* rm: removes names of files, and with -r directories with theirs. */
#include "kernel/fs.h"
#include "kernel/param.h"
#include "kernel/stat.h"
#include "user/tools.h"
#include "user/user.h"

const struct tool tool = { "rm", "[-rf] FILE...", 1 };

static bool recursive, forced;

static int remove(const char *path);

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/*
 * Writes the path of something that is in the directory PATH to CHILD.
 * Returns 0 if there is nothing, -1 after a complaint.
 */
static int first_child(char *child, const char *path, int after)
{
	struct directory *directory = opendir(path);
	struct directory_entry *entry;
	int result = 0;

	if (!directory) {
		complain(path, "cannot be read");
		return -1;
	}
	while (result == 0 && (entry = readdir(directory)))
		if (!is_dots(entry->name) && after-- == 0)
			result = make_path(child, path, entry->name) < 0 ?
				 -1 : 1;
	closedir(directory);
	return result;
}

/*
 * Removes what is in the directory PATH.  It is opened anew for each,
 * since what a change does to a directory that is being read is not
 * said anywhere; what could not be removed is passed over.
 */
static int empty(const char *path)
{
	char child[MAXPATH];
	int result, failed = 0;

	while ((result = first_child(child, path, failed)) > 0)
		failed += remove(child);
	return result < 0 || failed > 0;
}

/* Removes PATH; returns a status. */
static int remove(const char *path)
{
	struct stat about;

	if (stat(path, &about) < 0) {
		if (forced && strlen(path) < MAXPATH)
			return 0;
		complain(path, why_not(path));
		return 1;
	}
	if (about.type == T_DIR) {
		if (!recursive) {
			complain(path, "is a directory");
			return 1;
		}
		if (empty(path) != 0)
			return 1;
	}
	if (unlink(path) == 0)
		return 0;
	complain(path, "cannot be removed");
	return 1;
}

/* The same, but for what nobody can mean. */
static int remove_named(const char *path)
{
	const char *name = last_part(path);
	size_t length = strlen(name);

	while (length > 1 && name[length - 1] == '/')
		length--;
	if ((length == 1 && (*name == '.' || *name == '/')) ||
	    (length == 2 && strncmp(name, "..", 2) == 0)) {
		complain(path, "is never removed");
		return 1;
	}
	return remove(path);
}

int main(int argc, char **argv)
{
	struct options options = { .argv = argv, .index = 1 };
	int option, status = 0;

	while ((option = next_option(&options, "rf"))) {
		recursive |= option == 'r';
		forced |= option == 'f';
	}
	if (options.index == argc && !forced)
		usage();
	for (int i = options.index; i < argc; i++)
		status |= remove_named(argv[i]);
	return status;
}
