/* Tests of mapped files. */

/* PAGES pages of FD from page FIRST on, anywhere. */
static char *must_map_file(int fd, int first, int pages, int protection,
			   int flags)
{
	char *at = mmap(0, (size_t)pages * PAGE, protection, flags, fd,
			(long long)first * PAGE);

	check(at != MAP_FAILED, "mmap of %d pages of a file failed",
	      pages);
	return at;
}

/* The same of file NAME, open only for the call. */
static char *map_named(const char *name, int pages, int protection,
		       int flags)
{
	int fd = must_open_for(name, O_RDWR);
	char *at = must_map_file(fd, 0, pages, protection, flags);

	close(fd);
	return at;
}

/* The whole words at AT have to be blocks FIRST.. of pattern SEED. */
static void expect_mapped(const char *at, int first, int count,
			  uint32_t seed)
{
	for (int i = 0; i < count; i++)
		check(intact(at + i * PAGE, PAGE, seed_of(seed, first + i)),
		      "block %d is wrong", first + i);
}

/* Store them there. */
static void store_blocks(char *at, int first, int count, uint32_t seed)
{
	for (int i = 0; i < count; i++)
		fill(at + i * PAGE, PAGE, seed_of(seed, first + i));
}

/* The bytes at OFFSET of file NAME, by read(), have to be TEXT. */
static void expect_at(const char *name, long long offset,
		      const char *text)
{
	char found[64];
	int fd = must_open(name), size = strlen(text);

	must_seek(fd, offset);
	read_whole(fd, found, size);
	check(memcmp(found, text, size) == 0, "%s at %d: wrong", name,
	      (int)offset);
	close(fd);
}

static void write_at(const char *name, long long offset,
		     const void *from, int size)
{
	int fd = must_open_for(name, O_RDWR);

	must_seek(fd, offset);
	write_whole(fd, from, size);
	close(fd);
}

/* ---- Reading ---- */

/* Each kind of mapping shows the file, from memory and from the disk. */
static void mapread(void)
{
	const int flags[] = { MAP_PRIVATE, MAP_SHARED };
	int fd;

	make_file("file", 40, 1);
	fd = must_open("file");
	for (int i = 0; i < 4; i++) {
		char *at = must_map_file(fd, 0, 40, PROT_READ,
					 flags[i % 2]);
		char *part = must_map_file(fd, 17, 5, PROT_READ,
					   flags[i % 2]);

		if (i >= 2)
			drop_caches();
		expect_mapped(part, 17, 5, 1);
		expect_mapped(at, 0, 40, 1);
		check(dies(write_byte, (uintptr_t)at), "written");
		must_unmap(at, 40);
		must_unmap(part + 2 * PAGE, 3);
		expect_mapped(part, 17, 2, 1);
	}
	close(fd);
	expect_file("file", 40, 1);
}

/* The kernel reads and fills mapped pages that were never touched. */
static void mapcalls(void)
{
	char *at;
	int fd;

	make_file("from", 8, 1);
	make_file("to", 8, 2);
	at = map_named("from", 8, PROT_READ, MAP_SHARED);
	fd = must_create("copy");
	write_whole(fd, at, 8 * PAGE);
	close(fd);
	expect_file("copy", 8, 1);
	at = map_named("to", 8, RW, MAP_SHARED);
	fd = must_open("from");
	read_whole(fd, at, 8 * PAGE);
	close(fd);
	expect_file("to", 8, 1);
	drop_caches();
	expect_file("to", 8, 1);
	at = map_named("to", 1, RW, MAP_SHARED);
	strcpy(at + 100, "from");
	fd = must_open(at + 100);       /* a name in a mapping */
	check(fstat(fd, (struct stat *)at) == 0, "fstat");
	check(((struct stat *)at)->size == 8 * PAGE, "its size");
	close(fd);
}

/* ---- Storing ---- */

/* A store is seen by read() at once, and is on the disk after sync(). */
static void mapwrite(void)
{
	char *at;

	make_file("file", 20, 1);
	at = map_named("file", 20, RW, MAP_SHARED);
	strcpy(at + 5 * PAGE - 3, "across");
	expect_at("file", 5 * PAGE - 3, "across");
	store_blocks(at, 0, 20, 2);
	expect_file("file", 20, 2);
	drop_caches();
	expect_file("file", 20, 2);
	expect_mapped(at, 0, 20, 2);
	for (int i = 0; i < 5; i++) {
		store_blocks(at + i * PAGE, i, 1, 3);
		check(sync() == 0, "sync failed");
		store_blocks(at + (i + 5) * PAGE, i + 5, 1, 3);
	}
	must_unmap(at, 20);
	drop_caches();
	at = map_named("file", 20, PROT_READ, MAP_PRIVATE);
	expect_mapped(at, 0, 10, 3);
	expect_mapped(at + 10 * PAGE, 10, 10, 2);
}

