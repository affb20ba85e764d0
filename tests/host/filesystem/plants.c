/*
 * Plants one fault at a time into a good image: the checker must complain,
 * and about that.  Then it gets no memory, or a disk that fails.
 */
#include "small_disk.h"
#include "files/check.h"
#include "memory/cache.h"

static unsigned fail_at;                /* which read; 0: none */

_Noreturn void host_panic(const char *text)
{
	printf("the kernel panics: %s\n", text);
	exit(1);
}

int host_disk_do(const struct disk_request *request)
{
	if (fail_at && --fail_at == 0)
		return -1;
	carry_out(request);
	return 0;
}

/* Frames that somebody needs: not those of objects at hand. */
static size_t kept(void)
{
	caches_drain();
	return host_frames_claimed();
}

static void must(bool well, const char *what)
{
	if (!well)
		host_panic(what);
}

/* ---- A good image --------------------------------------------------- */

/* What the faults are planted in; all are inodes. */
static uint32_t file, big, directory, below, orphan, unused;

static uint32_t make(const char *path, unsigned type, size_t size)
{
	static uint8_t data[3 * BLOCK_SIZE];
	struct inode *inode = path_create(path, type, 0, 0, false);
	uint64_t offset = 0;
	uint32_t number;

	must(inode, path);
	number = inode->number;
	must(size == 0 || inode_write(inode, (vaddr_t)data, &offset, size,
				      ANYWHERE) == (intptr_t)size, path);
	inode_put(inode);
	return number;
}

static void make_good(void)
{
	char name[256] = { 0 };

	host_start(FRAMES, BLOCKS);
	must(filesystem_format() == 0, "format");
	filesystem_start();
	file = make("file", T_FILE, 100);
	big = make("big", T_FILE, 3 * BLOCK_SIZE);
	directory = make("directory", T_DIR, 0);
	below = make("directory/below", T_DIR, 0);
	make("directory/other", T_FILE, 0);
	orphan = make("orphan", T_FILE, 1);
	make("unused1", T_FILE, 0);
	unused = make("unused2", T_FILE, 0);
	for (int i = 0; i < 18; i++) {
		memset(name, 'a' + i, 250);
		make(name, T_FILE, 0);
	}
	path_find("orphan");
	must(path_unlink("orphan") == 0, "unlink");
	must(path_unlink("unused1") == 0 && path_unlink("unused2") == 0,
	     "unlink");
	must(filesystem_sync() == 0, "sync");
	must(disk_check() == 0, "the image is not good");
	memcpy(good, image, sizeof good);
}

/* ---- Where things are ----------------------------------------------- */

static struct superblock *super(void)
{
	struct superblock *a = (void *)image[0], *b = (void *)image[1];

	return a->generation > b->generation ? a : b;
}

static struct disk_inode *inode(uint32_t number)
{
	return (struct disk_inode *)image[super()->table.root] + number;
}

static uint32_t *bitmap(void)
{
	return (uint32_t *)image[super()->bitmap[0]];
}

/* The record of a name, in block INDEX of a directory; or the first. */
static struct directory_record *
record(uint32_t number, uint32_t index, const char *name)
{
	struct disk_inode *at = inode(number);
	uint32_t block = at->height
			 ? ((uint32_t *)image[at->root])[index] : at->root;

	for (unsigned i = 0; i < BLOCK_SIZE;) {
		struct directory_record *r = (void *)&image[block][i];

		if (r->inode && (!name || (r->length == strlen(name) &&
		    memcmp(r->name, name, r->length) == 0)))
			return r;
		i += r->size;
	}
	return NULL;
}

/* The same, in any block of the root. */
static struct directory_record *in_root(const char *name)
{
	struct directory_record *found = NULL;

	for (uint32_t i = 0; i < inode(1)->size / BLOCK_SIZE && !found; i++)
		found = record(1, i, name);
	return found;
}

static uint32_t next_of(uint32_t number)
{
	return inode(number)->next;
}

