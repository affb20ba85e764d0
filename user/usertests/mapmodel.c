/*
 * Random mmap, munmap, mprotect, sbrk, fork, stores, loads, reads and
 * writes, with a model that knows what each page holds and allows.
 *
 * What processes share is modelled in memory that they share, and a
 * parent waits for its child; so there is one model for all.
 */

enum {
	WINDOW = 96,            /* pages that are mapped and unmapped */
	LONGEST = 16,           /* pages that a call is about, at most */
	OBJECTS = 500,          /* pieces of shared memory, at most */
	FILE_MOST = 24,         /* pages of the file */
	HEAP_MOST = 24,         /* pages of the heap */
	WORDS = BLOCK / 4
};

enum kind { NOT_MAPPED, ZEROS, OBJECT, OWN_FILE, BOTH_FILE };

/* A page of the window, in one process. */
static struct model_page {
	enum kind kind;
	int rights;             /* PROT_READ and so on */
	int read_only;          /* the file was opened so */
	int object, index;      /* which page, of what */
	int owned;              /* stored into, if private */
	int cuts;               /* how often the file had been cut then */
	uint32_t value;         /* of all its words, if owned */
} model_page[WINDOW];

static uint32_t model_heap[HEAP_MOST];
static int heap_pages;
static char *heap_base;

/* What all processes have in common. */
static struct common {
	int objects, cuts, file_pages, steps;
	uint32_t file[FILE_MOST];
	uint32_t object[OBJECTS][LONGEST];
} *common;

static char *page_at(int page)
{
	return FREE_RANGE + (long)page * PAGE;
}

/* ---- What the model says ---- */

static int is_beyond(const struct model_page *p)
{
	return (p->kind == OWN_FILE || p->kind == BOTH_FILE) &&
	       p->index >= common->file_pages;
}

static int rights_of(const struct model_page *p)
{
	if (p->kind == NOT_MAPPED || is_beyond(p))
		return 0;
	return usable(p->rights);
}

/* Has it a private copy, that no truncation has taken away? */
static int is_owned(const struct model_page *p)
{
	return p->owned &&
	       (p->kind == ZEROS || p->cuts == common->cuts);
}

static uint32_t *value_of(struct model_page *p)
{
	static uint32_t nothing;

	if (p->kind == OBJECT)
		return &common->object[p->object][p->index];
	if (p->kind == BOTH_FILE)
		return &common->file[p->index];
	if (is_owned(p))
		return &p->value;
	if (p->kind == OWN_FILE)
		return &common->file[p->index];
	nothing = 0;
	return &nothing;
}

/* ---- One page ---- */

/* Places in a page that are looked at. */
static const int places[] = { 0, 7, WORDS / 2, WORDS - 1 };

static void store_value(char *at, uint32_t value)
{
	for (int i = 0; i < COUNT(places); i++)
		((volatile uint32_t *)at)[places[i]] = value;
}

static void expect_value(const char *at, uint32_t value, const char *what)
{
	for (int i = 0; i < COUNT(places); i++) {
		uint32_t word = ((volatile uint32_t *)at)[places[i]];

		check(word == value, "step %d: %s at %p: %x, not %x",
		      common->steps, what, at, word, value);
	}
}

static void load_page(int page)
{
	struct model_page *p = &model_page[page];
	int expected = rights_of(p), got;

	if (expected) {
		expect_value(page_at(page), *value_of(p), "load");
		return;
	}
	got = rights(page_at(page));
	check(got == 0, "step %d: page %d has rights %d", common->steps,
	      page, got);
}

static void store_page(int page)
{
	struct model_page *p = &model_page[page];
	uint32_t value = (uint32_t)roll(1 << 30) + 1;

	if (rights_of(p) != RW) {
		check(rights(page_at(page)) == rights_of(p),
		      "step %d: page %d has other rights", common->steps,
		      page);
		return;
	}
	store_value(page_at(page), value);
	if (p->kind == ZEROS || p->kind == OWN_FILE) {
		p->owned = 1;
		p->cuts = common->cuts;
	}
	*value_of(p) = value;
}

/* What may not be done ends the program that does it. */
static void abuse_page(int page)
{
	int may = rights_of(&model_page[page]);
	uintptr_t at = (uintptr_t)page_at(page);

	if (!(may & PROT_READ))
		check(dies(read_byte, at), "step %d: page %d was read",
		      common->steps, page);
	else if (!(may & PROT_WRITE))
		check(dies(write_byte, at), "step %d: page %d written",
		      common->steps, page);
}

/* ---- The calls ---- */

static int random_rights(void)
{
	return roll(3) ? RW : all_rights[roll(COUNT(all_rights))];
}

static void forget(int first, int count)
{
	memset(&model_page[first], 0, count * sizeof *model_page);
}

