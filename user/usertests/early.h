/*
 * What the headers of a kernel without files on a disk lack: there the
 * calls fail, and their tests are left out, but have to compile.
 */
#ifndef EARLY_H
#define EARLY_H

#include <dirent.h>
#include <syscall.h>

#if __has_include(<mman.h>)
#include <mman.h>
#else
enum { PROT_NONE, PROT_READ, PROT_WRITE };
enum { MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_ANONYMOUS = 32 };
#define MAP_FAILED ((void *)-1)
#endif

#ifndef SEEK_SET
#define O_APPEND 0x800
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2

struct directory_entry {
	uint32_t ino;
	uint16_t record;
	uint8_t type;
	uint8_t length;
	char name[];
};

struct filesystem_info {
	unsigned blocks, free, inodes;
	unsigned reads, writes, flushes;
	unsigned cached, dirty;
};
#endif

#endif