/* write() is seen in a mapping at once, private ones included. */
static void mapseeswrite(void)
{
	char *both, *own;

	make_file("file", 6, 1);
	both = map_named("file", 6, RW, MAP_SHARED);
	own = map_named("file", 6, RW, MAP_PRIVATE);
	expect_mapped(both, 0, 3, 1);
	expect_mapped(own, 0, 3, 1);
	write_at("file", 2 * PAGE - 2, "hello", 5);
	check(memcmp(both + 2 * PAGE - 2, "hello", 5) == 0, "shared");
	check(memcmp(own + 2 * PAGE - 2, "hello", 5) == 0, "private");
	for (int i = 0; i < 5; i++) {
		char text[8];

		both[4 * PAGE] = 'a' + i;       /* dirty, then written */
		check(sync() == 0, "sync failed");
		snprintf(text, sizeof text, "x%dx", i);
		write_at("file", 4 * PAGE + 1, text, 3);
		check(memcmp(both + 4 * PAGE + 1, text, 3) == 0,
		      "after sync %d", i);
		check(both[4 * PAGE] == 'a' + i, "lost %d", i);
		check(memcmp(own + 4 * PAGE + 1, text, 3) == 0,
		      "private, after sync %d", i);
	}
}

static void store_and_wait(uintptr_t at)
{
	volatile char *mine = (char *)at;

	mine[0] = 'c';
	while (mine[PAGE] != 'p')
		sleep(0);
	mine[2 * PAGE] = 'd';
}

/* Two processes that have mapped a file each for itself. */
static void map_and_store(uintptr_t unused)
{
	(void)unused;
	store_and_wait((uintptr_t)map_named("file", 3, RW, MAP_SHARED));
}

static void mapprocesses(void)
{
	volatile char *at;
	int pid;

	make_file("file", 3, 1);
	for (int i = 0; i < 6; i++) {
		at = map_named("file", 3, RW, MAP_SHARED);
		at[0] = at[PAGE] = at[2 * PAGE] = 0;
		pid = i % 2 ? spawn(map_and_store, 0)
			    : spawn(store_and_wait, (uintptr_t)at);
		while (at[0] != 'c')
			sleep(0);
		if (i % 3 == 1)
			check(sync() == 0, "sync failed");
		at[PAGE] = 'p';
		expect(pid, OK, "the child");
		check(at[2 * PAGE] == 'd', "its last store");
		if (i % 3 == 2)
			drop_caches();
		expect_at("file", 2 * PAGE, "d");
		must_unmap((char *)at, 3);
	}
}

/* What is stored into a private mapping is not seen by anybody. */
static void mapprivate(void)
{
	char *own, *other;
	int pid;

	make_file("file", 5, 1);
	own = map_named("file", 5, RW, MAP_PRIVATE);
	other = map_named("file", 5, RW, MAP_PRIVATE);
	expect_mapped(own, 0, 2, 1);
	store_blocks(own, 0, 4, 2);     /* two were read before */
	expect_file("file", 5, 1);
	expect_mapped(other, 0, 5, 1);
	write_at("file", 0, "hello", 5);
	expect_mapped(own, 0, 4, 2);
	pid = must_fork();
	if (pid == 0) {
		expect_mapped(own, 0, 4, 2);
		store_blocks(own, 0, 5, 3);
		exit(OK);
	}
	expect(pid, OK, "the child");
	drop_caches();
	expect_mapped(own, 0, 4, 2);
	expect_mapped(own + 4 * PAGE, 4, 1, 1);
	expect_at("file", 0, "hello");
	make_file("file", 5, 1);
	expect_file("file", 5, 1);
}

/* Shared: inherited, and for pages first touched later as well. */
static void mapforkfile(void)
{
	char *at;
	int pid;

	make_file("file", 6, 1);
	at = map_named("file", 6, RW, MAP_SHARED);
	store_blocks(at, 0, 2, 2);
	pid = must_fork();
	if (pid == 0) {
		expect_mapped(at, 0, 2, 2);
		store_blocks(at + PAGE, 1, 3, 3);
		check(sync() == 0, "sync failed");
		store_blocks(at + 4 * PAGE, 4, 1, 3);
		exit(OK);
	}
	store_blocks(at + 5 * PAGE, 5, 1, 4);
	expect(pid, OK, "the child");
	expect_mapped(at, 0, 1, 2);
	expect_mapped(at + PAGE, 1, 4, 3);
	expect_mapped(at + 5 * PAGE, 5, 1, 4);
	drop_caches();
	expect_mapped(at + PAGE, 1, 4, 3);
	expect_mapped(at + 5 * PAGE, 5, 1, 4);
}

/* A part is unmapped; the other is the right part of the file. */
static void mapfileparts(void)
{
	char *at;

	make_file("file", 20, 1);
	at = map_named("file", 20, RW, MAP_SHARED);
	must_unmap(at + 4 * PAGE, 6);
	expect_rights(at + 4 * PAGE, 6, 0, "the middle");
	expect_mapped(at, 0, 4, 1);
	expect_mapped(at + 10 * PAGE, 10, 10, 1);
	store_blocks(at + 10 * PAGE, 10, 2, 2);
	must_unmap(at, 2);
	must_unmap(at + 18 * PAGE, 2);
	must_protect(at + 12 * PAGE, 1, PROT_READ);
	must_protect(at + 14 * PAGE, 2, PROT_NONE);
	store_blocks(at + 13 * PAGE, 13, 1, 2);
	store_blocks(at + 16 * PAGE, 16, 1, 2);
	expect_mapped(at + 10 * PAGE, 10, 2, 2);
	must_protect(at + 14 * PAGE, 2, RW);
	expect_mapped(at + 14 * PAGE, 14, 2, 1);
	store_blocks(at + 15 * PAGE, 15, 1, 2);
	must_unmap(at, 20);
	drop_caches();
	at = map_named("file", 20, PROT_READ, MAP_SHARED);
	for (int i = 0; i < 20; i++)
		expect_mapped(at + i * PAGE, i, 1,
			      i == 10 || i == 11 || i == 13 || i == 15 ||
			      i == 16 ? 2 : 1);
}

