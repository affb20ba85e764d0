/* Tests of what is in a file: write, read, truncate, seek, append. */

/* ---- Small and large ---- */

/* Many small writes, and all of it read at once. */
static void writetest(void)
{
	static char text[2000];
	int fd = must_create("small");

	for (int i = 0; i < 100; i++) {
		write_whole(fd, "aaaaaaaaaa", 10);
		write_whole(fd, "bbbbbbbbbb", 10);
	}
	close(fd);
	fd = must_open("small");
	read_whole(fd, text, sizeof text);
	for (int i = 0; i < (int)sizeof text; i++)
		check(text[i] == (i / 10 % 2 ? 'b' : 'a'),
		      "byte %d is %c", i, text[i]);
	close(fd);
	must_unlink("small");
	check(!exists("small"), "it is still there");
}

/* A file that needs blocks of pointers. */
static void writebig(void)
{
	int count = share_of_disk(40, full ? 4000 : 300);

	make_file("big", count, 1);
	check(stat_of("big").size == (uint64_t)count * BLOCK,
	      "%lld bytes", (long long)stat_of("big").size);
	expect_file("big", count, 1);
}

/* Each half kilobyte says which one it is. */
static void writetest1(void)
{
	static int words[128];
	int count = share_of_disk(20, full ? 1000 : 100) * 8;
	int fd = must_create("pieces");

	for (int i = 0; i < count; i++) {
		words[0] = words[127] = i;
		write_whole(fd, words, sizeof words);
	}
	close(fd);
	fd = must_open("pieces");
	for (int i = 0; i < count; i++) {
		read_whole(fd, words, sizeof words);
		check(words[0] == i && words[127] == i,
		      "piece %d says %d", i, words[0]);
	}
	check(read(fd, words, sizeof words) == 0, "there is more");
	close(fd);
}

/* Writes of many sizes, most of them across the end of a block. */
static void bigwrite(void)
{
	const int most = 3 * BLOCK;
	char *bytes = new_pages(3), *found = new_pages(3);

	fill(bytes, most, 5);
	for (int size = 499; size < most; size += 471) {
		int fd = must_create("bigwrite");

		write_whole(fd, bytes, size);
		write_whole(fd, bytes, size);
		must_seek(fd, 0);
		for (int i = 0; i < 2; i++) {
			read_whole(fd, found, size);
			check(memcmp(bytes, found, size) == 0,
			      "%d bytes, part %d", size, i);
		}
		check(read(fd, found, 1) == 0, "more than 2 * %d",
		      size);
		close(fd);
		must_unlink("bigwrite");
	}
}

/* Written in pieces of 600 bytes, read in pieces of 300. */
static void bigfile(void)
{
	static char bytes[600];
	int fd = must_create("bigfile"), total = 0, got;

	for (int i = 0; i < 20; i++) {
		memset(bytes, 'A' + i, sizeof bytes);
		write_whole(fd, bytes, sizeof bytes);
	}
	close(fd);
	fd = must_open("bigfile");
	while ((got = read(fd, bytes, 300)) > 0) {
		check(got == 300, "%d bytes at %d", got, total);
		check(bytes[0] == 'A' + total / 600 &&
		      bytes[299] == bytes[0], "wrong at %d", total);
		total += got;
	}
	check(got == 0 && total == 20 * 600, "%d bytes", total);
	close(fd);
}

/* A write that starts in the middle of other contents. */
static void overwrite(void)
{
	int fd = must_create("file");

	write_blocks(fd, 0, 4, 1);
	must_seek(fd, BLOCK);
	write_blocks(fd, 1, 2, 2);
	must_seek(fd, 0);
	expect_blocks(fd, 0, 1, 1);
	expect_blocks(fd, 1, 2, 2);
	expect_blocks(fd, 3, 1, 1);
	must_seek(fd, BLOCK - 2);
	write_whole(fd, "abcd", 4);
	must_seek(fd, BLOCK - 2);
	read_whole(fd, one_block, 4);
	check(memcmp(one_block, "abcd", 4) == 0, "across the blocks");
	check(stat_of_open(fd).size == 4 * BLOCK, "the size changed");
	close(fd);
}

/* Other programs' output, in a file that was opened as number 1. */
static void execoutput(void)
{
	char *word[] = { "echo", "OK", 0 };
	int pid = must_fork();

	if (pid == 0) {
		close(1);
		if (open("out", O_CREATE | O_WRONLY) != 1)
			exit(NO_EXEC);
		exec("/echo", word);
		exit(NO_EXEC);
	}
	expect(pid, OK, "echo");
	expect_text("out", "OK\n");
}

