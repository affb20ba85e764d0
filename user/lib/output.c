#include "kernel/stat.h"
#include "format.h"
#include "user/tools.h"
#include "user/user.h"

enum { LONGEST = 1100 };        /* two paths, and some words */

static char waiting[4096];
static size_t used;

/*
 * Standard output takes no more.  If it is a pipe, which fstat() does
 * not know, nobody reads it any more, and that is no reason for words.
 */
static void output_failed(void) __attribute__((noreturn));
static void output_failed(void)
{
	struct stat unused;

	if (fstat(1, &unused) < 0)
		exit(tool.trouble);
	fail("standard output", "cannot be written");
}

static void flush(void)
{
	size_t length = used;

	used = 0;
	if (length > 0 && write_all(1, waiting, (int)length) < 0)
		output_failed();
}

/* Writes LENGTH bytes, now or later; ends the program if it cannot. */
void put(const char *bytes, size_t length)
{
	if (length > sizeof waiting - used)
		flush();
	if (length > sizeof waiting) {
		if (write_all(1, bytes, (int)length) < 0)
			output_failed();
		return;
	}
	memcpy(waiting + used, bytes, length);
	used += length;
}

/* The same for TEXT with its conversions. */
void put_text(const char *text, ...)
{
	char buffer[LONGEST];
	struct output to = {
		.buffer = buffer, .size = sizeof buffer, .fd = NO_FILE,
	};
	va_list list;

	va_start(list, text);
	format(&to, text, list);
	va_end(list);
	put(buffer, to.used);
}

/* Writes what is still waiting.  Returns 0, or does not return. */
int put_end(void)
{
	flush();
	return 0;
}
