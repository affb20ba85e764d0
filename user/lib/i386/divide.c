#include "user/user.h"

/*
 * Division of 64 bits, which the compilers leave to functions of these
 * names since the processor has none.
 */
uint64_t __udivmoddi4(uint64_t number, uint64_t by, uint64_t *rest);
uint64_t __udivdi3(uint64_t number, uint64_t by);
uint64_t __umoddi3(uint64_t number, uint64_t by);
int64_t __divmoddi4(int64_t number, int64_t by, int64_t *rest);
int64_t __divdi3(int64_t number, int64_t by);
int64_t __moddi3(int64_t number, int64_t by);

/* Divides HIGH and LOW by BY, which is greater than HIGH. */
static uint32_t
divide_words(uint32_t high, uint32_t low, uint32_t by, uint32_t *rest)
{
	uint32_t quotient;

	__asm__("divl %4"
		: "=a"(quotient), "=d"(*rest)
		: "0"(low), "1"(high), "rm"(by)
		: "cc");
	return quotient;
}

/* Divides by one word: as on paper, with words for digits. */
static uint64_t
divide_by_word(uint64_t number, uint32_t by, uint64_t *rest)
{
	uint32_t high, low, left;

	high = divide_words(0, (uint32_t)(number >> 32), by, &left);
	low = divide_words(left, (uint32_t)number, by, &left);
	*rest = left;
	return (uint64_t)high << 32 | low;
}

/*
 * Divides by more than one word, a bit of the quotient at a time: it
 * has as many as BY has leading zeros, and one.
 */
static uint64_t
divide_by_two(uint64_t number, uint64_t by, uint64_t *rest)
{
	int shift = __builtin_clz((uint32_t)(by >> 32));
	uint64_t quotient = 0;

	for (by <<= shift; shift >= 0; shift--, by >>= 1) {
		quotient <<= 1;
		if (number >= by) {
			number -= by;
			quotient |= 1;
		}
	}
	*rest = number;
	return quotient;
}

/* The quotient; *REST is the remainder, unless REST is NULL. */
uint64_t __udivmoddi4(uint64_t number, uint64_t by, uint64_t *rest)
{
	uint64_t unwanted;

	if (!rest)
		rest = &unwanted;
	if (by >> 32)
		return divide_by_two(number, by, rest);
	return divide_by_word(number, (uint32_t)by, rest);
}

uint64_t __udivdi3(uint64_t number, uint64_t by)
{
	return __udivmoddi4(number, by, NULL);
}

uint64_t __umoddi3(uint64_t number, uint64_t by)
{
	uint64_t rest;

	__udivmoddi4(number, by, &rest);
	return rest;
}

static uint64_t magnitude(int64_t number)
{
	return number < 0 ? -(uint64_t)number : (uint64_t)number;
}

/* The same with signs: the remainder has that of NUMBER. */
int64_t __divmoddi4(int64_t number, int64_t by, int64_t *rest)
{
	uint64_t left;
	uint64_t quotient = __udivmoddi4(magnitude(number),
					 magnitude(by), &left);

	if (rest)
		*rest = (int64_t)(number < 0 ? -left : left);
	if ((number < 0) != (by < 0))
		quotient = -quotient;
	return (int64_t)quotient;
}

int64_t __divdi3(int64_t number, int64_t by)
{
	return __divmoddi4(number, by, NULL);
}

int64_t __moddi3(int64_t number, int64_t by)
{
	int64_t rest;

	__divmoddi4(number, by, &rest);
	return rest;
}
