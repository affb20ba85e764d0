/*
 * program_read(): files as a linker makes them, and everything that
 * somebody could do to them.  A file ends where memory does, and begins
 * so too, as far as AddressSanitizer is concerned.
 */
#include "host.h"
#include "program_model.h"
#include <sanitizer/asan_interface.h>

enum { ROOM = 3 * 4096 };

static _Alignas(4096) uint8_t room[ROOM];
static uint8_t *file;                   /* in the room */
static size_t file_size;

/* The file of SIZE bytes ends AFTER bytes before the room does. */
static void place(const uint8_t *bytes, size_t size, size_t after)
{
	ASAN_UNPOISON_MEMORY_REGION(room, ROOM);
	file = room + ROOM - after - size;
	file_size = size;
	memmove(file, bytes, size);
	ASAN_POISON_MEMORY_REGION(room, (size_t)(file - room));
	ASAN_POISON_MEMORY_REGION(file + size, after);
}

static bool as_expected(void)
{
	return read_as_expected(file, file_size);
}

static bool is_accepted(void)
{
	struct program program;

	expect(as_expected());
	return read_bytes(&program, file, file_size) == 0;
}

/* ---- Files ------------------------------------------------------------ */

static uint8_t made[ROOM];              /* the file that is being made */

static uint8_t *header_of(unsigned segment)
{
	return made + HEADER + segment * SEGMENT;
}

static void make_header(unsigned segments)
{
	memset(made, 0, sizeof made);
	memcpy(made, "\177ELF", 4);
	made[AT_CLASS] = CLASS;
	made[5] = made[6] = 1;
	put(made + AT_TYPE, 2, 2);
	put(made + AT_MACHINE, 2, MACHINE_NUMBER);
	put(made + AT_ENTRY, WORD, 0x1000);
	put(made + AT_PHOFF, WORD, HEADER);
	put(made + AT_PHENTSIZE, 2, SEGMENT);
	put(made + AT_PHNUM, 2, segments);
}

static void make_segment(unsigned i, uint64_t offset, uint64_t vaddr,
			 uint64_t filesz, uint64_t memsz, unsigned flags)
{
	uint8_t *p = header_of(i);

	put(p + P_TYPE, 4, 1);
	put(p + P_OFFSET, WORD, offset);
	put(p + P_VADDR, WORD, vaddr);
	put(p + P_FILESZ, WORD, filesz);
	put(p + P_MEMSZ, WORD, memsz);
	put(p + P_FLAGS, 4, flags);
}

/* Text that is lent, data behind it, and a stack's permissions. */
static size_t make_usual(void)
{
	make_header(3);
	make_segment(0, 0, 0x1000, 0x700, 0x700, 5);
	make_segment(1, 0x700, 0x2700, 0x80, 0x2000, 6);
	make_segment(2, 0, 0, 0, 0, 6);
	put(header_of(2) + P_TYPE, 4, 0x6474e551);
	memset(made + 0x200, 0x90, 0x580);
	return 0x780;
}

static void test_usual(void)
{
	size_t size = make_usual();
	struct program program;
	const struct user_region *r = program.region;

	place(made, size, ROOM - 4096 - size);  /* at a page boundary */
	expect(as_expected());
	expect(read_bytes(&program, file, size) == 0);
	expect(program.entry == 0x1000 && program.count == 2);
	expect(program.low == 0x1000 && program.high == 0x5000);
	expect(r[0].start == 0x1000 && r[0].end == 0x2000);
	expect(r[0].permissions == (MAP_READ | MAP_EXECUTE));
	expect(r[0].flags == REGION_LEND && r[0].data == file);
	expect(r[1].start == 0x2000 && r[1].end == 0x5000);
	expect(r[1].permissions == (MAP_READ | MAP_WRITE));
	expect(r[1].flags == 0 && r[1].data == file);
	expect(r[1].size == 0x780);
	/* Elsewhere in memory nothing can be lent. */
	place(made, size, 1);
	expect(read_bytes(&program, file, size) == 0);
	expect(r[0].flags == 0 && is_accepted());
}

/* The limit of segments, and what is beyond. */
static void test_many_segments(void)
{
	for (unsigned count = 0; count <= SEGMENTS + 2; count++) {
		make_header(count);
		for (unsigned i = 0; i < count; i++)
			make_segment(i, 0, (i + 1) * 0x1000, 0, 1, 4);
		place(made, 2000, 0);
		expect(is_accepted() == (count > 0 && count <= SEGMENTS));
	}
	/* Those without memory and those that are not loaded are free. */
	make_header(SEGMENTS + 5);
	for (unsigned i = 0; i < SEGMENTS + 5; i++)
		make_segment(i, 0, 0x1000, 0, i == 7, 4);
	place(made, 2000, 0);
	expect(is_accepted());
}

/* ---- Truncation ------------------------------------------------------- */

static void test_truncation(void)
{
	size_t size = make_usual();

	for (size_t left = 0; left <= size; left++) {
		place(made, left, 0);
		expect(is_accepted() == (left == size));
		place(made, left, 100 + left % 16);
		expect(is_accepted() == (left == size));
	}
}

/* ---- Fields ----------------------------------------------------------- */

