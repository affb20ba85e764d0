/* wc: counts lines, words and bytes of files, or of standard input. */
#include "kernel/stat.h"
#include "user/tools.h"
#include "user/user.h"

const struct tool tool = { "wc", "[-clw] [FILE]...", 1 };

struct counts {
	unsigned long long lines, words, bytes;
};

static struct counts total;
static bool want_lines, want_words, want_bytes;
static int width = 1;           /* of a column */

/* Adds LENGTH bytes; *IN_WORD says whether the last was no blank. */
static void count(struct counts *to, const char *bytes, int length,
		  bool *in_word)
{
	for (int i = 0; i < length; i++) {
		bool blank = isspace(bytes[i]);

		to->lines += bytes[i] == '\n';
		to->words += !blank && !*in_word;
		*in_word = !blank;
	}
	to->bytes += (unsigned)length;
}

/* NUMBER as wide as the others, behind *BLANK, which is "" at first. */
static void print_number(unsigned long long number, const char **blank)
{
	char digits[21];
	int length = snprintf(digits, sizeof digits, "%llu", number);

	put_text("%s", *blank);
	for (; length < width; length++)
		put(" ", 1);
	put_text("%llu", number);
	*blank = " ";
}

static void print(const struct counts *counts, const char *name)
{
	const char *blank = "";

	if (want_lines)
		print_number(counts->lines, &blank);
	if (want_words)
		print_number(counts->words, &blank);
	if (want_bytes)
		print_number(counts->bytes, &blank);
	put_text("%s%s\n", name ? " " : "", name ? name : "");
}

static char **names;

/* Counts what FD has and prints it with NAME; returns a status. */
static int count_file(int fd, const char *name)
{
	static char buffer[8192];
	struct counts sum = { 0 };
	bool in_word = false;
	int length;

	while ((length = read(fd, buffer, sizeof buffer)) > 0)
		count(&sum, buffer, length, &in_word);
	if (length < 0) {
		complain(name, "cannot be read");
		return 1;
	}
	total.lines += sum.lines;
	total.words += sum.words;
	total.bytes += sum.bytes;
	print(&sum, names[0] ? name : NULL);
	return 0;
}

/* Can the size of NAME be known before it is read?  Adds it. */
static bool add_size(const char *name, unsigned long long *sum)
{
	struct stat about = { .type = 0 };

	if (strcmp(name, "-") == 0)
		fstat(0, &about);
	else if (stat(name, &about) < 0)
		return true;
	if (about.type != T_FILE)
		return false;
	*sum += about.size;
	return true;
}

/*
 * Columns are as wide as the largest number can become, and 7 if that
 * cannot be known.  A single number needs no column.
 */
static void find_width(void)
{
	unsigned long long sum = 0;
	bool known = true;
	char digits[21];

	if (want_lines + want_words + want_bytes == 1 &&
	    (!names[0] || !names[1]))
		return;
	if (!names[0])
		known = add_size("-", &sum);
	for (char **name = names; *name; name++)
		known &= add_size(*name, &sum);
	width = snprintf(digits, sizeof digits, "%llu", sum);
	if (!known && width < 7)
		width = 7;
}

int main(int argc, char **argv)
{
	struct options options = { .argv = argv, .index = 1 };
	int option, status;

	while ((option = next_option(&options, "clw"))) {
		want_lines |= option == 'l';
		want_words |= option == 'w';
		want_bytes |= option == 'c';
	}
	if (!want_lines && !want_words && !want_bytes)
		want_lines = want_words = want_bytes = true;
	names = argv + options.index;
	find_width();
	status = each_input(names, count_file);
	if (argc - options.index > 1)
		print(&total, "total");
	put_end();
	return status;
}
