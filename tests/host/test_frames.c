/*
 * The frame allocator against a model: a list of what each frame is
 * used for.  The host's machine (host.h) poisons everything outside RAM,
 * so a pointer followed too early or too far does not go unnoticed.
 */
#include "host.h"
#include "processor.h"
#include "memory/runs.h"

enum { FRAMES = HOST_MEMORY_END / 4096, RUN_BYTES = RUN_FRAMES * 4096 };

/* ---- Which frames there are ------------------------------------------ */

static paddr_t end_of_ram;              /* of the model's machine */
static paddr_t array_start;             /* where the page array begins */

static void model_ram(const struct ram *ram)
{
	paddr_t first = 0;

	end_of_ram = 0;
	for (; ram->end; ram++) {
		paddr_t end = ram->end & ~(paddr_t)4095;

		if (end <= KERNEL_START)
			continue;
		if (first == 0 || ram->start < first)
			first = ram->start > KERNEL_START ? ram->start
							  : KERNEL_START;
		if (end > end_of_ram)
			end_of_ram = end;
	}
	first = (first + 4095) & ~(paddr_t)4095;
	array_start = end_of_ram - (end_of_ram - first) / 4096 *
				   sizeof(struct page);
	array_start -= (end_of_ram / RUN_BYTES - first / RUN_BYTES +
			(end_of_ram % RUN_BYTES != 0)) * sizeof(struct run);
	array_start &= ~(paddr_t)4095;
}

/* May the allocator hand out the frame at ADDRESS? */
static bool usable(const struct ram *ram, paddr_t address)
{
	if (address < v2p(kernel_end) || address >= array_start)
		return false;
	for (; ram->end; ram++)
		if (address >= ram->start && address + 4096 <= ram->end)
			return true;
	return false;
}

static size_t count_usable(const struct ram *ram, paddr_t end)
{
	size_t count = 0;

	for (paddr_t a = 0; a < HOST_MEMORY_END && a < end; a += 4096)
		count += usable(ram, a);
	return count;
}

static void expect_healthy(void)
{
	paddr_t where = 1;

	expect(check_free_list(&where) == NULL);
	expect(!is_locked(&frames.lock));
}

/* ---- Two phases ------------------------------------------------------- */

static const struct ram *const machines[] = {
	SOME_RAM,
	RAM({ 0x100000, HOST_MEMORY_END }),
	RAM({ 0x100000, 0x300000 }),            /* all in the boot map */
	RAM({ 0x100000, 0x400000 }),
	RAM({ 0x100000, 0x401000 }),            /* one page beyond it */
	RAM({ 0x100000, 0x403000 }),
	RAM({ 0x800000, 0x1000000 }, { 0x100000, 0x200000 }),
	RAM({ 0x100000, 0x180800 }, { 0x181800, 0x3ff001 },
	    { 0x3fff00, 0x600fff }, { 0x700000, 0x900000 }),
};

enum { MACHINES = sizeof machines / sizeof *machines };

/* Takes all frames and gives them back: is it what the model says? */
static void drain(const struct ram *ram, paddr_t end, const bool *taken)
{
	static bool seen[FRAMES];
	struct frame *all = NULL;
	size_t free = frames_free();

	memset(seen, false, sizeof seen);
	for (struct frame *frame; (frame = kalloc_last());) {
		paddr_t address = v2p(frame);

		expect(address % 4096 == 0 && address < end);
		expect(usable(ram, address));
		expect(!seen[address / 4096] && !taken[address / 4096]);
		seen[address / 4096] = true;
		expect(frames_free() == --free);
		frame->next = all;
		all = frame;
	}
	expect(free == 0);
	for (size_t i = 0; i < FRAMES; i++)
		expect(i * 4096 >= end || seen[i] || taken[i] ||
		       !usable(ram, i * 4096));
	while (all) {
		struct frame *next = all->next;

		kfree(all);
		all = next;
	}
}

