/* vmprint(), vmprint_walk() and vmdump(): what they print of trees we know. */
#include "reference.h"

enum { RW = MAP_READ | MAP_WRITE };

#define P "0x%016lx"            /* %p of the kernel, on the host */

/* Where the table of LEVEL is that has the entry for ADDRESS. */
static unsigned long table_for(pte_t *root, vaddr_t address, int level)
{
	return v2p(walk(root, address, &level, false)) & ~4095ul;
}

static void expect_console(const char *expected)
{
	if (strcmp(console_text, expected) == 0)
		return;
	printf("expected:\n%s", expected);
	failed(__FILE__, __LINE__, "the console says what is expected");
}

/* The example of the book: the serial port of a RISC-V board. */
static void test_uart0(void)
{
	const vaddr_t uart0 = 0x10000000;
	pte_t *root;
	char expected[1000];
	unsigned long low, middle, top;

	start(SOME_RAM);
	root = root_alloc();
	expect(!map_region(root, uart0, PAGE_SIZE, uart0, RW));
	top = v2p(root);
	middle = table_for(root, uart0, 1);
	low = table_for(root, uart0, 0);
	clear_console();
	vmprint(root);
	expect(vmprint_walk(root, uart0 + 4) == 0);
#if PT_LEVELS == 3
	snprintf(expected, sizeof expected,
		 "page table at " P "\n"
		 "0: table at " P "\n"
		 "  128: table at " P "\n"
		 "    0: " P " to " P ", 4K rw---\n"
		 "walk of " P ":\n"
		 "  level 2, index 0: table at " P "\n"
		 "  level 1, index 128: table at " P "\n"
		 "  level 0, index 0: page at " P " rw---\n"
		 "  offset 4: " P "\n",
		 top, middle, low, uart0, uart0,
		 uart0 + 4, middle, low, uart0, uart0 + 4);
#else
	expect(middle == top);
	snprintf(expected, sizeof expected,
		 "page table at " P "\n"
		 "64: table at " P "\n"
		 "  0: " P " to " P ", 4K rwx--\n"
		 "walk of " P ":\n"
		 "  level 1, index 64: table at " P "\n"
		 "  level 0, index 0: page at " P " rwx--\n"
		 "  offset 4: " P "\n",
		 top, low, uart0, uart0,
		 uart0 + 4, low, uart0, uart0 + 4);
#endif
	expect_console(expected);
	clear_console();
	vmdump(root);
#if PT_LEVELS == 3
	snprintf(expected, sizeof expected,
		 "vmdump host levels 3 bits 9 root " P "\n"
		 "2 " P " 0 " P "\n1 " P " 128 " P "\n"
		 "0 " P " 0 0x00000000040000c7\n"
		 "vmdump ends after 3 entries\n",
		 top, top, middle >> 2 | 1, middle, low >> 2 | 1, low);
#else
	snprintf(expected, sizeof expected,
		 "vmdump host levels 2 bits 10 root " P "\n"
		 "1 " P " 64 " P "\n"
		 "0 " P " 0 0x0000000010000003\n"
		 "vmdump ends after 2 entries\n",
		 top, top, low | 7, low);
#endif
	expect_console(expected);
	vm_free(root);
}

/* Neighbours share a line if both addresses and permissions go on. */
static void test_runs(void)
{
	const char *rw = expressible(RW) == RW ? "rw---" : "rwx--";
	const char *rwu = expressible(RW) == RW ? "rw-u-" : "rwxu-";
	const char *rg = expressible(RW) == RW ? "r---g" : "r-x-g";
	pte_t *root;
	char expected[2000], *at = expected;
	unsigned long low;

	start(SOME_RAM);
	root = root_alloc();
	expect(!map_region(root, 0x1000, 0x3000, 0x51000, RW));
	expect(!map_region(root, 0x4000, 0x1000, 0x54000, RW | MAP_USER));
	expect(!map_region(root, 0x5000, 0x1000, 0x55000, RW | MAP_USER));
	expect(!map_region(root, 0x6000, 0x1000, 0x57000, RW | MAP_USER));
	expect(!map_region(root, 0x8000, 0x1000, 0x59000, RW | MAP_USER));
	expect(!map_region(root, LAST_BYTE - 4 * LARGE + 1, 4 * LARGE,
			   6 * LARGE, MAP_READ | MAP_GLOBAL));
	low = table_for(root, 0, 0);
	clear_console();
	vmprint(root);
	at += sprintf(at, "page table at " P "\n", v2p(root));
#if PT_LEVELS == 3
	at += sprintf(at, "0: table at " P "\n", table_for(root, 0, 1));
	at += sprintf(at, "  0: table at " P "\n", low);
#define INDENT "    "
#else
	at += sprintf(at, "0: table at " P "\n", low);
#define INDENT "  "
#endif
	at += sprintf(at, INDENT "1-3: " P " to " P ", 12K %s\n", 0x1000ul,
		      0x51000ul, rw);
	at += sprintf(at, INDENT "4-5: " P " to " P ", 8K %s\n", 0x4000ul,
		      0x54000ul, rwu);
	at += sprintf(at, INDENT "6: " P " to " P ", 4K %s\n", 0x6000ul,
		      0x57000ul, rwu);
	at += sprintf(at, INDENT "8: " P " to " P ", 4K %s\n", 0x8000ul,
		      0x59000ul, rwu);
#if PT_LEVELS == 3
	at += sprintf(at, "511: table at " P "\n",
		      table_for(root, LAST_BYTE, 1));
	sprintf(at, "  508-511: " P " to " P ", 8M %s\n",
		LAST_BYTE - 4 * LARGE + 1, 6 * LARGE, rg);
#else
	sprintf(at, "1020-1023: " P " to " P ", 16M %s\n",
		LAST_BYTE - 4 * LARGE + 1, 6 * LARGE, rg);
#endif
	expect_console(expected);
	vm_free_all(root);
}

