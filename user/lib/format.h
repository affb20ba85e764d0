/* Where formatted text goes: what all of printf's family share. */
#ifndef FORMAT_H
#define FORMAT_H

#include <stdarg.h>
#include <stddef.h>

enum { OUTPUT_LINE = 256, NO_FILE = -1 };

/*
 * With a file, the buffer is written when it is full.  With NO_FILE
 * what finds no room in it is only counted.
 */
struct output {
	char *buffer;
	size_t size;            /* of the buffer */
	size_t used;            /* bytes in it now */
	size_t total;           /* bytes put so far */
	int fd;
};

void output_put(struct output *to, char c);
void format(struct output *to, const char *text, va_list list);
void format_to(int fd, const char *text, va_list list);

#endif
