/* The kernel's address space: the map, its table, the stacks, the check. */
#include "reference.h"
#include "memory/kvm.h"

static const struct ram *ram;

/* As kmain() does it: a table in phase one, then phase two. */
static void start_kernel(const struct ram *r)
{
	ram = r;
	start_phase_one(r);
	kernel_map.count = 0;
	kernel_root = NULL;
	kvm_init();
	start_phase_two(r);
}

#define start_some() \
	start_kernel(RAM({ 0x100000, 0xa01000 }, { 0xc00000, 0x1600000 }))

static void expect_in_order(void)
{
	vaddr_t where = 1;
	const char *wrong;

	clear_console();
	wrong = check_vm(kernel_root, page_tables, &where);
	if (wrong)
		weft_printf("%p %s\n", (void *)where, wrong);
	expect(!wrong);
	wrong = check_free_list(&where);
	expect(!wrong);
}

/* ---- What is mapped --------------------------------------------------- */

static bool in_ram(paddr_t address)
{
	for (const struct ram *r = ram; r->end; r++)
		if (address >= r->start && address < r->end)
			return true;
	return false;
}

/* What the kernel may do with a physical page in the direct map. */
static unsigned allowed(paddr_t address)
{
	if (address >= HOST_DEVICE && address < HOST_DEVICE_END)
		return MAP_READ | MAP_WRITE | MAP_GLOBAL;
	if (!in_ram(address))
		return 0;
	if (address < v2p(text_end))
		return MAP_READ | MAP_EXECUTE | MAP_GLOBAL;
	if (address < v2p(rodata_end))
		return MAP_READ | MAP_GLOBAL;
	return MAP_READ | MAP_WRITE | MAP_GLOBAL;
}

static void test_direct_map(void)
{
	size_t pages = 0;

	start_some();
	for (paddr_t a = 0; a < HOST_MEMORY_END; a += PAGE_SIZE) {
		struct translation is = translate(kernel_root,
						  (vaddr_t)p2v(a));
		unsigned permissions = allowed(a);

		if (permissions) {
			expect(is.physical == a);
			expect(is.permissions == expressible(permissions));
			pages++;
		} else {
			expect(!is.permissions);
		}
	}
	expect(count_tree(kernel_root).pages == pages);
	expect(count_tree(kernel_root).tables == page_tables);
	expect(translate(kernel_root, (vaddr_t)p2v(0x600000)).span == LARGE);
	expect_in_order();
}

/* Entries of the upper half never change: they are marked. */
static void test_kept(void)
{
	start_some();
	for (unsigned i = PT_ENTRIES / 2; i < PT_ENTRIES; i++)
		if (pte_present(kernel_root[i]) &&
		    !pte_is_leaf(kernel_root[i], PT_LEVELS - 1))
			expect(kernel_root[i] & PTE_KEEP);
	expect(pte_present(kernel_root[pt_index(STACK_AREA,
						PT_LEVELS - 1)]));
}

static void test_map_refuses(void)
{
	start_some();
	expect(panics(kernel_map_add("bad", 0, 4096,
				     MAP_WRITE | MAP_EXECUTE),
		      "bad: writable and executable"));
	while (kernel_map.count < KERNEL_REGIONS)
		kernel_map_add("one more", 0, 4096, 0);
	expect(panics(kernel_map_add("too much", 0, 4096, 0),
		      "too many regions"));
}

/* ---- No memory -------------------------------------------------------- */

static void test_build_without_frames(void)
{
	size_t free, tables;
	pte_t *root = NULL;

	start_some();
	free = frames_free();
	tables = page_tables;
	for (size_t n = 0; !root; n++) {
		use_up_memory(n);
		root = kvm_build();
		if (!root)
			expect(frames_free() == n);
		give_memory_back();
		expect(root || page_tables == tables);
		expect(root || frames_free() == free);
	}
	expect(page_tables == 2 * tables);      /* a second of the same */
	expect(count_tree(root).pages == count_tree(kernel_root).pages);
	vm_free_all(root);
	expect(page_tables == tables && frames_free() == free);
	expect_in_order();
}

static void test_nth_frame_fails(void)
{
	start_some();
	expect(check_kvm_without_memory());
	expect(strstr(console_text, "nothing lost"));
	expect_in_order();
}

/* ---- Stacks ----------------------------------------------------------- */

static void test_stacks(void)
{
	enum { SLOTS = STACK_AREA_SIZE / STACK_SLOT };
	static const unsigned slots[] = { 0, 1, 7, SLOTS - 1, 500 };
	size_t free, tables, stack_pages = STACK_SIZE / PAGE_SIZE;

	start_some();
	free = frames_free();
	tables = page_tables;
	for (int i = 0; i < 5; i++) {
		vaddr_t top = STACK_AREA + (slots[i] + 1) * STACK_SLOT;

		expect(stack_map(slots[i]) == (void *)top);
		for (size_t at = 1; at <= STACK_SLOT / PAGE_SIZE; at++) {
			struct translation is = translate(
				kernel_root, top - at * PAGE_SIZE);

			if (at > stack_pages) {
				expect(!is.permissions);        /* guard */
				continue;
			}
			expect(is.permissions ==
			       expressible(MAP_READ | MAP_WRITE |
					   MAP_GLOBAL));
			expect(page_of(is.physical)->references == 1);
		}
		free -= stack_pages;
		expect(frames_free() == free);
	}
	expect(page_tables == tables);          /* made in advance */
	expect_in_order();

	/* Taken, or beyond the area: nothing happens. */
	for (int i = 0; i < 5; i++)
		expect(!stack_map(slots[i]));
	expect(!stack_map(SLOTS) && !stack_map((unsigned)-1));
	expect(frames_free() == free);

	for (size_t n = 0; n < stack_pages; n++) {
		use_up_memory(n);
		expect(!stack_map(3));
		expect(frames_free() == n);
		give_memory_back();
	}
	expect(frames_free() == free && page_tables == tables);
	expect(stack_map(3));
	expect_in_order();
}