/* ---- Truncation ---- */

/* Open files see that theirs has become shorter, and longer again. */
static void truncate1(void)
{
	int one, two, three;

	write_text("file", "abcd");
	two = must_open("file");
	expect_rest(two, "abcd");
	one = must_open_for("file", O_WRONLY | O_TRUNC);
	three = must_open("file");
	check(read(three, one_block, 10) == 0, "a new one reads more");
	check(read(two, one_block, 10) == 0, "the old one reads more");
	write_whole(one, "abcdef", 6);
	expect_rest(three, "abcdef");
	expect_rest(two, "ef");
	close(one);
	close(two);
	close(three);
	expect_text("file", "abcdef");
}

/*
 * An offset that is beyond the end, because somebody has cut the file
 * and not because of lseek(): nothing can be written there.
 */
static void truncate2(void)
{
	int one = must_create("file"), two;

	write_whole(one, "abcd", 4);
	two = must_open_for("file", O_TRUNC | O_WRONLY);
	check(write(one, "x", 1) == -1, "written beyond the end");
	check(stat_of("file").size == 0, "there is something in it");
	close(one);
	close(two);
}

static void write_and_read(uintptr_t times)
{
	char bytes[32];

	for (int i = 0; i < (int)times; i++) {
		int fd = must_open_for("file", O_WRONLY);

		write_whole(fd, "1234567890", 10);
		close(fd);
		fd = must_open("file");
		check(read(fd, bytes, 32) <= 10, "too much to read");
		close(fd);
	}
}

/* One truncates again and again, another one writes. */
static void truncate3(void)
{
	int pid;

	write_text("file", "");
	pid = spawn(write_and_read, rounds(500));
	for (int i = 0; i < rounds(800); i++)
		write_text("file", "xxx");
	expect(pid, OK, "the writer");
}

/* All blocks of a truncated file come back, while it is open. */
static void truncateblocks(void)
{
	int count = share_of_disk(20, 100), fd = must_create("file");
	unsigned before;

	sync();
	before = disk_now().free;
	for (int i = 0; i < 5; i++) {
		must_seek(fd, 0);
		write_blocks(fd, 0, count, i);
		if (i == 2)
			check(fsync(fd) == 0, "fsync failed");
		close(must_open_for("file", O_WRONLY | O_TRUNC));
		check(stat_of_open(fd).size == 0, "the size stays");
		sync();
		check(disk_now().free + 4 >= before,
		      "%d blocks stay",
		      (int)(before - disk_now().free));
	}
	close(fd);
}

/* What stood in a block before is never read in another file. */
static void nothingold(void)
{
	int count = share_of_disk(30, 100), fd;

	make_file("old", count, 77);
	sync();
	must_unlink("old");
	fd = must_create("new");
	for (int i = 0; i < count; i++) {
		must_seek(fd, (long long)i * BLOCK + 2000);
		write_whole(fd, "x", 1);
	}
	must_seek(fd, 0);
	for (int i = 0; i < count - 1; i++) {
		char *byte = (char *)one_block;

		read_whole(fd, byte, BLOCK);
		check(byte[2000] == 'x', "block %d lacks its byte", i);
		byte[2000] = 0;
		check(zero(byte, BLOCK), "block %d is not new", i);
	}
	close(fd);
}

/* ---- Flags of open ---- */

static void openflags(void)
{
	int fd = must_open_for("file", O_CREATE | O_WRONLY);

	check(read(fd, one_block, 1) == -1, "read of O_WRONLY");
	write_whole(fd, "abc", 3);
	close(fd);
	fd = must_open_for("file", O_RDONLY);
	check(write(fd, "x", 1) == -1, "write of O_RDONLY");
	close(fd);
	fd = must_open_for("file", O_RDWR);
	write_whole(fd, "x", 1);
	expect_rest(fd, "bc");
	close(fd);
	fd = must_open_for("file", O_CREATE | O_RDONLY);
	expect_rest(fd, "xbc");
	close(fd);
}

/* ---- Offsets ---- */

static void seektest(void)
{
	int fd = must_create("file");

	write_whole(fd, "0123456789", 10);
	check(lseek(fd, 0, SEEK_CUR) == 10, "not at the end");
	check(lseek(fd, -4, SEEK_CUR) == 6, "4 bytes back");
	expect_rest(fd, "6789");
	check(lseek(fd, 2, SEEK_SET) == 2, "to the start");
	write_whole(fd, "xy", 2);
	check(lseek(fd, -1, SEEK_END) == 9, "before the end");
	expect_rest(fd, "9");
	check(lseek(fd, 0, SEEK_SET) == 0, "to 0");
	expect_rest(fd, "01xy456789");
	check(stat_of_open(fd).size == 10, "the size changed");
	close(fd);
}

