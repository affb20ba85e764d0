/*
 * The frame allocator against a model: a list of what each frame is
 * used for.  The host's machine (host.h) poisons everything outside RAM,
 * so a pointer followed too early or too far does not go unnoticed.
 */
#include "host.h"

enum { FRAMES = HOST_MEMORY_END / 4096 };

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
	for (struct frame *frame; (frame = kalloc());) {
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
	void *kept[10];
	size_t count, used = 0;

	model_ram(ram);
	memset(taken, false, sizeof taken);
	start_phase_one(ram);
	count = count_usable(ram, BOOT_MAP_END);
	expect(frames_free() == count && frames_total() == count);
	expect_healthy();
	drain(ram, BOOT_MAP_END, taken);

	/* What is taken in phase one stays taken in phase two. */
	for (int i = 0; i < 10; i++) {
		kept[i] = kalloc();
		if (!kept[i])
			continue;
		taken[v2p(kept[i]) / 4096] = true;
		used++;
	}
	start(ram);
	for (int i = 0; i < 10; i++)
		expect(kalloc() == kept[i]);
	start_phase_one(ram);
	for (int i = 0; i < 10; i++)
		expect(kalloc() == kept[i]);
}

static void test_phase_one(void)
{
	for (int i = 0; i < MACHINES; i++)
		try_machine(machines[i]);
}

const struct test tests[] = { { "phase_one", test_phase_one }, { 0 } };
