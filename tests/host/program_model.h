#ifndef PROGRAM_MODEL_H
#define PROGRAM_MODEL_H

/*
 * What program_read() should make of a file, by the ELF specification's
 * offsets and with numbers of 128 bits, that cannot wrap around.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "memory.h"
#include "memory/page_table.h"
#include "process/program.h"

#if PT_LEVELS == 3
enum { CLASS = 2, MACHINE_NUMBER = 243, HEADER = 64, SEGMENT = 56,
       WORD = 8, AT_PHOFF = 32, AT_PHENTSIZE = 54, AT_PHNUM = 56,
       P_FLAGS = 4, P_OFFSET = 8, P_VADDR = 16, P_FILESZ = 32,
       P_MEMSZ = 40 };
#else
enum { CLASS = 1, MACHINE_NUMBER = 3, HEADER = 52, SEGMENT = 32,
       WORD = 4, AT_PHOFF = 28, AT_PHENTSIZE = 42, AT_PHNUM = 44,
       P_FLAGS = 24, P_OFFSET = 4, P_VADDR = 8, P_FILESZ = 16,
       P_MEMSZ = 20 };
#endif
enum { AT_CLASS = 4, AT_TYPE = 16, AT_MACHINE = 18, AT_ENTRY = 24,
       P_TYPE = 0 };

typedef unsigned __int128 wide_t;

static inline uint64_t get(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | at[bytes];
	return value;
}

static inline void put(uint8_t *at, unsigned bytes, uint64_t value)
{
	for (; bytes > 0; bytes--, value >>= 8)
		*at++ = (uint8_t)value;
}

/* Adds the region that the header at P asks for; false if it cannot. */
static inline bool
model_segment(struct program *want, const uint8_t *p,
	      const uint8_t *file, size_t size)
{
	struct user_region *region = &want->region[want->count];
	wide_t offset = get(p + P_OFFSET, WORD);
	wide_t vaddr = get(p + P_VADDR, WORD);
	wide_t filesz = get(p + P_FILESZ, WORD);
	wide_t memsz = get(p + P_MEMSZ, WORD);
	uint64_t flags = get(p + P_FLAGS, 4), inside = vaddr % 4096;

	if (filesz > memsz || offset + filesz > size ||
	    vaddr >= (wide_t)USER_END || vaddr + memsz > (wide_t)USER_END)
		return false;
	if (want->count == SEGMENTS || (inside && offset % 4096 != inside))
		return false;
	*region = (struct user_region){
		.start = (vaddr_t)(vaddr - inside),
		.end = (vaddr_t)((vaddr + memsz + 4095) / 4096 * 4096),
		.permissions = MAP_READ | (flags & 2 ? MAP_WRITE : 0) |
			       (flags & 1 ? MAP_EXECUTE : 0),
		.data = file + (size_t)offset - inside,
		.size = (size_t)(filesz + inside),
	};
	if (!(flags & 2) && filesz == memsz &&
	    (uintptr_t)region->data % 4096 == 0)
		region->flags = REGION_LEND;
	want->low = region->start < want->low ? region->start : want->low;
	want->high = region->end > want->high ? region->end : want->high;
	want->count++;
	return true;
}

/* The same contract as that of program_read(). */
static inline int
model_read(struct program *want, const uint8_t *file, size_t size)
{
	wide_t table, count;

	if (size < HEADER || memcmp(file, "\177ELF", 4) != 0 ||
	    file[AT_CLASS] != CLASS || get(file + AT_TYPE, 2) != 2 ||
	    get(file + AT_MACHINE, 2) != MACHINE_NUMBER ||
	    get(file + AT_PHENTSIZE, 2) != SEGMENT)
		return -1;
	table = get(file + AT_PHOFF, WORD);
	count = get(file + AT_PHNUM, 2);
	if (table + count * SEGMENT > size)
		return -1;
	memset(want, 0, sizeof *want);
	want->entry = (vaddr_t)get(file + AT_ENTRY, WORD);
	want->low = (vaddr_t)USER_END;
	for (const uint8_t *p = file + (size_t)table; count-- > 0;
	     p += SEGMENT)
		if (get(p + P_TYPE, 4) == 1 && get(p + P_MEMSZ, WORD) &&
		    !model_segment(want, p, file, size))
			return -1;
	return want->count > 0 ? 0 : -1;
}

/* May the kernel rely on what it was told? */
static inline bool
is_sound(const struct program *program, const uint8_t *file, size_t size)
{
	for (unsigned i = 0; i < program->count; i++) {
		const struct user_region *r = &program->region[i];
		size_t offset = (size_t)(r->data - file);

		if (r->start % 4096 || r->end % 4096 || r->start >= r->end ||
		    r->end > (vaddr_t)USER_END || offset > size ||
		    r->size > size - offset || r->size > r->end - r->start ||
		    r->start < program->low || r->end > program->high)
			return false;
	}
	return program->count > 0 && program->count <= SEGMENTS;
}

static inline bool
same_region(const struct user_region *a, const struct user_region *b)
{
	return a->start == b->start && a->end == b->end &&
	       a->permissions == b->permissions && a->flags == b->flags &&
	       a->data == b->data && a->size == b->size;
}

static inline int
read_from_memory(const struct program_file *file, size_t offset,
		 void *to, size_t count)
{
	memcpy(to, file->data + offset, count);
	return 0;
}

/* program_read() of SIZE bytes at BYTES. */
static inline int
read_bytes(struct program *program, const uint8_t *bytes, size_t size)
{
	struct program_file file = {
		.size = size, .data = bytes, .read = read_from_memory,
	};

	return program_read(program, &file);
}

/* Does program_read() say what the model says, about SIZE bytes? */
static inline bool read_as_expected(const uint8_t *file, size_t size)
{
	struct program is, want;
	int result = read_bytes(&is, file, size);

	if (result != model_read(&want, file, size))
		return false;
	if (result != 0)
		return true;
	if (is.entry != want.entry || is.count != want.count ||
	    is.low != want.low || is.high != want.high)
		return false;
	for (unsigned i = 0; i < is.count; i++)
		if (!same_region(&is.region[i], &want.region[i]))
			return false;
	return is_sound(&is, file, size);
}

#endif
