/*
 * A program for Weft, not for the host: random operations on files, each
 * printed when it has returned, so that replay.c can follow.
 */
#include "kernel/fcntl.h"
#include "kernel/stat.h"
#include "user/user.h"

enum { OPERATIONS = 150, MOST = 15 * 4096 };

static char data[MOST];
static unsigned state = 12345;

static unsigned below(unsigned limit)
{
	state = state * 1664525 + 1013904223;
	return (state >> 8) % limit;
}

static const char *path(void)
{
	static const char *const names[] = {
		"a", "b", "c", "d", "dir/a", "dir/b", "dir/c", "dir/sub/a",
		"dir/sub", "dir/sub/a-rather-long-name-for-a-file",
	};

	return names[below(10)];
}

static void do_write(void)
{
	const char *name = path();
	unsigned offset = below(100000), size = 1 + below(MOST);
	unsigned seed = below(256);
	int fd = open(name, O_WRONLY);

	if (fd < 0)
		return;
	for (unsigned i = 0; i < size; i++)
		data[i] = (char)(seed * 31 + i * 7 + (i >> 8));
	lseek(fd, offset, SEEK_SET);
	printf("@ write %s - %u %u %u %d\n", name, offset, size, seed,
	       write(fd, data, (int)size) == (int)size ? 0 : -1);
	close(fd);
}

static void do_create(void)
{
	const char *name = path();
	int fd = open(name, O_RDONLY);

	if (fd < 0) {
		fd = open(name, O_CREATE | O_RDWR);
		printf("@ create %s - 0 0 0 %d\n", name, fd < 0 ? -1 : 0);
	}
	if (fd >= 0)
		close(fd);
}

static void with_two(const char *what, int (*call)(const char *old,
						   const char *new))
{
	const char *old = path(), *new = path();

	printf("@ %s %s %s 0 0 0 %d\n", what, old, new, call(old, new));
}

int main(void)
{
	printf("@ mkdir dir - 0 0 0 %d\n", mkdir("dir"));
	printf("@ mkdir dir/sub - 0 0 0 %d\n", mkdir("dir/sub"));
	for (int i = 0; i < OPERATIONS; i++) {
		const char *name;

		switch (below(10)) {
		case 0: case 1: do_create(); break;
		case 2: case 3: case 4: do_write(); break;
		case 5:
			name = path();
			printf("@ unlink %s - 0 0 0 %d\n", name,
			       unlink(name));
			break;
		case 6: with_two("rename", rename); break;
		case 7: with_two("link", link); break;
		default:
			printf("@ sync - - 0 0 0 %d\n", sync());
		}
	}
	printf("@ sync - - 0 0 0 %d\n", sync());
	return 0;
}