static void try_machine(const struct ram *ram)
{
	static bool taken[FRAMES];
	size_t count;

	model_ram(ram);
	memset(taken, false, sizeof taken);
	start_phase_one(ram);
	count = count_usable(ram, BOOT_MAP_END);
	expect(frames_free() == count && frames_total() == count);
	expect_healthy();
	drain(ram, BOOT_MAP_END, taken);
	expect_healthy();

	/* What was taken in phase one stays taken in phase two. */
	for (int i = 0; i < 10; i++)
		taken[v2p(kalloc()) / 4096] = true;
	start_phase_two(ram);
	count = count_usable(ram, HOST_MEMORY_END);
	expect(frames_free() == count - 10 && frames_total() == count);
	expect_healthy();
	for (paddr_t a = 0; a < HOST_MEMORY_END; a += 4096)
		if (usable(ram, a))
			expect(page_of(a)->references == taken[a / 4096]);
	drain(ram, HOST_MEMORY_END, taken);
	expect_healthy();
}

static void test_phases(void)
{
	for (int i = 0; i < MACHINES; i++)
		try_machine(machines[i]);
}

static void test_last_range_too_small(void)
{
	expect(panics(start(RAM({ 0x100000, 0x1000000 },
				{ 0x1001000, 0x1002000 })),
		      "the last range of memory is too small"));
}

/* ---- Allocating and freeing ------------------------------------------- */

static bool filled(const void *frame, size_t from, int byte)
{
	const uint8_t *bytes = frame;

	return bytes[from] == byte &&
	       memcmp(bytes + from, bytes + from + 1, 4095 - from) == 0;
}

struct taken {
	uint64_t *frame;
	uint64_t stamp;         /* in its first and last word */
};

static struct taken taken[FRAMES];
static size_t taken_count;
static bool is_taken[FRAMES];

static void take(const struct ram *ram)
{
	uint64_t *frame = kalloc();
	size_t number;

	if (!frame) {
		expect(frames_free() == frames_reserve());
		return;
	}
	number = v2p(frame) / 4096;
	expect(v2p(frame) % 4096 == 0 && usable(ram, v2p(frame)));
	expect(!is_taken[number]);
	expect(page_of(v2p(frame))->references == 1);
	if (CHECK)
		expect(filled(frame, 0, FRESH_FILL));
	is_taken[number] = true;
	taken[taken_count].frame = frame;
	taken[taken_count++].stamp = frame[0] = frame[511] = random64();
}

static void give(void)
{
	size_t i = below(taken_count);
	uint64_t *frame = taken[i].frame;

	expect(frame[0] == taken[i].stamp);
	expect(frame[511] == taken[i].stamp);
	is_taken[v2p(frame) / 4096] = false;
	taken[i] = taken[--taken_count];
	kfree(frame);
	expect(page_of(v2p(frame))->references == 0);
	if (CHECK)
		expect(filled(frame, sizeof(struct frame), FREE_FILL));
	else                    /* all but the link is left alone */
		expect(frame[511] != 0x0101010101010101);
}

static void test_random(void)
{
	const struct ram *ram = machines[MACHINES - 1];
	size_t total;
	unsigned take_of_100 = 50;

	model_ram(ram);
	start(ram);
	total = frames_total();
	taken_count = 0;
	memset(is_taken, false, sizeof is_taken);
	for (int i = 0; i < 300000; i++) {
		/* Runs now to the empty list, now to the full one. */
		if (i % 5000 == 0) {
			take_of_100 = 20 + (unsigned)below(61);
			expect_healthy();
		}
		if (below(100) < take_of_100)
			take(ram);
		else if (taken_count)
			give();
		expect(frames_free() + taken_count == total);
		expect(frames_total() == total);
	}
	while (taken_count)
		give();
	expect_healthy();
}

