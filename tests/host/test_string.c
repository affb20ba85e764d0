/*
 * The kernel's memory and string functions against the host's.  What is
 * worked on lies between other bytes, to see that those stay as they
 * are, or at the very end of an allocation, where AddressSanitizer sees
 * every byte read too many.
 */
#include "host.h"

enum { LONGEST = 300, ROOM = 16, SIZE = 768 };

/* More than 32 would keep AddressSanitizer from watching their ends. */
static uint8_t ours[SIZE] __attribute__((aligned(32)));
static uint8_t theirs[SIZE] __attribute__((aligned(32)));

static void fill_both(void)
{
	for (int i = 0; i < SIZE; i++)
		ours[i] = theirs[i] = (uint8_t)random64();
}

static void test_memset(void)
{
	fill_both();
	for (size_t at = 0; at < ROOM; at++) {
		for (size_t n = 0; n <= LONGEST; n++) {
			int byte = (int)random64();

			memset(theirs + at, byte, n);
			expect(weft_memset(ours + at, byte, n) ==
			       ours + at);
			expect(memcmp(ours, theirs, SIZE) == 0);
		}
	}
}

static void test_memcpy(void)
{
	uint8_t from[SIZE] __attribute__((aligned(32)));

	for (int i = 0; i < SIZE; i++)
		from[i] = (uint8_t)random64();
	for (size_t to = 0; to < ROOM; to++) {
		for (size_t at = 0; at < ROOM; at++) {
			fill_both();
			for (size_t n = 0; n <= LONGEST; n++) {
				memcpy(theirs + to, from + at, n);
				expect(weft_memcpy(ours + to, from + at,
						   n) == ours + to);
				expect(memcmp(ours, theirs, SIZE) == 0);
			}
		}
	}
}

/* FROM and TO of every alignment, near each other and on either side. */
static void test_memmove(void)
{
	for (int i = 0; i < 200000; i++) {
		size_t from = below(ROOM + LONGEST);
		size_t n = below(LONGEST + 1);
		size_t to = one_in(8) ? below(ROOM + LONGEST)
				      : from + below(80);

		to = to < 40 ? 0 : to - 40;
		if (to + n > SIZE || from + n > SIZE)
			continue;
		if (i % 1000 == 0)
			fill_both();
		memmove(theirs + to, theirs + from, n);
		expect(weft_memmove(ours + to, ours + from, n) ==
		       ours + to);
		expect(memcmp(ours, theirs, SIZE) == 0);
	}
}

/* Every distance of aligned blocks: the case of whole words. */
static void test_memmove_aligned(void)
{
	for (int distance = -128; distance <= 128; distance += 8) {
		size_t from = 256, to = (size_t)(256 + distance);

		for (size_t n = 0; n <= LONGEST; n++) {
			fill_both();
			memmove(theirs + to, theirs + from, n);
			weft_memmove(ours + to, ours + from, n);
			expect(memcmp(ours, theirs, SIZE) == 0);
		}
	}
}

static int sign(int number)
{
	return (number > 0) - (number < 0);
}

static void test_memcmp(void)
{
	for (size_t n = 0; n <= LONGEST; n++) {
		uint8_t *a = malloc(n), *b = malloc(n);

		for (size_t i = 0; i < n; i++)
			a[i] = b[i] = (uint8_t)random64();
		expect(weft_memcmp(a, b, n) == 0);
		for (int i = 0; i < 20 && n; i++) {
			b[below(n)] = (uint8_t)random64();
			expect(sign(weft_memcmp(a, b, n)) ==
			       sign(memcmp(a, b, n)));
		}
		free(a);
		free(b);
	}
}

/* A string in an allocation of just its size. */
static char *random_string(size_t size)
{
	char *text = malloc(size + 1);

	for (size_t i = 0; i < size; i++)
		text[i] = (char)(one_in(3) ? 1 + below(255) : 'a');
	text[size] = '\0';
	return text;
}

static void test_strings(void)
{
	for (int i = 0; i < 20000; i++) {
		char *a = random_string(below(12));
		char *b = random_string(below(12));
		size_t n = below(14);

		expect(weft_strlen(a) == strlen(a));
		expect(sign(weft_strcmp(a, b)) == sign(strcmp(a, b)));
		expect(sign(weft_strncmp(a, b, n)) ==
		       sign(strncmp(a, b, n)));
		expect(weft_strcmp(a, a) == 0);
		free(a);
		free(b);
	}
}

/* strncmp() needs no end of the string within its length. */
static void test_strncmp_unterminated(void)
{
	char *a = malloc(4), *b = malloc(4);

	memcpy(a, "weft", 4);
	memcpy(b, "weft", 4);
	expect(weft_strncmp(a, b, 4) == 0);
	expect(weft_strncmp(a, b, 0) == 0);
	b[3] = 'z';
	expect(weft_strncmp(a, b, 4) < 0 && weft_strncmp(b, a, 4) > 0);
	expect(weft_strncmp(a, b, 3) == 0);
	free(a);
	free(b);
}

const struct test tests[] = {
	{ "memset", test_memset },
	{ "memcpy", test_memcpy },
	{ "memmove", test_memmove },
	{ "memmove_aligned", test_memmove_aligned },
	{ "memcmp", test_memcmp },
	{ "strings", test_strings },
	{ "strncmp_unterminated", test_strncmp_unterminated },
	{ 0 },
};