static void test_walk_ends(void)
{
	pte_t *root;

	start(SOME_RAM);
	root = root_alloc();
	clear_console();
	expect(vmprint_walk(root, 0x5000) == -1);
	expect(strstr(console_text, "index 0: nothing there\n"));
	expect(!map_region(root, 2 * LARGE, LARGE, LARGEST, RW));
	clear_console();
	expect(vmprint_walk(root, 3 * LARGE - 1) == 0);
	expect(strstr(console_text, "level 1, index 2: page at 0x"));
	expect(!strstr(console_text, "level 0"));
	expect(strstr(console_text, LARGE == 0x200000
			      ? "  offset 2097151: 0x00000000401fffff\n"
			      : "  offset 4194303: 0x00000000007fffff\n"));
	clear_console();
	expect(vmprint_walk(root, LARGE) == -1);
	expect(strstr(console_text, "level 1, index 1: nothing there\n"));
	expect(!map_region(root, 0, PAGE_SIZE, 0, RW));
	clear_console();
	expect(vmprint_walk(root, 0x1000) == -1);
	expect(strstr(console_text, "level 0, index 1: nothing there\n"));
#if PT_LEVELS == 3
	clear_console();
	expect(vmprint_walk(root, LOWER_END) == -1);
	expect(strstr(console_text, "  not an address of this machine\n"));
#endif
	vm_free(root);
}

/* ---- Random trees ----------------------------------------------------- */

/* Does this part of a line tell the truth?  Returns how many pages. */
static size_t
check_run(pte_t *root, const char *line, int depth)
{
	int level = PT_LEVELS - 1 - depth, read = 0;
	unsigned first, last;
	unsigned long address, physical, size;
	char unit, text[8];

	if (sscanf(line, "%u-%u: %n", &first, &last, &read) < 2 || !read) {
		read = 0;
		expect(sscanf(line, "%u: %n", &first, &read) == 1 && read);
		last = first;
	}
	expect(sscanf(line + read, "0x%lx to 0x%lx, %lu%c %5[rwxug-]",
		      &address, &physical, &size, &unit, text) == 5);
	size *= unit == 'M' ? MIB : KIB;
	expect(unit == 'M' || unit == 'K');
	expect(size == (last - first + 1) * pt_span(level));
	expect(first == pt_index(address, level));
	for (size_t at = 0; at < size; at += PAGE_SIZE) {
		struct translation is = translate(root, address + at);

		expect(is.physical == physical + at);
		expect(is.span == pt_span(level));
		for (int i = 0; i < 5; i++)
			expect(text[i] == (is.permissions >> i & 1
					   ? "rwxug"[i] : '-'));
	}
	return size / PAGE_SIZE;
}

/* Every line is true, and together they are the whole tree. */
static void check_output(pte_t *root)
{
	struct census census = count_tree(root);
	size_t tables = 0, pages = 0;

	for (char *line = strtok(console_text, "\n"); line;
	     line = strtok(NULL, "\n")) {
		int blanks = (int)strspn(line, " ");

		if (strstr(line, "table at 0x"))
			tables++;
		else
			pages += check_run(root, line + blanks, blanks / 2);
	}
	expect(tables == census.tables);
	expect(pages == census.pages);
}

/* Every line is an entry, in order, and together they are all. */
static void check_dump(pte_t *root)
{
	struct { unsigned long table; unsigned index; } last[PT_LEVELS] = {0};
	struct census census = count_tree(root);
	size_t lines = 0, ended = 0;

	for (char *text = strtok(console_text, "\n"); text;
	     text = strtok(NULL, "\n")) {
		unsigned long table, entry;
		unsigned level, index;

		if (sscanf(text, "%u 0x%lx %u 0x%lx", &level, &table, &index,
			   &entry) != 4) {
			sscanf(text, "vmdump ends after %zu", &ended);
			continue;
		}
		lines++;
		expect(((pte_t *)p2v(table))[index] == entry && entry);
		expect(table != last[level].table || index > last[level].index);
		last[level].table = table;
		last[level].index = index;
	}
	expect(ended == lines);
	expect(lines == census.leaves + census.tables - 1);
}

static void test_random(void)
{
	static const vaddr_t starts[] = {
		0, 3 * LARGE, LOWER_END - 3 * LARGE, UPPER_START,
		LAST_BYTE - 3 * LARGE + 1,
	};

	for (int tree = 0; tree < 100; tree++) {
		pte_t *root;

		start(SOME_RAM);
		root = root_alloc();
		for (int i = 0; i < 20; i++) {
			size_t offset = below(3 * LARGE);
			size_t size = 1 + below(one_in(4) ? LARGE
							  : 0x10000);
			vaddr_t at = starts[below(5)] +
				     page_down(offset);

			if (offset + size > 3 * LARGE)
				continue;
			map_region(root, at, size,
				   one_in(2) ? at % PHYSICAL_END / LARGE
					       * LARGE / 2 + at % LARGE
					     : random_physical(size),
				   random_permissions());
		}
		clear_console();
		vmprint(root);
		check_output(root);
		clear_console();
		vmdump(root);
		check_dump(root);
		vm_free_all(root);
		expect(frames_free() == frames_total());
	}
}

const struct test tests[] = {
	{ "uart0", test_uart0 },
	{ "runs", test_runs },
	{ "walk_ends", test_walk_ends },
	{ "random", test_random },
	{ 0 },
};