/* From each set of rights to each, for both kinds of mappings. */
static void protectfile(void)
{
	make_file("file", 3, 1);
	for (int n = 0; n < 4 * COUNT(all_rights); n++) {
		int from = all_rights[n / 4], shared = n % 2;
		char *at = map_named("file", 3, RW, shared ? MAP_SHARED
							   : MAP_PRIVATE);

		if (n % 4 >= 2)
			store_blocks(at, 0, 3, 1);
		for (int j = 0; j < COUNT(all_rights); j++) {
			must_protect(at + PAGE, 1, from);
			if (j % 2)
				check(sync() == 0, "sync failed");
			must_protect(at + PAGE, 1, all_rights[j]);
			check(rights(at + PAGE) ==
			      usable(all_rights[j]), "%d to %d", from,
			      all_rights[j]);
			check(rights(at) == RW, "beside");
		}
		must_protect(at + PAGE, 1, PROT_READ);
		expect_mapped(at, 0, 3, 1);
		must_unmap(at, 3);
	}
	expect_file("file", 3, 1);
}

/* ---- Files that change ---- */

/* Beyond the end there is nothing; when the file grows, there is. */
static void mapend(void)
{
	char *at;

	make_file("file", 2, 1);
	write_at("file", 2 * PAGE, "tail", 4);
	at = map_named("file", 6, RW, MAP_SHARED);
	expect_mapped(at, 0, 2, 1);
	check(memcmp(at + 2 * PAGE, "tail", 4) == 0, "the end");
	check(zero(at + 2 * PAGE + 4, PAGE - 4), "behind the end");
	expect_rights(at, 3, RW, "inside");
	expect_rights(at + 3 * PAGE, 3, 0, "beyond the end");
	check(dies(read_byte, (uintptr_t)at + 3 * PAGE), "read");
	check(dies(write_byte, (uintptr_t)at + 5 * PAGE), "written");
	write_at("file", 4 * PAGE, "more", 4);
	expect_rights(at, 5, RW, "inside, now");
	check(rights(at + 5 * PAGE) == 0, "beyond it");
	check(memcmp(at + 4 * PAGE, "more", 4) == 0, "the new end");
	check(zero(at + 3 * PAGE, PAGE), "a hole");
	at[3 * PAGE + 7] = 'h';
	check(dies(read_byte, (uintptr_t)at + 5 * PAGE), "read");
	drop_caches();
	expect_at("file", 3 * PAGE + 7, "h");
	check(stat_of("file").size == 4 * PAGE + 4, "its size");
}

/* A mapping that begins beyond the end. */
static void mapbeyond(void)
{
	int fd = must_create("file");
	char *at = must_map_file(fd, 10, 2, RW, MAP_SHARED);

	check(dies(read_byte, (uintptr_t)at), "an empty file");
	check(rights(at) == 0, "the kernel");
	must_seek(fd, 10 * PAGE);
	write_whole(fd, "x", 1);
	check(*at == 'x', "what was written later");
	check(rights(at + PAGE) == 0, "the next page");
	close(fd);
}

/* Holes are zeros, and can be stored into. */
static void maphole(void)
{
	int fd = must_create("file"), free;
	char *at;

	must_seek(fd, 3000LL * PAGE);
	write_whole(fd, "end", 3);
	check(sync() == 0, "sync failed");
	free = disk_now().free;
	at = must_map_file(fd, 0, 3001, RW, MAP_SHARED);
	for (int i = 0; i < 3000; i += 100)
		check(zero(at + i * PAGE, PAGE), "page %d", i);
	check(sync() == 0, "sync failed");
	check((int)disk_now().free == free, "reading cost blocks");
	for (int i = 0; i < 3000; i += 500)
		at[i * PAGE + i] = 'h';
	drop_caches();
	check((int)disk_now().free < free - 5, "storing cost none");
	for (int i = 0; i < 3000; i += 500)
		expect_at("file", i * PAGE + i, "h");
	expect_at("file", 3000LL * PAGE, "end");
	close(fd);
}

static void cut_file(uintptr_t unused)
{
	(void)unused;
	close(must_open_for("file", O_RDWR | O_TRUNC));
}

/* Somebody truncates the file: its pages go from all mappings. */
static void maptruncate(void)
{
	char *both, *own;

	make_file("file", 4, 1);
	both = map_named("file", 4, RW, MAP_SHARED);
	own = map_named("file", 4, RW, MAP_PRIVATE);
	store_blocks(both, 0, 1, 2);
	store_blocks(own, 1, 1, 2);
	expect_mapped(both + PAGE, 1, 3, 1);
	expect_mapped(own + 2 * PAGE, 2, 2, 1);
	must_protect(both + 3 * PAGE, 1, PROT_NONE);
	must_protect(own + 3 * PAGE, 1, PROT_NONE);
	expect(spawn(cut_file, 0), OK, "the child");
	expect_rights(both, 4, 0, "shared");
	expect_rights(own, 4, 0, "private");
	check(dies(read_byte, (uintptr_t)both), "shared: read");
	check(dies(write_byte, (uintptr_t)both), "shared: written");
	check(dies(read_byte, (uintptr_t)own + PAGE), "private: read");
	make_file("file", 4, 3);
	must_protect(both + 3 * PAGE, 1, RW);
	must_protect(own + 3 * PAGE, 1, RW);
	expect_mapped(both, 0, 4, 3);
	expect_mapped(own, 0, 4, 3);
	store_blocks(both, 0, 4, 4);
	expect_file("file", 4, 4);
}

