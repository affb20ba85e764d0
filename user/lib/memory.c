#include <stdbool.h>
#include "user/user.h"

/* Words that may stand for bytes of any object. */
typedef uintptr_t __attribute__((__may_alias__)) word;

enum { WORD = sizeof(word), EIGHT = 8 * WORD };

/* Sets LENGTH bytes from TO on to the low bits of BYTE; returns TO. */
void *memset(void *to, int byte, size_t length)
{
	word fill = (uint8_t)byte * ((word)-1 / 255);
	uint8_t *at = to;

	for (; length > 0 && (uintptr_t)at % WORD; length--)
		*at++ = (uint8_t)byte;
	for (; length >= EIGHT; length -= EIGHT, at += EIGHT) {
		word *w = (word *)at;

		w[0] = fill, w[1] = fill, w[2] = fill, w[3] = fill;
		w[4] = fill, w[5] = fill, w[6] = fill, w[7] = fill;
	}
	for (; length >= WORD; length -= WORD, at += WORD)
		*(word *)at = fill;
	for (; length > 0; length--)
		*at++ = (uint8_t)byte;
	return to;
}

/* Can both be word-aligned by going the same way forward? */
static bool same_offset(const void *a, const void *b)
{
	return ((uintptr_t)a - (uintptr_t)b) % WORD == 0;
}

/* Copies LENGTH bytes that must not overlap; returns TO. */
void *memcpy(void *to, const void *from, size_t length)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	if (same_offset(to, from)) {
		for (; length > 0 && (uintptr_t)t % WORD; length--)
			*t++ = *f++;
		for (; length >= EIGHT; length -= EIGHT) {
			word *x = (word *)t;
			const word *y = (const word *)f;

			x[0] = y[0], x[1] = y[1], x[2] = y[2];
			x[3] = y[3], x[4] = y[4], x[5] = y[5];
			x[6] = y[6], x[7] = y[7];
			t += EIGHT, f += EIGHT;
		}
		for (; length >= WORD; length -= WORD) {
			*(word *)t = *(const word *)f;
			t += WORD, f += WORD;
		}
	}
	for (; length > 0; length--)
		*t++ = *f++;
	return to;
}

/* Copies LENGTH bytes from the last to the first. */
static void copy_down(uint8_t *to, const uint8_t *from, size_t length)
{
	uint8_t *t = to + length;
	const uint8_t *f = from + length;

	if (same_offset(to, from)) {
		for (; length > 0 && (uintptr_t)t % WORD; length--)
			*--t = *--f;
		for (; length >= WORD; length -= WORD) {
			t -= WORD, f -= WORD;
			*(word *)t = *(const word *)f;
		}
	}
	for (; length > 0; length--)
		*--t = *--f;
}

/* Copies LENGTH bytes that may overlap; returns TO. */
void *memmove(void *to, const void *from, size_t length)
{
	if ((uintptr_t)to - (uintptr_t)from >= length)
		return memcpy(to, from, length);
	copy_down(to, from, length);
	return to;
}

/* Less than, equal to or greater than 0, as A is to B. */
int memcmp(const void *a, const void *b, size_t length)
{
	const uint8_t *x = a, *y = b;

	for (; length > 0; length--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}
