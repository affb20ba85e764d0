#include "user/tools.h"
#include "user/user.h"

/* BYTES bytes, for free(); ends the program if there are none. */
void *must_have(size_t bytes)
{
	void *memory = malloc(bytes);

	if (!memory)
		fail("memory", "there is no more");
	return memory;
}

/* OLD with its contents and BYTES bytes, more than before. */
void *grow(void *old, size_t old_bytes, size_t bytes)
{
	void *memory = must_have(bytes);

	memcpy(memory, old, old_bytes);
	free(old);
	return memory;
}

/* Merges the sorted A and B into TO; of equals, those of A go first. */
static void merge(void **to, void **a, size_t a_count, void **b,
		  size_t b_count,
		  int (*compare)(const void *, const void *))
{
	while (a_count > 0 && b_count > 0) {
		if (compare(*b, *a) < 0)
			*to++ = *b++, b_count--;
		else
			*to++ = *a++, a_count--;
	}
	memcpy(to, a, a_count * sizeof *a);
	memcpy(to + a_count, b, b_count * sizeof *b);
}

/* Sorts COUNT items, with as much room at SPARE, which may change. */
static void sort_with(void **item, void **spare, size_t count,
		      int (*compare)(const void *, const void *))
{
	size_t half = count / 2;

	if (count < 2)
		return;
	sort_with(item, spare, half, compare);
	sort_with(item + half, spare, count - half, compare);
	memcpy(spare, item, half * sizeof *item);
	merge(item, spare, half, item + half, count - half, compare);
}

/*
 * Sorts COUNT pointers by COMPARE, which is negative if its first is
 * the smaller one.  Equals stay in their order.
 */
void sort_pointers(void **item, size_t count,
		   int (*compare)(const void *, const void *))
{
	void **spare = must_have((count + 1) * sizeof *spare);

	sort_with(item, spare, count, compare);
	free(spare);
}
