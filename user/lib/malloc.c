#include <limits.h>
#include "user/user.h"

/*
 * Every piece of the heap begins with this.  Sizes are multiples of
 * that of a piece, which keeps what is behind it aligned.
 */
struct piece {
	size_t size;            /* in bytes, with this */
	struct piece *next;     /* the next higher free one */
};

enum { CHUNK = 64 * 1024 };     /* least bytes to ask for */

static struct piece *free_pieces;       /* by address, never adjacent */

/* Where the free piece AT ends. */
static struct piece *end_of(struct piece *at)
{
	return (struct piece *)((char *)at + at->size);
}

/* Puts PIECE among the free ones and joins it with its neighbours. */
static void give_back(struct piece *piece)
{
	struct piece *before = NULL, *after = free_pieces;

	for (; after && after < piece; after = after->next)
		before = after;
	piece->next = after;
	if (before)
		before->next = piece;
	else
		free_pieces = piece;
	if (after && end_of(piece) == after) {
		piece->size += after->size;
		piece->next = after->next;
	}
	if (before && end_of(before) == piece) {
		before->size += piece->size;
		before->next = piece->next;
	}
}

/* Takes the lower SIZE bytes of a free piece, or returns NULL. */
static struct piece *take(size_t size)
{
	struct piece **link = &free_pieces, *piece, *rest;

	while (*link && (*link)->size < size)
		link = &(*link)->next;
	piece = *link;
	if (!piece)
		return NULL;
	*link = piece->next;
	if (piece->size > size) {
		rest = (struct piece *)((char *)piece + size);
		rest->size = piece->size - size;
		rest->next = piece->next;
		*link = rest;
		piece->size = size;
	}
	return piece;
}

/* Moves the end of the heap up by SIZE; -1 if that cannot be. */
static int grow(size_t size)
{
	size_t odd = -(uintptr_t)sbrk(0) % sizeof(struct piece);
	char *start;
	struct piece *piece;

	if (size > INT_MAX - sizeof(struct piece))
		return -1;
	start = sbrk((int)(size + odd));
	if (start == (char *)-1)
		return -1;
	piece = (struct piece *)(start + odd);
	piece->size = size;
	give_back(piece);
	return 0;
}

/* At least BYTES bytes of memory, aligned for anything, or NULL. */
void *malloc(size_t bytes)
{
	const size_t unit = sizeof(struct piece);
	size_t size;
	struct piece *piece;

	if (bytes > INT_MAX)
		return NULL;
	size = (bytes + 2 * unit - 1) / unit * unit;
	piece = take(size);
	if (!piece && grow(size > CHUNK ? size : CHUNK) == 0)
		piece = take(size);
	return piece ? piece + 1 : NULL;
}

/* Takes back what malloc() gave; NULL is nothing. */
void free(void *memory)
{
	if (memory)
		give_back((struct piece *)memory - 1);
}