static void test_exhaustion(void)
{
	size_t reserve;
	void *frame;

	start(SOME_RAM);
	reserve = frames_reserve();
	use_up_memory(reserve + 1);
	frame = kalloc();
	expect(frame && !kalloc() && !kalloc() && !kalloc_zeroed());
	expect(frames_free() == reserve);
	expect_healthy();
	kfree(frame);
	expect(frames_free() == reserve + 1);
	expect(kalloc() && !kalloc());
	give_memory_back();
	expect(frames_free() == frames_total() - 1);
	expect_healthy();
}

static void test_zeroed(void)
{
	start(SOME_RAM);
	for (int i = 0; i < 10; i++) {
		void *frame = kalloc();

		memset(frame, 0x77, 4096);
		kfree(frame);
		expect(kalloc_zeroed() == frame && filled(frame, 0, 0));
	}
}

static void test_fail_on_purpose(void)
{
	size_t free;

	start(SOME_RAM);
	free = frames_free();
	for (unsigned n = 1; n < 10; n++) {
		kalloc_fail_at = n;
		for (unsigned i = 1; i < n; i++)
			expect(kalloc());
		free -= n - 1;
		expect((kalloc() == NULL) == CHECK);
		free -= !CHECK;
		expect(frames_free() == free);
		expect(kalloc());               /* only that one fails */
		free--;
	}
}

/* ---- Promises, and lists of several processors ------------------------ */

static size_t promised, promised_taken, promise_reserve;

static void random_promise(void)
{
	size_t wanted = below(60), before = frames_unclaimed();
	bool fits = before >= wanted + promise_reserve;

	expect((frames_promise(wanted) == 0) == fits);
	if (!fits)
		expect(frames_unclaimed() == before);
	else
		promised += wanted;
}

/* A frame that was promised is there, whatever the others keep. */
static void take_promised(void)
{
	uint64_t *frame;

	if (promised_taken == promised)
		return;
	frame = kalloc_promised();
	expect(frame && !is_taken[v2p(frame) / 4096]);
	expect(page_of(v2p(frame))->references == 1);
	is_taken[v2p(frame) / 4096] = true;
	taken[taken_count].frame = frame;
	taken[taken_count++].stamp = frame[0] = frame[511] = random64();
	promised_taken++;
}

static void give_promised(void)
{
	size_t i = below(taken_count), claims = one_in(2);
	uint64_t *frame = taken[i].frame;

	expect(frame[0] == taken[i].stamp);
	expect(frame[511] == taken[i].stamp);
	is_taken[v2p(frame) / 4096] = false;
	taken[i] = taken[--taken_count];
	promised_taken--;
	if (one_in(2))
		frame_drop(v2p(frame));
	else
		kfree_promised(frame);
	expect(page_of(v2p(frame))->references == 0);
	frames_release(claims);
	promised -= claims;
}

static void try_promises(unsigned processors)
{
	size_t total;
	unsigned take_of_100 = 50;

	start(RAM({ 0x100000, 0x400000 }));
	cpu_count = processors;
	total = frames_total();
	promise_reserve = frames_reserve();
	promised = promised_taken = taken_count = 0;
	memset(is_taken, false, sizeof is_taken);
	for (int i = 0; i < 60000; i++) {
		use_processor((unsigned)below(processors));
		if (i % 2000 == 0) {
			take_of_100 = 20 + (unsigned)below(61);
			expect_healthy();
		}
		if (below(100) < take_of_100) {
			random_promise();
			for (uint64_t n = below(50); n > 0; n--)
				take_promised();
		} else {
			for (uint64_t n = below(50); n > 0 && taken_count; n--)
				give_promised();
		}
		expect(frames_free() + taken_count == total);
		expect(frames_unclaimed() + promised == total);
		expect(this_cpu()->frame_count <= 2 * BATCH);
	}
	while (taken_count)
		give_promised();
	frames_release(promised);
	expect(frames_unclaimed() == total && frames_free() == total);
	for (unsigned i = 0; i < processors; i++) {
		use_processor(i);
		frames_drain();
		expect(this_cpu()->frame_count == 0);
	}
	expect(frames.free == total);
	expect_healthy();
}

