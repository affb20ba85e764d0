/*
 * Runs of frames: whole ones, partly used ones, reserved ones.  The model
 * knows who has which frame, and what is promised; the rest it asks the
 * check of the free list.
 */
#include "host.h"
#include "processor.h"
#include "memory/runs.h"

enum { FRAMES = HOST_MEMORY_END / 4096, RUN_BYTES = RUN_FRAMES * 4096 };

static struct run *known;               /* that had a frame last */

static void expect_healthy(void)
{
	paddr_t where = 1;
	const char *wrong = check_free_list(&where);

	if (wrong)
		failed(__FILE__, __LINE__, wrong);
}

static size_t count_group(const struct run_link *group)
{
	size_t count = 0;

	for (const struct run_link *link = group->next; link != group;
	     link = link->next)
		count++;
	return count;
}

/* Runs that are RAM all over, without the kernel and the arrays. */
static size_t count_possible(void)
{
	size_t count = 0;

	for (paddr_t run = 0; run < HOST_MEMORY_END; run += RUN_BYTES) {
		size_t usable = 0;

		for (paddr_t at = run; at < run + RUN_BYTES; at += 4096)
			usable += is_frame(at);
		count += usable == RUN_FRAMES;
	}
	return count;
}

/*
 * Uses up what is in no whole run, less than a batch of it excepted: the
 * next batch would break a run.  Returns how many are whole.
 */
static size_t use_up_parts(void)
{
	size_t whole, loose;

	frames_drain();
	whole = count_group(&runs.whole);
	loose = frames_free() - whole * RUN_FRAMES;
	use_up_memory(whole * RUN_FRAMES + loose % BATCH);
	expect(count_group(&runs.whole) == whole);
	return whole;
}

/* ---- What becomes of a run ---------------------------------------------- */

static void test_begin_whole(void)
{
	start(SOME_RAM);
	known = NULL;
	frames_drain();
	expect(count_group(&runs.whole) == count_possible());
	expect(count_group(&runs.reserved) == 0);
	expect(count_possible() >= 2);
	expect_healthy();
	start(RAM({ 0x100000, 0x600000 }, { 0x700000, 0x1200000 }));
	known = NULL;
	frames_drain();
	expect(count_group(&runs.whole) == count_possible());
	expect_healthy();
}

/* Single frames come from what is broken already. */
static void test_partial_first(void)
{
	size_t whole;

	start(SOME_RAM);
	known = NULL;
	whole = use_up_parts();
	expect_healthy();
	for (int i = 0; i < BATCH; i++)
		kalloc_last();
	expect(count_group(&runs.whole) == whole - 1);
	expect_healthy();
}

/* A run is whole again with its last frame, whatever the order. */
static void test_whole_again(void)
{
	void *frame[3 * RUN_FRAMES];
	size_t whole, count = sizeof frame / sizeof *frame;

	start(SOME_RAM);
	known = NULL;
	whole = use_up_parts();
	if (count > whole * RUN_FRAMES)
		count = whole * RUN_FRAMES;
	for (size_t i = 0; i < count; i++)
		frame[i] = kalloc_last();
	expect(count_group(&runs.whole) <= whole - count / RUN_FRAMES + 1);
	for (size_t i = count; i > 0; i--) {
		size_t which = below(i);

		kfree(frame[which]);
		frame[which] = frame[i - 1];
		if (one_in(100))
			expect_healthy();
	}
	frames_drain();
	expect(count_group(&runs.whole) == whole);
	expect_healthy();
}

/* ---- Reservations ------------------------------------------------------- */


/* Owners are pages: addresses that nobody reads. */
static const void *owner(unsigned number)
{
	return (const void *)((number + 1) * (uintptr_t)0x40000);
}

