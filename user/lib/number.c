#include <limits.h>
#include <stdbool.h>
#include "user/user.h"

/* Is C a blank, or something else that only moves the cursor? */
int isspace(int c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Is C one of 0 to 9? */
int isdigit(int c)
{
	return c >= '0' && c <= '9';
}

/* What C counts as a digit, or 99. */
static unsigned digit(int c)
{
	if (isdigit(c))
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'z')
		return (unsigned)(c - 'a' + 10);
	if (c >= 'A' && c <= 'Z')
		return (unsigned)(c - 'A' + 10);
	return 99;
}

/* Is there a 0x, and a digit for it? */
static bool has_prefix(const char *text)
{
	return text[0] == '0' && (text[1] == 'x' || text[1] == 'X') &&
	       digit(text[2]) < 16;
}

/*
 * Reads digits of BASE at *TEXT and moves *TEXT behind them.  What is
 * greater than LIMIT counts as LIMIT.
 */
static unsigned long
digits(const char **text, unsigned base, unsigned long limit)
{
	unsigned long number = 0;

	for (; digit(**text) < base; (*text)++) {
		unsigned d = digit(**text);

		if (number > (limit - d) / base)
			number = limit;
		else
			number = number * base + d;
	}
	return number;
}

/*
 * The number at the start of TEXT, behind white space and a sign.  BASE
 * is 2 to 36, or 0: then 0x means 16, and 10 otherwise.  What does not
 * fit becomes LONG_MAX or LONG_MIN.  *END, unless END is NULL, is where
 * the number ends: TEXT itself if there is none.
 */
long strtol(const char *text, char **end, int base)
{
	const char *at = text, *start;
	unsigned long number;
	bool negative;

	while (isspace(*at))
		at++;
	negative = *at == '-';
	if (*at == '-' || *at == '+')
		at++;
	if ((base == 0 || base == 16) && has_prefix(at))
		at += 2, base = 16;
	start = at;
	number = digits(&at, base ? (unsigned)base : 10,
			(unsigned long)LONG_MAX + negative);
	if (end)
		*end = (char *)(uintptr_t)(at == start ? text : at);
	return (long)(negative ? -number : number);
}

/* The decimal number at the start of TEXT, or 0. */
int atoi(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

/*
 * Sets *NUMBER if the whole of TEXT is a decimal number; returns -1 if
 * it is not, or is not between -INT_MAX and INT_MAX exclusively.
 */
int read_number(const char *text, int *number)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end)
		return -1;
	if (value >= INT_MAX || value <= -INT_MAX)
		return -1;
	*number = (int)value;
	return 0;
}
