/*
 * tail: the last lines or bytes of files, or of standard input.  Of a
 * file that can be read from any place only the end is read.
 */
#include "kernel/fcntl.h"
#include "user/tools.h"
#include "user/user.h"

const struct tool tool = {
	"tail", "[-n [+]LINES | -c [+]BYTES] [FILE]...", 1
};

enum { BLOCK = 4096 };

static long long wanted = 10;
static bool bytes;              /* rather than lines */
static bool from_start;         /* +: which is the first one wanted */
static bool titles;

/* ---- From a place to the end ---- */

/* Writes what FD still has; returns a status. */
static int copy(int fd, const char *name)
{
	static char buffer[BLOCK];
	int count;

	while ((count = read(fd, buffer, BLOCK)) > 0)
		put(buffer, (size_t)count);
	if (count < 0)
		complain(name, "cannot be read");
	return count < 0;
}

/* Leaves out the first SKIP bytes or lines. */
static int copy_from(int fd, const char *name, long long skip)
{
	static char buffer[BLOCK];
	int count;

	while (skip > 0 && (count = read(fd, buffer, BLOCK)) > 0) {
		int at = 0;

		while (at < count && skip > 0)
			skip -= bytes || buffer[at] == '\n', at++;
		put(buffer + at, (size_t)(count - at));
	}
	return copy(fd, name);
}

/* ---- Files in which one can seek ---- */

/*
 * Where in FD, of SIZE bytes, the last lines begin; -1: cannot read.
 * The very last byte ends a line and begins none.
 */
static long long find_lines(int fd, long long size)
{
	static char buffer[BLOCK];
	long long place = size, left = wanted;

	if (left == 0)
		return size;
	while (place > 0) {
		int count = (int)(place % BLOCK ? place % BLOCK : BLOCK);

		place -= count;
		if (lseek(fd, place, SEEK_SET) < 0 ||
		    read(fd, buffer, count) != count)
			return -1;
		while (count-- > 0)
			if (buffer[count] == '\n' &&
			    place + count + 1 < size && --left == 0)
				return place + count + 1;
	}
	return 0;
}

/* The end of FD, which has SIZE bytes; START is where FD is now. */
static int seek_and_copy(int fd, const char *name, long long start,
			 long long size)
{
	long long place;

	if (bytes)
		place = size > wanted ? size - wanted : 0;
	else
		place = find_lines(fd, size);
	if (place >= 0 && place < start)
		place = start;
	if (place < 0 || lseek(fd, place, SEEK_SET) < 0) {
		complain(name, "cannot be read");
		return 1;
	}
	return copy(fd, name);
}

/* ---- Others: blocks are kept while they may be wanted ---- */

struct block {
	struct block *next;
	int count;              /* bytes */
	int units;              /* of what is counted: bytes or lines */
	char byte[BLOCK];
};

static struct block *oldest, *newest;
static long long kept;          /* units in all blocks */

/* Adds what can be read, and leaves out what is not wanted; see read. */
static int keep(int fd)
{
	struct block *block = must_have(sizeof *block);
	int count = read(fd, block->byte, BLOCK);

	block->next = NULL;
	block->count = count;
	block->units = 0;
	if (count <= 0) {
		free(block);
		return count;
	}
	for (int i = 0; i < count; i++)
		block->units += bytes || block->byte[i] == '\n';
	*(oldest ? &newest->next : &oldest) = block;
	newest = block;
	kept += block->units;
	while (oldest != newest && kept - oldest->units > wanted) {
		block = oldest;
		oldest = block->next;
		kept -= block->units;
		free(block);
	}
	return count;
}

/* Writes the blocks without their first SKIP units, and frees them. */
static void put_blocks(long long skip)
{
	while (oldest) {
		struct block *block = oldest;
		int at = 0;

		while (at < block->count && skip > 0)
			skip -= bytes || block->byte[at] == '\n', at++;
		put(block->byte + at, (size_t)(block->count - at));
		oldest = block->next;
		free(block);
	}
	kept = 0;
}

static int keep_and_copy(int fd, const char *name)
{
	int count;

	while ((count = keep(fd)) > 0)
		;
	if (count < 0)
		complain(name, "cannot be read");
	/* A line that has no end is one nevertheless. */
	if (oldest && !bytes && newest->byte[newest->count - 1] != '\n')
		kept++;
	put_blocks(kept - wanted);
	return count < 0;
}

static int print(int fd, const char *name)
{
	static const char *before = "";
	long long start, size;

	if (titles)
		put_text("%s==> %s <==\n", before,
			 fd == 0 ? "standard input" : name);
	before = "\n";
	if (from_start)
		return copy_from(fd, name, wanted - 1);
	start = lseek(fd, 0, SEEK_CUR);
	size = start < 0 ? -1 : lseek(fd, 0, SEEK_END);
	if (size < 0)
		return keep_and_copy(fd, name);
	return seek_and_copy(fd, name, start, size);
}

int main(int argc, char **argv)
{
	struct options options = { .argv = argv, .index = 1 };
	int option, status;

	while ((option = next_option(&options, "n:c:"))) {
		const char *value = options.value;

		bytes = option == 'c';
		from_start = *value == '+';
		if (*value == '-')
			value++;
		wanted = count_value(value);
	}
	titles = argc - options.index > 1;
	status = each_input(argv + options.index, print);
	put_end();
	return status;
}