/* What is stored behind the end never becomes part of the file. */
static void maptail(void)
{
	char *at;
	int fd;

	for (int i = 0; i < 3; i++) {
		write_text("file", "some text");
		at = map_named("file", 1, RW, MAP_SHARED);
		memset(at + 9, 'x', PAGE - 9);
		check(stat_of("file").size == 9, "it has grown");
		if (i == 1)
			check(sync() == 0, "sync failed");
		if (i == 2)
			drop_caches();
		fd = must_open_for("file", O_RDWR);
		must_seek(fd, 100);
		write_whole(fd, "end", 3);
		must_seek(fd, 2 * PAGE);
		write_whole(fd, "end", 3);
		close(fd);
		check(zero(at + 9, 91), "%d: a gap", i);
		check(zero(at + 103, PAGE - 103), "%d: the next gap", i);
		check(memcmp(at, "some text", 9) == 0, "the text");
		must_unmap(at, 1);
		drop_caches();
		at = map_named("file", 1, PROT_READ, MAP_PRIVATE);
		check(zero(at + 9, 91) && zero(at + 103, PAGE - 103),
		      "%d: a gap, on the disk", i);
		must_unmap(at, 1);
		must_unlink("file");
	}
}

/* No name and no descriptor are left, and the file is there. */
static void mapunlinked(void)
{
	struct filesystem_info before = disk_now(), now;
	char *at;
	int pid;

	make_file("file", 30, 1);
	at = map_named("file", 30, RW, MAP_SHARED);
	must_unlink("file");
	drop_caches();
	expect_mapped(at, 0, 30, 1);
	store_blocks(at, 0, 30, 2);
	drop_caches();
	expect_mapped(at, 0, 30, 2);
	pid = must_fork();
	if (pid == 0) {
		must_unmap(at, 20);
		expect_mapped(at + 20 * PAGE, 20, 10, 2);
		exit(OK);
	}
	expect(pid, OK, "the child");
	must_unmap(at + 10 * PAGE, 10);
	must_unmap(at, 5);
	must_unmap(at + 20 * PAGE, 10);
	expect_mapped(at + 5 * PAGE, 5, 5, 2);
	must_unmap(at + 5 * PAGE, 5);
	drop_caches();
	now = disk_now();
	check(now.inodes == before.inodes, "its inode is in use");
	check(now.free + 4 >= before.free, "its blocks are in use");
}

/* The last mapping goes with its process, when it is killed. */
static void keep_mapping(uintptr_t at)
{
	store_blocks((char *)at, 0, 10, 2);
	close(must_create("ready"));
	for (;;)
		sleep(100);
}

static void mapkilled(void)
{
	char *at;
	int pid;

	make_file("file", 10, 1);
	at = map_named("file", 10, RW, MAP_SHARED);
	pid = spawn(keep_mapping, (uintptr_t)at);
	must_unlink("file");
	must_unmap(at, 10);
	await_file("ready");
	kill(pid);
	expect(pid, KILLED, "the child");
}

/* ---- What may be mapped, and how ---- */

static void refuse_file(int fd, int protection, int flags,
			const char *what)
{
	check(mmap(0, PAGE, protection, flags, fd, 0) == MAP_FAILED,
	      "%s: mapped", what);
}

static void mapmodes(void)
{
	int fd, ends[2];
	char *at;

	make_file("file", 2, 1);
	fd = must_open("file");
	refuse_file(fd, RW, MAP_SHARED, "a file for reading");
	refuse_file(fd, RWX, MAP_SHARED, "a file for reading");
	at = must_map_file(fd, 0, 2, PROT_READ, MAP_SHARED);
	check(mprotect(at, PAGE, RW) == -1, "protect for writing");
	check(mprotect(at, PAGE, RWX) == -1, "protect for all");
	must_protect(at, 1, RX);
	must_protect(at, 2, PROT_NONE);
	check(mprotect(at, PAGE, RW) == -1, "protect for writing");
	must_protect(at, 2, PROT_READ);
	expect_mapped(at, 0, 2, 1);
	check(dies(write_byte, (uintptr_t)at), "written");
	must_unmap(at, 1);
	check(mprotect(at + PAGE, PAGE, RW) == -1, "a part of it");
	at = must_map_file(fd, 0, 2, RW, MAP_PRIVATE);
	store_blocks(at, 0, 2, 2);
	close(fd);
	fd = must_open_for("file", O_WRONLY);
	refuse_file(fd, PROT_READ, MAP_PRIVATE, "a file for writing");
	refuse_file(fd, PROT_WRITE, MAP_SHARED, "a file for writing");
	refuse_file(fd, PROT_NONE, MAP_SHARED, "a file for writing");
	close(fd);
	must_mkdir("directory");
	fd = must_open("directory");
	refuse_file(fd, PROT_READ, MAP_PRIVATE, "a directory");
	close(fd);
	check(pipe(ends) == 0, "pipe failed");
	refuse_file(ends[0], PROT_READ, MAP_PRIVATE, "a pipe");
	refuse_file(ends[1], PROT_WRITE, MAP_SHARED, "a pipe");
	refuse_file(0, PROT_READ, MAP_PRIVATE, "the console");
	refuse_file(1, PROT_READ, MAP_SHARED, "the console");
	expect_file("file", 2, 1);
}

