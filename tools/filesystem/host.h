#ifndef FILESYSTEM_HOST_H
#define FILESYSTEM_HOST_H

/*
 * The file system of the kernel as a library of this computer: the
 * tangled files, with what stands around them replaced by host.c.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "console.h"
#include "memory.h"
#include "disk.h"
#include "process.h"
#include "stat.h"
#include "files/filesystem.h"
#include "files/change.h"
#include "files/commit.h"
#include "files/directory.h"
#include "files/path.h"
#undef printf
#undef vprintf
#undef stat
#ifdef __clang__
#pragma clang section bss = "" data = ""
#endif

/*
 * Switches the machine on, with so many frames of memory, and a disk of
 * so many blocks.  May be called again: everything is forgotten.
 */
void host_start(size_t frames, uint32_t blocks);

/* How many frames are in use, and could not be given back at once. */
size_t host_frames_claimed(void);

/* Allocations fail from the Nth from now on; 0: no more. */
extern unsigned host_fail_at;

/* Where the kernel's messages go; NULL: nowhere. */
extern FILE *host_console;

/* Carries out a request, which is valid.  0, or -1: the disk fails. */
int host_disk_do(const struct disk_request *request);

/* The kernel has panicked.  Does not return. */
_Noreturn void host_panic(const char *text);

#endif
