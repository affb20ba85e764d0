/*
 * Mappings against a model that has every byte of them: regions of
 * memory and of files, private and shared, in several spaces; mmap,
 * munmap, mprotect, fork, sbrk, stacks that grow, read and write with
 * mapped buffers, truncation, commits.
 *
 * The page cache and the file system are the kernel's own, with a disk
 * in memory.  While a commit writes, other processes go on, and a frame
 * is copied to the disk as late as possible: so one that changes while
 * it is written is noticed.  The TLB of each processor is modelled too.
 */
#include "reference.h"
#include "process.h"
#include "processor.h"
#include "stat.h"
#include "files/filesystem.h"
#include "files/change.h"
#include "files/commit.h"
#include "files/names.h"
#include "files/path.h"
#include "memory/kvm.h"
#include "memory/mapping.h"
#include "memory/shared.h"
#include "memory/space_inside.h"
#include "user_access.h"
#include <sanitizer/asan_interface.h>
#include <sys/wait.h>
#include <unistd.h>
#undef stat

/* Moves the break; *OLD: where it was, if the result is 0. */
static int grow_heap(struct space *space, intptr_t bytes, vaddr_t *old)
{
	intptr_t at = space_grow(space, bytes);

	*old = (vaddr_t)at;
	return at == -1 ? -1 : 0;
}

enum { PAGE = 4096, MIB_PAGES = 256 };
enum { SPACES = 4, WINDOWS = 3, PAGES = 32, ALL = WINDOWS * PAGES };
enum { FILE_COUNT = 3, FILE_PAGES = 20, PROGRAM = 2, PROGRAM_PAGES = 6 };
enum { CPUS = 3, LONGEST = 10, DISK_BLOCKS = 600 };

/* ---- The model: what there is ------------------------------------------ */

/* Memory that several spaces share. */
struct object {
	unsigned pages;         /* of regions */
	uint8_t *bytes[LONGEST];
};

enum kind { NOTHING, ZEROS, OBJECT, OWN_FILE, BOTH_FILE, PROGRAM_FILE };

struct shown {
	enum kind kind;
	unsigned region;        /* the same number: the same region */
	unsigned permissions, never;
	bool stack;             /* touched from sp on, and grows */
	unsigned file;
	struct object *object;
	unsigned index;         /* which page, of what */
	unsigned zeros;         /* bytes at its end that the file lacks */
	uint8_t *own;           /* a private copy */
};

struct model {
	struct space *space;            /* NULL: none */
	struct shown page[ALL];
	unsigned heap;                  /* the page where it starts */
	vaddr_t brk;
};

static struct model_file {
	struct inode *inode;
	uint64_t size, saved_size;
	uint8_t bytes[FILE_PAGES * PAGE], saved[FILE_PAGES * PAGE];
} files[FILE_COUNT];

static struct model models[SPACES];
static struct process processes[SPACES];
static unsigned regions;                /* numbers that were given */
static bool strict;                     /* nothing fails but by right */
static bool plenty;                     /* of memory, and of the disk */
static bool disk_fails;
static unsigned nested;                 /* inside a commit */
static unsigned long commits, checked, stores, kills, refusals;

/* ---- Places ------------------------------------------------------------ */

static vaddr_t address_of(unsigned page)
{
	static const vaddr_t start[WINDOWS] = {
		0x5000, 3 * (vaddr_t)LARGE - PAGES / 2 * PAGE,
		(vaddr_t)LOWER_END - PAGES * (vaddr_t)PAGE,
	};

	return start[page / PAGES] + page % PAGES * (vaddr_t)PAGE;
}

/* The page with ADDRESS in it, or ALL. */
static unsigned page_at(vaddr_t address)
{
	for (unsigned page = 0; page < ALL; page++)
		if (address - address_of(page) < PAGE)
			return page;
	return ALL;
}

/* ---- What a page holds ------------------------------------------------- */

static const uint8_t zeros[PAGE];

static bool is_of_file(const struct shown *page)
{
	return page->kind == OWN_FILE || page->kind == BOTH_FILE;
}

static bool is_beyond_end(const struct shown *page)
{
	return is_of_file(page) &&
	       page->index * (uint64_t)PAGE >= files[page->file].size;
}

/* A page of a program's variables, of which the file has a part. */
static const uint8_t *with_zeros(const struct shown *page)
{
	static uint8_t bytes[PAGE];
	size_t size = PAGE - page->zeros;

	memcpy(bytes, files[page->file].bytes + page->index * PAGE, size);
	memset(bytes + size, 0, page->zeros);
	return bytes;
}

/* The bytes that the program sees. */
static const uint8_t *view(const struct shown *page)
{
	if (page->own)
		return page->own;
	if (page->kind == ZEROS)
		return zeros;
	if (page->kind == OBJECT)
		return page->object->bytes[page->index]
		       ? page->object->bytes[page->index] : zeros;
	return page->zeros ? with_zeros(page)
			   : files[page->file].bytes + page->index * PAGE;
}

/* The bytes that it stores into. */
static uint8_t *target(struct shown *page)
{
	uint8_t **own = page->kind == OBJECT
			? &page->object->bytes[page->index] : &page->own;

	if (page->kind == BOTH_FILE)
		return files[page->file].bytes + page->index * PAGE;
	if (!*own) {
		uint8_t *copy = malloc(PAGE);

		memcpy(copy, view(page), PAGE);
		*own = copy;
	}
	return *own;
}

static void forget(struct shown *page)
{
	struct object *object = page->object;

	free(page->own);
	if (object && --object->pages == 0) {
		for (int i = 0; i < LONGEST; i++)
			free(object->bytes[i]);
		free(object);
	}
	memset(page, 0, sizeof *page);
}

/* ---- Processors -------------------------------------------------------- */

/* What a processor remembers of the space it has loaded. */
static struct translation_buffer {
	bool valid[ALL];
	paddr_t frame[ALL];
	unsigned permissions[ALL];
} tlb[CPUS];

static void forget_translations(bool all, vaddr_t address)
{
	struct translation_buffer *mine = &tlb[this_cpu()->index];

	if (all)
		memset(mine, 0, sizeof *mine);
	else if (page_at(address) < ALL)
		mine->valid[page_at(address)] = false;
}