static void test_reserve(void)
{
	size_t whole, free;
	bool last = true;

	start(SOME_RAM);
	known = NULL;
	frames_drain();
	whole = count_group(&runs.whole);
	free = frames_free();
	for (unsigned i = 0; i < whole; i++)
		expect(run_reserve(owner(i)));
	expect(!run_reserve(owner((unsigned)whole)));
	expect(!run_take_at(owner((unsigned)whole), &known, 0, &last));
	expect(frames_free() == free);          /* reserved is free */
	expect(count_group(&runs.reserved) == whole);
	expect_healthy();
	for (unsigned i = 0; i < whole; i++) {
		paddr_t frame;

		expect(frames_promise(1) == 0);
		frame = v2p(run_take_at(owner(i), &known, 5 + i, &last));
		expect(!last && frame % RUN_BYTES == (5 + i) * 4096);
		expect(page_of(frame)->references == 1);
		expect(!run_take_at(owner(i), &known, 5 + i, &last));
		kfree_promised(p2v(frame));
		frames_release(1);
		frames_drain();
		expect(!run_take_at(owner(i), &known, 5 + i, &last));
	}
	expect_healthy();
	for (unsigned i = 0; i < whole; i++) {
		run_release(owner(i));
		expect(!run_take_at(owner(i), &known, 7, &last));
	}
	run_release(owner(0));                  /* no harm */
	expect(count_group(&runs.whole) == whole && frames_free() == free);
	expect_healthy();
}

/* All of a run, in its place, in any order, and back in one piece. */
static void test_fill(void)
{
	unsigned order[RUN_FRAMES];
	size_t whole, free;

	start(SOME_RAM);
	known = NULL;
	frames_drain();
	whole = count_group(&runs.whole);
	free = frames_free();
	for (int round = 0; round < 4; round++) {
		paddr_t first = 0;

		expect(run_reserve(owner(1)));
		expect(frames_promise(RUN_FRAMES) == 0);
		for (unsigned i = 0; i < RUN_FRAMES; i++)
			order[i] = i;
		for (unsigned i = RUN_FRAMES; i > 0; i--) {
			unsigned which = (unsigned)below(i);
			bool last = false;
			char *frame = run_take_at(owner(1), &known, order[which],
						  &last);

			expect(frame && last == (i == 1));
			frame -= order[which] * 4096;
			expect(first == 0 || first == v2p(frame));
			first = v2p(frame);
			order[which] = order[i - 1];
		}
		expect(first % RUN_BYTES == 0);
		expect(count_group(&runs.reserved) == 0);
		expect(count_group(&runs.whole) == whole - 1);
		expect(frames_free() == free - RUN_FRAMES);
		expect_healthy();
		for (unsigned i = 0; i < RUN_FRAMES; i++)
			expect(page_of(first + i * 4096)->references == 1);
		if (round % 2)
			run_free(first);
		for (unsigned i = 0; i < RUN_FRAMES && round % 2 == 0; i++)
			kfree_promised(p2v(first + i * 4096));
		frames_release(RUN_FRAMES);
		frames_drain();
		expect(count_group(&runs.whole) == whole);
		expect(frames_free() == free);
		expect_healthy();
	}
}

/* A promise is kept, if need be with what is reserved, oldest first. */
static void test_break(void)
{
	size_t whole, left;
	bool last;

	start(SOME_RAM);
	known = NULL;
	whole = use_up_parts();
	for (unsigned i = 0; i < whole; i++) {
		expect(run_reserve(owner(i)));
		expect(run_take_at(owner(i), &known, RUN_FRAMES - 1, &last));
	}
	left = frames_free();
	for (; count_group(&runs.reserved) > 1; left--) {
		expect(frames_free() == left && kalloc_promised());
		expect(count_group(&runs.reserved) ==
		       frames.free / (RUN_FRAMES - 1));
		if (one_in(200))
			expect_healthy();
	}
	for (unsigned i = 0; i < whole - 1; i++)
		expect(!run_take_at(owner(i), &known, 0, &last));
	expect(run_take_at(owner((unsigned)whole - 1), &known, 0, &last));
	for (left--; left > 0; left--)
		expect(kalloc_promised());
	expect(!kalloc_promised());
	expect_healthy();
}

/* ---- Everything at once ------------------------------------------------- */

enum { OWNERS = 6 };

struct taken {
	uint64_t *frame;
	uint64_t stamp;
};

