/* cp: copies files, and with -r directories with all that is in them. */
#include "kernel/fcntl.h"
#include "kernel/fs.h"
#include "kernel/param.h"
#include "kernel/stat.h"
#include "user/tools.h"
#include "user/user.h"

const struct tool tool = {
	"cp", "[-r] FROM TO, or [-r] FROM... DIRECTORY", 1
};

static bool recursive;
static struct stat top;         /* the directory that -r made first */
static bool top_known;

static int copy(const char *from, const char *to);

/* Copies what is left of one open file; both names are for words. */
static int copy_open(int in, int out, const char *from, const char *to)
{
	static char buffer[16384];
	int count;

	while ((count = read(in, buffer, sizeof buffer)) > 0) {
		if (write_all(out, buffer, count) < 0) {
			complain(to, "cannot be written");
			return 1;
		}
	}
	if (count < 0)
		complain(from, "cannot be read");
	return count < 0;
}

/* Copies the file FROM, open as IN; returns a status. */
static int copy_file(int in, const struct stat *about, const char *from,
		     const char *to)
{
	struct stat target;
	int out, status;

	if (stat(to, &target) == 0 && same_file(about, &target)) {
		complain(to, "is the same file");
		return 1;
	}
	out = open(to, O_WRONLY | O_CREATE | O_TRUNC);
	if (out < 0) {
		complain(to, why_not_made(to));
		return 1;
	}
	status = copy_open(in, out, from, to);
	close(out);
	return status;
}

/* Makes the directory TO unless it is there. */
static int make_directory(const char *to)
{
	if (!is_directory(to) && mkdir(to) < 0) {
		complain(to, why_not_made(to));
		return 1;
	}
	if (!top_known && stat(to, &top) == 0)
		top_known = true;
	return 0;
}

/* Copies one entry of the directory FROM into TO. */
static int copy_entry(const char *from, const char *to, const char *name)
{
	char old[MAXPATH], new[MAXPATH];

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	if (make_path(old, from, name) < 0 ||
	    make_path(new, to, name) < 0)
		return 1;
	return copy(old, new);
}

/* Copies what is in the directory FROM; returns a status. */
static int copy_directory(const struct stat *about, const char *from,
			  const char *to)
{
	struct directory *directory;
	struct directory_entry *entry;
	int status;

	if (!recursive) {
		complain(from, "is a directory (-r copies it)");
		return 1;
	}
	if (top_known && same_file(about, &top)) {
		complain(from, "cannot be copied into itself");
		return 1;
	}
	status = make_directory(to);
	directory = status ? NULL : opendir(from);
	if (!directory)
		return 1;
	if (same_file(about, &top)) {
		complain(from, "cannot be copied into itself");
		status = 1;
	}
	while (!status && (entry = readdir(directory)))
		status |= copy_entry(from, to, entry->name);
	closedir(directory);
	return status;
}

/* Copies FROM, whatever it is, to the name TO; returns a status. */
static int copy(const char *from, const char *to)
{
	int in = open(from, O_RDONLY), status = 1;
	struct stat about;

	if (in < 0 || fstat(in, &about) < 0) {
		complain(from, why_not(from));
		return 1;
	}
	if (about.type == T_DIR) {
		/* Deep trees would need many files at once. */
		close(in);
		return copy_directory(&about, from, to);
	}
	status = copy_file(in, &about, from, to);
	close(in);
	return status;
}

/* Copies one of the files that were named; returns a status. */
static int copy_named(const char *from, const char *to)
{
	top_known = false;
	return copy(from, to);
}

int main(int argc, char **argv)
{
	struct options options = { .argv = argv, .index = 1 };

	(void)argc;
	while (next_option(&options, "r"))
		recursive = true;
	return each_target(argv + options.index, copy_named);
}