/* MODEL's process runs on processor INDEX from now on. */
static void run_on(struct model *model, unsigned index)
{
	struct process *process = &processes[model - models];

	for (unsigned i = 0; i < CPUS; i++)
		if (cpus[i].process == process)
			cpus[i].process = NULL;
	use_processor(index);
	this_cpu()->process = process;
	process->space = model->space;
	process->cpu = (int)index;
	space_use(model->space);
}

/* The same anywhere, but not where a commit is under way. */
static void run(struct model *model)
{
	run_on(model, nested ? 1 + (unsigned)below(CPUS - 1)
			     : (unsigned)below(CPUS));
}

static struct model *running(void)
{
	return &models[this_process() - processes];
}

/* ---- Accesses ---------------------------------------------------------- */

static bool user_stack_ok(const struct shown *page, vaddr_t address,
			  vaddr_t sp)
{
	return !page->stack || address >= sp - 64;
}

/* What the processor does: true, and the place, if it may. */
static bool translates(struct space *space, unsigned page, unsigned access,
		       uint8_t **memory)
{
	struct translation_buffer *mine = &tlb[this_cpu()->index];
	struct translation is = translate(space->root, address_of(page));

	if (mine->valid[page]) {
		/* It may use this; so it must be true still. */
		expect(is.permissions & MAP_READ);
		expect(is.physical == mine->frame[page]);
		expect(!(mine->permissions[page] & ~is.permissions));
	} else if (is.permissions & MAP_READ) {
		mine->valid[page] = true;
		mine->frame[page] = is.physical;
		mine->permissions[page] = is.permissions;
	}
	if (!mine->valid[page] ||
	    access & ~(unsigned)mine->permissions[page])
		return false;
	*memory = p2v(is.physical);
	return true;
}

/* May the program do it, as far as the model knows? */
static bool may(struct model *model, unsigned page, unsigned access,
		vaddr_t address, vaddr_t sp)
{
	struct shown *p = &model->page[page];

	return p->kind != NOTHING && !(access & ~p->permissions) &&
	       !is_beyond_end(p) && user_stack_ok(p, address, sp);
}

static vaddr_t stack_pointer;           /* of the process that runs */

static bool grows_to(struct model *model, unsigned page, vaddr_t address);
static void grow_stack(struct model *model, unsigned page);

/* An access as a program makes it: the place, or NULL: it is ended. */
static uint8_t *access_page(struct model *model, unsigned page,
			    unsigned access, vaddr_t address)
{
	uint8_t *memory;

	for (int tries = 0; tries < 4; tries++) {
		bool grows;
		int result;

		if (translates(model->space, page, access, &memory))
			return memory;
		grows = grows_to(model, page, address);
		this_process()->trouble = NULL;
		result = space_fault(model->space, address, access,
				     stack_pointer);
		if (grows && space_find(model->space, address))
			grow_stack(model, page);
		if (result < 0)
			return NULL;
	}
	failed(__FILE__, __LINE__, "it faults for ever");
}

/* The page has the right contents, and one owner if that must be. */
static void check_page(struct model *model, unsigned page, uint8_t *memory,
		       bool written)
{
	struct shown *p = &model->page[page];

	expect(memcmp(memory, view(p), PAGE) == 0);
	if (written && p->kind != OBJECT && p->kind != BOTH_FILE)
		expect(!frame_is_shared(v2p(memory)));
	checked++;
}

/* A page, as a rule one that there is. */
static unsigned some_page(struct model *model)
{
	unsigned page = (unsigned)below(ALL);

	if (one_in(8))
		return page;
	for (unsigned i = 0; i < ALL; i++) {
		if (model->page[page].kind != NOTHING)
			break;
		page = (page + 1) % ALL;
	}
	return page;
}

static void touch(struct model *model)
{
	static const unsigned accesses[] = {
		MAP_READ, MAP_WRITE, MAP_WRITE, MAP_WRITE, MAP_EXECUTE,
	};
	unsigned page = some_page(model), access = accesses[below(5)];
	vaddr_t address = address_of(page) + below(PAGE);
	bool allowed;
	uint8_t *memory, *bytes;

	/* A fetch is a load for an entry that cannot tell them apart. */
	if (expressible(MAP_READ) & MAP_EXECUTE && access == MAP_EXECUTE)
		access = MAP_READ;
	run(model);
	stack_pointer = one_in(3) ? address + below(128)
				  : address - below(8 * PAGE);
	if (page == 0 || stack_pointer > (vaddr_t)USER_END)
		stack_pointer = address;
	memory = access_page(model, page, access, address);
	allowed = may(model, page, access, address, stack_pointer);
	if (!memory) {
		expect(!allowed || !strict);
		kills++;
		return;
	}
	/* A page of a stack that is there can be used wherever sp is. */
	expect(allowed || (model->page[page].stack &&
			   !(access & ~model->page[page].permissions)));
	check_page(model, page, memory, access == MAP_WRITE);
	if (access != MAP_WRITE)
		return;
	bytes = target(&model->page[page]);
	for (int i = 0; i < 4; i++) {
		size_t at = below(PAGE);

		memory[at] = bytes[at] = (uint8_t)random64();
	}
	stores++;
}

/* ---- The kernel's copies ----------------------------------------------- */

/* Copies between the program that runs, at USER, and KERNEL. */
static int copy(vaddr_t user, uint8_t *kernel, size_t size, bool in)
{
	struct model *model = running();

	while (size > 0) {
		unsigned page = page_at(user), access = in ? MAP_READ
							   : MAP_WRITE;
		size_t part = PAGE - user % PAGE;
		uint8_t *memory = NULL;

		if (part > size)
			part = size;
		if (page == ALL)
			return -1;
		if (this_process()->quiet) {
			if (!translates(model->space, page, access,
					&memory)) {
				this_process()->absent = true;
				return -1;
			}
		} else {
			memory = access_page(model, page, access, user);
		}
		if (!memory)
			return -1;
		memory += user % PAGE;
		memmove(in ? kernel : memory, in ? memory : kernel, part);
		user += part;
		kernel += part;
		size -= part;
	}
	return 0;
}

int copy_from_user(void *to, vaddr_t from, size_t size)
{
	return copy(from, to, size, true);
}

int copy_to_user(vaddr_t to, const void *from, size_t size)
{
	return copy(to, (uint8_t *)(uintptr_t)from, size, false);
}

