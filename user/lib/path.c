#include "kernel/param.h"
#include "kernel/stat.h"
#include "user/tools.h"
#include "user/user.h"

/* What stands behind the last slash, but for slashes at the end. */
const char *last_part(const char *path)
{
	const char *last = path;

	for (; *path; path++)
		if (path[0] == '/' && path[1] && path[1] != '/')
			last = path + 1;
	return last;
}

/*
 * Writes DIRECTORY/NAME into MAXPATH bytes at TO, without slashes at
 * the end of NAME; returns -1, with a complaint, if it is too long.
 */
int make_path(char *to, const char *directory, const char *name)
{
	size_t length = strlen(directory);
	const char *slash = length && directory[length - 1] != '/' ?
			    "/" : "";
	int total = snprintf(to, MAXPATH, "%s%s%s", directory, slash,
			     name);

	if (total >= MAXPATH) {
		complain(name, "the path is too long");
		return -1;
	}
	while (total > 1 && to[total - 1] == '/')
		to[--total] = '\0';
	return 0;
}

/* Does PATH exist, and is it a directory? */
bool is_directory(const char *path)
{
	struct stat about;

	return stat(path, &about) == 0 && about.type == T_DIR;
}

/* Are these two the same file? */
bool same_file(const struct stat *a, const struct stat *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}
