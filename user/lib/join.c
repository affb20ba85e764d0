#include "user/user.h"

/*
 * Writes WORDS, up to a NULL, into SIZE bytes at TO, with blanks
 * between them and a 0 at the end; returns the length, or -1 for want
 * of room.
 */
int join(char *to, size_t size, char *const words[])
{
	const char *blank = "";
	size_t length = 0;

	to[0] = '\0';
	for (; *words; words++, blank = " ") {
		length += (size_t)snprintf(to + length, size - length,
					   "%s%s", blank, *words);
		if (length >= size)
			return -1;
	}
	return (int)length;
}