static int quietly(vaddr_t user, uint8_t *kernel, size_t size, bool in)
{
	int result;

	this_process()->quiet = true;
	this_process()->absent = false;
	result = copy(user, kernel, size, in);
	this_process()->quiet = false;
	return result;
}

int copy_from_user_quietly(void *to, vaddr_t from, size_t size)
{
	return quietly(from, to, size, true);
}

int copy_to_user_quietly(vaddr_t to, const void *from, size_t size)
{
	return quietly(to, (uint8_t *)(uintptr_t)from, size, false);
}

bool was_absent(void)
{
	bool absent = this_process()->absent;

	this_process()->absent = false;
	return absent;
}

int user_make_writable(vaddr_t start, size_t size)
{
	for (vaddr_t at = start; at < start + size;
	     at = at / PAGE * PAGE + PAGE)
		if (space_fault(running()->space, at, MAP_WRITE,
				stack_pointer) < 0)
			return -1;
	return 0;
}

/* ---- The rest of the machine ------------------------------------------- */

static uint8_t disk_blocks[DISK_BLOCKS][PAGE];
struct disk disk;

static uint64_t sum_of(const struct disk_request *request)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < request->count; i++)
		for (size_t at = 0; at < PAGE; at += 8)
			sum = sum * 31 + *(uint64_t *)((uint8_t *)
				request->page[i] + at);
	return sum;
}

enum { PENDING = 8 };

static struct pending {
	struct disk_request *request;
	uint64_t sum;
} pending[PENDING];

static void go_on_meanwhile(void);
static void note_files(void);

void disk_submit(struct disk_request *request)
{
	unsigned i = 0;

	expect(request->action == DISK_FLUSH ||
	       (request->count > 0 && request->block + request->count <=
		DISK_BLOCKS));
	request->status = 1;
	if (request->action != DISK_WRITE)
		return;
	while (pending[i].request)
		i++;
	expect(i < PENDING);
	pending[i] = (struct pending){ request, sum_of(request) };
	go_on_meanwhile();
	/* The end of an earlier commit: the next has not begun. */
	if (fs.in_doubt)
		note_files();
}

static void do_request(struct disk_request *request)
{
	bool writes = request->action == DISK_WRITE;

	for (unsigned i = 0; i < request->count; i++)
		memcpy(writes ? disk_blocks[request->block + i]
			      : request->page[i],
		       writes ? request->page[i]
			      : disk_blocks[request->block + i], PAGE);
}

int disk_wait(struct disk_request *request)
{
	if (request->status != 1)
		return request->status;
	for (unsigned i = 0; i < PENDING; i++) {
		if (pending[i].request != request)
			continue;
		/* Nobody has stored into what is being written. */
		expect(sum_of(request) == pending[i].sum);
		pending[i].request = NULL;
	}
	request->status = disk_fails && request->action != DISK_READ &&
			  one_in(20) ? -1 : 0;
	if (request->status == 0)
		do_request(request);
	return request->status;
}

int disk_do(struct disk_request *request)
{
	disk_submit(request);
	return disk_wait(request);
}

void disk_use_memory(void)
{
}

void filesystem_fill(void)
{
}

int clock_sleep(int ticks)
{
	(void)ticks;
	return 0;
}

int process_create(const char *name, void (*function)(void *),
		   void *argument)
{
	(void)name;
	(void)function;
	(void)argument;
	return 1;
}

void wait_for_good(struct wait_queue *queue, struct spinlock *lock)
{
	(void)queue;
	failed(__FILE__, __LINE__, lock->name);
}

void wake_all(struct wait_queue *queue)
{
	(void)queue;
}

/* ---- Regions ----------------------------------------------------------- */

static bool is_free_for(struct model *model, unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++)
		if (model->page[i].kind != NOTHING)
			return false;
	return true;
}

/* A region begins at PAGE, if one had it inside. */
static void cut_at(struct model *model, unsigned page)
{
	unsigned old, end = (page / PAGES + 1) * PAGES;

	if (page >= ALL || page % PAGES == 0)
		return;
	old = model->page[page].region;
	if (old == 0 || model->page[page - 1].region != old)
		return;
	regions++;
	for (; page < end && model->page[page].region == old; page++)
		model->page[page].region = regions;
}

static void cut_both(struct model *model, unsigned first, unsigned count)
{
	cut_at(model, first);
	cut_at(model, first + count);
}

/* What ends at the break is the heap, if it can be. */
static void heap_follows(struct model *model)
{
	vaddr_t end = (model->brk + PAGE - 1) / PAGE * PAGE;
	unsigned last = page_at(end - 1), first = last;

	if (last < ALL && model->page[last].kind != NOTHING) {
		while (first % PAGES > 0 && model->page[first - 1].region ==
					    model->page[last].region)
			first--;
		/* A region that goes on does not end there. */
		if ((last + 1) % PAGES == 0 ||
		    model->page[last + 1].region !=
		    model->page[last].region) {
			if (first >= model->heap &&
			    model->page[last].permissions & MAP_WRITE) {
				model->heap = first;
				return;
			}
		}
	}
	if (end > address_of(model->heap)) {
		model->heap = page_at(end);
		model->brk = end;
	}
}

static void forget_range(struct model *model, unsigned first, unsigned count)
{
	cut_both(model, first, count);
	for (unsigned i = first; i < first + count; i++)
		forget(&model->page[i]);
	heap_follows(model);
}

static void check_heap(struct model *model)
{
	expect(model->space->brk == model->brk);
	expect(model->space->heap == address_of(model->heap));
}

static unsigned random_protection(void)
{
	static const unsigned all[] = {
		0, MAP_READ, MAP_READ | MAP_WRITE, MAP_READ | MAP_EXECUTE,
		MAP_READ | MAP_WRITE | MAP_EXECUTE,
	};

	return one_in(2) ? all[2] : all[below(5)];
}

static void random_range(unsigned *first, unsigned *count)
{
	*first = (unsigned)below(ALL);
	*count = 1 + (unsigned)below(LONGEST);
	if (*first % PAGES + *count > PAGES)
		*count = PAGES - *first % PAGES;
}

