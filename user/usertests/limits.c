/* Tests of a disk that is full, and of the other limits of files. */

/* ---- A full disk ---- */

enum { FILLER = 16 };           /* blocks written at a time */

/* Memory for that many blocks; only some tests need it. */
static uint32_t *filler_pages(void)
{
	static uint32_t *filler;

	if (!filler)
		filler = (uint32_t *)new_pages(FILLER);
	return filler;
}

/*
 * Write the blocks of a new file to FD, up to MOST, until the disk is
 * full; how many bytes.
 */
static long long write_until_full(int fd, int most, uint32_t seed)
{
	uint32_t *filler = filler_pages();
	long long total = 0;

	for (int block = 0; block < most; block += FILLER) {
		int got;

		for (int i = 0; i < FILLER; i++)
			fill(filler + i * BLOCK / 4, BLOCK,
			     seed_of(seed, block + i));
		got = write(fd, filler, FILLER * BLOCK);
		check(got >= -1 && got <= FILLER * BLOCK,
		      "write returned %d", got);
		if (got > 0)
			total += got;
		if (got != FILLER * BLOCK)
			break;
	}
	return total;
}

/* What that wrote has to be in file NAME, and nothing else. */
static void expect_filled(const char *name, long long bytes,
			  uint32_t seed)
{
	int fd = must_open(name), blocks = (int)(bytes / BLOCK);
	int rest = (int)(bytes % BLOCK);

	check(stat_of_open(fd).size == (uint64_t)bytes,
	      "%s: %lld bytes, not %lld", name,
	      (long long)stat_of_open(fd).size, bytes);
	expect_blocks(fd, 0, blocks, seed);
	read_whole(fd, one_block, rest);
	check(intact(one_block, rest, seed_of(seed, blocks)),
	      "%s: its end", name);
	close(fd);
}

/* Write until nothing goes, a byte at a time in the end. */
static long long write_to_the_brim(int fd, uint32_t seed)
{
	long long total = write_until_full(fd, 0x7fff0000, seed);

	for (int size = BLOCK / 2; size > 0; size /= 2) {
		int got;

		do
			got = write(fd, filler_pages(), size);
		while (got == size);
		check(got == -1 || got < size, "write returned %d",
		      got);
	}
	return total;
}

/* Fill the disk with file "brim"; how many of its bytes are known. */
static long long fill_disk(uint32_t seed)
{
	int fd = must_create("brim");
	unsigned free = disk_now().free;
	long long total = write_to_the_brim(fd, seed);

	check(total / BLOCK <= free, "more than there was");
	check(total / BLOCK >= free - free / 8 - 32,
	      "full after %d of %d blocks", (int)(total / BLOCK),
	      (int)free);
	check(write(fd, filler_pages(), BLOCK) == -1, "not full");
	close(fd);
	return total;
}

/*
 * A full disk: write() says so, what is there stays, unlink() works,
 * and the room can be used again.
 */
static void diskfull(void)
{
	long long total;

	make_file("before", 5, 1);
	make_file("victim", 60, 2);
	total = fill_disk(3);
	expect_file("before", 5, 1);
	check(stat_of("brim").size >= (uint64_t)total, "cut");
	must_unlink("victim");
	make_file("after", 30, 4);
	check(sync() == 0, "sync failed");
	expect_file("before", 5, 1);
	expect_file("after", 30, 4);
	must_unlink("brim");
	make_file("again", 30, 5);
	expect_file("again", 30, 5);
}

/* All that was written to a full disk is there, on the disk too. */
static void fullcontents(void)
{
	int fd = must_create("brim");
	long long total = write_until_full(fd, 0x7fff0000, 3);

	close(fd);
	drop_caches();
	expect_filled("brim", total, 3);
}

/* The rest of the calls on a full disk: done, or -1 and no trace. */
static void fullnames(void)
{
	int made = 0, links = 0, count = 600;
	const char *name = "../renamed";

	write_text("file", "x");
	must_mkdir("dir");
	fill_disk(1);
	must_chdir("dir");
	for (int i = 0; i < count; i++) {
		if (mkdir(numbered("d", i)) == 0)
			made++;
		else
			check(!exists(numbered("d", i)), "d%d", i);
		if (link("../file", numbered("l", i)) == 0)
			links++;
		else
			check(!exists(numbered("l", i)), "l%d", i);
	}
	check(stat_of("../file").nlink == links + 1, "%d names, not %d",
	      stat_of("../file").nlink, links + 1);
	if (rename("../file", name) < 0) {
		check(!exists(name), "both names");
		name = "../file";
	}
	expect_text(name, "x");
	for (int i = 0; i < count; i++) {
		made -= unlink(numbered("d", i)) == 0;
		links -= unlink(numbered("l", i)) == 0;
	}
	check(made == 0 && links == 0, "%d and %d are missing", made,
	      links);
	check(stat_of(name).nlink == 1, "%d names", stat_of(name).nlink);
}

