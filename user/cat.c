/* cat: writes files, or standard input, to standard output. */
#include "kernel/fcntl.h"
#include "user/user.h"

static char buffer[4096];

/* Copies all that FD has; returns a status. */
static int copy(int fd, const char *name)
{
	int count;

	while ((count = read(fd, buffer, sizeof buffer)) > 0) {
		if (write_all(1, buffer, count) < 0) {
			fprintf(2, "cat: cannot write\n");
			return 1;
		}
	}
	if (count < 0)
		fprintf(2, "cat: %s: cannot be read\n", name);
	return count < 0;
}

static int copy_named(const char *name)
{
	int fd = open(name, O_RDONLY), status;

	if (fd < 0) {
		fprintf(2, "cat: %s: cannot open\n", name);
		return 1;
	}
	status = copy(fd, name);
	close(fd);
	return status;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc == 1)
		return copy(0, "standard input");
	for (int i = 1; i < argc; i++)
		status |= copy_named(argv[i]);
	return status;
}