/* WANTED, a page like all COUNT from FIRST on, as a region. */
static struct user_region as_region(const struct shown *wanted,
				    unsigned first, unsigned count)
{
	struct user_region region = {
		.start = address_of(first),
		.end = address_of(first) + count * (vaddr_t)PAGE,
		.permissions = wanted->permissions,
		.never = wanted->never,
	};

	if (wanted->kind == OBJECT) {
		region.flags = REGION_SHARED | REGION_LEND;
		region.shared = shared_new(count);
	}
	if (is_of_file(wanted)) {
		region.flags = REGION_FILE |
			(wanted->kind == BOTH_FILE ? REGION_SHARED : 0);
		region.inode = files[wanted->file].inode;
		region.offset = wanted->index * (uint64_t)PAGE;
		region.size = region.end - region.start;
	}
	return region;
}

/* May a file be mapped like this, with who uses it already? */
static bool may_be_mapped(const struct shown *wanted)
{
	if (wanted->permissions & wanted->never)
		return false;
	return wanted->kind != BOTH_FILE || wanted->never & MAP_WRITE ||
	       files[wanted->file].inode->uses == 0;
}

static void model_map(struct model *model, const struct shown *wanted,
		      unsigned first, unsigned count)
{
	struct object *object = NULL;

	forget_range(model, first, count);
	if (wanted->kind == OBJECT)
		object = calloc(1, sizeof *object);
	regions++;
	for (unsigned i = 0; i < count; i++) {
		struct shown *page = &model->page[first + i];

		*page = *wanted;
		page->region = regions;
		page->index += i;
		page->object = object;
		if (object)
			object->pages++;
	}
}

/* What call_mmap() does, and what has to come of it. */
static void map(struct model *model, const struct shown *wanted,
		unsigned first, unsigned count, bool fixed)
{
	struct user_region region = as_region(wanted, first, count);
	bool open = is_free_for(model, first, count);
	vaddr_t asked = region.start, start = 0;

	if (wanted->kind == OBJECT && !region.shared) {
		expect(!strict);
		return;
	}
	if (!(wanted->permissions & wanted->never))
		start = space_map(model->space, &region, fixed);
	if (region.shared)
		shared_put(region.shared);
	if (!start) {
		expect(!strict || !may_be_mapped(wanted));
		refusals++;
		return;
	}
	expect(may_be_mapped(wanted));
	if (fixed || open) {
		expect(start == asked);
		if (fixed)
			model_map(model, wanted, first, count);
		else {
			vaddr_t brk = model->brk;
			unsigned heap = model->heap;

			/* Nothing was removed, so the heap stays. */
			model_map(model, wanted, first, count);
			model->brk = brk;
			model->heap = heap;
		}
		return;
	}
	/* Elsewhere: above the heap, and where there was nothing. */
	expect(start >= model->brk && start % PAGE == 0);
	expect(start + count * (vaddr_t)PAGE <= (vaddr_t)USER_END);
	for (unsigned i = 0; i < count; i++) {
		unsigned page = page_at(start + i * (vaddr_t)PAGE);

		expect(page == ALL || model->page[page].kind == NOTHING);
	}
	if (space_remove(model->space, start, count * (size_t)PAGE))
		expect(!strict);
	heap_follows(model);
}

static void map_something(struct model *model)
{
	static const enum kind kinds[] = {
		ZEROS, OBJECT, OWN_FILE, BOTH_FILE, BOTH_FILE,
	};
	struct shown wanted = {
		.kind = kinds[below(5)], .permissions = random_protection(),
	};
	unsigned first, count;

	run(model);
	random_range(&first, &count);
	if (is_of_file(&wanted)) {
		wanted.file = (unsigned)below(FILE_COUNT);
		wanted.index = (unsigned)below(FILE_PAGES - count + 1);
		if (wanted.kind == BOTH_FILE && one_in(4))
			wanted.never = MAP_WRITE;
	}
	map(model, &wanted, first, count, !one_in(4));
}

static void unmap_something(struct model *model)
{
	unsigned first, count;

	run(model);
	random_range(&first, &count);
	if (space_remove(model->space, address_of(first),
			 count * (size_t)PAGE)) {
		expect(!strict);
		cut_both(model, first, 0);
		return;
	}
	forget_range(model, first, count);
}

static bool may_be_protected(struct model *model, unsigned first,
			     unsigned count, unsigned permissions)
{
	for (unsigned i = first; i < first + count; i++)
		if (model->page[i].kind == NOTHING ||
		    permissions & model->page[i].never)
			return false;
	return true;
}

static void protect_something(struct model *model)
{
	unsigned first, count, permissions = random_protection();
	bool allowed;

	run(model);
	random_range(&first, &count);
	allowed = may_be_protected(model, first, count, permissions);
	if (space_protect(model->space, address_of(first),
			  count * (size_t)PAGE, permissions)) {
		expect(!allowed || !strict);
		return;
	}
	expect(allowed);
	cut_both(model, first, count);
	for (unsigned i = first; i < first + count; i++)
		model->page[i].permissions = permissions;
	heap_follows(model);
}

/* A part of a program, as exec() adds it. */
static void add_program(struct model *model)
{
	struct shown wanted = {
		.kind = PROGRAM_FILE, .file = PROGRAM,
		.permissions = MAP_READ | (one_in(2) ? MAP_WRITE
						     : MAP_EXECUTE),
	};
	unsigned first, count;
	struct user_region region;

	run(model);
	random_range(&first, &count);
	if (count > PROGRAM_PAGES || !is_free_for(model, first, count))
		return;
	wanted.index = (unsigned)below(PROGRAM_PAGES - count + 1);
	region = as_region(&wanted, first, count);
	region.inode = files[PROGRAM].inode;
	region.offset = wanted.index * (uint64_t)PAGE;
	region.size = region.end - region.start;
	if (wanted.permissions & MAP_WRITE)
		region.size = below(region.size + 1);
	else
		region.flags = REGION_LEND;
	if (!space_add(model->space, &region)) {
		expect(!strict || files[PROGRAM].inode->writers > 0);
		return;
	}
	expect(files[PROGRAM].inode->writers == 0);
	regions++;
	for (unsigned i = 0; i < count; i++) {
		struct shown *page = &model->page[first + i];
		size_t before = i * (size_t)PAGE;

		*page = wanted;
		page->region = regions;
		page->index += i;
		if (region.size <= before)
			page->zeros = PAGE;
		else if (region.size - before < PAGE)
			page->zeros = PAGE - (region.size - before);
	}
}

/* ---- Stacks ------------------------------------------------------------ */

