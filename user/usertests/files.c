/* Tests of file descriptors, as far as nothing is written. */

static void opentest(void)
{
	close(must_open(TINY));
	close(must_open(TEXT_FILE));
	close(must_open("README"));
	check(open("doesnotexist", O_RDONLY) == -1, "opened nothing");
	check(open("/doesnotexist", O_RDONLY) == -1, "opened nothing");
	check(open("", O_RDONLY) == -1, "opened no name");
}

/* Numbers that are no open file. */
static void badfd(void)
{
	const int fd[] = { -1, -2, 20, 100, 1000, 0x7fffffff,
			   (int)0x80000000 };
	struct stat info;
	char byte;

	for (int i = 0; i < COUNT(fd); i++) {
		check(read(fd[i], &byte, 1) == -1, "read %d", fd[i]);
		check(write(fd[i], &byte, 1) == -1, "write %d", fd[i]);
		check(close(fd[i]) == -1, "close %d", fd[i]);
		check(dup(fd[i]) == -1, "dup %d", fd[i]);
		check(fstat(fd[i], &info) == -1, "fstat %d", fd[i]);
	}
}

/* A closed file is closed, and only once. */
static void closetwice(void)
{
	int fd = must_open(TEXT_FILE);
	char byte;

	check(close(fd) == 0, "close failed");
	check(close(fd) == -1, "closed twice");
	check(read(fd, &byte, 1) == -1, "read after close");
	check(must_open(TEXT_FILE) == fd, "the number is not reused");
	close(fd);
}

/* dup() takes the lowest number and shares the offset. */
static void duptest(void)
{
	int first = must_open(TEXT_FILE), second = dup(first);
	char a[3], b[3], all[6];

	check(second > first, "dup returned %d after %d", second,
	      first);
	check(read(first, a, 3) == 3, "read of the first");
	check(read(second, b, 3) == 3, "read of the second");
	check(close(first) == 0, "close of the first");
	check(dup(second) == first, "not the lowest number");
	close(first);
	first = must_open(TEXT_FILE);
	check(read(first, all, 6) == 6, "read of all");
	check(memcmp(all, a, 3) == 0 && memcmp(all + 3, b, 3) == 0,
	      "the offset is not shared");
	close(first);
	close(second);
}

/* Files run out with -1, and come back. */
static void manyfiles(void)
{
	static int fd[1000];
	int count[2];

	for (int round = 0; round < 2; round++) {
		int n;

		for (n = 0; n < COUNT(fd); n++) {
			fd[n] = n % 2 ? dup(1) : open(TEXT_FILE, 0);
			if (fd[n] < 0)
				break;
		}
		count[round] = n;
		while (n > 0)
			check(close(fd[--n]) == 0, "close %d", fd[n]);
	}
	check(count[0] >= 10, "only %d files", count[0]);
	check(count[0] == count[1], "%d files, then %d", count[0],
	      count[1]);
}

/* Parent and child share an open file's offset. */
static void sharedoffset(void)
{
	int fd = must_open(TEXT_FILE), pid;
	char all[30], mine[30];

	check(read(fd, all, 30) == 30, "%s is short", TEXT_FILE);
	close(fd);
	fd = must_open(TEXT_FILE);
	check(read(fd, mine, 10) == 10, "the first part");
	pid = must_fork();
	if (pid == 0) {
		check(read(fd, mine, 10) == 10, "the second part");
		check(memcmp(mine, all + 10, 10) == 0, "the second");
		exit(OK);
	}
	expect(pid, OK, "the child");
	check(read(fd, mine + 20, 10) == 10, "the third part");
	check(memcmp(mine + 20, all + 20, 10) == 0, "the third");
	close(fd);
}

/* A child's close leaves the parent's file open. */
static void childclose(void)
{
	int fd = must_open(TEXT_FILE), pid = must_fork();
	char byte;

	if (pid == 0)
		exit(close(fd));
	expect(pid, OK, "the child");
	check(read(fd, &byte, 1) == 1, "the parent's file is closed");
	close(fd);
}

/* All of a file, in odd pieces, and the end of it. */
static void readall(void)
{
	int fd = must_open(SELF), other = must_open(SELF), got;
	static char piece[1024], twin[1024];
	struct stat info;
	uint32_t total = 0;

	check(fstat(fd, &info) == 0, "fstat failed");
	for (int size = 1;; size = size % 997 + 7) {
		got = read(fd, piece, size);
		check(got >= 0, "read failed at %d", (int)total);
		if (got == 0)
			break;
		check(read(other, twin, got) == got, "the second one");
		check(memcmp(piece, twin, got) == 0, "they differ");
		total += got;
	}
	check(total == info.size, "%d bytes of %d", (int)total,
	      (int)info.size);
	check(read(fd, piece, 10) == 0, "there is more");
	close(fd);
	close(other);
}

/* What fstat() says of a file, of itself under another number. */
static void stattest(void)
{
	int fd = must_open(TEXT_FILE), twin = must_open(TEXT_FILE);
	struct stat one, two, console;

	check(fstat(fd, &one) == 0, "fstat failed");
	check(fstat(twin, &two) == 0, "fstat failed");
	check(one.type == T_FILE, "type %d", one.type);
	check(one.size > 0, "no size");
	check(one.ino == two.ino, "the numbers differ");
	check(one.size == two.size, "the sizes differ");
	check(fstat(1, &console) == 0, "fstat of the console failed");
	check(console.type == T_DEVICE, "its type is %d", console.type);
	close(fd);
	close(twin);
}

/* A file opened for reading cannot be written. */
static void readonlyfile(void)
{
	int fd = must_open(TEXT_FILE);

	check(write(fd, "x", 1) == -1, "written");
	close(fd);
}

static const struct test file_tests[] = {
	{ "opentest", opentest, QUICK },
	{ "badfd", badfd, QUICK },
	{ "closetwice", closetwice, QUICK },
	{ "duptest", duptest, QUICK },
	{ "manyfiles", manyfiles, QUICK },
	{ "sharedoffset", sharedoffset, QUICK },
	{ "childclose", childclose, QUICK },
	{ "readall", readall, QUICK },
	{ "stattest", stattest, QUICK },
	{ "readonlyfile", readonlyfile, QUICK },
};