static uint64_t edge(void)
{
	static const uint64_t edges[] = {
		0, 1, 2, 3, 4, 7, 16, 17, 31, 32, 52, 55, 56, 57, 64, 0x100,
		0x1ff, 0x700, 0x77f, 0x780, 0x781, 0xfff, 0x1000, 0x1001,
		0x7fff, 0x8000, 0xffff, 0x10000, 0x7ffff000, 0x7fffffff,
		0x80000000, 0x80000001, 0xfffff000, 0xffffffff, 0x100000000,
		0x3ffffff000, 0x3fffffffff, 0x4000000000, 0x4000000001,
		0x7fffffffffffffff, 0x8000000000000000, 0xffffffc000000000,
		0xfffffffffffff000, 0xffffffffffffffff,
	};

	return edges[below(sizeof edges / sizeof *edges)] -
	       (one_in(4) ? below(0x1000) : 0);
}

/* Every byte of the headers, with every value. */
static void test_each_byte(void)
{
	size_t size = make_usual(), headers = HEADER + 3 * SEGMENT;
	unsigned accepted = 0;

	for (size_t at = 0; at < headers; at++) {
		uint8_t good = made[at];

		for (unsigned value = 0; value < 256; value++) {
			made[at] = (uint8_t)value;
			place(made, size, ROOM - 4096 - size);
			accepted += is_accepted();
		}
		made[at] = good;
	}
	expect(accepted > headers && accepted < 200 * headers);
}

/* One field of a segment at a time, and pairs of them, at the edges. */
static void test_edges(void)
{
	static const unsigned fields[] = {
		P_OFFSET, P_VADDR, P_FILESZ, P_MEMSZ,
	};
	unsigned accepted = 0;

	for (int i = 0; i < 100000; i++) {
		size_t size = make_usual();
		uint8_t *p = header_of((unsigned)below(2));

		put(p + fields[below(4)], WORD, edge());
		if (one_in(2))
			put(p + fields[below(4)], WORD, edge());
		if (one_in(20))
			put(made + AT_PHOFF, WORD, edge());
		if (one_in(20))
			put(made + AT_PHNUM, 2, edge());
		place(made, size, below(64));
		accepted += is_accepted();
	}
	expect(accepted > 1000);
}

static bool accepts_segment(uint64_t offset, uint64_t vaddr,
			    uint64_t filesz, uint64_t memsz)
{
	make_usual();
	make_segment(1, offset, vaddr, filesz, memsz, 6);
	place(made, 0x780, 0);
	return is_accepted();
}

/* Each by its name; the other tests may meet them by chance. */
static void test_known_attacks(void)
{
	const uint64_t end = (uint64_t)USER_END;
	const uint64_t most = WORD == 8 ? UINT64_MAX : UINT32_MAX;

	expect(accepts_segment(0, 0x2000, 0x780, 0x780));
	expect(accepts_segment(0, end - 0x1000, 1, 0x1000));
	expect(!accepts_segment(0, end - 0x1000, 1, 0x1001));
	expect(!accepts_segment(0, end, 0, 1));
	expect(!accepts_segment(0, end + 0x1000, 0, 1));
	/* vaddr + memsz wraps around to something small. */
	expect(!accepts_segment(0, most - 0xfff, 0, 0x2000));
	expect(!accepts_segment(0, 0x2000, 0, most));
	expect(!accepts_segment(0, 0x2000, 0, most - 0x1fff));
	/* offset + filesz does. */
	expect(!accepts_segment(most, 0x2000, 1, 1));
	expect(!accepts_segment(most - 0xfff, 0x2000, 0x1000, 0x1000));
	expect(!accepts_segment(1, 0x2000, most, most));
	/* More in the file than in memory; more than there is. */
	expect(!accepts_segment(0, 0x2000, 2, 1));
	expect(!accepts_segment(0, 0x2000, 0x781, 0x781));
	expect(!accepts_segment(0x780, 0x2000, 1, 1));
	expect(accepts_segment(0x780, 0x2000, 0, 1));
	/* In the middle of a page, the file must be so too. */
	expect(accepts_segment(0x123, 0x2123, 1, 1));
	expect(!accepts_segment(0x123, 0x2124, 1, 1));
	expect(!accepts_segment(0, 0x2124, 1, 1));
	/* At its start, bytes from anywhere can be copied. */
	expect(accepts_segment(0x123, 0x2000, 1, 1));
}

/* ---- Mutations -------------------------------------------------------- */

static void mutate(size_t size)
{
	size_t headers = HEADER + 4 * SEGMENT;
	uint8_t *at = made + below(one_in(8) ? size : headers);

	switch (below(4)) {
	case 0:
		*at ^= (uint8_t)(1 << below(8));
		break;
	case 1:
		*at = (uint8_t)random64();
		break;
	case 2:
		put(at, WORD, edge());
		break;
	default:
		put(header_of((unsigned)below(4)) + WORD * below(6), WORD,
		    edge());
	}
}

static void test_mutations(void)
{
	unsigned accepted = 0;

	for (int i = 0; i < 1000000; i++) {
		size_t size = make_usual();

		for (uint64_t n = 1 + below(4); n > 0; n--)
			mutate(size);
		if (one_in(8))
			size = below(size + 1);
		place(made, size, one_in(2) ? below(16)
					    : ROOM - 4096 - size);
		expect(as_expected());
		accepted += is_accepted();
	}
	expect(accepted > 10000 && accepted < 990000);
}

const struct test tests[] = {
	{ "usual", test_usual },
	{ "many_segments", test_many_segments },
	{ "truncation", test_truncation },
	{ "each_byte", test_each_byte },
	{ "edges", test_edges },
	{ "known_attacks", test_known_attacks },
	{ "mutations", test_mutations },
	{ 0 },
};