/* An lseek() that fails leaves the offset. */
static void seekfails(void)
{
	const long long huge = 0x7fffffffffffffff;
	int fd = must_create("file");

	write_whole(fd, "0123456789", 10);
	must_seek(fd, 3);
	check(lseek(fd, -1, SEEK_SET) == -1, "to -1");
	check(lseek(fd, -4, SEEK_CUR) == -1, "4 back from 3");
	check(lseek(fd, -11, SEEK_END) == -1, "11 back from 10");
	check(lseek(fd, huge, SEEK_CUR) == -1, "around the end");
	check(lseek(fd, huge, SEEK_END) == -1, "around the end");
	check(lseek(fd, -huge - 1, SEEK_CUR) == -1, "far back");
	check(lseek(fd, 1, 3) == -1, "from 3");
	check(lseek(fd, 1, -1) == -1, "from -1");
	check(lseek(fd, 0, SEEK_CUR) == 3, "the offset changed");
	close(fd);
	check(lseek(fd, 0, SEEK_SET) == -1, "of a closed file");
	check(lseek(-1, 0, SEEK_SET) == -1, "of -1");
	check(lseek(1, 0, SEEK_SET) == -1, "of the console");
}

/* The new offset cannot be told: so there is none. */
static void seekconstant(void)
{
	static const long long step = 4;
	int fd = must_create("file");

	write_whole(fd, "0123456789", 10);
	check(raw_call(SYS_lseek, fd, (long)opaque((uintptr_t)&step),
		       SEEK_SET) == -1, "lseek with a constant");
	check(lseek(fd, 0, SEEK_CUR) == 10, "it moved");
	close(fd);
}

/* Beyond the end there is nothing to read and nothing to see. */
static void seekbeyond(void)
{
	int fd = must_create("file");

	write_whole(fd, "abc", 3);
	must_seek(fd, 3 * BLOCK);
	check(read(fd, one_block, BLOCK) == 0, "something there");
	check(stat_of_open(fd).size == 3, "the size changed");
	must_seek(fd, 0x7fffffffffff0000);
	check(read(fd, one_block, BLOCK) == 0, "something far away");
	check(write(fd, "x", 1) == -1, "written far away");
	check(stat_of_open(fd).size == 3, "the size changed");
	must_seek(fd, 3);
	write_whole(fd, "d", 1);
	close(fd);
	expect_text("file", "abcd");
}

/* dup() gives the same offset another number. */
static void dupoffset(void)
{
	int one = must_create("file"), two = dup(one), other;

	other = must_open_for("file", O_RDWR);
	write_whole(one, "abc", 3);
	write_whole(two, "def", 3);
	check(lseek(one, 0, SEEK_CUR) == 6, "the first");
	must_seek(two, 1);
	expect_rest(one, "bcdef");
	close(one);
	must_seek(two, 4);
	expect_rest(two, "ef");
	expect_rest(other, "abcdef");
	close(two);
	close(other);
}

/* A child's writes and seeks move the parent's offset. */
static void forkoffset(void)
{
	int fd = must_create("file"), pid;

	write_whole(fd, "parent ", 7);
	pid = must_fork();
	if (pid == 0) {
		write_whole(fd, "child ", 6);
		check(lseek(fd, 1, SEEK_CUR) == 14, "the child's");
		exit(OK);
	}
	expect(pid, OK, "the child");
	check(lseek(fd, 0, SEEK_CUR) == 14, "the parent's");
	write_whole(fd, "end", 3);
	close(fd);
	fd = must_open("file");
	read_whole(fd, one_block, 17);
	check(memcmp(one_block, "parent child \0end", 17) == 0,
	      "wrong contents");
	close(fd);
}

/* Parent and child write through one offset; nothing is lost. */
static void sharedfd(void)
{
	int fd = must_create("file"), times = rounds(1000), pid, mine;
	char bytes[10];
	int count[2] = { 0 };

	pid = fork();
	mine = pid == 0;
	memset(bytes, mine ? 'c' : 'p', sizeof bytes);
	for (int i = 0; i < times; i++)
		write_whole(fd, bytes, sizeof bytes);
	if (mine)
		exit(OK);
	check(pid > 0, "fork failed");
	expect(pid, OK, "the child");
	must_seek(fd, 0);
	for (int i = 0; i < 2 * times; i++) {
		read_whole(fd, bytes, sizeof bytes);
		for (int j = 1; j < 10; j++)
			check(bytes[j] == bytes[0], "a torn piece");
		count[bytes[0] == 'c']++;
	}
	check(read(fd, bytes, 1) == 0, "there is more");
	check(count[0] == times && count[1] == times,
	      "%d and %d pieces", count[0], count[1]);
	close(fd);
}