static void test_promises(void)
{
	try_promises(1);
	try_promises(2);
	try_promises(MAX_CPUS);
}

/* Somebody else's claim is not kalloc()'s to use. */
static void test_promise_is_kept(void)
{
	size_t total;

	start(SOME_RAM);
	total = frames_total() - frames_reserve();
	expect(frames_promise(total) == 0);
	expect(!kalloc() && !kalloc_zeroed() && frames_promise(1));
	expect(frames_promise(0) == 0);
	frames_release(1);
	expect(frames_promise(2) == -1 && frames_promise(1) == 0);
	for (size_t i = 0; i < total; i++)
		expect(kalloc_promised());
	expect(frames_free() + total == frames_total());
}

static void test_sharing(void)
{
	size_t free;
	void *frame;

	start(SOME_RAM);
	free = frames_free();
	expect(frames_promise(1) == 0);
	frame = kalloc_promised();
	expect(!frame_is_shared(v2p(frame)));
	frame_share(v2p(frame));
	frame_share(v2p(frame));
	expect(frame_is_shared(v2p(frame)));
	frame_drop(v2p(frame));
	frame_drop(v2p(frame));
	expect(!frame_is_shared(v2p(frame)) && frames_free() == free - 1);
	frame_drop(v2p(frame));
	expect(frames_free() == free);
	expect_healthy();
}

/* ---- Lists ------------------------------------------------------------ */

/* Frame N of those that are on the lists of the runs. */
static struct frame *nth_free(size_t n)
{
	for (size_t i = 0; i < runs.count; i++)
		for (struct frame *frame = runs.run[i].list; frame;
		     frame = frame->next)
			if (n-- == 0)
				return frame;
	failed(__FILE__, __LINE__, "not so many");
}

/* Link N of frames.free + runs.count: what names a frame, or ends. */
static struct frame **nth_link(size_t n)
{
	for (size_t i = 0; i < runs.count; i++)
		for (struct frame **link = &runs.run[i].list;;
		     link = &(*link)->next) {
			if (n-- == 0)
				return link;
			if (!*link)
				break;
		}
	failed(__FILE__, __LINE__, "not so many");
}

/* ---- Misuse ----------------------------------------------------------- */

static void test_free_no_frame(void)
{
	static const paddr_t wrong[] = {
		0, 4096, KERNEL_START, KERNEL_START + 0xf000,
		0x200001, 0x200008, 0x200800, 0x200fff,
		0x600000, 0x680000, 0x6ff000,   /* in the hole */
		0x900000, 0x1000000, RAM_LIMIT, (paddr_t)1 << 40,
		(paddr_t)-4096,
	};

	start(RAM({ 0x100000, 0x600000 }, { 0x700000, 0x900000 }));
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		expect(panics(kfree(p2v(wrong[i])), "kfree: 0x") &&
		       strstr(panic_text, "is not a frame"));
	expect(panics(kfree(NULL), "kfree: 0x0"));
	expect(panics(kfree(p2v(frames.array)), "kfree: 0x"));
	expect(panics(kfree(host_memory + 0x200000 - 1), "kfree: 0x"));
	expect_healthy();                       /* nothing has changed */
	expect(frames_free() == frames_total());
}

static void test_free_twice(void)
{
	void *frame;

	start(SOME_RAM);
	frame = kalloc();
	kfree(frame);
	expect(panics(kfree(frame), "kfree: 0x"));
	expect(strstr(panic_text, "has 0 owners, not one"));
	start(SOME_RAM);
	kalloc();
	frames_drain();
	expect(panics(kfree(nth_free(0)), "kfree: 0x"));
}

