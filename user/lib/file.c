#include "kernel/fcntl.h"
#include "user/user.h"

/* As fstat(), for the file of a name. */
int stat(const char *path, struct stat *to)
{
	int fd = open(path, O_RDONLY), result;

	if (fd < 0)
		return -1;
	result = fstat(fd, to);
	close(fd);
	return result;
}

/* Writes COUNT bytes, however many calls it takes; 0, or -1. */
int write_all(int fd, const void *from, int count)
{
	const char *at = from;

	while (count > 0) {
		int written = write(fd, at, count);

		if (written <= 0)
			return -1;
		at += written;
		count -= written;
	}
	return 0;
}

/*
 * Reads a line with its end from standard input into SIZE bytes, or the
 * part that fits; "" at the end of input.  Returns LINE.
 */
char *gets(char *line, int size)
{
	int length = 0;
	char c = 0;

	while (length + 1 < size && c != '\n' && c != '\r') {
		if (read(0, &c, 1) < 1)
			break;
		line[length++] = c;
	}
	line[length] = '\0';
	return line;
}
