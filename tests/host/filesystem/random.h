#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>

/* xorshift64*, George Marsaglia's and Sebastiano Vigna's. */
static inline uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1d;
}

#endif
