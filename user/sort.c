/* sort: sorts the lines of files, or of standard input, in memory. */
#include "user/tools.h"
#include "user/user.h"

const struct tool tool = { "sort", "[-nru] [FILE]...", 2 };

enum { FIRST_LINES = 1024, PIECE = 64 * 1024 };

struct line {
	size_t length;          /* without its end */
	char text[];
};

static bool by_number, backwards, unique;
static void **lines;            /* pointers to struct line */
static size_t count, room;

/* ---- Comparing ---- */

/* Byte by byte; a line that is the beginning of another goes first. */
static int compare_text(const struct line *a, const struct line *b)
{
	size_t shorter = a->length < b->length ? a->length : b->length;
	int result = memcmp(a->text, b->text, shorter);

	if (result != 0)
		return result;
	return (a->length > b->length) - (a->length < b->length);
}

/* A decimal number, as text; what is none is 0. */
struct number {
	bool negative;
	const char *digits;     /* without zeros before them */
	int whole;              /* digits before the point */
	const char *part;       /* digits behind it */
	int parts;              /* how many, without zeros at the end */
};

static struct number number_of(const struct line *line)
{
	const char *at = line->text, *end = at + line->length;
	struct number n = { 0 };

	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	if (at < end && *at == '-')
		n.negative = true, at++;
	while (at < end && *at == '0')
		at++;
	for (n.digits = at; at < end && isdigit(*at); at++)
		n.whole++;
	if (at < end && *at == '.')
		for (n.part = ++at; at < end && isdigit(*at); at++)
			if (*at != '0')
				n.parts = (int)(at - n.part) + 1;
	if (n.whole == 0 && n.parts == 0)
		n.negative = false;
	return n;
}

/* Compares without regard to the signs. */
static int compare_size(const struct number *a, const struct number *b)
{
	int shorter = a->parts < b->parts ? a->parts : b->parts;
	int result = a->whole - b->whole;

	if (result == 0)
		result = memcmp(a->digits, b->digits, (size_t)a->whole);
	if (result == 0)
		result = memcmp(a->part, b->part, (size_t)shorter);
	return result ? result : a->parts - b->parts;
}

static int compare_numbers(const struct line *a, const struct line *b)
{
	struct number x = number_of(a), y = number_of(b);

	if (x.negative != y.negative)
		return x.negative ? -1 : 1;
	return x.negative ? compare_size(&y, &x) : compare_size(&x, &y);
}

/*
 * By what was asked for; equal numbers by their text, unless only one
 * of them is wanted.
 */
static int compare(const void *a, const void *b)
{
	int result = 0;

	if (by_number)
		result = compare_numbers(a, b);
	if (result == 0 && !(by_number && unique))
		result = compare_text(a, b);
	return backwards ? -result : result;
}

/* ---- Reading and writing ---- */

/* Room for a line of LENGTH bytes. */
static struct line *new_line(size_t length)
{
	static char *piece;
	static size_t left;
	size_t bytes = sizeof(struct line) + length;
	struct line *line;

	bytes = (bytes + sizeof line - 1) & -sizeof line;
	if (bytes > PIECE / 4)
		return must_have(bytes);
	if (bytes > left) {
		piece = must_have(PIECE);
		left = PIECE;
	}
	line = (struct line *)(void *)piece;
	piece += bytes;
	left -= bytes;
	return line;
}

static void add_line(const char *text, size_t length)
{
	struct line *line = new_line(length);

	line->length = length;
	memcpy(line->text, text, length);
	if (count == room) {
		size_t more = room ? 2 * room : FIRST_LINES;

		lines = grow(lines, room * sizeof *lines,
			     more * sizeof *lines);
		room = more;
	}
	lines[count++] = line;
}

/* Reads all that FD has; a status. */
static int read_all(int fd, const char *name)
{
	struct lines input = { .fd = fd };
	size_t length;
	char *text;
	int result;

	while ((result = next_line(&input, &text, &length)) > 0) {
		if (text[length - 1] == '\n')
			length--;
		add_line(text, length);
	}
	if (result < 0)
		fail(name, "cannot be read");
	lines_done(&input);
	return 0;
}

static void write_all_lines(void)
{
	const struct line *last = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct line *line = lines[i];

		if (unique && last && compare(last, line) == 0)
			continue;
		put(line->text, line->length);
		put("\n", 1);
		last = line;
	}
}

int main(int argc, char **argv)
{
	struct options options = { .argv = argv, .index = 1 };
	int option;

	(void)argc;
	while ((option = next_option(&options, "nru"))) {
		by_number |= option == 'n';
		backwards |= option == 'r';
		unique |= option == 'u';
	}
	if (each_input(argv + options.index, read_all) != 0)
		return tool.trouble;
	sort_pointers(lines, count, compare);
	write_all_lines();
	return put_end();
}