static void add_stack(struct model *model)
{
	unsigned first, count;
	struct shown wanted = {
		.kind = ZEROS, .permissions = MAP_READ | MAP_WRITE,
		.stack = true,
	};
	struct user_region region;

	run(model);
	random_range(&first, &count);
	if (first < PAGES || !is_free_for(model, first, count))
		return;
	region = as_region(&wanted, first, count);
	region.flags = REGION_STACK | REGION_GROWS;
	if (!space_add(model->space, &region)) {
		expect(!strict);
		return;
	}
	regions++;
	for (unsigned i = first; i < first + count; i++) {
		model->page[i] = wanted;
		model->page[i].region = regions;
	}
}

/* Would a touch of ADDRESS, in PAGE, make a stack longer? */
static bool grows_to(struct model *model, unsigned page, vaddr_t address)
{
	unsigned above = page;

	if (model->page[page].kind != NOTHING || page < PAGES ||
	    address < stack_pointer - 64)
		return false;
	while (above / PAGES == page / PAGES && above < ALL &&
	       model->page[above].kind == NOTHING)
		above++;
	if (above >= ALL || above / PAGES != page / PAGES ||
	    !model->page[above].stack)
		return false;
	return page % PAGES == 0 || model->page[page - 1].kind == NOTHING;
}

static void grow_stack(struct model *model, unsigned page)
{
	unsigned above = page;

	while (model->page[above].kind == NOTHING)
		above++;
	for (; page < above; page++)
		model->page[page] = (struct shown){
			.kind = ZEROS, .stack = true,
			.region = model->page[above].region,
			.permissions = model->page[above].permissions,
		};
}

/* ---- The heap ---------------------------------------------------------- */

static void move_break(struct model *model)
{
	intptr_t bytes = (intptr_t)below(8 * PAGE) - 4 * PAGE;
	vaddr_t wanted = model->brk + (uintptr_t)bytes, old = 0;
	vaddr_t before = (model->brk + PAGE - 1) / PAGE * PAGE;
	vaddr_t end = (wanted + PAGE - 1) / PAGE * PAGE;
	unsigned from = page_at(before), to = page_at(end);
	bool fits = bytes >= 0 || wanted >= address_of(model->heap);
	struct shown like = {
		.kind = ZEROS, .permissions = MAP_READ | MAP_WRITE,
	};

	if (from / PAGES > 0 || (end > before && to / PAGES > 0))
		return;                 /* the model's window ends */
	run(model);
	for (unsigned i = from; fits && end > before && i < to; i++)
		fits = model->page[i].kind == NOTHING;
	if (grow_heap(model->space, bytes, &old)) {
		expect(!fits || !strict);
		return;
	}
	expect(fits && old == model->brk);
	if (from > model->heap) {
		like.region = model->page[from - 1].region;
		like.permissions = model->page[from - 1].permissions;
	} else {
		like.region = ++regions;
	}
	for (unsigned i = from; end > before && i < to; i++)
		model->page[i] = like;
	for (unsigned i = to; end < before && i < from; i++)
		forget(&model->page[i]);
	model->brk = wanted;
}

/* ---- Processes --------------------------------------------------------- */

static struct model *unused_model(void)
{
	for (int i = 0; i < SPACES; i++)
		if (!models[i].space)
			return &models[i];
	return NULL;
}

static void make(void)
{
	struct model *model = unused_model();

	if (!model)
		return;
	*model = (struct model){ .space = space_new() };
	if (!model->space) {
		expect(!strict);
		return;
	}
	model->heap = (unsigned)below(PAGES - 1);
	model->brk = address_of(model->heap);
	model->space->heap = model->space->brk = model->brk;
}

static void copy_model(struct model *to, struct model *from)
{
	struct space *space = to->space;

	*to = *from;
	to->space = space;
	for (unsigned i = 0; i < ALL; i++) {
		struct shown *page = &to->page[i];

		if (page->own) {
			page->own = malloc(PAGE);
			memcpy(page->own, from->page[i].own, PAGE);
		}
		if (page->object)
			page->object->pages++;
	}
}

static void fork_one(struct model *model)
{
	struct model *child = unused_model();
	struct space *space;

	if (!child)
		return;
	run(model);
	space = space_copy(model->space);
	if (!space) {
		expect(!strict);
		return;
	}
	child->space = space;
	copy_model(child, model);
}

static void end_one(struct model *model)
{
	struct process *process = &processes[model - models];

	for (unsigned i = 0; i < CPUS; i++)
		if (cpus[i].process == process)
			cpus[i].process = NULL;
	if (!nested)
		use_processor((unsigned)below(CPUS));
	this_cpu()->process = process;
	process->space = NULL;
	space_put(model->space);
	for (unsigned i = 0; i < ALL; i++)
		forget(&model->page[i]);
	memset(model, 0, sizeof *model);
}

/* ---- Files ------------------------------------------------------------- */

/* A range of user memory inside one window. */
static void random_buffer(vaddr_t *start, size_t *size)
{
	unsigned page = (unsigned)below(ALL);
	vaddr_t end = address_of(page / PAGES * PAGES) + PAGES * PAGE;

	*start = address_of(page) + below(PAGE);
	*size = 1 + below(3 * PAGE);
	if (*size > end - *start)
		*size = end - *start;
}

/* Is all of it to be used in this way, without any growing? */
static bool is_usable(struct model *model, vaddr_t start, size_t size,
		      unsigned access)
{
	for (vaddr_t at = start / PAGE * PAGE; at < start + size; at += PAGE)
		if (!may(model, page_at(at), access, at < start ? start : at,
			 stack_pointer))
			return false;
	return true;
}

/* Does memory from START on show the file in the very same pages? */
static bool shows(struct model *model, vaddr_t start, size_t size,
		  unsigned file)
{
	for (vaddr_t at = start / PAGE * PAGE; at < start + size; at += PAGE) {
		struct shown *page = &model->page[page_at(at)];

		if (is_of_file(page) && page->file == file)
			return true;
	}
	return false;
}

/*
 * Does a page there depend on whether it is copied before another one,
 * which is the same of the file, is stored into?
 */
static bool is_ambiguous(struct model *model, vaddr_t start, size_t size)
{
	bool both = false, own = false;

	for (vaddr_t at = start / PAGE * PAGE; at < start + size; at += PAGE) {
		struct shown *page = &model->page[page_at(at)];

		both |= page->kind == BOTH_FILE;
		own |= page->kind == OWN_FILE && !page->own;
	}
	return both && own;
}

