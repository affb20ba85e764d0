/* sync: returns when files, or everything, are on the disk. */
#include "kernel/fcntl.h"
#include "user/tools.h"
#include "user/user.h"

const struct tool tool = { "sync", "[FILE]...", 1 };

static int sync_file(const char *path)
{
	int fd = open(path, O_RDONLY), status;

	if (fd < 0) {
		complain(path, why_not(path));
		return 1;
	}
	status = fsync(fd) < 0;
	if (status)
		complain(path, "cannot be brought to the disk");
	close(fd);
	return status;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc == 1 && sync() < 0)
		fail("disk", "there is none, or it has failed");
	for (int i = 1; i < argc; i++)
		status |= sync_file(argv[i]);
	return status;
}