/* A free block, or one that is in use. */
static uint32_t some_block(bool used)
{
	uint32_t block = SUPERBLOCKS;

	while ((bitmap()[block / 32] >> block % 32 & 1) != used)
		block++;
	return block;
}

/* ---- The faults ----------------------------------------------------- */

#define FAULT(NAME, ...) static void NAME(void) { __VA_ARGS__; }

FAULT(no_super, memset(image, 0, 2 * BLOCK_SIZE))
FAULT(used_inodes, super()->used_inodes++)
FAULT(marked_free, bitmap()[inode(file)->root / 32] &=
	~(1u << inode(file)->root % 32))
FAULT(marked_used, uint32_t block = some_block(false);
	bitmap()[block / 32] |= 1u << block % 32)
FAULT(behind_disk, bitmap()[BLOCKS / 32] = 0)
FAULT(short_table, super()->table.size = 0)
FAULT(type, inode(file)->type = 9)
FAULT(links, inode(file)->links++)
FAULT(many_links, inode(file)->links = 40000)
FAULT(directory_size, inode(1)->size = 3 * BLOCK_SIZE)
FAULT(height, inode(file)->height = 7)
FAULT(no_end, inode(file)->size = 10000)
FAULT(no_block, inode(file)->root = BLOCKS)
FAULT(block_1, inode(file)->root = 1)
FAULT(used_twice, inode(file)->root = inode(below)->root =
	inode(directory)->root)
FAULT(behind_end, inode(file)->size = 0)
FAULT(free_with_block, inode(unused)->root = some_block(false))
FAULT(free_beyond, super()->free_inode = 60000)
FAULT(free_used, super()->free_inode = file)
FAULT(free_circle, inode(next_of(super()->free_inode))->next =
	super()->free_inode)
FAULT(free_lost, super()->free_inode = 0)
FAULT(orphan_lost, super()->orphan = 0)
FAULT(orphan_named, inode(orphan)->next = file)
FAULT(record_size, record(directory, 0, NULL)->size = 6)
FAULT(record_length, record(directory, 0, NULL)->length = 255;
	record(directory, 0, NULL)->size = 20)
FAULT(slash, record(directory, 0, "other")->name[2] = '/')
FAULT(zero, record(directory, 0, "other")->name[2] = 0)
FAULT(dots, struct directory_record *r = record(directory, 0, "other");
	r->length = 2; memcpy(r->name, "..", 2))
FAULT(empty_name, record(directory, 0, "other")->length = 0)
FAULT(wrong_place, record(1, 1, NULL)->name[0] ^= 1)
FAULT(same_name, memcpy(record(directory, 0, "below")->name, "other", 5))
FAULT(no_inode, in_root("file")->inode = 60000)
FAULT(free_target, in_root("file")->inode = unused)
FAULT(wrong_type, in_root("file")->type = T_DEVICE)
FAULT(parent, inode(below)->parent = 1)
FAULT(circle, inode(directory)->parent = below)
FAULT(two_names, struct directory_record *r = in_root("file");
	r->inode = below; r->type = T_DIR)
FAULT(root, inode(1)->parent = 2)