static size_t part_of(uint64_t at, vaddr_t user, size_t left)
{
	size_t part = PAGE - (size_t)(at % PAGE);

	if (part > PAGE - user % PAGE)
		part = PAGE - user % PAGE;
	return part < left ? part : left;
}

static void model_read(struct model *model, vaddr_t to,
		       struct model_file *file, uint64_t at, size_t size)
{
	while (size > 0) {
		size_t part = part_of(at, to, size);
		struct shown *page = &model->page[page_at(to)];

		memmove(target(page) + to % PAGE, file->bytes + at, part);
		to += part;
		at += part;
		size -= part;
	}
}

static void model_write(struct model *model, vaddr_t from,
			struct model_file *file, uint64_t at, size_t size)
{
	if (at > file->size && file->size % PAGE)
		memset(file->bytes + file->size, 0,
		       PAGE - (size_t)(file->size % PAGE));
	while (size > 0) {
		size_t part = part_of(at, from, size);
		struct shown *page = &model->page[page_at(from)];

		memmove(file->bytes + at, view(page) + from % PAGE, part);
		from += part;
		at += part;
		size -= part;
		if (at > file->size)
			file->size = at;
	}
}

/* A file that can be written to now. */
static struct model_file *writable_file(void)
{
	struct model_file *file = &files[below(FILE_COUNT)];

	return file->inode->uses > 0 ? NULL : file;
}

static void copy_file(struct model_file *file, uint64_t at, size_t size)
{
	unsigned fail_at = kalloc_fail_at;

	kalloc_fail_at = 0;
	if (inode_copy(file->inode, at, file->bytes + at, size))
		expect(!plenty);
	kalloc_fail_at = fail_at;
}

/*
 * A write has failed, and may have left something of what it has copied
 * to OFFSET.  What was behind the end may be cleared.
 */
static void learn_file(struct model_file *file, uint64_t offset, size_t size)
{
	uint64_t end = offset + size, behind = file->size % PAGE;

	if (offset < file->size)
		copy_file(file, offset, (size_t)((end < file->size
						  ? end : file->size) -
						 offset));
	if (behind)
		copy_file(file, file->size, PAGE - (size_t)behind);
}

/* A read has failed, and may have filled some of this. */
static void learn_memory(struct model *model, vaddr_t start, size_t size)
{
	for (vaddr_t at = start / PAGE * PAGE; at < start + size; at += PAGE) {
		struct shown *page = &model->page[page_at(at)];
		struct translation is = translate(model->space->root, at);

		if (page->kind == BOTH_FILE)
			copy_file(&files[page->file],
				  page->index * (uint64_t)PAGE, PAGE);
		else if (is.permissions & MAP_WRITE)
			memcpy(target(page), p2v(is.physical), PAGE);
	}
}

/*
 * read() and write() between mapped memory and a file.  A buffer that
 * shows the file itself may be read and written in any order where they
 * overlap, so such calls are of one page onto itself.
 */
static void read_or_write(struct model *model)
{
	bool writes = one_in(2);
	struct model_file *file = writes ? writable_file()
					 : &files[below(FILE_COUNT)];
	vaddr_t user;
	size_t size, most = FILE_PAGES * PAGE;
	uint64_t offset = below(most);
	intptr_t done;

	if (!file)
		return;
	run(model);
	stack_pointer = 0;      /* so no stack is too low, and none grows */
	random_buffer(&user, &size);
	if (size > most - offset)
		size = (size_t)(most - offset);
	if (!is_usable(model, user, size, writes ? MAP_READ : MAP_WRITE) ||
	    (!writes && is_ambiguous(model, user, size)))
		return;
	if (shows(model, user, size, (unsigned)(file - files))) {
		struct shown *page = &model->page[page_at(user)];

		user = user / PAGE * PAGE;
		size = PAGE;
		offset = page->index * (uint64_t)PAGE;
		if (!is_usable(model, user, size,
			       writes ? MAP_READ : MAP_WRITE) ||
		    !is_of_file(page) || page->file != file - files)
			return;
	}
	if (writes) {
		uint64_t where = offset;

		done = inode_write(file->inode, user, &where, size,
				   ANYWHERE);
		expect(done == (intptr_t)size || !strict);
		if (done > 0)
			model_write(model, user, file, offset,
				    (size_t)done);
		if (done != (intptr_t)size)
			learn_file(file, offset, size);
		return;
	}
	if (offset >= file->size)
		size = 0;
	else if (size > file->size - offset)
		size = (size_t)(file->size - offset);
	done = inode_read(file->inode, user, offset, size, 4);
	if (done < 0) {
		expect(!strict);
		learn_memory(model, user, size);
		return;
	}
	expect(done == (intptr_t)size);
	model_read(model, user, file, offset, size);
}

/* All private copies of FILE's pages go with its pages. */
static void cut_file(void)
{
	struct model_file *file = writable_file();
	struct operation op;
	int wrong;

	if (!file)
		return;
	if (operation_begin(&op, 8, SHRINKS)) {
		expect(!strict);
		return;
	}
	mutex_lock(&file->inode->lock);
	wrong = inode_truncate(&op, file->inode);
	mutex_unlock(&file->inode->lock);
	operation_end(&op);
	if (wrong) {
		expect(!strict);
		return;
	}
	file->size = 0;
	memset(file->bytes, 0, sizeof file->bytes);
	for (unsigned i = 0; i < SPACES; i++) {
		for (unsigned j = 0; j < ALL; j++) {
			struct shown *page = &models[i].page[j];

			if (page->kind == OWN_FILE &&
			    page->file == file - files) {
				free(page->own);
				page->own = NULL;
			}
		}
	}
}

/* ---- Commits ----------------------------------------------------------- */

/* Where the block INDEX of a file with this inode is on the disk. */
static uint32_t block_on_disk(const struct disk_inode *inode, uint32_t index)
{
	uint32_t block = inode->root;

	if ((uint64_t)index >> 10 * inode->height)
		return 0;
	for (int level = (int)inode->height - 1; level >= 0 && block;
	     level--)
		block = ((uint32_t *)disk_blocks[block])
			[index >> 10 * level & 1023];
	return block;
}

