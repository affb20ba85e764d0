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

/*
 * For cp, ln and mv.  WORD is FROM TO, or FROM... DIRECTORY; calls USE
 * for each FROM with the path that it shall have, and returns 0, or 1 if
 * one of these calls did not.
 */
int each_target(char **word, int (*use)(const char *from,
					const char *to))
{
	char path[MAXPATH];
	int count = 0, status = 0;

	while (word[count])
		count++;
	if (count < 2)
		usage();
	count--;
	if (!is_directory(word[count])) {
		if (count > 1)
			fail(word[count], "not a directory");
		return use(word[0], word[count]);
	}
	for (int i = 0; i < count; i++) {
		if (make_path(path, word[count], last_part(word[i])) < 0 ||
		    use(word[i], path) != 0)
			status = 1;
	}
	return status;
}