/* Descriptors come and go: the mapping does not mind. */
static void mapclosed(void)
{
	char *at;
	int fd;

	make_file("file", 2, 1);
	make_file("other", 2, 2);
	fd = must_open_for("file", O_RDWR);
	at = must_map_file(fd, 0, 2, RW, MAP_SHARED);
	close(fd);
	check(must_open_for("other", O_RDWR) == fd, "another number");
	expect_mapped(at, 0, 2, 1);
	store_blocks(at, 0, 2, 3);
	close(fd);
	expect_file("file", 2, 3);
	expect_file("other", 2, 2);
}

/* A program that sleeps for a second. */
static void exec_sleep(uintptr_t unused)
{
	char *argv[] = { "program", "1", 0 };

	(void)unused;
	exec("program", argv);
	exit(NO_EXEC);
}

/* Programs that run are not stored into; what is mapped so cannot run. */
static void mapprogram(void)
{
	char *at;
	int pid, fd;

	copy_file("/sleep", "program");
	fd = must_open_for("program", O_RDWR);
	at = must_map_file(fd, 0, 1, PROT_READ, MAP_SHARED);
	close(fd);
	expect(spawn(exec_sleep, 0), NO_EXEC, "mapped for storing");
	must_protect(at, 1, PROT_NONE);
	expect(spawn(exec_sleep, 0), NO_EXEC, "it still is");
	must_unmap(at, 1);
	fd = must_open("program");
	at = must_map_file(fd, 0, 1, PROT_READ, MAP_SHARED);
	check(at[1] == 'E', "no program");
	close(fd);
	at = map_named("program", 1, RW, MAP_PRIVATE);
	at[1] = 'x';            /* our own copy */
	pid = spawn(exec_sleep, 0);
	sleep(50);
	check(open("program", O_RDWR) == -1, "opened while it runs");
	expect(pid, OK, "the program");
	close(must_open_for("program", O_RDWR));
}

/* ---- Files that are read into themselves ---- */

/* The same page, others, and pages that have not been touched. */
static void mapown(void)
{
	char *at;
	int fd;

	make_file("file", 12, 1);
	fd = must_open_for("file", O_RDWR);
	at = must_map_file(fd, 0, 12, RW, MAP_SHARED);
	read_whole(fd, at, PAGE);               /* onto itself */
	expect_mapped(at, 0, 12, 1);
	read_whole(fd, at, PAGE);               /* block 1 to 0 */
	expect_mapped(at, 1, 1, 1);
	read_whole(fd, at + 2 * PAGE + 64, 32); /* inside of one page */
	check(memcmp(at + 2 * PAGE, at + 2 * PAGE + 64, 32) == 0,
	      "inside of a page");
	must_seek(fd, 8 * PAGE);
	read_whole(fd, at + 3 * PAGE - 100, 3 * PAGE);
	must_seek(fd, 3 * PAGE - 100);
	for (int i = 8; i < 11; i++) {
		read_whole(fd, one_block, BLOCK);
		check(intact(one_block, BLOCK, seed_of(1, i)),
		      "block %d, moved", i);
	}
	expect_mapped(at + 6 * PAGE, 6, 6, 1);
	drop_caches();
	must_seek(fd, 9 * PAGE);
	write_whole(fd, at + 8 * PAGE, PAGE);   /* block 8 to 9 */
	expect_mapped(at + 9 * PAGE, 8, 1, 1);
	must_seek(fd, 10 * PAGE);
	write_whole(fd, at + 10 * PAGE, PAGE);  /* onto itself */
	expect_mapped(at + 10 * PAGE, 10, 2, 1);
	must_seek(fd, 12 * PAGE);
	write_whole(fd, at + 6 * PAGE, 2 * PAGE);       /* it grows */
	must_seek(fd, 12 * PAGE);
	expect_blocks(fd, 6, 2, 1);
	close(fd);
}

/* Pipes take from mapped files, and fill them. */
static void mappipe(void)
{
	char *from, *to;
	int ends[2], pid;

	make_file("from", 30, 1);
	make_file("to", 30, 2);
	from = map_named("from", 30, PROT_READ, MAP_SHARED);
	to = map_named("to", 30, RW, MAP_SHARED);
	check(pipe(ends) == 0, "pipe failed");
	drop_caches();
	pid = must_fork();
	if (pid == 0) {
		close(ends[0]);
		write_whole(ends[1], from, 30 * PAGE);
		exit(OK);
	}
	close(ends[1]);
	for (int at = 0; at < 30 * PAGE;) {
		int got = read(ends[0], to + at, 30 * PAGE - at);

		check(got > 0, "the pipe ends at %d", at);
		at += got;
	}
	expect(pid, OK, "the writer");
	expect_file("to", 30, 1);
}

/* ---- While others sync ---- */

static void sync_while_busy(uintptr_t unused)
{
	(void)unused;
	while (exists("busy"))
		check(sync() == 0, "sync failed");
}

/* Let COUNT children do ACT, and one more sync all the time. */
static void with_syncer(void (*act)(uintptr_t), int count)
{
	write_text("busy", "");
	spawn(sync_while_busy, 0);
	spawn_many(act, count);
	expect_some(count);
	must_unlink("busy");
	expect_all(1);
}

enum { CROSS_PAGES = 6 };

/*
 * Files "a" and "b": this process has mapped one and reads the other
 * into it, in pieces that cross pages; its colleague does the reverse.
 */