/* A hole in a file on a full disk cannot be filled, or is. */
static void fullhole(void)
{
	int fd = must_create("hole"), filled = 0;

	must_seek(fd, 100 * BLOCK);
	write_whole(fd, "x", 1);
	fill_disk(1);
	for (int i = 0; i < 100; i++) {
		fill(one_block, BLOCK, i + 1);
		must_seek(fd, i * BLOCK);
		filled += write(fd, one_block, BLOCK) == BLOCK;
	}
	check(filled < 100, "the disk was not full");
	must_seek(fd, 0);
	for (int i = 0; i < 100; i++) {
		read_whole(fd, one_block, BLOCK);
		if (intact(one_block, BLOCK, i + 1))
			filled--;
		else
			check(zero(one_block, BLOCK), "block %d", i);
	}
	check(filled == 0, "%d blocks are missing", filled);
	close(fd);
}

static void fill_as(uintptr_t me)
{
	const char *name = numbered("filler", me);
	int fd = must_open_for(name, O_RDWR);
	long long total = write_until_full(fd, 0x7fff0000, me + 1);

	close(fd);
	if (me % 2 == 0)
		expect_filled(name, total, me + 1);
	must_unlink(name);
}

/* Four processes fill the disk, and two make room again. */
static void fulltogether(void)
{
	for (int i = 0; i < (full ? 3 : 1); i++) {
		for (int k = 0; k < 4; k++)
			close(must_create(numbered("filler", k)));
		run_many(fill_as, 4);
	}
}

/* ---- Many files ---- */

enum { IN_ONE = 500 };          /* files in a directory */

/* Make empty files, up to COUNT; how many there are. */
static int make_many(int count)
{
	for (int i = 0; i < count; i++) {
		int fd;

		if (i % IN_ONE == 0 &&
		    (chdir(WORKPLACE) < 0 ||
		     mkdir(numbered("z", i / IN_ONE)) < 0 ||
		     chdir(numbered("z", i / IN_ONE)) < 0))
			return i;
		fd = open(numbered("f", i), O_CREATE | O_RDWR);
		if (fd < 0)
			return i;
		close(fd);
	}
	return count;
}

static void remove_many(int count)
{
	for (int i = 0; i < count; i++) {
		if (i % IN_ONE == 0) {
			must_chdir(WORKPLACE);
			must_chdir(numbered("z", i / IN_ONE));
		}
		must_unlink(numbered("f", i));
	}
	must_chdir(WORKPLACE);
}

/* Files until there is no inode left, or more than can be. */
static void outofinodes(void)
{
	const int most = full ? 66000 : 1000;
	unsigned before = disk_now().inodes;
	int count = make_many(most);

	check(count < 65536, "%d files", count);
	check(count >= most || count > 1000 || disk_now().free < 100,
	      "only %d files", count);
	if (count < most) {
		for (int i = 0; i < 10; i++) {
			check(open("x", O_CREATE | O_RDWR) == -1,
			      "there was room");
			check(mkdir("x") == -1, "there was room");
		}
	}
	check(disk_now().inodes >= before + count, "%d inodes, not %d",
	      (int)disk_now().inodes, (int)before + count);
	remove_many(count);
	write_text("after", "x");
	expect_text("after", "x");
}

enum { MOST_LINKS = 32767, SPREAD = 1000 };

/* 32767 names are the most that a file can have. */
static void linklimit(void)
{
	int count;

	write_text("file", "x");
	for (count = 1; count < MOST_LINKS; count++) {
		if (count % SPREAD == 1) {
			must_chdir(WORKPLACE);
			must_mkdir(numbered("d", count / SPREAD));
			must_chdir(numbered("d", count / SPREAD));
		}
		must_link("../file", numbered("l", count));
	}
	check(stat_of("../file").nlink == MOST_LINKS, "%d names",
	      stat_of("../file").nlink);
	check(link("../file", "more") == -1, "one name more");
	check(!exists("more"), "it is there nevertheless");
	check(stat_of("../file").nlink == MOST_LINKS, "%d names",
	      stat_of("../file").nlink);
	must_unlink("../file");
	must_link(numbered("l", count - 1), "more");
	expect_text("more", "x");
}

/* ---- Large files ---- */

/* Files with blocks here and there, of all sizes. */
static void scattered(void)
{
	int fd = must_create("file"), count = share_of_disk(5, 100);

	for (int round = 0; round < 2; round++) {
		seed_random(7);
		for (int i = 0; i < count; i++) {
			long long place = (long long)roll(1 << 20) *
					  BLOCK;

			must_seek(fd, place);
			if (round == 0)
				write_blocks(fd, (int)(place / BLOCK),
					     1, 1);
			else
				expect_blocks(fd, (int)(place / BLOCK),
					      1, 1);
		}
	}
	close(fd);
}

static const struct test limit_tests[] = {
	{ "diskfull", diskfull, QUICK | FILES },
	{ "fullcontents", fullcontents, SLOW | FILES },
	{ "fullnames", fullnames, SLOW | FILES },
	{ "fullhole", fullhole, SLOW | FILES },
	{ "fulltogether", fulltogether, SLOW | FILES },
	{ "outofinodes", outofinodes, QUICK | FILES },
	{ "linklimit", linklimit, SLOW | FILES },
	{ "scattered", scattered, QUICK | FILES },
};