static const struct fault {
	const char *name;
	void (*plant)(void);
	const char *complaint;
} faults[] = {
	{ "no superblock", no_super, "neither superblock makes sense" },
	{ "inodes counted wrong", used_inodes, "inodes are used, not" },
	{ "a used block free", marked_free, "in use and marked free" },
	{ "a free block used", marked_used, "free and marked in use" },
	{ "no block free", behind_disk, "in use and marked free" },
	{ "table too short", short_table, "table is too short" },
	{ "type", type, "there is no type 9" },
	{ "a name more", links, "1 names lead to it, not 2" },
	{ "many names", many_links, "40000 names are too many" },
	{ "size of a directory", directory_size, "no directory has 12288" },
	{ "height", height, "its tree has 7 levels" },
	{ "size", no_end, "does not reach its end" },
	{ "block beyond the disk", no_block, "there is no block 128" },
	{ "block of the superblock", block_1, "there is no block 1 " },
	{ "block used twice", used_twice, "is used already" },
	{ "block behind the end", behind_end, "block 0 is behind its end" },
	{ "free inode with a block", free_with_block,
	  "is free and has blocks" },
	{ "free list to nowhere", free_beyond,
	  "free list leads to inode 60000" },
	{ "free list to a file", free_used, "is in the free list" },
	{ "free list in a circle", free_circle, "is in a list twice" },
	{ "free inode lost", free_lost, "is free and in no list" },
	{ "orphan lost", orphan_lost, "has no name and is in no list" },
	{ "orphan with a name", orphan_named, "is in the orphan list" },
	{ "size of a record", record_size, "no record at byte" },
	{ "length of a name", record_length, "no record at byte" },
	{ "slash", slash, "ot/er is no name" },
	{ "zero", zero, "ot?er is no name" },
	{ "dots", dots, ".. is no name" },
	{ "empty name", empty_name, "is no name" },
	{ "wrong bucket", wrong_place, "is in block 1" },
	{ "same name", same_name, "the name other is there twice" },
	{ "inode beyond the table", no_inode,
	  "leads to inode 60000, which there is not" },
	{ "name of a free inode", free_target, "is of type 2, its inode" },
	{ "type in the name", wrong_type, "is of type 3, its inode" },
	{ "parent", parent, "its parent 1" },
	{ "circle", circle, "no way leads from the root" },
	{ "two names", two_names, "a directory with 2 names" },
	{ "root", root, "is no root" },
};

/* ---- Checking ------------------------------------------------------- */

static char *output;
static size_t output_size;

/* Runs the checker; what it prints is in OUTPUT. */
static int check(void)
{
	int result;

	free(output);
	host_console = open_memstream(&output, &output_size);
	result = disk_check();
	fclose(host_console);
	host_console = NULL;
	return result;
}

static void try_fault(const struct fault *fault)
{
	int result;

	memcpy(image, good, sizeof image);
	fault->plant();
	super()->checksum = super_checksum(super());
	host_start(FRAMES, BLOCKS);
	result = check();
	if (result <= 0 || !strstr(output, fault->complaint)) {
		printf("%s: %d complaints:\n%s", fault->name, result,
		       output);
		exit(1);
	}
	must(kept() == 0, "the checker keeps memory");
}

/* The Nth allocation, or read, fails: it says so, for every N. */
static void try_failures(void)
{
	unsigned n = 0, reads;

	memcpy(image, good, sizeof image);
	do {
		host_start(FRAMES, BLOCKS);
		host_fail_at = ++n;
		must(check() == -1 || host_fail_at > 0,
		     "no memory, and it does not say so");
		must(kept() == 0, "it keeps memory");
	} while (host_fail_at == 0);
	reads = disk.reads;
	for (n = 1; n <= reads; n++) {
		host_start(FRAMES, BLOCKS);
		fail_at = n;
		must(check() > 0 || n <= SUPERBLOCKS,
		     "a block cannot be read, and it does not say so");
		must(kept() == 0, "it keeps memory");
	}
	fail_at = 0;
}

/* Mounting, with the same: it works, or nothing is left of it. */
static void try_mounting(void)
{
	unsigned n = 0, reads;

	do {
		host_start(FRAMES, BLOCKS);
		host_fail_at = ++n;
		must(filesystem_mount() == 0 || kept() == 0,
		     "mounting in vain keeps memory");
	} while (host_fail_at == 0);
	reads = disk.reads;
	for (n = 1; n <= reads; n++) {
		host_start(FRAMES, BLOCKS);
		fail_at = n;
		must(filesystem_mount() == 0 || kept() == 0,
		     "mounting in vain keeps memory");
	}
	fail_at = 0;
}

int main(void)
{
	unsigned count = sizeof faults / sizeof *faults;

	make_good();
	for (unsigned i = 0; i < count; i++)
		try_fault(&faults[i]);
	try_failures();
	try_mounting();
	printf("%u faults, each with its complaint\n", count);
	return 0;
}
