#include "user/user.h"

enum { PAGE = 4096 };

/* The call itself: the offset in pages. */
void *mmap_call(void *start, size_t size, int protection, int flags,
		int fd, unsigned page);

/*
 * Maps SIZE bytes of FD from OFFSET on, or of memory; see mman.h.
 * OFFSET has to be a multiple of 4096.  (void *)-1 if that cannot be.
 */
void *mmap(void *start, size_t size, int protection, int flags, int fd,
	   long long offset)
{
	if (offset < 0 || offset % PAGE != 0 ||
	    offset / PAGE > (long long)0xffffffff)
		return (void *)-1;
	return mmap_call(start, size, protection, flags, fd,
			 (unsigned)(offset / PAGE));
}
