/* ls: lists files, and what is in directories, sorted by name. */
#include "kernel/fs.h"
#include "kernel/param.h"
#include "kernel/stat.h"
#include "user/tools.h"
#include "user/user.h"

const struct tool tool = { "ls", "[-1ail] [FILE]...", 2 };

enum { FIRST_ENTRIES = 64 };

static bool all, details, inodes;

struct entry {
	struct stat about;
	char name[];
};

struct list {
	void **entry;           /* pointers to struct entry */
	size_t count, room;
};

static void add(struct list *list, const char *name,
		const struct stat *about)
{
	struct entry *entry = must_have(sizeof *entry + strlen(name) + 1);

	entry->about = *about;
	strcpy(entry->name, name);
	if (list->count == list->room) {
		size_t size = sizeof *list->entry;
		size_t more = list->room ? 2 * list->room : FIRST_ENTRIES;

		list->entry = grow(list->entry, list->room * size,
				   more * size);
		list->room = more;
	}
	list->entry[list->count++] = entry;
}

static int by_name(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int digits(unsigned long long number)
{
	char text[21];

	return snprintf(text, sizeof text, "%llu", number);
}

static void put_number(unsigned long long number, int width)
{
	for (int i = digits(number); i < width; i++)
		put(" ", 1);
	put_text("%llu ", number);
}

static char type_letter(int type)
{
	switch (type) {
	case T_DIR:
		return 'd';
	case T_FILE:
		return '-';
	case T_DEVICE:
		return 'c';
	}
	return '?';
}

/* How wide the columns are. */
struct widths {
	int ino, nlink, size;
};

static void widen(int *width, unsigned long long number)
{
	if (digits(number) > *width)
		*width = digits(number);
}

static struct widths widths_of(const struct list *list)
{
	struct widths w = { 0 };

	for (size_t i = 0; i < list->count; i++) {
		const struct stat *about =
			&((struct entry *)list->entry[i])->about;

		widen(&w.ino, about->ino);
		widen(&w.nlink, (unsigned long long)about->nlink);
		widen(&w.size, about->size);
	}
	return w;
}

/* Prints the entries in order, and frees them. */
static void print(struct list *list)
{
	struct widths w = widths_of(list);

	sort_pointers(list->entry, list->count, by_name);
	for (size_t i = 0; i < list->count; i++) {
		struct entry *entry = list->entry[i];
		const struct stat *about = &entry->about;

		if (inodes)
			put_number(about->ino, w.ino);
		if (details) {
			put_text("%c ", type_letter(about->type));
			put_number((unsigned long long)about->nlink,
				   w.nlink);
			put_number(about->size, w.size);
		}
		put_text("%s\n", entry->name);
		free(entry);
	}
	free(list->entry);
	*list = (struct list){ 0 };
}

/* Adds NAME of DIRECTORY; what readdir() said is enough without -l. */
static int add_entry(struct list *list, const char *directory,
		     const struct directory_entry *entry)
{
	struct stat about = { .ino = entry->ino };
	char path[MAXPATH];

	if (!all && entry->name[0] == '.')
		return 0;
	if (details && (make_path(path, directory, entry->name) < 0 ||
			stat(path, &about) < 0)) {
		complain(entry->name, "cannot be looked at");
		return 1;
	}
	add(list, entry->name, &about);
	return 0;
}

/* Prints what is in the directory PATH; returns a status. */
static int list_directory(const char *path)
{
	struct directory *directory = opendir(path);
	struct directory_entry *entry;
	struct list list = { 0 };
	int status = 0;

	if (!directory) {
		complain(path, "cannot be read");
		return tool.trouble;
	}
	while ((entry = readdir(directory)))
		status |= add_entry(&list, path, entry);
	closedir(directory);
	print(&list);
	return status;
}

/* Sorts NAMES into files, which are printed, and directories. */
static int sort_out(char **names, struct list *directories)
{
	struct list files = { 0 };
	int status = 0;

	for (; *names; names++) {
		struct stat about;

		if (stat(*names, &about) < 0) {
			complain(*names, why_not(*names));
			status = tool.trouble;
		} else {
			add(about.type == T_DIR ? directories : &files,
			    *names, &about);
		}
	}
	if (files.count > 0 && directories->count > 0) {
		print(&files);
		put("\n", 1);
	} else {
		print(&files);
	}
	return status;
}

int main(int argc, char **argv)
{
	static char *here[] = { ".", NULL };
	struct options options = { .argv = argv, .index = 1 };
	struct list directories = { 0 };
	int option, status;

	while ((option = next_option(&options, "1ail"))) {
		all |= option == 'a';
		inodes |= option == 'i';
		details |= option == 'l';
	}
	argv += options.index;
	argc -= options.index;
	status = sort_out(argc ? argv : here, &directories);
	sort_pointers(directories.entry, directories.count, by_name);
	for (size_t i = 0; i < directories.count; i++) {
		struct entry *entry = directories.entry[i];

		if (argc > 1)
			put_text("%s%s:\n", i ? "\n" : "", entry->name);
		status |= list_directory(entry->name);
	}
	put_end();
	return status;
}
