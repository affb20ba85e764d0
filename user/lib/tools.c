#include <info.h>
#include "kernel/fcntl.h"
#include "kernel/fs.h"
#include "kernel/param.h"
#include "kernel/stat.h"
#include "user/tools.h"
#include "user/user.h"

/* Says on file 2 what is wrong with WHAT, behind all output so far. */
void complain(const char *what, const char *why)
{
	put_end();
	fprintf(2, "%s: %s: %s\n", tool.name, what, why);
}

/* The same, as the last thing that the program does. */
void fail(const char *what, const char *why)
{
	complain(what, why);
	exit(tool.trouble);
}

/* Says how the program is called, and ends it. */
void usage(void)
{
	fprintf(2, "usage: %s %s\n", tool.name, tool.usage);
	exit(tool.trouble);
}

/* Is a part of PATH, or all of it, longer than a name can be? */
static bool is_too_long(const char *path)
{
	int length = 0;

	if (strlen(path) >= MAXPATH)
		return true;
	for (; *path; path++) {
		length = *path == '/' ? 0 : length + 1;
		if (length > LONGEST_NAME)
			return true;
	}
	return false;
}

/*
 * A guess why PATH could not be opened: the kernel says only that it
 * could not.
 */
const char *why_not(const char *path)
{
	struct stat about;

	if (is_too_long(path))
		return "the name is too long";
	if (stat(path, &about) < 0)
		return "no such file or directory";
	if (about.type == T_DIR)
		return "is a directory";
	return "cannot be opened";
}

/* The same for one that could not be made. */
const char *why_not_made(const char *path)
{
	char parent[MAXPATH];
	const char *name = last_part(path);
	struct filesystem_info disk;
	struct stat about;

	if (is_too_long(path))
		return "the name is too long";
	if (stat(path, &about) == 0)
		return about.type == T_DIR ? "is a directory"
					   : "exists already";
	snprintf(parent, sizeof parent, "%s", path);
	parent[name - path] = '\0';
	if (name == path)
		strcpy(parent, ".");
	if (stat(parent, &about) < 0)
		return "no such file or directory";
	if (about.type != T_DIR)
		return "not a directory";
	if (filesystem(&disk) == 0 && disk.free == 0)
		return "the disk is full";
	return "cannot be made";
}
