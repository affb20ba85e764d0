/*
 * What the headers of a kernel without files on a disk lack, or of one
 * without mappings: there the calls fail, and their tests are left out,
 * but have to compile.
 */
#ifndef EARLY_H
#define EARLY_H

#include <dirent.h>
#include <syscall.h>

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

#if __has_include(<mman.h>)
#include <mman.h>
#else
#define PROT_NONE 0
#define PROT_READ 1
#define PROT_WRITE 2
#define PROT_EXEC 4
#define MAP_SHARED 0x01
#define MAP_PRIVATE 0x02
#define MAP_FIXED 0x10
#define MAP_ANONYMOUS 0x20
#define MAP_FAILED ((void *)-1)
#endif

#endif