/* The file is on the disk as it was when the commit began. */
static void expect_saved(struct model_file *file)
{
	struct superblock *super = (struct superblock *)
				   disk_blocks[fs.super_at];
	uint32_t number = file->inode->number, block;
	struct disk_inode inode;

	block = block_on_disk(&super->table, number / INODES);
	inode = ((struct disk_inode *)disk_blocks[block])[number % INODES];
	expect(inode.size == file->saved_size);
	for (uint64_t at = 0; at < inode.size; at += PAGE) {
		size_t part = inode.size - at < PAGE
			      ? (size_t)(inode.size - at) : PAGE;

		block = block_on_disk(&inode, (uint32_t)(at / PAGE));
		expect(memcmp(block ? disk_blocks[block] : zeros,
			      file->saved + at, part) == 0);
	}
}

/* What a commit that begins now has to save. */
static void note_files(void)
{
	for (unsigned i = 0; i < FILE_COUNT; i++) {
		files[i].saved_size = files[i].size;
		memcpy(files[i].saved, files[i].bytes,
		       sizeof files[i].saved);
	}
}

static void sync_all(void)
{
	struct process *process = this_process();

	if (!process) {
		use_processor(0);
		this_cpu()->process = &processes[0];
	}
	note_files();
	if (filesystem_sync()) {
		expect(disk_fails);
		return;
	}
	commits++;
	for (unsigned i = 0; i < FILE_COUNT; i++)
		expect_saved(&files[i]);
}

/* Somebody calls sync(), and stays on processor 0 until it is done. */
static void sync_one(struct model *model)
{
	run_on(model, 0);
	sync_all();
}

static void drop_caches(void)
{
	names_drop();
	pages_reclaim(1000000);
	inodes_shrink();
}

/* ---- Whole runs -------------------------------------------------------- */

/* The claims of SPACE are those of its regions, and cover its frames. */
static void expect_accounts(struct model *model)
{
	struct census census = count_half(model->space->root, false);
	size_t claims = 1, tables = 1;
	unsigned mapped = 0;

	for (struct user_region *r = model->space->regions; r;
	     r = r->next) {
		claims += claim_of(r);
		tables += r->tables;
		mapped += (r->flags & REGION_FILE) != 0;
		expect(!r->next || r->end <= r->next->start);
		expect(r->start >= model->space->low &&
		       r->end <= model->space->high);
	}
	expect(model->space->promised == claims);
	expect(model->space->files == mapped);
	expect(census.tables <= tables);
	expect(census.pages <= model->space->resident);
}

/* Each page of the tree is what the model says. */
static void compare(struct model *model)
{
	for (unsigned i = 0; i < ALL; i++) {
		struct translation is = translate(model->space->root,
						  address_of(i));
		struct shown *page = &model->page[i];

		if (!is.permissions)
			continue;
		expect(page->kind != NOTHING && !is_beyond_end(page));
		expect(is.permissions & MAP_USER && page->permissions);
		expect(!(is.permissions & MAP_WRITE) ||
		       page->permissions & MAP_WRITE);
		expect(memcmp(p2v(is.physical), view(page), PAGE) == 0);
		if (is.permissions & MAP_WRITE && page->kind != OBJECT &&
		    page->kind != BOTH_FILE)
			expect(!frame_is_shared(is.physical));
	}
	for (struct user_region *r = model->space->regions; r; r = r->next)
		expect(page_at(r->start) < ALL);
	expect_accounts(model);
	check_heap(model);
}

static void compare_all(void)
{
	for (int i = 0; i < SPACES; i++)
		if (models[i].space)
			compare(&models[i]);
	caches_drain();
	expect(frames_unclaimed() <= frames_free() + frames_kept_clean() +
				     pages_clean());
}

static struct model *some_model(void)
{
	struct model *model = &models[below(SPACES)];

	if (!model->space)
		return NULL;
	/* One who is in the middle of sync() does nothing else. */
	return nested && fs.committer == &processes[model - models]
	       ? NULL : model;
}

/* After a failure a region may be cut where nobody asked for it. */
static void learn_regions(struct model *model)
{
	for (struct user_region *r = model->space->regions; r; r = r->next) {
		regions++;
		for (vaddr_t at = r->start; at < r->end; at += PAGE)
			model->page[page_at(at)].region = regions;
	}
}

static void make_or_fork(void)
{
	struct model *parent = some_model();

	if (nested)
		return;
	if (parent && !one_in(4))
		fork_one(parent);
	else
		make();
}

static void one_operation(void)
{
	struct model *model = some_model();

	if (!model) {
		make_or_fork();
		return;
	}
	switch (below(200)) {
	case 0 ... 17:
		map_something(model);
		break;
	case 18 ... 22:
		unmap_something(model);
		break;
	case 23 ... 39:
		protect_something(model);
		break;
	case 40 ... 42:
		if (one_in(2))
			end_one(model);
		break;
	case 43 ... 47:
		move_break(model);
		break;
	case 48 ... 50:
		add_stack(model);
		break;
	case 51 ... 54:
		add_program(model);
		break;
	case 55 ... 80:
		read_or_write(model);
		break;
	case 81:
		run(model);
		cut_file();
		break;
	case 82 ... 84:
		if (!nested)
			sync_one(model);
		break;
	case 85:
		run(model);
		drop_caches();
		break;
	default:
		touch(model);
	}
	if (!strict && model->space)
		learn_regions(model);
}

/* A commit writes; others go on, on other processors. */
static void go_on_meanwhile(void)
{
	unsigned me = this_cpu()->index;

	if (!plenty || nested || !fs.committer)
		return;
	nested++;
	for (uint64_t n = below(6); n > 0; n--)
		one_operation();
	nested--;
	use_processor(me);
}

/* ---- Switching on and off ---------------------------------------------- */

static void make_files(void)
{
	static const char *name[FILE_COUNT] = { "a", "b", "program" };
	static uint8_t bytes[FILE_PAGES * PAGE];

	for (int i = 0; i < FILE_COUNT; i++) {
		size_t size = i == PROGRAM ? PROGRAM_PAGES * PAGE
					   : 5 * PAGE + 100;
		struct operation op;

		files[i].inode = path_create(name[i], T_FILE, 0, 0, false);
		expect(files[i].inode);
		files[i].size = size;
		for (size_t at = 0; at < size; at++)
			bytes[at] = (uint8_t)random64();
		memcpy(files[i].bytes, bytes, size);
		for (size_t at = 0; at < size; at += PAGE) {
			uint8_t *frame = kalloc_zeroed();

			memcpy(frame, bytes + at, size - at < PAGE
						  ? size - at : PAGE);
			expect(operation_begin(&op, 8, GROWS) == 0);
			expect(inode_change(&op, files[i].inode) == 0);
			expect(inode_reach(&op, files[i].inode,
					   (uint32_t)(at / PAGE)) == 0);
			expect(page_add(&op, files[i].inode, 0,
					(uint32_t)(at / PAGE), frame));
			operation_end(&op);
		}
		inode_set_size(files[i].inode, size);
	}
}