static void read_crosswise(uintptr_t me)
{
	const char *name[] = { "a", "b" };
	char *at = map_named(name[me], CROSS_PAGES, RW, MAP_SHARED);
	int fd = must_open_for(name[1 - me], O_RDWR);

	seed_random(me + 1);
	for (int i = 0; i < rounds(400); i++) {
		int size = roll(2 * PAGE) + 1;
		int from = roll(CROSS_PAGES * PAGE - size);
		int to = roll(CROSS_PAGES * PAGE - size);

		must_seek(fd, from);
		if (i % 2)
			read_whole(fd, at + to, size);
		else
			write_whole(fd, at + to, size);
	}
}

/* All bytes of "a" are 'a', of "b" 'b': both stay one of these. */
static void mapcross(void)
{
	static char bytes[CROSS_PAGES * PAGE];
	const char *name[] = { "a", "b" };

	for (int i = 0; i < 2; i++) {
		int fd = must_create(name[i]);

		memset(bytes, name[i][0], sizeof bytes);
		write_whole(fd, bytes, sizeof bytes);
		close(fd);
	}
	with_syncer(read_crosswise, 2);
	for (int i = 0; i < 2; i++) {
		int fd = must_open(name[i]);

		read_whole(fd, bytes, sizeof bytes);
		for (int j = 0; j < (int)sizeof bytes; j++)
			check(bytes[j] == 'a' || bytes[j] == 'b',
			      "%s: byte %d is %x", name[i], j, bytes[j]);
		close(fd);
	}
}

enum { COUNTERS = 3, COUNTED_PAGES = 8 };

/* Adds one to words of its own in all pages, and knows the sums. */
static void count_in_file(uintptr_t me)
{
	int *at = (int *)map_named("file", COUNTED_PAGES, RW, MAP_SHARED);
	int sum[COUNTED_PAGES] = { 0 };

	seed_random(me + 1);
	for (int i = 0; i < rounds(200000); i++) {
		int page = roll(COUNTED_PAGES);
		volatile int *word = &at[page * PAGE / 4 + 10 * me];

		check(*word == sum[page], "page %d: %d, not %d", page,
		      *word, sum[page]);
		*word = ++sum[page];
	}
	for (int i = 0; i < COUNTED_PAGES; i++)
		at[i * PAGE / 4 + 10 * me + 1] = sum[i];
}

/* No store is lost, in memory or on the disk, while others sync. */
static void mapcount(void)
{
	int *at;

	make_file("file", COUNTED_PAGES, 0);
	at = (int *)map_named("file", COUNTED_PAGES, RW, MAP_SHARED);
	memset(at, 0, COUNTED_PAGES * PAGE);
	with_syncer(count_in_file, COUNTERS);
	for (int turn = 0; turn < 2; turn++) {
		for (int i = 0; i < COUNTED_PAGES * COUNTERS; i++) {
			int *word = &at[i / COUNTERS * PAGE / 4 +
					i % COUNTERS * 10];

			check(word[0] == word[1] && word[0] > 0,
			      "turn %d: %d, %d", turn, word[0], word[1]);
		}
		must_unmap(at, COUNTED_PAGES);
		drop_caches();
		at = (int *)map_named("file", COUNTED_PAGES, PROT_READ,
				      MAP_SHARED);
	}
}

/* Stores, write() and read() of one file, by turns, while it is synced. */
static void store_and_write(uintptr_t me)
{
	char *at = map_named("file", 4, RW, MAP_SHARED);
	int fd = must_open_for("file", O_RDWR), place = 100 + me * 64;

	seed_random(me + 1);
	for (int i = 0; i < rounds(300); i++) {
		int where = roll(4) * PAGE + place, found;

		if (i % 2) {
			*(volatile int *)(at + where) = i;
		} else {
			must_seek(fd, where);
			write_whole(fd, &i, sizeof i);
		}
		if (i % 3 == 0) {
			must_seek(fd, where);
			read_whole(fd, &found, sizeof found);
		} else {
			found = *(volatile int *)(at + where);
		}
		check(found == i, "step %d: found %d", i, found);
	}
}

static void mapmixed(void)
{
	make_file("file", 4, 1);
	with_syncer(store_and_write, 3);
}

/* Two processes store and fork, map and unmap, all under sync. */
static void map_and_fork(uintptr_t me)
{
	for (int i = 0; i < rounds(60); i++) {
		char *at = map_named("file", 4, RW, MAP_SHARED);
		volatile int *word = (int *)(at + i % 4 * PAGE) + me;
		int pid;

		*word = i;
		pid = must_fork();
		if (pid == 0) {
			*word = i + 1000;
			exit(OK);
		}
		expect(pid, OK, "the child");
		check(*word == i + 1000, "%d, not %d", *word, i + 1000);
		must_unmap(at, 4);
	}
}

static void mapforksync(void)
{
	make_file("file", 4, 1);
	with_syncer(map_and_fork, 3);
}

/* A file is emptied and grows while others load from it and store. */
static void use_cut_file(uintptr_t me)
{
	for (int i = 0; i < rounds(60); i++) {
		int pid = must_fork(), status;

		if (pid == 0) {
			volatile char *at = map_named("file", 8, RW,
						      MAP_SHARED);

			for (int j = 0; j < 300; j++) {
				int page = (i + j + me) % 8;

				check(at[page * PAGE] == 0 ||
				      at[page * PAGE] == 'w',
				      "it has %x", at[page * PAGE]);
				if (j % 3 == 0)
					at[page * PAGE] = 'w';
			}
			exit(OK);
		}
		status = status_of(pid);
		check(status == OK || status == KILLED, "status %d",
		      status);
	}
}

