#include "user/user.h"

/* How many bytes come before the final 0. */
size_t strlen(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

/* Compares at most LENGTH bytes, or up to the end of one. */
int strncmp(const char *a, const char *b, size_t length)
{
	for (; length > 0; length--, a++, b++)
		if (*a != *b || !*a)
			return (uchar)*a - (uchar)*b;
	return 0;
}

/* Less than, equal to or greater than 0, as A is to B. */
int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}

/* Copies FROM with its final 0 to TO, which must have room. */
char *strcpy(char *to, const char *from)
{
	memcpy(to, from, strlen(from) + 1);
	return to;
}

/* The first C in TEXT, whose final 0 counts, or NULL. */
char *strchr(const char *text, int c)
{
	for (; *text != (char)c; text++)
		if (!*text)
			return NULL;
	return (char *)(uintptr_t)text;
}
