/* upper: turns letters of a file into capitals, without writing. */
#include <fcntl.h>
#include <mman.h>
#include <stat.h>

#include "user/tools.h"
#include "user/user.h"

const struct tool tool = { "upper", "[-v] FILE", 1 };

static void capitals(char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (text[i] >= 'a' && text[i] <= 'z')
			text[i] -= 'a' - 'A';
}

int main(int argc, char **argv)
{
	bool show = argc > 1 && strcmp(argv[1], "-v") == 0;
	const char *name = argv[argc - 1];
	struct stat info;
	char *text;
	int fd;

	if (argc != 2 + show)
		usage();
	fd = open(name, O_RDWR);
	if (fd < 0 || fstat(fd, &info) < 0)
		fail(name, why_not(name));
	text = mmap(0, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    0);
	if (text == MAP_FAILED)
		fail(name, "cannot be mapped");
	capitals(text, info.size);
	if (show)
		vmprint(0);
	return 0;
}
