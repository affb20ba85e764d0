/*
 * Calls that the library does not declare yet.  This header is empty as
 * soon as <syscall.h> knows SYS_filesystem; then remove it.
 */
#ifndef TO_COME_H
#define TO_COME_H

#include <syscall.h>

#ifndef SYS_filesystem
#define SYS_rename 35
#define SYS_filesystem 36
#define O_APPEND 0x800
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2

struct directory_entry {
	uint32_t ino;
	uint16_t record;        /* bytes to the next, multiple of 4 */
	uint8_t type;
	uint8_t length;
	char name[];            /* and a 0 */
};

struct filesystem_info {
	unsigned blocks, free, inodes;
	unsigned reads, writes, flushes;
	unsigned cached, dirty;
};

static long raw_call(long number, long a, long b, long c);

static long long lseek(int fd, long long offset, int whence)
{
	if (raw_call(SYS_lseek, fd, (long)&offset, whence) < 0)
		return -1;
	return offset;
}

static int fsync(int fd)
{
	return (int)raw_call(SYS_fsync, fd, 0, 0);
}

static int sync(void)
{
	return (int)raw_call(SYS_sync, 0, 0, 0);
}

static int getdents(int fd, void *to, int size)
{
	return (int)raw_call(SYS_getdents, fd, (long)to, size);
}

static int rename(const char *old, const char *new)
{
	return (int)raw_call(SYS_rename, (long)old, (long)new, 0);
}

static int filesystem(struct filesystem_info *to)
{
	return (int)raw_call(SYS_filesystem, (long)to, 0, 0);
}
#endif

#endif
