/*
 * libFuzzer spoils a disk: whatever is on it, mounting, checking, reading
 * and changing it must come to an end, without touching what is not ours.
 *
 * The input is a list of changes to a good image, each of a block, an
 * offset and some bytes.  Both superblocks get the right checksum then, or
 * there would be little to see.
 */
#include "small_disk.h"
#include "files/check.h"

enum { MOST_STEPS = 2000 };

_Noreturn void host_panic(const char *text)
{
	fprintf(stderr, "the kernel panics: %s\n", text);
	abort();
}

int host_disk_do(const struct disk_request *request)
{
	carry_out(request);
	return 0;
}

/* ---- A good image --------------------------------------------------- */

static void must(bool well)
{
	if (!well)
		host_panic("the good image cannot be made");
}

static void write_file(const char *path, uint64_t offset, size_t size)
{
	struct inode *inode = path_create(path, T_FILE, 0, 0, true);
	static uint8_t data[3 * BLOCK_SIZE];

	must(inode);
	memset(data, 'x', size);
	must(inode_write(inode, (vaddr_t)data, &offset, size,
			 ANYWHERE) == (intptr_t)size);
	inode_put(inode);
}

static void make_directory(const char *path)
{
	struct inode *inode = path_create(path, T_DIR, 0, 0, false);

	must(inode);
	inode_put(inode);
}

/* Blocks that are more than the contents of a file. */
static uint32_t interesting[BLOCKS];
static unsigned interesting_count;

static void find_interesting(void)
{
	for (uint32_t block = 0; block < BLOCKS; block++)
		for (int i = 0; i < BLOCK_SIZE; i++)
			if (good[block][i] && good[block][i] != 'x') {
				interesting[interesting_count++] = block;
				break;
			}
}

static void make_good(void)
{
	char name[256] = { 0 };

	host_start(FRAMES, BLOCKS);
	must(filesystem_format() == 0);
	filesystem_start();
	make_directory("d");
	make_directory("d/e");
	write_file("a", 0, 100);
	write_file("d/b", 0, 3 * BLOCK_SIZE);
	write_file("d/e/c", 5000 * BLOCK_SIZE, 10);
	write_file("gone", 0, 2 * BLOCK_SIZE);
	must(path_link("a", "d/a") == 0);
	for (int i = 0; i < 18; i++) {
		memset(name, 'a' + i, 250);
		write_file(name, 0, 1);
	}
	must(filesystem_sync() == 0);
	must(path_find("gone") && path_unlink("gone") == 0);
	must(filesystem_sync() == 0);
	must(disk_check() == 0);
	memcpy(good, image, sizeof good);
	find_interesting();
}

/* ---- What is done with a bad one ------------------------------------ */

static unsigned steps;

static void read_some(struct inode *inode)
{
	static uint8_t data[2 * BLOCK_SIZE];
	uint64_t size = inode_size(inode);

	inode_read(inode, (vaddr_t)data, 0, sizeof data, 4);
	inode_read(inode, (vaddr_t)data, size / 2, sizeof data, 4);
	inode_read(inode, (vaddr_t)data, size - 1, 1, 1);
}

static void walk(uint32_t number, int depth)
{
	struct inode *directory = inode_get(number), *inode;
	const struct directory_record *record;
	uint32_t position = 0;
	void *frame;

	if (!directory)
		return;
	while (directory->disk.type == T_DIR && steps++ < MOST_STEPS &&
	       (record = directory_next(directory, &position, &frame))) {
		inode = inode_get(record->inode);
		if (inode && inode->disk.type == T_DIR && depth < 5)
			walk(record->inode, depth + 1);
		else if (inode)
			read_some(inode);
		if (inode)
			inode_put(inode);
		page_put(frame);
	}
	inode_put(directory);
}

static void truncate_file(const char *path)
{
	struct inode *inode = path_find(path);
	struct operation op;

	if (!inode)
		return;
	if (inode->disk.type != T_DIR &&
	    operation_begin(&op, 8, SHRINKS) == 0) {
		mutex_lock(&inode->lock);
		inode_truncate(&op, inode);
		mutex_unlock(&inode->lock);
		operation_end(&op);
	}
	inode_put(inode);
}

static void change_things(void)
{
	static uint8_t data[BLOCK_SIZE];
	uint64_t offset = 4000;
	struct inode *inode = path_find("a");

	if (inode && inode->disk.type == T_FILE)
		inode_write(inode, (vaddr_t)data, &offset, BLOCK_SIZE,
			    ANYWHERE);
	if (inode)
		inode_put(inode);
	inode = path_create("new", T_FILE, 0, 0, false);
	if (inode)
		inode_put(inode);
	path_link("a", "d/e/new");
	path_unlink("d/a");
	filesystem_sync();
	truncate_file("d/b");
	path_rename("d/e", "moved");
	path_rename("d/e/c", "d/c");
	path_unlink("d/e/c");
	path_unlink("a");
	path_unlink("new");
	inode = path_create("d/dir", T_DIR, 0, 0, false);
	if (inode)
		inode_put(inode);
	filesystem_sync();
}

/* ---- The input ------------------------------------------------------ */

static void spoil(const uint8_t *data, size_t size)
{
	while (size >= 4) {
		size_t block = interesting[data[0] % interesting_count];
		size_t at = (data[1] | data[2] << 8) % BLOCK_SIZE;
		size_t count = data[3] % 64;

		data += 4;
		size -= 4;
		if (count > size)
			count = size;
		if (count > BLOCK_SIZE - at)
			count = BLOCK_SIZE - at;
		memcpy(image[block] + at, data, count);
		data += count;
		size -= count;
	}
	for (int i = 0; i < SUPERBLOCKS; i++) {
		struct superblock *super = (struct superblock *)image[i];

		super->checksum = super_checksum(super);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool started;

	if (!started)
		make_good();
	started = true;
	memcpy(image, good, sizeof image);
	spoil(data, size);
	host_start(FRAMES, BLOCKS);
	disk_check();
	filesystem_start();
	if (!disk.memory) {
		steps = 0;
		walk(ROOT_INODE, 0);
		change_things();
		disk_check();
	}
	return 0;
}