static int is_window_free(int first, int count)
{
	for (int i = first; i < first + count; i++)
		if (model_page[i].kind != NOT_MAPPED)
			return 0;
	return 1;
}

/* COUNT pages from FIRST on are like NEW, with ascending indices. */
static void enter(int first, int count, const struct model_page *new)
{
	for (int i = 0; i < count; i++) {
		model_page[first + i] = *new;
		model_page[first + i].index += i;
	}
}

/* Map NEW there: by force, or because it is free. */
static void map_pages(int first, int count, struct model_page *new)
{
	int anonymous = new->kind == ZEROS || new->kind == OBJECT;
	int flags = new->kind == OBJECT || new->kind == BOTH_FILE
		    ? MAP_SHARED : MAP_PRIVATE;
	int fd = anonymous ? -1
		 : must_open_for("model", new->read_only ? O_RDONLY
							  : O_RDWR);
	int force = roll(4), open = is_window_free(first, count);
	char *wanted = page_at(first), *got;

	flags |= (anonymous ? MAP_ANONYMOUS : 0) | (force ? MAP_FIXED : 0);
	got = mmap(wanted, (size_t)count * PAGE, new->rights, flags, fd,
		   anonymous ? 0 : (long long)new->index * PAGE);
	if (fd >= 0)
		close(fd);
	if (new->kind == BOTH_FILE && new->read_only &&
	    new->rights & PROT_WRITE) {
		check(got == MAP_FAILED, "step %d: a read-only file",
		      common->steps);
		return;
	}
	check(got != MAP_FAILED, "step %d: mmap failed", common->steps);
	if (force || open) {
		check(got == wanted, "step %d: mapped elsewhere",
		      common->steps);
		forget(first, count);
		enter(first, count, new);
	} else {
		check(got + count * PAGE <= page_at(0) ||
		      got >= page_at(WINDOW), "step %d: mapped at %p",
		      common->steps, got);
		must_unmap(got, count);
	}
}

static void map_something(int first, int count)
{
	struct model_page new = {
		.kind = ZEROS + roll(4), .rights = random_rights(),
	};

	if (new.kind == OBJECT) {
		if (common->objects == OBJECTS)
			return;
		new.object = common->objects++;
	} else if (new.kind != ZEROS) {
		new.index = roll(FILE_MOST - count + 1);
		new.read_only = roll(4) == 0;
	}
	map_pages(first, count, &new);
}

static void unmap_something(int first, int count)
{
	must_unmap(page_at(first), count);
	forget(first, count);
}

/* May these pages get RIGHTS? */
static int is_allowed(int first, int count, int rights)
{
	for (int i = first; i < first + count; i++) {
		struct model_page *p = &model_page[i];

		if (p->kind == NOT_MAPPED ||
		    (p->kind == BOTH_FILE && p->read_only &&
		     rights & PROT_WRITE))
			return 0;
	}
	return 1;
}

static void protect_something(int first, int count)
{
	int rights = all_rights[roll(COUNT(all_rights))];
	int allowed = is_allowed(first, count, rights);
	int got = mprotect(page_at(first), (size_t)count * PAGE, rights);

	check(got == (allowed ? 0 : -1), "step %d: mprotect gives %d",
	      common->steps, got);
	for (int i = first; allowed && i < first + count; i++)
		model_page[i].rights = rights;
}

/* ---- The heap ---- */

static void move_break(void)
{
	int pages = roll(HEAP_MOST + 1);
	char *old = sbrk((pages - heap_pages) * PAGE);

	check(old == heap_base + (long)heap_pages * PAGE,
	      "step %d: sbrk gives %p", common->steps, old);
	for (int i = heap_pages; i < pages; i++)
		model_heap[i] = 0;
	heap_pages = pages;
}

static void use_heap(void)
{
	int page = roll(HEAP_MOST);
	char *at = heap_base + (long)page * PAGE;

	if (page >= heap_pages) {
		check(rights(at) == 0, "step %d: beyond the break",
		      common->steps);
		return;
	}
	expect_value(at, model_heap[page], "heap");
	model_heap[page] = (uint32_t)roll(1 << 30);
	store_value(at, model_heap[page]);
}

/* ---- The file ---- */

static uint32_t model_block[WORDS];

static void write_file(void)
{
	int page = roll(FILE_MOST), fd = must_open_for("model", O_RDWR);
	uint32_t value = (uint32_t)roll(1 << 30);

	for (int i = 0; i < WORDS; i++)
		model_block[i] = value;
	must_seek(fd, (long long)page * PAGE);
	write_whole(fd, model_block, BLOCK);
	close(fd);
	while (common->file_pages <= page)
		common->file[common->file_pages++] = 0;
	common->file[page] = value;
}

