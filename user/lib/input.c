#include "kernel/fcntl.h"
#include "kernel/stat.h"
#include "user/tools.h"
#include "user/user.h"

enum { FIRST_SIZE = 4096 };

/*
 * Opens the file NAME to be read; - is standard input.  Returns -1 with
 * a complaint if that cannot be or is a directory.
 */
int open_input(const char *name)
{
	struct stat about;
	int fd;

	if (strcmp(name, "-") == 0)
		return 0;
	fd = open(name, O_RDONLY);
	if (fd < 0) {
		complain(name, why_not(name));
		return -1;
	}
	if (fstat(fd, &about) == 0 && about.type == T_DIR) {
		complain(name, "is a directory");
		close(fd);
		return -1;
	}
	return fd;
}

/* Closes what open_input() opened. */
void close_input(int fd)
{
	if (fd > 0)
		close(fd);
}

/*
 * Calls USE for each of NAMES, up to a NULL, or for standard input, as
 * "-", if there are none.  Returns all statuses or-ed together, that of
 * a file that cannot be opened included.
 */
int each_input(char **names, int (*use)(int fd, const char *name))
{
	int status = 0;

	if (!*names)
		return use(0, "-");
	for (; *names; names++) {
		int fd = open_input(*names);

		if (fd < 0) {
			status |= tool.trouble;
			continue;
		}
		status |= use(fd, *names);
		close_input(fd);
	}
	return status;
}

/* Makes room behind l->end, and reads; -1 on an error. */
static int read_more(struct lines *l)
{
	size_t left = l->end - l->start;
	int count;

	if (l->start > 0) {
		memmove(l->buffer, l->buffer + l->start, left);
		l->start = 0;
		l->end = left;
	}
	if (l->end == l->size) {
		size_t size = l->size ? 2 * l->size : FIRST_SIZE;

		l->buffer = grow(l->buffer, l->size, size);
		l->size = size;
	}
	count = read(l->fd, l->buffer + l->end, (int)(l->size - l->end));
	if (count < 0)
		return -1;
	l->ended = count == 0;
	l->end += (size_t)count;
	return 0;
}

/*
 * Sets *LINE to the next line, with its newline if it has one, and
 * *LENGTH to its length in bytes.  It is the caller's to change until
 * the next call.  Returns 1; 0 at the end; -1 if it cannot be read.
 */
int next_line(struct lines *l, char **line, size_t *length)
{
	size_t seen = 0;

	for (;;) {
		const char *at = l->buffer + l->start + seen;
		const char *end = l->buffer + l->end;

		while (at < end && *at != '\n')
			at++;
		seen = (size_t)(at - l->buffer) - l->start;
		if (at < end || (l->ended && seen > 0)) {
			*line = l->buffer + l->start;
			*length = seen + (at < end);
			l->start += *length;
			return 1;
		}
		if (l->ended)
			return 0;
		if (read_more(l) < 0)
			return -1;
	}
}

/* Gives back the memory. */
void lines_done(struct lines *l)
{
	free(l->buffer);
	l->buffer = NULL;
}
