/* The kernel's format() against the host's snprintf(). */
#include "host.h"
#include <limits.h>

static char ours[5000], theirs[5000];
static size_t length;

static void put(char c, void *argument)
{
	expect(argument == &length && length < sizeof ours - 1);
	ours[length++] = c;
}

/* Not declared PRINTF_LIKE: some tests want formats that are wrong. */
static void format_ours(const char *text, ...)
{
	va_list arguments;

	length = 0;
	va_start(arguments, text);
	format(put, &length, text, arguments);
	va_end(arguments);
	ours[length] = '\0';
}

static void compare(const char *text)
{
	if (strcmp(ours, theirs) == 0)
		return;
	printf("format \"%s\"\nours   \"%s\"\ntheirs \"%s\"\n", text, ours,
	       theirs);
	failed(__FILE__, __LINE__, "both print the same");
}

/* The arguments are evaluated twice. */
#define same(text, ...) do { \
		format_ours(text, __VA_ARGS__); \
		snprintf(theirs, sizeof theirs, text, __VA_ARGS__); \
		compare(text); \
	} while (0)

/* What is printed for formats that snprintf does not know, or differs. */
#define prints(expected, ...) do { \
		format_ours(__VA_ARGS__); \
		snprintf(theirs, sizeof theirs, "%s", expected); \
		compare(expected); \
	} while (0)

#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat"

/* Few bits or many, so that all numbers of digits occur. */
static uint64_t random_number(void)
{
	uint64_t number = random64() >> below(64);

	switch (below(8)) {
	case 0:
		return 0;
	case 1:
		return one_in(2) ? INT_MIN : INT_MAX;
	case 2:
		return one_in(2) ? (uint64_t)LONG_MIN : LONG_MAX;
	case 3:
		return -number;
	default:
		return number;
	}
}

/* The flags, width and length of a random conversion. */
static const char *random_prefix(bool zero, bool lengths, int *longs)
{
	static char prefix[32];
	char *at = prefix;
	static const char *const words[] = { "", "l", "ll", "z" };
	unsigned word = lengths ? (unsigned)below(4) : 0;

	while (one_in(2))
		if (at < prefix + 4)
			*at++ = zero && one_in(2) ? '0' : '-';
	if (one_in(2))
		at += sprintf(at, "%u", 1 + (unsigned)below(30));
	strcpy(at, words[word]);
	*longs = (int)word;
	return prefix;
}

static void test_numbers(void)
{
	for (int i = 0; i < 100000; i++) {
		char text[64];
		int longs;
		const char *prefix = random_prefix(true, true, &longs);
		uint64_t n = random_number();

		sprintf(text, "<%%%s%c>", prefix, "diux"[below(4)]);
		if (longs == 0)
			same(text, (int)n);
		else if (longs == 1)
			same(text, (long)n);
		else if (longs == 2)
			same(text, (long long)n);
		else
			same(text, (size_t)n);
	}
}

static void test_strings(void)
{
	for (int i = 0; i < 20000; i++) {
		char text[64], string[32] = "";
		int longs;
		const char *prefix = random_prefix(false, false, &longs);
		size_t size = below(31);
		int c = 1 + (int)below(255);

		for (size_t at = 0; at < size; at++)
			string[at] = (char)(1 + below(255));
		sprintf(text, "%%%ss|%%%sc|", prefix, prefix);
		same(text, string, c);
	}
	same("%s%s%c%s", "", "one", '!', "two");
}

static void test_many_arguments(void)
{
	same("%d %u %lx %s %c %% %zu %lld %x", -1, 2u, 3ul, "four", '5',
	     (size_t)6, -7ll, 8u);
	same("%d%d%d%d%d%d%d%d%d%d", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
}

static void test_extremes(void)
{
	same("%d %d %ld %ld", INT_MIN, INT_MAX, LONG_MIN, LONG_MAX);
	same("%lld %llu %llx", LLONG_MIN, ULLONG_MAX, ULLONG_MAX);
	same("%x %u %zx %zu", UINT_MAX, UINT_MAX, SIZE_MAX, SIZE_MAX);
	same("%012d|%-12d|%12d", INT_MIN, INT_MIN, INT_MIN);
	same("%1d|%01x|%1s", 12345, 0x12345u, "12345");
	same("%999d", 1);
	same("%s", "");
}

/* An address has all its digits, whatever else was asked for. */
static void test_pointers(void)
{
	snprintf(theirs, sizeof theirs, "0x%0*lx", 2 * (int)sizeof(void *),
		 0x1234beeful);
	format_ours("%p", (void *)0x1234beef);
	compare("%p");
	format_ours("%-4p", (void *)0x1234beef);
	compare("%-4p");
	snprintf(theirs, sizeof theirs, "0x%0*x", 2 * (int)sizeof(void *),
		 0);
	format_ours("%p", NULL);
	compare("%p");
	prints("  7", "%3d", 7);        /* and %p leaves no trace */
}

static void test_unknown(void)
{
	prints("%", "%");
	prints("100%", "100%");
	prints("%-08", "%-08");
	prints("%l", "%l");
	prints("%q%y 1", "%q%y %d", 1);
	prints("%-5.3s|%hd|%+d", "%-5.3s|%hd|%+d");
	prints("%*d", "%*d");
	prints("", "");
	prints("%|%", "%%|%5%");
	prints("%12345", "%12345");
}

static void test_null_string(void)
{
	prints("(null)|  (null)", "%s|%8s", NULL, NULL);
}

/* A character of 0 is a character, and not the end. */
static void test_zero_character(void)
{
	format_ours("a%cb%2c", 0, 0);
	expect(length == 5 && memcmp(ours, "a\0b \0", 5) == 0);
}

const struct test tests[] = {
	{ "numbers", test_numbers },
	{ "strings", test_strings },
	{ "many_arguments", test_many_arguments },
	{ "extremes", test_extremes },
	{ "pointers", test_pointers },
	{ "unknown", test_unknown },
	{ "null_string", test_null_string },
	{ "zero_character", test_zero_character },
	{ 0 },
};