/* ---- The check -------------------------------------------------------- */

static void test_planted_faults(void)
{
	uint64_t sum;
	size_t free, tables;

	start_some();
	expect(stack_map(0));
	sum = count_tree(kernel_root).sum;
	free = frames_free();
	tables = page_tables;
	expect(plant_each(vm_faults));
	expect(!strstr(console_text, "NOT FOUND"));
	expect(page_tables == tables && frames_free() == free);
	expect_in_order();
	expect(count_tree(kernel_root).sum == sum);
}

/* Any entry of the tree: its place, its level and its address. */
struct place {
	pte_t *entry;
	int level;
	vaddr_t address;
};

static struct place places[200000];
static size_t place_count;

static void collect(pte_t *table, int level, vaddr_t base)
{
	for (unsigned i = 0; i < PT_ENTRIES; i++) {
		vaddr_t at = vaddr_extend(base + i * pt_span(level));

		expect(place_count < sizeof places / sizeof *places);
		places[place_count++] =
			(struct place){ &table[i], level, at };
		if (pte_present(table[i]) && !pte_is_leaf(table[i], level))
			collect(p2v(pte_address(table[i])), level - 1, at);
	}
}

static bool is_stack(vaddr_t address)
{
	return address - STACK_AREA < STACK_AREA_SIZE &&
	       address & STACK_SIZE;
}

static bool is_table(const struct place *at)
{
	return pte_present(*at->entry) && !pte_is_leaf(*at->entry, at->level);
}

/* One entry, damaged in a way that the check must see. */
static pte_t damage(const struct place *at)
{
	pte_t entry = *at->entry;
	paddr_t frame = pte_address(entry);
	unsigned now = pte_permissions(entry);
	paddr_t other = random_physical(0) & ~(pt_span(at->level) - 1);

	if (!pte_present(entry))        /* an extra page */
		return pte_leaf(other, MAP_READ | MAP_WRITE | MAP_USER,
				at->level);
	switch (below(4)) {
	case 0:                         /* none */
		return is_stack(at->address) ? entry : 0;
	case 1:                         /* another */
		return is_stack(at->address) ? entry
			: pte_leaf(other, now, at->level);
	case 2:                         /* more or less allowed */
		return pte_leaf(frame, now ^ MAP_WRITE, at->level);
	default:
		return pte_leaf(frame, now ^ MAP_USER, at->level);
	}
}

static void try_damage(const struct place *at)
{
	pte_t good = *at->entry, bad = damage(at);
	vaddr_t where;

	if (bad == good)
		return;
	*at->entry = bad;
	expect(check_vm(kernel_root, page_tables, &where));
	expect(where == at->address);
	expect(*at->entry == bad);
	*at->entry = good;
}

static void test_damaged_pages(void)
{
	start_some();
	expect(stack_map(0) && stack_map(9));
	place_count = 0;
	collect(kernel_root, PT_LEVELS - 1, 0);
	for (size_t i = 0; i < place_count; i++) {
		const struct place *at = &places[i];

		/* Most entries are empty: a few of them will do. */
		if (is_table(at) || at->level > PT_LARGEST ||
		    (!pte_present(*at->entry) && !one_in(20)))
			continue;
		for (int n = 0; n < 4; n++)
			try_damage(at);
	}
	expect_in_order();
}

/* The address of a table, or a page without permissions, is believed. */
static void test_damaged_tables(void)
{
	start_some();
	place_count = 0;
	collect(kernel_root, PT_LEVELS - 1, 0);
	for (size_t i = 0; i < place_count; i++) {
		const struct place *at = &places[i];
		pte_t good = *at->entry;
		vaddr_t where;

		if (is_table(at)) {
			*at->entry = pte_table(random_physical(0));
			expect(check_vm(kernel_root, page_tables, &where));
			*at->entry = pte_table(v2p(kernel_root));
			expect(check_vm(kernel_root, page_tables, &where));
		} else if (pte_present(good) && PT_LEVELS == 3) {
			*at->entry = pte_table(pte_address(good));
			expect(check_vm(kernel_root, page_tables, &where));
		}
		*at->entry = good;
	}
	expect_in_order();
}

const struct test tests[] = {
	{ "direct_map", test_direct_map },
	{ "kept", test_kept },
	{ "map_refuses", test_map_refuses },
	{ "build_without_frames", test_build_without_frames },
	{ "nth_frame_fails", test_nth_frame_fails },
	{ "stacks", test_stacks },
	{ "planted_faults", test_planted_faults },
	{ "damaged_pages", test_damaged_pages },
	{ "damaged_tables", test_damaged_tables },
	{ 0 },
};
