#include "user/user.h"
#include "format.h"

/* Writes what the buffer holds, if there is a file. */
static void flush(struct output *to)
{
	if (to->fd == NO_FILE || to->used == 0)
		return;
	write_all(to->fd, to->buffer, (int)to->used);
	to->used = 0;
}

/* Adds one byte. */
void output_put(struct output *to, char c)
{
	if (to->used == to->size)
		flush(to);
	if (to->used < to->size)
		to->buffer[to->used++] = c;
	to->total++;
}

/*
 * Formats to a file.  Every call ends with a write: nothing waits in a
 * buffer when a program ends or forks.
 */
void format_to(int fd, const char *text, va_list list)
{
	char line[OUTPUT_LINE];
	struct output to = {
		.buffer = line, .size = sizeof line, .fd = fd,
	};

	if (fd < 0)
		return;
	format(&to, text, list);
	flush(&to);
}

/* Writes TEXT to FD, with what its conversions ask for. */
void fprintf(int fd, const char *text, ...)
{
	va_list list;

	va_start(list, text);
	format_to(fd, text, list);
	va_end(list);
}

/* The same to standard output. */
void printf(const char *text, ...)
{
	va_list list;

	va_start(list, text);
	format_to(1, text, list);
	va_end(list);
}

/*
 * The same into SIZE bytes at TO, the last of which is 0; returns the
 * length that the text has or, with more room, would have.
 */
int snprintf(char *to, size_t size, const char *text, ...)
{
	struct output out = {
		.buffer = to, .size = size ? size - 1 : 0,
		.fd = NO_FILE,
	};
	va_list list;

	va_start(list, text);
	format(&out, text, list);
	va_end(list);
	if (size > 0)
		to[out.used] = '\0';
	return (int)out.total;
}
