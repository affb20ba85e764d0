/*
 * mkfs IMAGE BLOCKS FILE...: a file system with these files.  A FILE is
 * PATH, or PATH=NAME to give it another name, or NAME/, which becomes an
 * empty directory.
 */
#include "image.h"
#include <errno.h>

enum { BLOCKS_FOR_A_PAGE = 8 };         /* it, pointers, the inode */

/* Appends SIZE bytes, whole pages but for the last. */
static int append(struct inode *inode, const void *data, size_t size)
{
	uint32_t index = (uint32_t)(inode->disk.size / BLOCK_SIZE);
	struct operation op;
	void *frame = kalloc_zeroed();
	int failed = -1;

	if (!frame)
		return -1;
	memcpy(frame, data, size);
	if (operation_begin(&op, BLOCKS_FOR_A_PAGE, GROWS)) {
		kfree(frame);
		return -1;
	}
	if (inode_change(&op, inode) == 0 &&
	    inode_reach(&op, inode, index) == 0 &&
	    page_add(&op, inode, 0, index, frame)) {
		inode->disk.size += size;
		failed = 0;
	}
	operation_end(&op);
	if (failed)
		kfree(frame);
	return failed;
}

static void copy(const char *path, struct inode *inode)
{
	static char data[BLOCK_SIZE];
	FILE *file = fopen(path, "rb");
	size_t size;

	if (!file)
		give_up("%s: %s", path, strerror(errno));
	while ((size = fread(data, 1, sizeof data, file)) > 0)
		if (append(inode, data, size))
			give_up("%s: the disk is full", path);
	if (ferror(file))
		give_up("%s: %s", path, strerror(errno));
	fclose(file);
}

/* Makes the file that ARGUMENT says. */
static void make(char *argument)
{
	size_t length = strlen(argument);
	bool is_directory = length > 0 && argument[length - 1] == '/';
	char *name = strchr(argument, '='), *slash;
	struct inode *inode;

	if (is_directory) {
		name = argument;
		name[length - 1] = '\0';
	} else if (name) {
		*name++ = '\0';
	} else {
		slash = strrchr(argument, '/');
		name = slash ? slash + 1 : argument;
	}
	path_unlink(name);              /* the last of a name counts */
	inode = path_create(name, is_directory ? T_DIR : T_FILE, 0, 0,
			    false);
	if (!inode)
		give_up("%s cannot be made", name);
	if (!is_directory)
		copy(argument, inode);
	inode_put(inode);
}

int main(int argc, char **argv)
{
	unsigned long blocks;
	char *end;

	program = "mkfs";
	if (argc < 3)
		give_up("usage: mkfs IMAGE BLOCKS FILE...");
	blocks = strtoul(argv[2], &end, 0);
	if (*end || blocks == 0 || blocks > UINT32_MAX)
		give_up("%s is no number of blocks", argv[2]);
	image_open(argv[1], (uint32_t)blocks);
	if (filesystem_format())
		give_up("%s: %lu blocks: too few, or too many", argv[1],
			blocks);
	host_console = NULL;
	if (filesystem_mount())
		give_up("%s: cannot be mounted", argv[1]);
	for (int i = 3; i < argc; i++)
		make(argv[i]);
	if (filesystem_sync())
		give_up("%s: cannot be written", argv[1]);
	return 0;
}