static void read_file(void)
{
	int page = roll(FILE_MOST), fd = must_open("model"), got;

	must_seek(fd, (long long)page * PAGE);
	got = read(fd, model_block, BLOCK);
	close(fd);
	if (page >= common->file_pages) {
		check(got == 0, "step %d: read %d behind the end",
		      common->steps, got);
		return;
	}
	check(got == BLOCK, "step %d: read %d", common->steps, got);
	expect_value((char *)model_block, common->file[page], "read");
}

/* Bytes of the window are read from the file, or written to it. */
static void move_block(int window_page)
{
	struct model_page *p = &model_page[window_page];
	int page = roll(FILE_MOST), may = rights_of(p), got;
	int fd = must_open_for("model", O_RDWR), reads = roll(2);
	uint32_t value = may ? *value_of(p) : 0;

	must_seek(fd, (long long)page * PAGE);
	got = reads ? read(fd, page_at(window_page), BLOCK)
		    : write(fd, page_at(window_page), BLOCK);
	close(fd);
	if (reads && page >= common->file_pages) {
		check(got == 0, "step %d: read %d", common->steps, got);
		return;
	}
	if (reads ? may != RW : !may) {
		check(got == -1, "step %d: %s gives %d", common->steps,
		      reads ? "read" : "write", got);
		return;
	}
	check(got == BLOCK, "step %d: moved %d", common->steps, got);
	if (reads) {
		value = common->file[page];
		if (p->kind == ZEROS || p->kind == OWN_FILE) {
			p->owned = 1;
			p->cuts = common->cuts;
		}
		*value_of(p) = value;
		return;
	}
	while (common->file_pages <= page)
		common->file[common->file_pages++] = 0;
	common->file[page] = value;
}

static void cut_model_file(void)
{
	close(must_open_for("model", O_RDWR | O_TRUNC));
	common->file_pages = 0;
	common->cuts++;
}

/* ---- Whole runs ---- */

static void some_steps(int steps, int depth);

static void have_child(int depth)
{
	int pid = must_fork();

	if (pid == 0) {
		random_state ^= 0x55555555;
		some_steps(20 + roll(60), depth - 1);
		exit(OK);
	}
	expect(pid, OK, "a child");
}

static void one_step(int depth)
{
	int first = roll(WINDOW), count = roll(LONGEST) + 1, what;

	if (first + count > WINDOW)
		count = WINDOW - first;
	what = roll(1000);
	if (what < 80)
		map_something(first, count);
	else if (what < 130)
		unmap_something(first, count);
	else if (what < 200)
		protect_something(first, count);
	else if (what < 230)
		move_break();
	else if (what < 280)
		use_heap();
	else if (what < 310)
		write_file();
	else if (what < 340)
		read_file();
	else if (what < 400)
		move_block(first);
	else if (what < 405)
		cut_model_file();
	else if (what < 408)
		abuse_page(first);
	else if (what < 420 && depth > 0)
		have_child(depth);
	else if (what < 425)
		check(sync() == 0, "sync failed");
	else if (what < 428)
		drop_caches();
	else if (what < 700)
		load_page(first);
	else
		store_page(first);
}

static void compare_all(void)
{
	for (int i = 0; i < WINDOW; i++)
		load_page(i);
	for (int i = 0; i < heap_pages; i++)
		expect_value(heap_base + (long)i * PAGE, model_heap[i],
			     "heap");
}

static void some_steps(int steps, int depth)
{
	for (int i = 0; i < steps; i++) {
		one_step(depth);
		common->steps++;
		if (i % 100 == 99)
			compare_all();
	}
	compare_all();
}

/* In a directory of its own, so that files have the same name. */
static void run_model(uintptr_t seed)
{
	const char *directory = numbered("model", (int)seed);

	must_mkdir(directory);
	must_chdir(directory);
	close(must_create("model"));
	common = (struct common *)must_map(sizeof *common / PAGE + 1, RW,
					   SHARED);
	heap_base = new_pages(0);
	seed_random((uint32_t)seed + 1);
	some_steps(rounds(3000), 3);
}

static void mapmodel(void)
{
	run_model(0);
}

/* Four of them, and somebody who syncs. */
static void mapmodels(void)
{
	with_syncer(run_model, 4);
}

/* Other random numbers. */
static void mapmodelseeds(void)
{
	for (int seed = 10; seed < 18; seed++)
		expect(spawn(run_model, seed), OK, "a seed");
}

static const struct test mapmodel_tests[] = {
	{ "mapmodel", mapmodel, QUICK | MAPS | FILES | KILLS },
	{ "mapmodels", mapmodels, QUICK | MAPS | FILES | KILLS },
	{ "mapmodelseeds", mapmodelseeds, SLOW | MAPS | FILES | KILLS },
};