static void cut_and_grow(uintptr_t unused)
{
	(void)unused;
	while (exists("busy")) {
		int fd = must_open_for("file", O_RDWR | O_TRUNC);

		for (int i = 0; i < 8; i++) {
			must_seek(fd, i * PAGE);
			write_whole(fd, "w", 1);
		}
		close(fd);
	}
}

static void maptruncaterace(void)
{
	write_text("file", "");
	write_text("busy", "");
	spawn(cut_and_grow, 0);
	spawn(sync_while_busy, 0);
	for (int i = 0; i < 2; i++)
		spawn(use_cut_file, i);
	expect_some(2);
	must_unlink("busy");
	expect_all(2);
}

/* Maps, stores, forks and unmaps until somebody kills it. */
static void map_for_ever(uintptr_t unused)
{
	(void)unused;
	for (uint32_t i = 1;; i++) {
		char *both = map_named("file", 8, RW, MAP_SHARED);
		char *own = map_named("file", 8, RW, MAP_PRIVATE);

		for (int page = 0; page < 8; page++) {
			((volatile uint32_t *)(both + page * PAGE))[5] = i;
			own[page * PAGE] = 1;
		}
		must_protect(own + PAGE, 2, i % 2 ? PROT_NONE : PROT_READ);
		if (i % 4 == 0 && must_fork() == 0) {
			both[PAGE] = 1;
			exit(OK);
		}
		if (i % 4 == 0)
			wait(0);
		must_unmap(both + 2 * PAGE, 3);
		must_unmap(own, 8);
		must_unmap(both, 8);
		if (i % 8 == 0)
			sync();
	}
}

/* Killed anywhere: the file and its mappings are in order. */
static void mapkills(void)
{
	char *at;

	make_file("file", 8, 1);
	at = map_named("file", 8, RW, MAP_SHARED);
	for (int i = 0; i < rounds(60); i++) {
		int first = spawn(map_for_ever, 0);
		int second = spawn(map_for_ever, 0);
		uint32_t word = i;

		sleep(i % 4);
		write_at("file", 3 * PAGE + 100, &word, sizeof word);
		check(*(uint32_t *)(at + 3 * PAGE + 100) == word, "lost");
		kill(first);
		kill(second);
		check(wait(0) > 0 && wait(0) > 0, "a child is missing");
	}
	for (int i = 0; i < 8; i++) {
		fill(one_block, BLOCK, seed_of(1, i));
		check(memcmp(at + i * PAGE + 1000, (char *)one_block + 1000,
			     3000) == 0, "block %d", i);
	}
}

/* ---- Little room ---- */

/* Takes all memory for a moment, again and again. */
static void take_and_give(uintptr_t unused)
{
	(void)unused;
	while (exists("busy")) {
		int pid = fork();

		if (pid == 0) {
			take_all(0);
			sleep(2);
			exit(OK);
		}
		if (pid > 0)
			wait(0);
		sleep(1);
	}
}

/* mmap(), again and again until there is memory for it. */
static char *map_in_the_end(size_t size, int flags, int fd)
{
	char *at = MAP_FAILED;

	for (int i = 0; i < 2000 && at == MAP_FAILED; i++) {
		at = mmap(0, size, RW, flags, fd, 0);
		if (at == MAP_FAILED)
			sleep(1);
	}
	check(at != MAP_FAILED, "mmap fails for ever");
	return at;
}

/* The same with open(). */
static int open_in_the_end(const char *name)
{
	int fd = -1;

	for (int i = 0; i < 2000 && fd < 0; i++) {
		fd = open(name, O_RDWR);
		if (fd < 0)
			sleep(1);
	}
	check(fd >= 0, "open fails for ever");
	return fd;
}

/* And with unlink(). */
static void unlink_in_the_end(const char *name)
{
	for (int i = 0; unlink(name); i++) {
		check(i < 2000, "unlink fails for ever");
		sleep(1);
	}
}

/* What is mapped can be used, whatever memory there is. */
static void map_under_pressure(uintptr_t me)
{
	int fd = open_in_the_end("file");

	for (int i = 0; i < rounds(100); i++) {
		char *both = map_in_the_end(8 * PAGE, MAP_SHARED, fd);
		char *zeros = map_in_the_end(20 * PAGE, PRIVATE, -1);

		for (int page = 0; page < 8; page++)
			((int *)(both + page * PAGE))[me] = i;
		check(zero(zeros, 10 * PAGE), "not zeros");
		for (int page = 0; page < 8; page++)
			check(((int *)(both + page * PAGE))[me] == i,
			      "page %d", page);
		must_unmap(both, 8);
		must_unmap(zeros, 20);
	}
	close(fd);
}

static void mappressure(void)
{
	make_file("file", 8, 0);
	write_text("busy", "");
	spawn_many(map_under_pressure, 3);
	spawn(take_and_give, 0);
	expect_some(3);
	unlink_in_the_end("busy");
	expect_all(1);
}

/* Status: OK, if all pages of the hole at AT could be stored into. */
static void store_into_hole(uintptr_t at)
{
	for (int i = 0; i < 2000; i++)
		((volatile char *)at)[i * PAGE] = 'h';
}

