/* ls: a line for each file: name, type, inode number, size in bytes. */
#include "kernel/fcntl.h"
#include "kernel/fs.h"
#include "kernel/param.h"
#include "kernel/stat.h"
#include "user/user.h"

static const char *type_name(int type)
{
	switch (type) {
	case T_DIR:
		return "directory";
	case T_FILE:
		return "file";
	case T_DEVICE:
		return "device";
	}
	return "?";
}

static void print(const char *name, const struct stat *about)
{
	printf("%-14s  %-9s %4u %8llu\n", name, type_name(about->type),
	       (unsigned)about->ino, (unsigned long long)about->size);
}

/* Prints the file NAME of DIRECTORY; returns a status. */
static int print_entry(const char *directory, const char *name)
{
	char path[MAXPATH];
	struct stat about;
	const char *slash = strcmp(directory, "/") == 0 ? "" : "/";

	if (snprintf(path, sizeof path, "%s%s%s", directory, slash,
		     name) >= MAXPATH ||
	    stat(path, &about) < 0) {
		fprintf(2, "ls: %s%s%s: cannot stat\n", directory,
			slash, name);
		return 1;
	}
	print(name, &about);
	return 0;
}

/* Prints every file of the directory open as FD; returns a status. */
static int list_directory(int fd, const char *directory)
{
	struct dirent entry;
	char name[DIRSIZ + 1] = { 0 };  /* the entry's has no final 0 */
	int status = 0;

	while (read(fd, &entry, sizeof entry) == sizeof entry) {
		if (entry.inum == 0)
			continue;
		memcpy(name, entry.name, DIRSIZ);
		status |= print_entry(directory, name);
	}
	return status;
}

static int list(const char *path)
{
	int fd = open(path, O_RDONLY), status = 0;
	struct stat about;

	if (fd < 0 || fstat(fd, &about) < 0) {
		fprintf(2, "ls: %s: cannot open\n", path);
		return 1;
	}
	if (about.type == T_DIR)
		status = list_directory(fd, path);
	else
		print(path, &about);
	close(fd);
	return status;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc == 1)
		return list(".");
	for (int i = 1; i < argc; i++)
		status |= list(argv[i]);
	return status;
}
