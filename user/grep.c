/*
 * grep: lines of files, or of standard input, that match a pattern.
 *
 * A pattern is a row of items, each a set of bytes.  Behind an item,
 * * means any number of it, + at least one, and ? at most one.  An item
 * is a character, . for any, [...] for those named, [^...] for others;
 * a backslash makes the next character an ordinary one.  ^ at the start
 * and $ at the end are those of the line.
 *
 * All ways to match are followed at once: for every item it is known
 * whether some way leads to it, and a character moves all of them on.
 * So a line takes as many steps as it has characters, times the items,
 * whatever the pattern is.
 */
#include "user/tools.h"
#include "user/user.h"

const struct tool tool = {
	"grep", "[-cilnqv] PATTERN [FILE]...", 2
};

enum { ITEMS = 256, BYTES = 256 };

struct item {
	uint32_t set[BYTES / 32];
	bool optional;          /* can be left out */
	bool repeats;           /* can be there again */
};

static struct item items[ITEMS];
static int item_count;
static bool at_start, at_end;   /* ^ and $ */

static bool ignore_case, invert, numbers, only_count, only_names, quiet;
static bool with_name;          /* before each line */
static bool found;              /* anything, anywhere */

/* ---- Reading the pattern ---- */

static char other_case(int c)
{
	if (c >= 'a' && c <= 'z')
		return (char)(c - 'a' + 'A');
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return (char)c;
}

static void add(struct item *item, char c)
{
	item->set[(uchar)c / 32] |= 1u << (uchar)c % 32;
}

static void add_both(struct item *item, char c)
{
	add(item, c);
	if (ignore_case)
		add(item, other_case(c));
}

static bool has(const struct item *item, char c)
{
	return item->set[(uchar)c / 32] >> (uchar)c % 32 & 1;
}

static void complement(struct item *item)
{
	for (int i = 0; i < BYTES / 32; i++)
		item->set[i] = ~item->set[i];
}

/* Reads what is behind a [ and returns what is behind the ]. */
static const char *read_set(struct item *item, const char *at)
{
	bool all_others = *at == '^';
	const char *start = at += all_others;

	for (; *at && (*at != ']' || at == start); at++) {
		uchar first = (uchar)*at, last = first;

		if (at[1] == '-' && at[2] && at[2] != ']') {
			last = (uchar)at[2];
			at += 2;
		}
		for (int c = first; c <= last; c++)
			add_both(item, (char)c);
	}
	if (!*at)
		fail(start - 1 - all_others, "a [ has no ]");
	if (all_others)
		complement(item);
	return at + 1;
}

/* Reads one item without what is behind it. */
static const char *read_item(struct item *item, const char *at)
{
	if (*at == '[')
		return read_set(item, at + 1);
	if (*at == '.') {
		complement(item);
		return at + 1;
	}
	if (*at == '\\') {
		if (!at[1])
			fail(at, "nothing is behind the backslash");
		at++;
	}
	add_both(item, *at);
	return at + 1;
}

static struct item *new_item(const char *at)
{
	if (item_count == ITEMS)
		fail(at, "the pattern is too long");
	return &items[item_count++];
}

/* x+ becomes xx*. */
static void read_pattern(const char *at)
{
	at_start = *at == '^';
	at += at_start;
	while (*at && !(at[0] == '$' && !at[1])) {
		struct item *item = new_item(at), *more;

		at = read_item(item, at);
		if (*at == '+') {
			more = new_item(at);
			*more = *item;
			item = more;
		}
		item->repeats = *at == '+' || *at == '*';
		item->optional = item->repeats || *at == '?';
		at += item->optional;
	}
	at_end = *at == '$';
}

/* ---- Matching ---- */

/* Where an item can be left out, some way leads to the next as well. */
static void leave_out(bool *ways)
{
	for (int i = 0; i < item_count; i++)
		if (ways[i] && items[i].optional)
			ways[i + 1] = true;
}

/* C takes all WAYS one character further.  Way I waits for item I. */
static void take(bool *ways, char c)
{
	for (int i = item_count; i >= 0; i--) {
		bool stays = i < item_count && ways[i] &&
			     items[i].repeats && has(&items[i], c);

		ways[i] = stays || (i > 0 && ways[i - 1] &&
				    has(&items[i - 1], c));
	}
}

static bool matches(const char *line, size_t length)
{
	bool ways[ITEMS + 1] = { true };

	for (size_t i = 0; i < length; i++) {
		leave_out(ways);
		if (ways[item_count] && !at_end)
			return true;
		take(ways, line[i]);
		ways[0] |= !at_start;
	}
	leave_out(ways);
	return ways[item_count];
}

/* ---- Files ---- */

static void print(const char *name, unsigned number, const char *line,
		  size_t length)
{
	if (with_name)
		put_text("%s:", name);
	if (numbers)
		put_text("%u:", number);
	put(line, length);
	put("\n", 1);
}

static void print_count(const char *name, unsigned count)
{
	if (with_name)
		put_text("%s:", name);
	put_text("%u\n", count);
}

/* Looks at all lines of FD; returns a status. */
static int search(int fd, const char *name)
{
	struct lines lines = { .fd = fd };
	unsigned number = 0, count = 0;
	size_t length;
	char *line;
	int result;

	if (fd == 0)
		name = "(standard input)";
	while ((result = next_line(&lines, &line, &length)) > 0) {
		length -= line[length - 1] == '\n';
		number++;
		if (matches(line, length) == invert)
			continue;
		count++;
		found = true;
		if (quiet)
			exit(0);
		if (only_names)
			break;
		if (!only_count)
			print(name, number, line, length);
	}
	lines_done(&lines);
	if (only_names && count > 0)
		put_text("%s\n", name);
	else if (only_count && !only_names)
		print_count(name, count);
	if (result < 0)
		complain(name, "cannot be read");
	return result < 0 ? tool.trouble : 0;
}

static void set_option(int option)
{
	switch (option) {
	case 'c':
		only_count = true;
		break;
	case 'i':
		ignore_case = true;
		break;
	case 'l':
		only_names = true;
		break;
	case 'n':
		numbers = true;
		break;
	case 'q':
		quiet = true;
		break;
	case 'v':
		invert = true;
		break;
	}
}

int main(int argc, char **argv)
{
	struct options options = { .argv = argv, .index = 1 };
	int option, status;

	while ((option = next_option(&options, "cilnqv")))
		set_option(option);
	argv += options.index;
	argc -= options.index;
	if (argc == 0)
		usage();
	read_pattern(argv[0]);
	with_name = argc > 2;
	status = each_input(argv + 1, search);
	put_end();
	return status ? status : !found;
}