static struct taken taken[FRAMES];
static size_t taken_count, promised;
static bool is_taken[FRAMES];
static paddr_t base[OWNERS];            /* of its run; 0: not known */
static unsigned in_place;

static void note(void *frame)
{
	size_t number = v2p(frame) / 4096;
	uint64_t *words = frame;

	expect(is_frame(v2p(frame)) && !is_taken[number]);
	expect(page_of(v2p(frame))->references == 1);
	is_taken[number] = true;
	taken[taken_count].frame = frame;
	taken[taken_count++].stamp = words[0] = words[511] = random64();
}

static void random_take_at(void)
{
	unsigned who = (unsigned)below(OWNERS);
	unsigned index = (unsigned)below(RUN_FRAMES);
	bool last = false;
	void *frame;

	if (taken_count == promised)
		return;
	frame = run_take_at(owner(who), &known, index, &last);
	if (!frame) {
		if (!base[who] && one_in(4)) {
			run_reserve(owner(who));
			return;
		}
		run_release(owner(who));        /* or it may be no more */
		base[who] = 0;
		return;
	}
	expect(v2p(frame) % RUN_BYTES == index * 4096);
	if (base[who])
		expect(v2p(frame) == base[who] + index * 4096);
	base[who] = last ? 0 : v2p(frame) - index * 4096;
	in_place++;
	note(frame);
}

static void random_give(void)
{
	size_t i = below(taken_count), claims = one_in(2);
	uint64_t *frame = taken[i].frame;

	expect(frame[0] == taken[i].stamp && frame[511] == taken[i].stamp);
	is_taken[v2p(frame) / 4096] = false;
	taken[i] = taken[--taken_count];
	frame_drop(v2p(frame));
	expect(page_of(v2p(frame))->references == 0);
	frames_release(claims);
	promised -= claims;
}

static void random_step(unsigned take_of_100)
{
	size_t wanted = below(60);

	if (below(100) >= take_of_100) {
		for (uint64_t n = below(60); n > 0 && taken_count; n--)
			random_give();
		return;
	}
	if (frames_promise(wanted) == 0)
		promised += wanted;
	for (uint64_t n = below(60); n > 0 && taken_count < promised; n--) {
		if (one_in(2)) {
			random_take_at();
		} else {
			void *frame = kalloc_promised();

			expect(frame);          /* that is the promise */
			note(frame);
		}
	}
}

static void try_random(unsigned processors)
{
	unsigned take_of_100 = 50;
	size_t total, whole;

	start(RAM({ 0x100000, 0xe00000 }));
	known = NULL;
	frames_drain();
	cpu_count = processors;
	total = frames_total();
	whole = count_group(&runs.whole);
	promised = taken_count = in_place = 0;
	memset(is_taken, false, sizeof is_taken);
	memset(base, 0, sizeof base);
	for (int i = 0; i < 40000; i++) {
		use_processor((unsigned)below(processors));
		if (i % 1000 == 0) {
			take_of_100 = 20 + (unsigned)below(61);
			expect_healthy();
		}
		random_step(take_of_100);
		expect(frames_free() + taken_count == total);
		expect(frames_unclaimed() + promised == total);
	}
	expect(in_place > 1000);
	while (taken_count)
		random_give();
	frames_release(promised);
	for (unsigned i = 0; i < OWNERS; i++)
		run_release(owner(i));
	for (unsigned i = 0; i < processors; i++) {
		use_processor(i);
		frames_drain();
	}
	expect(frames.free == total && frames_unclaimed() == total);
	expect(count_group(&runs.whole) == whole);
	expect(count_group(&runs.reserved) == 0);
	expect_healthy();
}

static void test_random(void)
{
	try_random(1);
	try_random(2);
	try_random(MAX_CPUS);
}

const struct test tests[] = {
	{ "begin_whole", test_begin_whole },
	{ "partial_first", test_partial_first },
	{ "whole_again", test_whole_again },
	{ "reserve", test_reserve },
	{ "fill", test_fill },
	{ "break", test_break },
	{ "random", test_random },
	{ 0 },
};
