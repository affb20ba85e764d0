#include <stdarg.h>
#include <stdbool.h>
#include "user/user.h"
#include "format.h"

/* A conversion that is being read and carried out. */
struct conversion {
	struct output *to;
	bool left;              /* -: fill up on the right */
	char fill;              /* on the left: ' ' or '0' */
	int width;              /* at least so many bytes */
	int longs;              /* how many l */
};

static void put_many(struct output *to, char c, int count)
{
	for (; count > 0; count--)
		output_put(to, c);
}

/* Writes SIGN, a string, and LENGTH bytes, at the width asked for. */
static void put_field(const struct conversion *how, const char *sign,
		      const char *text, int length)
{
	int room = how->width - length - (int)strlen(sign);

	if (!how->left && how->fill == ' ')
		put_many(how->to, ' ', room);
	while (*sign)
		output_put(how->to, *sign++);
	if (!how->left && how->fill == '0')
		put_many(how->to, '0', room);
	for (int i = 0; i < length; i++)
		output_put(how->to, text[i]);
	if (how->left)
		put_many(how->to, ' ', room);
}

/* Writes NUMBER with at least LEAST digits of BASE behind SIGN. */
static void put_number(const struct conversion *how, const char *sign,
		       uint64_t number, unsigned base, int least)
{
	char digits[20];
	int at = sizeof digits;

	do
		digits[--at] = "0123456789abcdef"[number % base];
	while ((number /= base) || (int)sizeof digits - at < least);
	put_field(how, sign, digits + at, (int)sizeof digits - at);
}

static void put_string(struct conversion *how, const char *text)
{
	if (!text)
		text = "(null)";
	how->fill = ' ';
	put_field(how, "", text, (int)strlen(text));
}

static void put_character(struct conversion *how, char c)
{
	how->fill = ' ';
	put_field(how, "", &c, 1);
}

static void put_signed(const struct conversion *how, int64_t number)
{
	if (number < 0)
		put_number(how, "-", -(uint64_t)number, 10, 1);
	else
		put_number(how, "", (uint64_t)number, 10, 1);
}

/* Reads flags, width and length; returns where the verb is. */
static const char *
read_conversion(struct conversion *how, const char *at)
{
	for (; *at == '-' || *at == '0'; at++) {
		if (*at == '-')
			how->left = true;
		else
			how->fill = '0';
	}
	for (; isdigit(*at) && how->width < 1000; at++)
		how->width = how->width * 10 + *at - '0';
	for (; *at == 'l' || *at == 'z'; at++)
		how->longs++;
	return at;
}

static int64_t signed_argument(int longs, va_list *list)
{
	if (longs == 0)
		return va_arg(*list, int);
	return longs == 1 ? va_arg(*list, long)
			  : va_arg(*list, long long);
}

static uint64_t unsigned_argument(int longs, va_list *list)
{
	if (longs == 0)
		return va_arg(*list, unsigned);
	return longs == 1 ? va_arg(*list, unsigned long)
			  : va_arg(*list, unsigned long long);
}

/*
 * Carries out the conversion behind a % and returns the text behind it.
 * An unknown one is written as it stands.  In xv6 an l without a verb
 * is a uint64 in decimal.
 */
static const char *
convert(struct output *to, const char *text, va_list *list)
{
	struct conversion how = { .to = to, .fill = ' ' };
	const char *verb = read_conversion(&how, text);
	uint64_t number;

	switch (*verb) {
	case 'd':
	case 'i':
		put_signed(&how, signed_argument(how.longs, list));
		break;
	case 'u':
		number = unsigned_argument(how.longs, list);
		put_number(&how, "", number, 10, 1);
		break;
	case 'x':
		number = unsigned_argument(how.longs, list);
		put_number(&how, "", number, 16, 1);
		break;
	case 'p':
		number = va_arg(*list, uintptr_t);
		put_number(&how, "0x", number, 16, 2 * sizeof(void *));
		break;
	case 's':
		put_string(&how, va_arg(*list, const char *));
		break;
	case 'c':
		put_character(&how, (char)va_arg(*list, int));
		break;
	case '%':
		output_put(to, '%');
		break;
	default:
		if (verb > text && verb[-1] == 'l') {
			number = va_arg(*list, uint64_t);
			put_number(&how, "", number, 10, 1);
			return verb;
		}
		output_put(to, '%');
		return text;
	}
	return verb + 1;
}

/* Writes TEXT with its conversions, whose arguments are in LIST. */
void format(struct output *to, const char *text, va_list list)
{
	va_list copy;

	va_copy(copy, list);
	while (*text) {
		if (*text == '%')
			text = convert(to, text + 1, &copy);
		else
			output_put(to, *text++);
	}
	va_end(copy);
}
