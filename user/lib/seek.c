#include "user/user.h"

/* The call itself: the offset goes in and comes out. */
int lseek_call(int fd, long long *offset, int whence);

/*
 * Moves where FD is read and written to OFFSET bytes from WHENCE, one
 * of SEEK_SET, SEEK_CUR and SEEK_END; returns where that is.
 */
long long lseek(int fd, long long offset, int whence)
{
	if (lseek_call(fd, &offset, whence) < 0)
		return -1;
	return offset;
}