static void test_free_shared(void)
{
	void *frame;

	start(SOME_RAM);
	frame = kalloc();
	page_of(v2p(frame))->references = 2;
	expect(panics(kfree(frame), "kfree: 0x"));
	expect(strstr(panic_text, "has 2 owners, not one"));
}

/* ---- The check -------------------------------------------------------- */

static struct ram small_ram[] = {
	{ 0x100000, 0x140000 }, { 0x3f0000, 0x410000 },
	{ 0x420000, 0x440000 }, { 0, 0 },
};

enum { SMALL_END = 0x440000 };

/* All that a check or a planted fault might change. */
struct snapshot {
	struct frames frames;
	struct runs runs;
	uint8_t *memory;
};

/* Not instrumented, since it reads what is poisoned as well. */
__attribute__((no_sanitize("address"), noinline))
static bool same_bytes(const uint64_t *a, const uint64_t *b, size_t size)
{
	for (size_t i = 0; i < size / sizeof *a; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

__attribute__((no_sanitize("address"), noinline))
static void copy_bytes(uint64_t *to, const uint64_t *from, size_t size)
{
	for (size_t i = 0; i < size / sizeof *to; i++)
		((volatile uint64_t *)to)[i] = from[i];
}

static struct snapshot snapshot(void)
{
	struct snapshot shot = { frames, runs, malloc(SMALL_END) };

	copy_bytes((uint64_t *)shot.memory, (uint64_t *)host_memory,
		   SMALL_END);
	return shot;
}

/* Is everything as it was?  The numbers drawn at the lock are not. */
static bool unchanged(const struct snapshot *shot)
{
	const struct frames *before = &shot->frames;

	return same_bytes((uint64_t *)shot->memory,
			  (uint64_t *)host_memory, SMALL_END) &&
	       memcmp(&runs, &shot->runs, sizeof runs) == 0 &&
	       frames.list == before->list &&
	       frames.free == before->free &&
	       frames.total == before->total &&
	       frames.first == before->first &&
	       frames.last == before->last &&
	       frames.array == before->array &&
	       frames.page == before->page &&
	       !is_locked(&frames.lock);
}

/* The common list in disorder, with frames in use beside it. */
static void *start_small(void)
{
	enum { SOME = 40 };
	void *frame[SOME];

	start(small_ram);
	for (int i = 0; i < SOME; i++)
		frame[i] = kalloc_last();
	for (int i = SOME; i > 10; i--) {
		size_t which = below((uint64_t)i);

		kfree(frame[which]);
		frame[which] = frame[i - 1];
	}
	frames_drain();
	return frame[0];
}

static void test_check_changes_nothing(void)
{
	struct snapshot shot;

	start_small();
	shot = snapshot();
	expect_healthy();
	expect(unchanged(&shot));
	kfree(kalloc_last());                   /* by way of our own list */
	expect_healthy();
	use_up_memory(0);
	expect_healthy();                       /* an empty list is one */
	give_memory_back();
	free(shot.memory);
}

static void test_planted_faults(void)
{
	const struct planted_fault *fault = frame_faults;
	struct snapshot shot;

	start_small();
	shot = snapshot();
	expect(plant_each(frame_faults) == CHECK);
	for (; fault->name; fault++) {
		/* Without the fills their damage cannot be seen. */
		bool visible = CHECK ||
			       (strcmp(fault->name, "fill") != 0 &&
				strcmp(fault->name, "fresh write") != 0);

		expect(plant(fault) == visible);
		expect(unchanged(&shot));
		expect_healthy();
	}
	expect(!!strstr(console_text, "NOT FOUND") == !CHECK);
	free(shot.memory);
}

/* What somebody might have written over a link. */
static struct frame *random_link(void *in_use)
{
	switch (below(9)) {
	case 0:
		return NULL;
	case 1:                                 /* a free frame */
		return nth_free(below(frames.free));
	case 2:                                 /* inside one */
		return (void *)((char *)nth_free(below(frames.free)) +
				(1 + below(4095)));
	case 3:
		return in_use;
	case 4:                                 /* the kernel */
		return p2v(KERNEL_START + below(16) * 4096);
	case 5:                                 /* a hole */
		return p2v(0x140000 + below(100) * 4096);
	case 6:                                 /* the page array, */
		return p2v(frames.array + below(8) * 4096);
	case 7:                                 /* any page there is, */
		return p2v(below(SMALL_END / 4096) * 4096);
	default:                                /* anything at all */
		return (struct frame *)(random64() >> below(64));
	}
}

/* One wrong link: whatever it is, the check must see it. */
static void test_damaged_link(void)
{
	void *in_use = start_small();

	for (int i = 0; i < 2000; i++) {
		struct frame **link =
			nth_link(below(frames.free + runs.count));
		struct frame *good = *link, *bad = random_link(in_use);
		paddr_t where = 1;

		if (bad == good)
			continue;
		*link = bad;
		expect(check_free_list(&where));
		expect(where != 1 && !is_locked(&frames.lock));
		*link = good;
	}
	expect_healthy();
}

static void test_damaged_bytes(void)
{
	start_small();
	for (int i = 0; i < 2000 && CHECK; i++) {
		struct frame *frame = nth_free(below(frames.free));
		size_t at = sizeof *frame +
			    below(4096 - sizeof *frame);
		paddr_t where;

		((uint8_t *)frame)[at] ^= 1 << below(8);
		expect(check_free_list(&where));
		expect(where == v2p(frame));
		((uint8_t *)frame)[at] = FREE_FILL;
	}
	expect_healthy();
}

static void test_damaged_counts(void)
{
	start_small();
	for (int i = 0; i < 2000; i++) {
		struct page *page =
			page_of(v2p(nth_free(below(frames.free))));
		size_t good = frames.free;
		paddr_t where;

		if (one_in(2)) {
			page->references = 1 + (uint32_t)below(3);
			expect(check_free_list(&where));
			expect(p2v(where) && page_of(where) == page);
			page->references = 0;
		} else {
			frames.free = below(2 * good);
			expect((check_free_list(&where) != NULL) ==
			       (frames.free != good));
			frames.free = good;
		}
	}
	expect_healthy();
}

/*
 * Several links at once.  The faults may hide each other, so nothing is
 * said about the answer; but an answer there must be.
 */
static void test_much_damage(void)
{
	for (int i = 0; i < 300; i++) {
		void *in_use = start_small();
		int damages = 2 + (int)below(30);
		struct frame **link[32], *bad[32];
		paddr_t where;

		for (int n = 0; n < damages; n++) {
			link[n] = &nth_free(below(frames.free))->next;
			bad[n] = random_link(in_use);
		}
		for (int n = 0; n < damages; n++)
			*link[n] = bad[n];
		check_free_list(&where);
		expect(!is_locked(&frames.lock));
	}
}

const struct test tests[] = {
	{ "phases", test_phases },
	{ "last_range_too_small", test_last_range_too_small },
	{ "random", test_random },
	{ "exhaustion", test_exhaustion },
	{ "zeroed", test_zeroed },
	{ "fail_on_purpose", test_fail_on_purpose },
	{ "promises", test_promises },
	{ "promise_is_kept", test_promise_is_kept },
	{ "sharing", test_sharing },
	{ "free_no_frame", test_free_no_frame },
	{ "free_twice", test_free_twice },
	{ "free_shared", test_free_shared },
	{ "check_changes_nothing", test_check_changes_nothing },
	{ "planted_faults", test_planted_faults },
	{ "damaged_link", test_damaged_link },
	{ "damaged_bytes", test_damaged_bytes },
	{ "damaged_counts", test_damaged_counts },
	{ "much_damage", test_much_damage },
	{ 0 },
};