/* ---- Holes ---- */

/* Past 5 GiB, with hardly any blocks. */
static void sparse(void)
{
	const long long far = 5LL << 30;
	int fd = must_create("file");
	char bytes[30];
	unsigned before;

	sync();
	before = disk_now().free;
	must_seek(fd, far - 10);
	write_whole(fd, "0123456789abcdefghij", 20);
	check(stat_of_open(fd).size == (uint64_t)far + 10, "size %lld",
	      (long long)stat_of_open(fd).size);
	check(fsync(fd) == 0, "fsync failed");
	check(disk_now().free + 16 >= before, "it takes %d blocks",
	      (int)(before - disk_now().free));
	must_seek(fd, far - 20);
	read_whole(fd, bytes, 30);
	check(zero(bytes, 10), "the hole is not empty");
	check(memcmp(bytes + 10, "0123456789abcdefghij", 20) == 0,
	      "wrong contents");
	check(lseek(fd, -5, SEEK_END) == far + 5, "from the end");
	expect_rest(fd, "fghij");
	close(fd);
}

/* Holes at powers of two: on the way to every kind of pointer. */
static void holes(void)
{
	int fd = must_create("file");

	for (int bit = 12; bit < 33; bit++) {
		must_seek(fd, 1LL << bit);
		write_whole(fd, &bit, sizeof bit);
	}
	for (int bit = 12; bit < 33; bit++) {
		int found;

		must_seek(fd, (1LL << bit) - 4);
		read_whole(fd, &found, 4);
		check(found == 0, "before bit %d: %d", bit, found);
		read_whole(fd, &found, 4);
		check(found == bit, "at bit %d: %d", bit, found);
		if (bit == 32)
			break;
		read_whole(fd, &found, 4);
		check(found == 0, "behind bit %d: %d", bit, found);
	}
	close(fd);
	fd = must_open_for("file", O_RDWR | O_TRUNC);
	must_seek(fd, 1 << 20);
	write_whole(fd, "x", 1);
	must_seek(fd, 1 << 12);
	read_whole(fd, one_block, BLOCK);
	check(zero(one_block, BLOCK), "old contents after O_TRUNC");
	close(fd);
}

/* A hole is read as zeros and can be filled, back to front. */
static void fillhole(void)
{
	int count = share_of_disk(20, 60), fd = must_create("file");

	must_seek(fd, (long long)count * BLOCK);
	write_blocks(fd, count, 1, 3);
	must_seek(fd, 0);
	for (int i = 0; i < count; i++) {
		read_whole(fd, one_block, BLOCK);
		check(zero(one_block, BLOCK), "block %d", i);
	}
	for (int i = count - 1; i >= 0; i--) {
		must_seek(fd, (long long)i * BLOCK);
		write_blocks(fd, i, 1, 3);
	}
	close(fd);
	expect_file("file", count + 1, 3);
}

/* The rest of a last block is zeros when the file grows over it. */
static void tailzero(void)
{
	int fd = must_create("file");

	write_blocks(fd, 0, 1, 9);
	close(fd);
	fd = must_open_for("file", O_RDWR | O_TRUNC);
	write_whole(fd, "abc", 3);
	must_seek(fd, 2 * BLOCK);
	write_whole(fd, "x", 1);
	must_seek(fd, 0);
	read_whole(fd, one_block, BLOCK);
	check(memcmp(one_block, "abc", 3) == 0, "the start");
	check(zero((char *)one_block + 3, BLOCK - 3), "old bytes");
	close(fd);
}

/* ---- Appending ---- */

static void append(void)
{
	int fd = must_open_for("file", O_CREATE | O_RDWR | O_APPEND);
	int other = must_open_for("file", O_RDWR);

	write_whole(fd, "ab", 2);
	write_whole(other, "X", 1);
	must_seek(fd, 0);
	write_whole(fd, "cd", 2);
	check(lseek(fd, 0, SEEK_CUR) == 4, "the offset is elsewhere");
	must_seek(other, 4);
	write_whole(other, "ef", 2);
	write_whole(fd, "gh", 2);
	must_seek(fd, 0);
	expect_rest(fd, "Xbcdefgh");
	close(fd);
	close(other);
}