/* A full disk: who stores into a hole is killed; the rest is whole. */
static void mapdiskfull(void)
{
	char *at;
	int fd = must_create("holes"), stored = 0;

	make_file("other", 20, 1);
	must_seek(fd, 2000 * PAGE);
	write_whole(fd, "end", 3);
	close(fd);
	at = map_named("holes", 2000, RW, MAP_SHARED);
	fill_disk(3);
	check(dies(store_into_hole, (uintptr_t)at), "stored");
	must_unlink("brim");
	for (int i = 0; i < 2000; i++) {
		check(at[i * PAGE] == 0 || at[i * PAGE] == 'h', "%d", i);
		stored += at[i * PAGE] == 'h';
	}
	expect_at("holes", 2000 * PAGE, "end");
	expect_file("other", 20, 1);
	at[1999 * PAGE] = 'x';          /* there is room again */
	drop_caches();
	expect_at("holes", 1999 * PAGE, "x");
	check(stored < 2000, "all was stored");
}

/* All memory is taken: stores into files go on, with syncs inside. */
static void mapfilefullmemory(void)
{
	char *at, *own;

	make_file("file", 300, 1);
	at = map_named("file", 300, RW, MAP_SHARED);
	own = map_named("file", 50, RW, MAP_PRIVATE);
	take_all(1);
	check(mmap(0, 300 * PAGE, RW, PRIVATE, -1, 0) == MAP_FAILED,
	      "there is memory");
	store_blocks(at, 0, 300, 2);
	expect_mapped(own, 0, 25, 2);
	store_blocks(own, 0, 50, 3);
	store_blocks(at, 0, 300, 4);
	expect_mapped(own, 0, 50, 3);
	expect_mapped(at, 0, 300, 4);
}

/* A mapping that nobody could fill is refused. */
static void mapfilelarge(void)
{
	int fd = must_create("file");
	int pages = (int)memory_now().frames;

	must_seek(fd, (long long)pages * PAGE);
	write_whole(fd, "end", 3);
	check(mmap(0, (size_t)pages * PAGE, PROT_READ, MAP_SHARED, fd,
		   0) == MAP_FAILED, "more than memory");
	expect_at("file", (long long)pages * PAGE, "end");
	close(fd);
}

/* Offsets of more than 32 bits. */
static void maphigh(void)
{
	long long offset = 5LL << 30;
	int fd = must_create("file");
	char *at;

	must_seek(fd, offset + 100);
	write_whole(fd, "high", 4);
	at = mmap(0, 2 * PAGE, RW, MAP_SHARED, fd, offset);
	check(at != MAP_FAILED, "mmap failed");
	check(memcmp(at + 100, "high", 4) == 0, "the wrong page");
	check(rights(at + PAGE) == 0, "beyond the end");
	memcpy(at + 98, "up", 2);
	at = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, offset - PAGE);
	check(at != MAP_FAILED && zero(at, PAGE), "the page before");
	drop_caches();
	expect_at("file", offset + 98, "uphigh");
	close(fd);
}

static const struct test mapfile_tests[] = {
	{ "mapread", mapread, QUICK | MAPS | FILES | KILLS },
	{ "mapcalls", mapcalls, QUICK | MAPS | FILES },
	{ "mapwrite", mapwrite, QUICK | MAPS | FILES },
	{ "mapseeswrite", mapseeswrite, QUICK | MAPS | FILES },
	{ "mapprocesses", mapprocesses, QUICK | MAPS | FILES },
	{ "mapprivate", mapprivate, QUICK | MAPS | FILES },
	{ "mapforkfile", mapforkfile, QUICK | MAPS | FILES },
	{ "mapfileparts", mapfileparts, QUICK | MAPS | FILES },
	{ "protectfile", protectfile, QUICK | MAPS | FILES },
	{ "mapend", mapend, QUICK | MAPS | FILES | KILLS },
	{ "mapbeyond", mapbeyond, QUICK | MAPS | FILES | KILLS },
	{ "maphole", maphole, QUICK | MAPS | FILES },
	{ "maptruncate", maptruncate, QUICK | MAPS | FILES | KILLS },
	{ "maptail", maptail, QUICK | MAPS | FILES },
	{ "mapunlinked", mapunlinked, QUICK | MAPS | FILES },
	{ "mapkilled", mapkilled, QUICK | MAPS | FILES },
	{ "mapmodes", mapmodes, QUICK | MAPS | FILES | KILLS },
	{ "mapclosed", mapclosed, QUICK | MAPS | FILES },
	{ "mapprogram", mapprogram, QUICK | MAPS | FILES },
	{ "mapown", mapown, QUICK | MAPS | FILES },
	{ "mappipe", mappipe, QUICK | MAPS | FILES },
	{ "mapcross", mapcross, QUICK | MAPS | FILES },
	{ "mapcount", mapcount, QUICK | MAPS | FILES },
	{ "mapmixed", mapmixed, QUICK | MAPS | FILES },
	{ "mapforksync", mapforksync, QUICK | MAPS | FILES },
	{ "maptruncaterace", maptruncaterace,
	  QUICK | MAPS | FILES | KILLS },
	{ "mapkills", mapkills, QUICK | MAPS | FILES },
	{ "mappressure", mappressure, QUICK | MAPS | FILES },
	{ "mapdiskfull", mapdiskfull, QUICK | MAPS | FILES | KILLS },
	{ "mapfilefullmemory", mapfilefullmemory, QUICK | MAPS | FILES },
	{ "mapfilelarge", mapfilelarge, QUICK | MAPS | FILES },
	{ "maphigh", maphigh, QUICK | MAPS | FILES },
};