static void switch_on(void)
{
	start(RAM({ 0x100000, 0x1000000 }));
	kernel_root = NULL;
	memset(&kernel_map, 0, sizeof kernel_map);
	kvm_init();
	expect(frames_promise(page_tables) == 0);
	cpu_count = CPUS;
	host_flushed = forget_translations;
	this_cpu()->process = &processes[0];
	disk = (struct disk){ .name = "disk", .blocks = DISK_BLOCKS };
	expect(filesystem_format() == 0);
	expect(filesystem_mount() == 0);
	make_files();
	sync_all();
	strict = plenty = true;
}

static void end_all(void)
{
	for (int i = 0; i < SPACES; i++)
		if (models[i].space)
			end_one(&models[i]);
	this_cpu()->process = &processes[0];
	plenty = disk_fails = false;
	sync_all();
	drop_caches();
	for (int i = 0; i < FILE_COUNT; i++) {
		expect(!files[i].inode->mappings);
		expect(files[i].inode->uses == 0);
		expect(files[i].inode->writers == 0);
		expect(files[i].inode->references == 1);
	}
	strict = plenty = true;
}

static unsigned long steps_of(unsigned long steps)
{
	const char *factor = getenv("STEPS");

	return factor ? steps * strtoul(factor, NULL, 0) : steps;
}

static void run_steps(unsigned long steps, unsigned fails_one_in)
{
	for (unsigned long i = 0; i < steps; i++) {
		if (CHECK && fails_one_in && one_in(fails_one_in))
			kalloc_fail_at = 1 + (unsigned)below(8);
		one_operation();
		kalloc_fail_at = 0;
		if (i % 200 == 0)
			compare_all();
	}
	compare_all();
}

/* What is in use when all programs have ended, after some life. */
static void expect_nothing_lost(void (*live)(void))
{
	size_t free, unclaimed;
	paddr_t where;

	live();
	end_all();
	caches_drain();
	free = frames_free() + frames_kept_clean();
	unclaimed = frames_unclaimed();
	live();
	end_all();
	caches_drain();
	expect(frames_free() + frames_kept_clean() == free);
	expect(frames_unclaimed() == unclaimed);
	expect(!check_free_list(&where));
}

/*
 * In a process of its own: the kernel's variables are as they were when
 * the machine was switched on.
 */
static void in_child(void (*live)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		switch_on();
		expect_nothing_lost(live);
		printf("%lu commits, %lu pages seen, %lu stores, %lu kills, "
		       "%lu refused\n", commits, checked, stores, kills,
		       refusals);
		exit(0);
	}
	expect(waitpid(pid, &status, 0) == pid);
	if (status)
		exit(1);
}

static void live(void)
{
	run_steps(steps_of(200000), 0);
}

static void test_random(void)
{
	in_child(live);
}

/* Allocations fail here and there. */
static void live_with_failures(void)
{
	strict = plenty = false;
	run_steps(steps_of(60000), 4);
}

static void test_random_with_failures(void)
{
	in_child(live_with_failures);
}

/* Promises are refused; those that were made hold. */
static void live_with_little_memory(void)
{
	strict = plenty = false;
	use_up_memory(frames_reserve() + 150 + below(300));
	run_steps(steps_of(60000), 0);
	for (int i = 0; i < SPACES; i++)
		if (models[i].space)
			end_one(&models[i]);
	give_memory_back();
}

static void test_little_memory(void)
{
	in_child(live_with_little_memory);
}

/* Stores are refused, and so are writes; commits make some room. */
static void live_with_full_disk(void)
{
	intptr_t kept = fs.available - 40 - (intptr_t)below(60);

	strict = plenty = false;
	expect(blocks_reserve(kept, SHRINKS) == 0);
	run_steps(steps_of(60000), 0);
	fs.available += kept;
}

static void test_full_disk(void)
{
	in_child(live_with_full_disk);
}

/* Some commits fail.  What they froze is dirty again, and goes on. */
static void live_with_bad_disk(void)
{
	strict = false;
	disk_fails = true;
	run_steps(steps_of(60000), 0);
}

static void test_bad_disk(void)
{
	in_child(live_with_bad_disk);
}

/* ---- By name ----------------------------------------------------------- */

static struct space *other_space;

/*
 * A processor leaves its space, is asked to forget what it knows of it,
 * and loads it again: then it is not to be waited for.
 */
static bool leave_and_return(struct cpu *cpu)
{
	struct space *space = cpu->space;
	struct cpu *me = this_cpu();

	use_processor(cpu->index);
	space_use(other_space);
	space_flush();
	space_use(space);
	use_processor(me->index);
	return true;
}

static void live_where_a_space_returns(void)
{
	struct shown wanted = {
		.kind = BOTH_FILE, .permissions = MAP_READ | MAP_WRITE,
	};

	make();
	run_on(&models[0], 1);
	map(&models[0], &wanted, 40, 1, true);
	expect(access_page(&models[0], 40, MAP_WRITE, address_of(40)));
	other_space = space_new();
	run_on(&models[0], 0);
	host_answer = leave_and_return;
	alarm(20);
	sync_all();
	alarm(0);
	host_answer = NULL;
	expect(other_space->cpus == 0 && models[0].space->cpus == 3);
	space_put(other_space);
	run_on(&models[0], 1);
	expect(access_page(&models[0], 40, MAP_WRITE, address_of(40)));
}

static void test_a_space_returns(void)
{
	in_child(live_where_a_space_returns);
}

const struct test tests[] = {
	{ "random", test_random },
	{ "random_with_failures", test_random_with_failures },
	{ "little_memory", test_little_memory },
	{ "full_disk", test_full_disk },
	{ "bad_disk", test_bad_disk },
	{ "a_space_returns", test_a_space_returns },
	{ 0 },
};