enum { APPENDED = 20 };         /* bytes; no divisor of a block */

/* Writer ME appends numbered records. */
static void append_records(uintptr_t me)
{
	int fd = must_open_for("log", O_WRONLY | O_APPEND);
	char record[APPENDED + 1];

	for (int i = 0; i < rounds(2000); i++) {
		snprintf(record, sizeof record, "writer %d says %5d\n",
			 (int)me, i);
		write_whole(fd, record, APPENDED);
	}
	close(fd);
}

/* All records of two writers, whole, each one's in order. */
static void appendtwo(void)
{
	int fd, next[2] = { 0 }, times = rounds(2000);
	char record[APPENDED + 1];

	write_text("log", "");
	run_many(append_records, 2);
	fd = must_open("log");
	for (int i = 0; i < 2 * times; i++) {
		char want[APPENDED + 1];
		int who;

		read_whole(fd, record, APPENDED);
		who = record[7] == '1';
		snprintf(want, sizeof want, "writer %d says %5d\n",
			 who, next[who]++);
		check(memcmp(record, want, APPENDED) == 0,
		      "record %d is torn", i);
	}
	check(read(fd, record, 1) == 0, "there is more");
	close(fd);
}

/* ---- To the disk ---- */

/* Whatever is open: fsync() comes back. */
static void fsynctest(void)
{
	int fd = must_create("file");

	write_blocks(fd, 0, 3, 1);
	check(fsync(fd) == 0, "of a file");
	check(fsync(fd) == 0, "of a clean file");
	must_unlink("file");
	write_blocks(fd, 3, 3, 1);
	check(fsync(fd) == 0, "of a file without a name");
	close(fd);
	check(fsync(fd) == -1, "of a closed file");
	fd = must_open(TEXT_FILE);
	check(fsync(fd) == 0, "of a file that is only read");
	close(fd);
	fd = must_open(".");
	check(fsync(fd) == 0, "of a directory");
	close(fd);
	fsync(1);               /* may fail, but must return */
	check(fsync(-1) == -1, "of -1");
	check(sync() == 0, "sync failed");
	check(sync() == 0, "the second sync failed");
}

/* fsync() really asks the disk; sync() leaves nothing dirty. */
static void synccounts(void)
{
	struct filesystem_info before, after;
	int fd = must_create("file");

	before = disk_now();
	write_blocks(fd, 0, 8, 1);
	check(fsync(fd) == 0, "fsync failed");
	after = disk_now();
	check(after.writes >= before.writes + 1, "no writes");
	check(after.flushes > before.flushes, "no flush");
	write_blocks(fd, 8, 8, 1);
	check(sync() == 0, "sync failed");
	check(disk_now().dirty == 0, "%d pages stay dirty",
	      (int)disk_now().dirty);
	close(fd);
}

static const struct test content_tests[] = {
	{ "writetest", writetest, QUICK | FILES },
	{ "writebig", writebig, QUICK | FILES },
	{ "writetest1", writetest1, QUICK | FILES },
	{ "bigwrite", bigwrite, QUICK | FILES },
	{ "bigfile", bigfile, QUICK | FILES },
	{ "overwrite", overwrite, QUICK | FILES },
	{ "execoutput", execoutput, QUICK | FILES },
	{ "truncate1", truncate1, QUICK | FILES },
	{ "truncate2", truncate2, QUICK | FILES },
	{ "truncate3", truncate3, QUICK | FILES },
	{ "truncateblocks", truncateblocks, QUICK | FILES },
	{ "nothingold", nothingold, QUICK | FILES },
	{ "openflags", openflags, QUICK | FILES },
	{ "seektest", seektest, QUICK | FILES },
	{ "seekfails", seekfails, QUICK | FILES },
	{ "seekconstant", seekconstant, QUICK | FILES },
	{ "seekbeyond", seekbeyond, QUICK | FILES },
	{ "dupoffset", dupoffset, QUICK | FILES },
	{ "forkoffset", forkoffset, QUICK | FILES },
	{ "sharedfd", sharedfd, QUICK | FILES },
	{ "sparse", sparse, QUICK | FILES },
	{ "holes", holes, QUICK | FILES },
	{ "fillhole", fillhole, QUICK | FILES },
	{ "tailzero", tailzero, QUICK | FILES },
	{ "append", append, QUICK | FILES },
	{ "appendtwo", appendtwo, QUICK | FILES },
	{ "fsynctest", fsynctest, QUICK | FILES },
	{ "synccounts", synccounts, QUICK | FILES },
};
