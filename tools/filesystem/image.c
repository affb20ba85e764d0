/* A file of this computer as the disk. */
#include "image.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Address space for a gigabyte of frames; used is what is needed. */
enum { FRAMES = 1 << 18 };

const char *program;

static uint8_t *image;
static bool writable;

_Noreturn void give_up(const char *text, ...)
{
	va_list arguments;

	fflush(stdout);
	fprintf(stderr, "%s: ", program);
	va_start(arguments, text);
	vfprintf(stderr, text, arguments);
	va_end(arguments);
	fprintf(stderr, "\n");
	exit(2);
}

_Noreturn void host_panic(const char *text)
{
	give_up("the kernel panics: %s", text);
}

int host_disk_do(const struct disk_request *request)
{
	size_t at = (size_t)request->block * BLOCK_SIZE;

	if (request->action == DISK_WRITE && !writable)
		return -1;
	for (unsigned i = 0; i < request->count; i++, at += BLOCK_SIZE) {
		if (request->action == DISK_READ)
			memcpy(request->page[i], image + at, BLOCK_SIZE);
		else
			memcpy(image + at, request->page[i], BLOCK_SIZE);
	}
	return 0;
}

void image_open(const char *path, uint32_t blocks)
{
	int flags = blocks ? O_RDWR | O_CREAT | O_TRUNC : O_RDONLY;
	int file = open(path, flags, 0666);
	off_t size;

	if (file < 0)
		give_up("%s: %s", path, strerror(errno));
	if (blocks && ftruncate(file, (off_t)blocks * BLOCK_SIZE))
		give_up("%s: %s", path, strerror(errno));
	size = lseek(file, 0, SEEK_END);
	if (size < BLOCK_SIZE || size / BLOCK_SIZE > UINT32_MAX)
		give_up("%s: %lld bytes are no disk", path,
			(long long)size);
	writable = blocks > 0;
	image = mmap(NULL, (size_t)size,
		     PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED,
		     file, 0);
	if (image == MAP_FAILED)
		give_up("%s: %s", path, strerror(errno));
	close(file);
	host_console = stderr;
	host_start(FRAMES, (uint32_t)(size / BLOCK_SIZE));
}
